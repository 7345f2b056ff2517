"""Bare Locust, and a file of the user that ends the process while it is loaded.

Locust would end with the code of their `sys.exit` or `os._exit`: with 0, a pass without a run.
Where we start Locust, `harness.apps.locust.__main__` tells it with the line.
"""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from harness.apps.locust.locust_options import RUN_COMMAND
from harness.apps.locust.progress import tell_error
from harness.core.exit_codes import ExitCode

_end = os._exit
_LOADER = "locust.util.load_locustfile"


def refuse_early_end(events: Any) -> None:
    """To be called while a locustfile is loaded; elsewhere it does nothing."""
    if sys.argv[0] == RUN_COMMAND or not _is_loading():
        return
    loaded: list[bool] = []
    held = ExitStack()
    held.enter_context(no_end_by_force())
    held.callback(loaded.append, True)  # noqa: FBT003  # it is
    events.init_command_line_parser.add_listener(lambda **_: held.close())
    atexit.register(_at_exit, loaded)


class ByForce(SystemExit):
    """What `os._exit` raises while a scenario file is loaded."""


@contextmanager
def no_end_by_force() -> Iterator[None]:
    """Nothing could be told after an `os._exit`; in a process that the file forks it is as ever."""
    own = os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:
            _end(status)
        raise ByForce(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = _end


def _is_loading() -> bool:
    frame = sys._getframe()  # noqa: SLF001  # nothing else tells who imports us
    while frame.f_back is not None and frame.f_globals.get("__name__") != _LOADER:
        frame = frame.f_back
    return frame.f_globals.get("__name__") == _LOADER


def _at_exit(loaded: list[bool]) -> None:
    if loaded or hasattr(sys, "last_value"):  # an exception has its traceback and Locust's code
        return
    try:
        tell_error("the locustfile ends the process while it is loaded, so nothing was run")
        sys.stdout.flush()
    finally:  # the file may have put anything in place of a stream: what it raises is dropped
        _end(int(ExitCode.USAGE))
