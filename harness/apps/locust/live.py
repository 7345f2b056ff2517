"""A run as it can be seen while it lasts: its borrows from the events files, and its faults.

The events files are what the verdict will be made from, and every load process of the run appends
to them: read here, they tell the same story whatever number of processes there is, and no load
process does anything for it. They are read only while somebody looks, and a bounded amount a
second: being watched must not make the load late.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from harness.apps.locust.fault_board import FaultBoard
from harness.apps.locust.live_series import LiveSeries
from harness.apps.locust.page_tail import EventsTail
from harness.plan.plan import Plan

LOOKED_SECONDS = 5.0
"""How long after the last look the files are still read."""
TICK_SECONDS = 0.1
TELL_SECONDS = 1.0
TICK_PIECES_MAX = 16
"""Half a megabyte a tick: what 2,000 arrivals a second write, and a little more to catch up."""


class Live:
    """What is known of one run so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.board = FaultBoard(plan.faults)
        self.zero_ns: int | None = None
        self._ended_ns: int | None = None
        self._series: LiveSeries | None = None
        self._tail: EventsTail | None = None
        self._reader: gevent.Greenlet | None = None
        self._looked_s = 0.0
        self._behind = False

    def begin(
        self,
        plan: Plan,
        run_dir: Path,
        zero_ns: int,
        tell: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """The load begins; ``plan`` is what was left of the first one.

        ``tell`` is given what fails just now, every second, until the load ends.
        """
        self.plan = plan
        self.zero_ns = zero_ns
        due_s = sorted(arrival.at_s for arrival in plan.arrivals)
        self._series = LiveSeries(due_s, self.start_s, self.end_s)
        self._tail = EventsTail(run_dir)
        if tell is not None:
            gevent.spawn(self._tell_recent, tell, self._series, zero_ns)

    def end(self, at_ns: int) -> None:
        """No arrival is due any more after this instant, and no fault."""
        self._ended_ns = at_ns
        self.board.end()

    @property
    def start_s(self) -> float:
        """Start of the load, seconds after zero."""
        return self.plan.phases[0].start_s

    @property
    def end_s(self) -> float:
        """Planned end of the load."""
        return self.plan.load_end_s

    def rows(self) -> list[dict[str, str]]:
        """The faults for Locust's own page."""
        return self.board.rows(self.zero_ns, self.start_s, self.end_s)

    def snapshot(self) -> dict[str, Any]:
        """Everything for the chart; looking keeps the files being read for a while."""
        self._look()
        zero_ns, series = self.zero_ns, self._series
        found: dict[str, Any] = {
            "run": self.plan.run_id,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "timeout_s": self.plan.settings.request_timeout_s,
            "rate": self.plan.settings.rate,
            "phases": [
                {"name": p.name, "start_s": p.start_s, "end_s": p.end_s} for p in self.plan.phases
            ],
            "faults": self.board.shown(zero_ns),
            "events": self.board.shown_events(zero_ns),
            "now_s": None,
            "behind": self._behind,
        }
        if zero_ns is not None and series is not None:
            now_s = (time.monotonic_ns() - zero_ns) / 1e9
            ended_ns = self._ended_ns
            due_s = now_s if ended_ns is None else min(now_s, (ended_ns - zero_ns) / 1e9)
            found["now_s"] = round(now_s, 3)
            found["bins"] = series.shown(due_s)
            found["recent"] = series.recent(due_s)
            found["totals"] = series.totals(due_s)
        return found

    # --- reading -----------------------------------------------------------------------------

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        if self._tail is not None and (self._reader is None or self._reader.ready()):
            self._reader = gevent.spawn(self._read_while_looked_at, self._tail)

    def _tell_recent(
        self, tell: Callable[[dict[str, Any]], None], series: LiveSeries, zero_ns: int
    ) -> None:
        while self._ended_ns is None:
            self._look()
            gevent.sleep(TELL_SECONDS)
            tell(series.recent((time.monotonic_ns() - zero_ns) / 1e9))

    def _read_while_looked_at(self, tail: EventsTail) -> None:
        while time.monotonic() - self._looked_s < LOOKED_SECONDS:
            self._behind = self._read_some(tail)
            gevent.sleep(TICK_SECONDS)

    def _read_some(self, tail: EventsTail) -> bool:
        """One tick's worth; True when more is left to read."""
        series, zero_ns = self._series, self.zero_ns
        if series is None or zero_ns is None:
            return False
        for number, ended in enumerate(tail.pieces(), start=1):
            for operation in ended:
                series.add(operation, zero_ns)
            if number == TICK_PIECES_MAX:
                return True
            gevent.sleep(0)  # arrivals that have come due meanwhile go first
        return False
