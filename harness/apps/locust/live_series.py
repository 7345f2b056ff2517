"""Borrows counted while the run lasts, in bins of time: what the live chart draws.

Pure. Seconds count from zero; an operation belongs to the bin of its planned start, as everywhere.
However long a run is, it has a bounded number of bins, and each a bounded number of buckets.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

KINDS = ("approved", "referred", "declined", "failed", "indeterminate", "dropped")
BINS_MAX = 160
DUE_PER_BIN_MIN = 10
"""With fewer, the chart would show how arrivals are spaced and not how they fare."""
RECENT_SECONDS = 2.0
"""How far back "now" reaches: shorter than any outage that is worth a run."""
_WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_BUCKET_RATIO = 1.1
"""Waits are kept in buckets this much apart: quantiles are right to a twentieth."""
_NS = 1e9


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
        at_bin = self._bin((operation["intended_ns"] - zero_ns) / _NS)
        kind = "dropped" if operation["ending"] == "dropped" else operation["outcome"]
        self._counts[kind][at_bin] += 1
        if kind == "dropped" or operation["ended_ns"] is None:
            return
        wait_ms = max((operation["ended_ns"] - operation["intended_ns"]) / 1e6, 0.1)
        bucket = math.floor(math.log(wait_ms, _BUCKET_RATIO))
        self._waits[at_bin][bucket] += 1
        ended_s = (operation["ended_ns"] - zero_ns) / _NS
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
        outage all of them failed, although nobody knows yet of those who wait.
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
