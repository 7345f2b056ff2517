"""Ctrl-C while a command still starts: it ends at once, without a word, with 130.

Python would show a traceback of whatever is being imported. Nothing has been done by then.
"""

# Nothing but what Python has built in: all else could be the user's, by a name of theirs.
import os
import sys
from _signal import SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]


def end_at_once() -> None:
    """From now on, until `hand_over`; only where this process was started as the command."""
    as_script = sys.argv[0].rpartition("/")[2] == "lendchaos"
    # As Python looks for it.
    as_module = sys.argv[0] == "-m" and "harness.apps.cli" in sys.orig_argv
    if (as_script or as_module) and getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, _end)


def hand_over() -> None:
    """From now on Ctrl-C is a `KeyboardInterrupt`: someone here waits for it."""
    if getsignal(SIGINT) is _end:
        signal(SIGINT, default_int_handler)


def _end(_number: int, _frame: object) -> None:
    os._exit(130)  # ExitCode.INTERRUPTED, without the import
