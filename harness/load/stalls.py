"""Notices when this process does not run: paused, starved of processor, or blocked by a step.

What the target answers meanwhile is read late, or not in time, and arrivals start late: none of it
is the target's doing.
"""

import time

import gevent

from harness.history.events import Stall

TICK_SECONDS = 0.05
"""How exactly the begin of a stall is known; twenty wake-ups a second cost next to nothing."""
STALL_SECONDS_MIN = 0.25
"""A tick that comes later than this stands for a stall. Well above ordinary lag, of which a tenth
of a second already makes a run unfaithful; below `open_loop.LATE_SECONDS_MAX`, so that whatever is
dropped for being late has its stall on record; and far below any time-out of a request by default.
"""


class Ticker:
    """A greenlet that ticks: a hub that is blocked stops it as well as a process that is paused."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._stalls: list[Stall] = []
        self._last_ns = 0
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Tick from now on."""
        self._last_ns = time.monotonic_ns()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> list[Stall]:
        """Tick a last time and no more; all stalls, in order, none touching the next."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
            self._tick()
        return self._stalls

    def _run(self) -> None:
        while True:
            gevent.sleep(TICK_SECONDS)
            self._tick()

    def _tick(self) -> None:
        begin_ns, self._last_ns = self._last_ns, time.monotonic_ns()
        if self._last_ns - begin_ns < STALL_SECONDS_MIN * 1e9:
            return
        if self._stalls and self._stalls[-1].end_ns == begin_ns:
            begin_ns = self._stalls.pop().begin_ns  # a process that is starved for long: one stall
        self._stalls.append(Stall(self._worker, begin_ns, self._last_ns))
