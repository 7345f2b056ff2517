"""Starts each planned arrival at its instant, whatever became of the ones before it; `Ticker`
notices when this process does not run.

A closed loop waits for answers before it asks again, so that an outage silences the very users who
would have suffered from it. Here every arrival gets a greenlet of its own at its planned start; how
late it really began can be seen in the record, and nothing is left out without being written down.
"""

import gc
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import gevent
from gevent.event import Event
from gevent.pool import Group

from harness.history.events import Stall
from harness.load.journey import Journeys
from harness.plan.plan import Arrival

IN_FLIGHT_MAX = 8000
"""Each journey under way holds a socket, and Locust asks for 10,000 open files."""
OTHER_FILES = 500
"""Open files that are not a journey's: logs, pipes, the web UI, idle connections."""
LATE_SECONDS_MAX = 0.3
"""An arrival that could not be started in time is dropped: later, it would test another moment.
Three times the lag of which one in a hundred already makes a run unfaithful, and after a pause so
little of it is left to catch up on that no target is overloaded by it.
"""
_TOO_LATE = f"more than {LATE_SECONDS_MAX:g}s late"
ORDINARY_LAG_SECONDS = 0.05
"""Behind by more than this, arrivals are not started all at once but paced."""
CATCH_UP_SPEED = 1.5
"""Catching up, arrivals follow each other so many times as fast as planned on average: the lag is
gone within two of its own lengths, and the target never sees a burst that no one planned.
"""
BURST = 16
"""Arrivals started in one go when behind by a little, before sockets get their turn again."""
KILL_SECONDS_MAX = 5.0
TICK_SECONDS = 0.05
"""How exactly the begin of a stall is known; twenty wake-ups a second cost next to nothing."""
STALL_SECONDS_MIN = 0.25
"""A tick that comes later than this stands for a stall. Well above ordinary lag, of which a tenth
of a second already makes a run unfaithful; below `LATE_SECONDS_MAX`, so that whatever is dropped
for being late has its stall on record; and far below any time-out of a request by default.
"""


def own_arrivals(arrivals: Sequence[Arrival], index: int, count: int) -> list[Arrival]:
    """The arrivals of load process ``index`` of ``count``, in order of their planned start.

    All those of one borrower go to one process, so that they share one session, as those of one
    app do. Shares are even all the same: borrowers take turns, in blocks of neighbours.
    """
    mine = [arrival for arrival in arrivals if arrival.borrower % count == index]
    return sorted(mine, key=lambda arrival: arrival.at_s)


def intended_ns(arrival: Arrival, zero_ns: int) -> int:
    """The planned start on the monotonic clock; the same for every step of the journey."""
    return zero_ns + round(arrival.at_s * 1e9)


class OpenLoop:
    """The arrivals of one load process, from the first to the end of the drain."""

    def __init__(self, journeys: Journeys, arrivals: Sequence[Arrival], zero_ns: int) -> None:
        self._journeys = journeys
        self._arrivals = arrivals
        self._zero_ns = zero_ns
        length_s = arrivals[-1].at_s - arrivals[0].at_s if arrivals else 0.0
        self._gap_ns = round(length_s * 1e9 / max(1, len(arrivals) - 1) / CATCH_UP_SPEED)
        self._next_ns: int | None = None
        """While catching up: the earliest start of the next arrival."""
        self._stopped = Event()
        self._stopped_ns: int | None = None
        self._in_flight = Group()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._in_flight_max = min(IN_FLIGHT_MAX, max(1, files - OTHER_FILES))

    def stop(self, at_ns: int) -> None:
        """Start nothing any more that was due after ``at_ns``; what is under way goes on."""
        if self._stopped_ns is None:
            self._stopped_ns = at_ns
            self._stopped.set()

    def run(self, drain_s: float) -> None:
        """Start all arrivals, then wait until none is under way, at most ``drain_s`` seconds."""
        with _calm_garbage_collector():
            self._start_all()
            self._in_flight.join(timeout=drain_s)
        self._in_flight.kill(timeout=KILL_SECONDS_MAX)

    def _start_all(self) -> None:
        burst = 0
        for arrival in self._arrivals:
            due_ns = intended_ns(arrival, self._zero_ns)
            now_ns = time.monotonic_ns()
            start_ns = due_ns if _is_late(due_ns, now_ns) else self._paced_ns(due_ns, now_ns)
            if self._stopped_ns is None and now_ns < start_ns:
                self._wait_until(start_ns)
                burst = 0
            elif (burst := burst + 1) % BURST == 0:
                gevent.sleep(0)
            if self._stopped_ns is None:
                self._start(arrival, due_ns)
            elif due_ns <= self._stopped_ns:
                self._journeys.drop(arrival, due_ns, "the load was stopped before it could start")
            else:
                return

    def _paced_ns(self, due_ns: int, now_ns: int) -> int:
        """When it may start: as planned, or one after the other while catching up."""
        if self._next_ns is not None and self._next_ns <= due_ns:
            self._next_ns = None  # caught up
        behind_ns = now_ns - (self._next_ns or due_ns)
        if behind_ns > ORDINARY_LAG_SECONDS * 1e9:
            self._next_ns = now_ns  # held up, maybe once more
        if self._next_ns is None:
            return due_ns
        start_ns = self._next_ns
        self._next_ns += self._gap_ns
        return start_ns

    def _wait_until(self, due_ns: int) -> None:
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            if self._stopped.wait(left_ns / 1e9):
                return

    def _start(self, arrival: Arrival, due_ns: int) -> None:
        if _is_late(due_ns, time.monotonic_ns()):
            self._journeys.drop(arrival, due_ns, _TOO_LATE)
        elif len(self._in_flight) >= self._in_flight_max:
            self._journeys.drop(arrival, due_ns, f"{self._in_flight_max} journeys under way")
        else:
            self._in_flight.spawn(self._perform, arrival, due_ns)

    def _perform(self, arrival: Arrival, due_ns: int) -> None:
        # Looked at once more: the process may have been paused since the journey was ordered.
        started_ns = time.monotonic_ns()
        if _is_late(due_ns, started_ns):
            self._journeys.drop(arrival, due_ns, _TOO_LATE)
        else:
            self._journeys.perform(arrival, due_ns, started_ns)


def _is_late(due_ns: int, now_ns: int) -> bool:
    return now_ns - due_ns > LATE_SECONDS_MAX * 1e9


@contextmanager
def _calm_garbage_collector() -> Iterator[None]:
    """Full collections took 16 to 33 ms each: longer than the lag that a run may have."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class Ticker:
    """A greenlet that ticks from now on: a hub that is blocked stops it as well as a process that
    is paused or starved of processor.

    What the target answers meanwhile is read late, or not in time, and arrivals start late: none of
    it is the target's doing.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._stalls: list[Stall] = []
        self._last_ns = time.monotonic_ns()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> list[Stall]:
        """Tick a last time and no more; all stalls, in order, none touching the next."""
        self._greenlet.kill()
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
