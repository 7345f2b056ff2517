"""Signals that end a program are heard in one place, and passed on to the run under way.

A run's Locust process has a session of its own. So a signal to the whole group of a terminal
reaches it as one to our process alone does: through us, and once.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from harness.core.exit_codes import ExitCode
from harness.core.standard_streams import detach_terminal

AGAIN_SECONDS = 1.0
"""What comes sooner after a signal belongs to it: `timeout` tells a process, then its group."""

DEMANDS_MAX = 3
"""The first ends a run in order, the second once all is healed; one more is for us, who may be
stuck, as in a write to a full pipe that no one reads.
"""
HEAL_SECONDS_MAX = 10.0
"""A process that must end at once has so long to heal; others heal what is left."""


@dataclass(slots=True)
class Forwarded:
    """A run's process, once it is there, and the signals that were meant for it so far."""

    process: "subprocess.Popen[bytes] | None" = None
    signals: list[signal.Signals] = field(default_factory=list)
    demands: int = 0
    """How often we were told to end; signals at once count as one."""

    def start(
        self, command: list[str], *, hears_late: bool = False, **how: Any
    ) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own; a signal that came meanwhile is for it, too.

        One that ``hears_late`` is started with SIGINT held back until it lets it through: Python
        would print a traceback for one in its first moments.
        """
        held = {signal.SIGINT} if hears_late else set()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, held)  # a child is born with the same
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, **how
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number in self.signals:
            self._kill(number)
        return self.process

    def send(self, number: signal.Signals) -> bool:
        """Tell all that a terminal would have told; False when it has ended."""
        if self.process is not None and self.process.poll() is not None:
            return False
        self.signals.append(number)
        self._kill(number)
        return True

    def kill(self) -> None:
        """End it, once it had its time to heal; its conductor and guardian see that, and heal."""
        deadline = time.monotonic() + HEAL_SECONDS_MAX
        while self.process is not None and self.process.poll() is None:
            if time.monotonic() > deadline:
                self._kill(signal.SIGKILL)
            time.sleep(0.05)

    def _kill(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


_under_way: list[Forwarded] = []
_listeners: list[Callable[[int, Any], None]] = []
_heard_at: list[float] = []
"""Monotonic instants, since we listen."""


def is_interrupted() -> bool:
    """Whether this process was told to end since it listens: then no other run is begun."""
    return bool(_heard_at)


def interrupt_under_way() -> bool:
    """End in order what runs, as a Ctrl-C would; to be called once, from any thread.

    False when nothing is under way.
    """
    started = [run for run in _under_way if run.process is not None]
    return any(run.send(signal.SIGINT) for run in started)


@contextmanager
def listening() -> Iterator[None]:
    """Pass SIGINT, SIGTERM and SIGHUP on to the run under way; without one, each is a Ctrl-C to us.

    Of several, the outermost counts, and in the main thread only. A handler of someone else stays,
    and an ignored SIGHUP, as under `nohup`. An ignored SIGINT does not: so do shells start what
    runs in the background of a script.
    """
    if _listeners or threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            detach_terminal()
        now = time.monotonic()
        again = bool(_heard_at) and now - _heard_at[-1] < AGAIN_SECONDS
        _heard_at.append(now)
        for run in _under_way:
            run.send(signal.Signals(number))
            run.demands += not again
            if run.demands >= DEMANDS_MAX:
                run.kill()
                os._exit(ExitCode.INTERRUPTED)
        if not _under_way and not again:
            raise KeyboardInterrupt

    _heard_at.clear()
    _listeners.append(hear)
    free = {
        signal.SIGINT: (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler),
        signal.SIGTERM: (signal.SIG_DFL,),
        signal.SIGHUP: (signal.SIG_DFL,),
    }
    unhandled = [number for number, known in free.items() if signal.getsignal(number) in known]
    before = {number: signal.signal(number, hear) for number in unhandled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _listeners.clear()


@contextmanager
def forwarded() -> Iterator[Forwarded]:
    """A run that is to be started; until this is left, it gets the signals that end this one.

    An exception ends it in order, and is raised again once it has ended.
    """
    run = Forwarded()
    _under_way.append(run)
    try:
        yield run
    except BaseException:
        if run.process is not None and run.send(signal.SIGTERM):
            run.process.wait()
        raise
    finally:
        _under_way.remove(run)
