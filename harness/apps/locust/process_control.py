"""How a process of Locust ends: by a signal, by Locust itself, by a file that it loads.

Ctrl-C reaches every process of the terminal at once: the leading one ends the run in order, and the
workers wait for its word.

Locust's own exit code 1 means a missed objective in lendchaos, where 255 means nothing. A file of
the user may end the process while it is loaded: Locust would end with the code of its `sys.exit` or
`os._exit`, and with 0 that is a pass without a run. Where we start Locust,
`harness.apps.locust.__main__` tells it with the line. What else ends bare Locust before a scenario
file was loaded is its own to tell.
"""

import atexit
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import gevent
from gevent.monkey import get_original
from locust.exception import RPCError

from harness.apps.locust.locust_options import RUN_COMMAND
from harness.apps.locust.progress import tell_error
from harness.core.exit_codes import ExitCode
from harness.core.standard_streams import detach_terminal, let_go_of_dead_pipes
from harness.load.exception_text import message_of, place_of

_PR_SET_PDEATHSIG = 1
END_SECONDS_MAX = 600.0
"""For a run that someone else ends: to drain, to heal and to judge."""
WORKER_END_SECONDS_MAX = 3.0
READER_CHECK_SECONDS = 0.2
HANDLER_CHECK_SECONDS = 0.1
MODULES = ("locust.main", "locust.runners", "locust.stats")
"""Those that end the process after a scenario file was loaded."""
_FAILURES = (1, -1)
"""What Locust says for whatever went wrong."""
_end = os._exit
_LOADER = "locust.util.load_locustfile"


def on_signals(handler: Callable[[], None], *numbers: signal.Signals) -> None:
    """Call ``handler`` in a greenlet of its own; a KeyboardInterrupt would land in any of them.

    Where the user's code sets a handler of its own afterwards, ours is put back: a run that hears
    nothing could not be ended.
    """

    def hear(_number: int, _frame: Any) -> None:
        gevent.spawn(handler)

    def keep() -> None:
        while True:
            for number in numbers:
                if signal.getsignal(number) is not hear:
                    signal.signal(number, hear)
            gevent.sleep(HANDLER_CHECK_SECONDS)

    for number in numbers:
        # Python's shows later whether other code set another; gevent's is the one that is called.
        signal.signal(number, hear)
        gevent.signal_handler(number, handler)
    gevent.spawn(keep)


def on_hang_up(handler: Callable[[], None]) -> None:
    """Call ``handler`` for SIGHUP, when the terminal is closed; not under `nohup`.

    Nothing that is said afterwards can be heard, and saying it to a closed terminal would fail.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return

    def hung_up() -> None:
        detach_terminal()
        handler()

    on_signals(hung_up, signal.SIGHUP)


def on_reader_gone(pipe: int, handler: Callable[[], None]) -> None:
    """Call ``handler`` once no one reads a pipe that we write to: the process that started us
    died, and the kernel closed the far end.
    """
    poller = get_original("select", "poll")()
    poller.register(pipe, 0)  # that the far end is closed is reported unasked

    def watch() -> None:
        while not poller.poll(0):
            gevent.sleep(READER_CHECK_SECONDS)
        let_go_of_dead_pipes()
        handler()

    gevent.spawn(watch)


def only_in_order(**_: Any) -> None:
    """Hold Locust's own handler of SIGTERM, which would end a run without its verdict.

    The leading process gets the same signal in a handler of lendchaos and ends the run in order;
    the workers hear of it from there. Either way the main greenlet ends the process.
    """
    if gevent.getcurrent().parent is not None:  # not the greenlet that the process began with
        gevent.sleep(END_SECONDS_MAX)


def follow_parent() -> None:
    """For a forked worker: leave the terminal to the leading process, and do not outlive it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # it died before we could ask for the signal
        os._exit(1)


def end_forked_workers(wait_s: float = WORKER_END_SECONDS_MAX) -> None:
    """End the workers that this process forked and that have not ended after ``wait_s`` seconds.

    They do not listen to the terminal, and Locust waits for them without a bound at its own end.
    """
    deadline = time.monotonic() + wait_s
    while (left := _running_workers()) and time.monotonic() < deadline:
        gevent.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _running_workers() -> set[int]:
    """Running children with our own command line: a fork, unlike the conductor or a browser."""
    own = Path("/proc/self/cmdline").read_bytes()
    found = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        for pid in listing.read_text().split():
            with suppress(OSError):  # it may end while we look; ended, its command line is empty
                if Path(f"/proc/{pid}/cmdline").read_bytes() == own:
                    found.add(int(pid))
    return found


class Endings:
    """Stands in for `sys` in Locust's modules."""

    def __init__(self) -> None:
        self.has_begun = False
        """Whether everything that was asked for can be run: what ends Locust now is around us."""
        self.settle: Callable[[], int] = lambda: int(ExitCode.INCONCLUSIVE)
        """What this process ends with by all that is known by then: its verdict, once there is one.
        """

    def watch(self, events: Any) -> None:
        """From now on Locust ends in our codes; what escapes it too, once options are read."""
        for module in map(import_module, MODULES):
            module.__dict__["sys"] = self
        events.init_command_line_parser.add_listener(self._watch_escapes)

    def __getattr__(self, name: str) -> Any:
        """Everything else is that of `sys`."""
        return getattr(sys, name)

    def exit(self, code: Any = None) -> NoReturn:
        """As `sys.exit`; an exit code that is ours already is no plain number, or another."""
        error = sys.exc_info()[1]  # what Locust is handling
        if type(code) is not int or code not in _FAILURES:
            sys.exit(code)
        if isinstance(error, KeyboardInterrupt):
            sys.exit(int(ExitCode.INTERRUPTED))
        # No worker came, or a port is taken.
        is_around_us = self.has_begun or isinstance(error, OSError | RPCError)
        sys.exit(int(ExitCode.INCONCLUSIVE if is_around_us else ExitCode.USAGE))

    def _watch_escapes(self, **_: Any) -> None:
        sys.excepthook = self._escaped

    def _escaped(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> NoReturn:
        """Locust let an exception through: Python would end with 1.

        What it cannot write at its very end, a report of its own, takes nothing from the verdict.
        """
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(int(ExitCode.INTERRUPTED))
        if isinstance(error, ValueError) and not self.has_begun:  # a class that it does not take
            tell_error(message_of(error))
            raise SystemExit(int(ExitCode.USAGE))
        if not isinstance(error, OSError | RPCError):
            sys.__excepthook__(kind, error, trace)
        tell_error(f"Locust ended in {place_of(error)}: {message_of(error)}")
        raise SystemExit(self.settle() if isinstance(error, OSError) else ExitCode.INCONCLUSIVE)


def leave_out_address() -> None:
    """Locust tells where its page is before anybody knows whether it can be there.

    We tell it later, with the token that opens it.
    """
    logging.getLogger("locust.main").addFilter(
        lambda record: not record.getMessage().startswith("Starting web interface at ")
    )


def refuse_early_end(events: Any) -> None:
    """To be called while bare Locust loads a locustfile; elsewhere it does nothing."""
    frame = sys._getframe()  # noqa: SLF001  # nothing else tells who imports us
    while frame.f_back is not None and frame.f_globals.get("__name__") != _LOADER:
        frame = frame.f_back
    if sys.argv[0] == RUN_COMMAND or frame.f_globals.get("__name__") != _LOADER:
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
    """Refuse `os._exit`, which leaves no message; in a forked process all is as usual."""
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


def _at_exit(loaded: list[bool]) -> None:
    if loaded or hasattr(sys, "last_value"):  # an exception has its traceback and Locust's code
        return
    try:
        tell_error("the locustfile ends the process while it is loaded, so nothing was run")
        sys.stdout.flush()
    finally:  # the file may have put anything in place of a stream: what it raises is dropped
        _end(int(ExitCode.USAGE))
