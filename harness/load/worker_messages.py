"""Names of the messages between the process that leads a run and those that send its load."""

PREPARE = "lendchaos_prepare"
"""To a load process: run directory, its part of the arrivals, accounts, edge address."""
PREPARED = "lendchaos_prepared"
GO = "lendchaos_go"
"""To all: the instant of zero."""
STOP = "lendchaos_stop"
"""To all: nothing that was due later is started any more."""
DRAINED = "lendchaos_drained"
"""From a load process: nothing is under way any more, what went wrong, and when it did not run."""
REPORTED_KEY = "lendchaos_drained"
"""In a report of statistics: nothing of this run will follow."""
TROUBLE = "lendchaos_trouble"
"""From a worker: something raised in the user's code."""
END = "lendchaos_end"
"""From a worker: the user's code wants the process to end, and so the run; with a ``text``, the
disk takes no more of what the run is judged by.
"""
