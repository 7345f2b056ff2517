"""A run as it can be seen while it lasts: its borrows from the events files, and its faults.

The events files are what the verdict will be made from, and every load process of the run appends
to them: read here, they tell the same story whatever number of processes there is, and no load
process does anything for it. They are read only while someone looks, and a bounded amount a
second: being watched must not make the load late.

Seconds count from zero; an operation belongs to the bin of its planned start, as everywhere.
However long a run is, it has a bounded number of bins, and each a bounded number of buckets.
"""

import json
import math
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent

from harness.apps.locust.fault_board import FaultBoard
from harness.history.event_tail import OperationLines
from harness.plan.plan import Plan

LOOKED_SECONDS = 5.0
"""How long after the last look the files are still read."""
TICK_SECONDS = 0.1
TELL_SECONDS = 1.0
PIECE_BYTES = 32 * 1024
"""About 80 rows, of which a third is parsed: a fraction of a millisecond."""
TICK_PIECES_MAX = 16
"""Half a megabyte a tick: what 2,000 arrivals a second write, and a little more to catch up."""
KINDS = ("approved", "referred", "declined", "failed", "indeterminate", "dropped")
BINS_MAX = 160
DUE_PER_BIN_MIN = 10
"""With fewer, the chart would show how arrivals are spaced and not how they fare."""
RECENT_SECONDS = 2.0
"""How far back "now" reaches: shorter than any outage that is worth a run."""
_WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_BUCKET_RATIO = 1.1
"""Waits are kept in buckets this much apart: quantiles are right to a twentieth."""


class LiveSeries:
    """What became of the arrivals of one run so far.

    ``due_s`` are the planned starts of all arrivals, rising; the bins reach from ``start_s`` to
    ``end_s``.
    """

    def __init__(self, due_s: Sequence[float], start_s: float, end_s: float) -> None:
        length_s = max(end_s - start_s, _WIDTHS_S[0])
        least_s = length_s * max(1 / BINS_MAX, DUE_PER_BIN_MIN / max(len(due_s), 1))
        # A run of three arrivals, or one of days, has a width of its own.
        self.width_s = next((w for w in _WIDTHS_S if w >= least_s * 0.999), least_s)
        self.start_s = start_s
        self._due_s = due_s
        self.bins = math.ceil(length_s / self.width_s - 1e-9)
        self._due = [0] * self.bins
        for at_s in due_s:
            self._due[self._bin(at_s)] += 1
        self._counts = {kind: [0] * self.bins for kind in KINDS}
        self._waits: list[Counter[int]] = [Counter() for _ in range(self.bins)]
        self._longest_ms = [0.0] * self.bins
        self._answers: list[tuple[float, bool, int]] = []
        """The newest: when each ended, in seconds; whether it failed; the bucket of its wait."""

    def add(self, operation: dict[str, Any], zero_ns: int) -> None:
        """Count one operation as it stands in an events file."""
        at_bin = self._bin((operation["intended_ns"] - zero_ns) / 1e9)
        lost = operation["ending"] in ("dropped", "broken")
        kind = "dropped" if lost else operation["outcome"]
        self._counts[kind][at_bin] += 1
        if kind == "dropped" or operation["ended_ns"] is None:
            return
        wait_ms = max((operation["ended_ns"] - operation["intended_ns"]) / 1e6, 0.1)
        bucket = math.floor(math.log(wait_ms, _BUCKET_RATIO))
        self._waits[at_bin][bucket] += 1
        ended_s = (operation["ended_ns"] - zero_ns) / 1e9
        self._answers.append((ended_s, kind in ("failed", "indeterminate"), bucket))
        self._longest_ms[at_bin] = max(self._longest_ms[at_bin], wait_ms)

    def _bin(self, at_s: float) -> int:
        # A little over: planned and written instants of an arrival on an edge differ by rounding.
        place = int((at_s - self.start_s) / self.width_s + 1e-6)
        return min(max(place, 0), self.bins - 1)

    def shown(self, now_s: float) -> dict[str, Any]:
        """The bins so far: ``due`` counts the arrivals whose planned start has come by ``now_s``;
        those of them that are in no other count have no answer yet.
        """
        last = self._bin(now_s)
        # In the bin of now, only what has come already.
        due = self._due[:last]
        due.append(bisect_right(self._due_s, now_s) - sum(due))
        shown = slice(0, last + 1)
        return {
            "start_s": self.start_s,
            "width_s": self.width_s,
            "due": [max(count, 0) for count in due],
            **{kind: self._counts[kind][shown] for kind in KINDS},
            "median_ms": [quantile_ms(waits, 0.5) for waits in self._waits[shown]],
            "longest_ms": [round(ms, 1) for ms in self._longest_ms[shown]],
        }

    def recent(self, now_s: float) -> dict[str, Any]:
        """The figures of those that ended in the last seconds, whenever they were due: in a total
        outage all of them failed, although no one knows yet of those who wait.
        """
        since_s = now_s - RECENT_SECONDS
        self._answers = [answer for answer in self._answers if answer[0] >= since_s]
        waits = Counter(bucket for *_, bucket in self._answers)
        return {
            "seconds": RECENT_SECONDS,
            "ended": len(self._answers),
            "failed": sum(failed for _, failed, _ in self._answers),
            "median_ms": quantile_ms(waits, 0.5),
            "p95_ms": quantile_ms(waits, 0.95),
        }

    def totals(self, now_s: float) -> dict[str, int]:
        """Everything so far, by kind; ``due`` and ``waiting`` beside them."""
        found = {kind: sum(self._counts[kind]) for kind in KINDS}
        due = bisect_right(self._due_s, now_s)
        return {**found, "due": due, "waiting": max(due - sum(found.values()), 0)}


def quantile_ms(waits: Counter[int], share: float) -> float | None:
    """The wait that ``share`` of them do not exceed, to within half a bucket; None without any."""
    rank = math.ceil(share * waits.total())
    for bucket in sorted(waits):
        rank -= waits[bucket]
        if rank <= 0:
            return round(math.pow(_BUCKET_RATIO, bucket + 0.5), 1)
    return None


class Live:
    """What is known of one run so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.board = FaultBoard(plan.faults)
        self.zero_ns: int | None = None
        self._ended_ns: int | None = None
        self._series: LiveSeries | None = None
        self._source: tuple[OperationLines, LiveSeries, int] | None = None
        self._reader: gevent.Greenlet | None = None
        self._looked_s = 0.0
        self._behind = False

    def begin(
        self, plan: Plan, run_dir: Path, zero_ns: int, tell: Callable[[Any], None] | None
    ) -> None:
        """The load begins; ``plan`` is what was left of the first one. ``tell`` is given what fails
        just now, every second, until the load ends.
        """
        self.plan, self.zero_ns = plan, zero_ns
        due_s = sorted(arrival.at_s for arrival in plan.arrivals)
        self._series = series = LiveSeries(due_s, self.start_s, plan.load_end_s)
        self._source = OperationLines(run_dir, PIECE_BYTES), series, zero_ns
        if tell is not None:
            gevent.spawn(self._tell_recent, tell, series, zero_ns)

    def end(self, at_ns: int) -> None:
        """No arrival is due any more after this instant, and no fault."""
        self._ended_ns = at_ns
        self.board.end()

    @property
    def start_s(self) -> float:
        """Start of the load, seconds after zero."""
        return self.plan.phases[0].start_s

    def rows(self) -> list[dict[str, str]]:
        """The faults for Locust's own page."""
        return self.board.rows(self.zero_ns, self.start_s, self.plan.load_end_s)

    def snapshot(self) -> dict[str, Any]:
        """Everything for the chart; looking keeps the files being read for a while."""
        self._look()
        zero_ns, series = self.zero_ns, self._series
        found: dict[str, Any] = {
            "run": self.plan.run_id,
            "start_s": self.start_s,
            "end_s": self.plan.load_end_s,
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
            found |= {
                "now_s": round(now_s, 3),
                "bins": series.shown(due_s),
                "recent": series.recent(due_s),
                "totals": series.totals(due_s),
            }
        return found

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        if self._source is not None and (self._reader is None or self._reader.ready()):
            self._reader = gevent.spawn(self._read_while_looked_at, *self._source)

    def _tell_recent(self, tell: Callable[[Any], None], series: LiveSeries, zero_ns: int) -> None:
        while self._ended_ns is None:
            self._look()
            gevent.sleep(TELL_SECONDS)
            tell(series.recent((time.monotonic_ns() - zero_ns) / 1e9))

    def _read_while_looked_at(
        self, lines: OperationLines, series: LiveSeries, zero_ns: int
    ) -> None:
        while time.monotonic() - self._looked_s < LOOKED_SECONDS:
            for number, piece in enumerate(lines.pieces(), start=1):
                for operation in operations_in(piece):
                    series.add(operation, zero_ns)
                if number == TICK_PIECES_MAX:
                    self._behind = True
                    break
                gevent.sleep(0)  # arrivals that have come due meanwhile go first
            else:
                self._behind = False
            gevent.sleep(TICK_SECONDS)


def operations_in(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows of operations; a broken one costs the page that row alone."""
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)["operation"]
