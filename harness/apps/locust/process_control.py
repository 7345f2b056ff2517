"""Signals, and the worker processes that Locust forks.

Ctrl-C reaches every process of the terminal at once: the leading one ends the run in order, and the
workers wait for its word.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.monkey import get_original

from harness.apps.locust.fault_board import FaultBoard
from harness.core.exit_codes import ExitCode
from harness.core.forwarding import HEAL_SECONDS_MAX
from harness.core.standard_streams import let_go_of_dead_pipes, let_go_of_terminal

_PR_SET_PDEATHSIG = 1
END_SECONDS_MAX = 600.0
"""For a run that somebody else ends: to drain, to heal and to judge."""
WORKER_END_SECONDS_MAX = 3.0
READER_CHECK_SECONDS = 0.2
HANDLER_CHECK_SECONDS = 0.1


def on_stop_signal(handler: Callable[[], None]) -> None:
    """Call ``handler`` in a greenlet of its own for SIGINT and SIGTERM.

    A KeyboardInterrupt would land in whatever greenlet happens to run.
    """
    _hear((signal.SIGINT, signal.SIGTERM), handler)


def _hear(numbers: tuple[signal.Signals, ...], handler: Callable[[], None]) -> None:
    """Where the user's code sets a handler of its own afterwards, ours is put back: a run that
    hears nothing could not be ended.
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
        # Python's shows later whether somebody set another; gevent's is the one that is called.
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
        let_go_of_terminal()
        handler()

    _hear((signal.SIGHUP,), hung_up)


def on_reader_gone(pipe: int, handler: Callable[[], None]) -> None:
    """Call ``handler`` once nobody reads a pipe that we write to: whoever started us died.

    The kernel closes the far end however that was. What we say is heard by nobody then, either.
    """
    poller = get_original("select", "poll")()
    poller.register(pipe, 0)  # that the far end is closed is told unasked

    def watch() -> None:
        while not poller.poll(0):
            gevent.sleep(READER_CHECK_SECONDS)
        let_go_of_dead_pipes()
        handler()

    gevent.spawn(watch)


def in_main_greenlet() -> bool:
    """True in the greenlet that the process began with."""
    return gevent.getcurrent().parent is None


def only_in_order(**_: Any) -> None:
    """Hold Locust's own handler of SIGTERM, which would end a run without its verdict.

    The leading process hears the same signal in a handler of ours and ends the run in order; the
    workers hear of it from there. Either way the main greenlet ends the process.
    """
    if not in_main_greenlet():
        gevent.sleep(END_SECONDS_MAX)


def follow_parent() -> None:
    """For a forked worker: leave the terminal to the leading process, and do not outlive it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # it died before we could ask to be told
        os._exit(1)


def quit_once_healed(board: FaultBoard) -> NoReturn:
    """End this process with neither drain nor verdict; what is broken is healed first, in time."""
    deadline = time.monotonic() + HEAL_SECONDS_MAX
    while board.active and time.monotonic() < deadline:
        gevent.sleep(0.05)
    end_forked_workers(wait_s=0.0)
    sys.exit(int(ExitCode.INTERRUPTED))


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
