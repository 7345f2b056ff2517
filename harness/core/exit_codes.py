"""The exit codes of every command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process of lendchaos ends with."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    SAFETY_STOP = 4
    INTERNAL = 70
    INTERRUPTED = 130
