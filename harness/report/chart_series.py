"""Operations counted in bins of time: what the chart draws and what its table says.

Pure. Instants are the planned start of the arrival; seconds count from the start of measuring.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.durations import DAY_SECONDS
from harness.history.columns import NONE, Operations
from harness.history.events import Clock, Outcome
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.types import Verdict

KINDS = ("approved", "referred", "declined", "failed", "indeterminate", "not started")
"""In the order in which they are stacked. "Not started" is missing evidence, not a failure."""
_NOT_STARTED = KINDS.index("not started")
_WIDTHS_MS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000)


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """``counts`` has a row for each kind and a column for each bin.

    ``median_ms`` and ``longest_ms`` are the time from the planned start until the borrower had an
    answer or was given up on, over finished operations; NaN where a bin has none.
    """

    start_s: float
    width_s: float
    counts: NDArray[np.int64]
    median_ms: NDArray[np.float64]
    longest_ms: NDArray[np.float64]

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return int(self.counts.shape[1])

    @property
    def highest(self) -> int:
        """Operations in the fullest bin, at least 1."""
        return max(int(self.counts.sum(axis=0).max()), 1)

    def edge_s(self, index: int) -> float:
        """Start of a bin, which is the end of the one before."""
        return round(self.start_s + index * self.width_s, 6) + 0.0  # neither 1e-16 nor -0

    def total(self, kind: str) -> int:
        """Operations of one kind over all bins."""
        return int(self.counts[KINDS.index(kind)].sum())


def span(plan: Plan, facts: Facts, verdict: Verdict) -> tuple[float, float]:
    """First and last second worth showing: all phases, arrivals and heals.

    A heal may come days after the load, by hand: a day of that is shown.
    """
    instants = [at_s for p in verdict.phases or plan.phases for at_s in (p.start_s, p.end_s)]
    clock = facts.status.clock
    due_ns = facts.operations.intended_ns
    if clock is not None and len(due_ns):
        instants += [clock.seconds(int(at_ns)) for at_ns in (due_ns.min(), due_ns.max())]
    instants += [f.healed_s for f in verdict.faults if f.healed_s is not None]
    load_s = plan.phases[0].start_s, plan.load_end_s
    least_s, most_s = load_s[0] - DAY_SECONDS, load_s[1] + DAY_SECONDS
    shown = [min(max(instant, least_s), most_s) for instant in instants]
    start_s, end_s = min(shown), max(shown)
    return (start_s, end_s) if start_s < end_s else load_s


def count(
    clock: Clock, operations: Operations, bounds_s: tuple[float, float], bins_max: int
) -> ChartSeries:
    """Count operations in bins of 100 ms, or of the next round width that gives ``bins_max``."""
    start_s, end_s = bounds_s
    fits = (w for w in _WIDTHS_MS if (end_s - start_s) * 1000 <= w * bins_max)
    width_ns = next(fits, _WIDTHS_MS[-1]) * 1_000_000
    # Bins start at whole multiples of their width, so that zero is always an edge.
    first = int(np.floor(start_s * 1e9 / width_ns + 1e-6))
    last = max(first + 1, int(np.ceil(end_s * 1e9 / width_ns - 1e-6)))
    counts = np.zeros((len(KINDS), last - first), dtype=np.int64)
    place = (operations.intended_ns - clock.zero_ns) // width_ns - first
    place = np.clip(place, 0, last - first - 1)
    kind = operations.outcome.each(lambda outcome: KINDS.index(outcome or Outcome.FAILED))
    np.add.at(counts, (np.where(operations.dropped, _NOT_STARTED, kind), place), 1)
    ended = np.flatnonzero(operations.ended_ns != NONE)
    ended = ended[np.argsort(place[ended], kind="stable")]
    took_ms = (operations.ended_ns - operations.intended_ns)[ended] / 1e6
    waits_ms = np.split(took_ms, np.searchsorted(place[ended], np.arange(1, last - first)))
    return ChartSeries(
        start_s=first * width_ns / 1e9,
        width_s=width_ns / 1e9,
        counts=counts,
        median_ms=np.array([np.median(w) if len(w) else np.nan for w in waits_ms]),
        longest_ms=np.array([w.max() if len(w) else np.nan for w in waits_ms]),
    )
