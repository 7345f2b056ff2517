"""What failed outside every impaired stretch: too little, or too scattered, to be one."""

from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools
from harness.verdict.measure.baseline import Baseline, recovered_share, usual_max
from harness.verdict.measure.episodes import failing_between_s
from harness.verdict.measure.evidence_rows import orders, rows_of
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.noise import ALPHA
from harness.verdict.measure.samples import Samples
from harness.verdict.types import Episode


@dataclass(frozen=True, slots=True)
class ShortRow:
    """Failures in a row, too few to be a stretch, that came together hardly by chance.

    ``begin_s`` and ``end_s`` are the planned starts of the first and the last of them; so many in
    a row come in a share ``chance`` of all runs with as many failures.
    """

    begin_s: float
    end_s: float
    failed: int
    chance: float


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The operations outside every impaired stretch, and what stands out among them."""

    failed: Share
    short_rows: tuple[ShortRow, ...]


def elsewhere_of(samples: Samples, episodes: list[Episode]) -> Elsewhere:
    """What is outside these episodes; each failure is dated as the episodes date it."""
    inside = _inside(samples, episodes)
    near = inside.copy()
    for episode in episodes:
        latest_s = np.inf if episode.recovered_s_high is None else episode.recovered_s_high
        earliest_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
        near |= samples.evidence.failed_within(samples.times_s, earliest_s, latest_s)
    failed = Share(int(samples.failed[~inside].sum()), int((~inside).sum()))
    return Elsewhere(failed, _short_rows(samples, ~near))


def recovered_below(samples: Samples, episodes: list[Episode], baseline: Baseline) -> float:
    """The share of failures below which borrowing has recovered for good from these episodes."""
    rest = samples.failed[~_inside(samples, episodes)]
    usual = float(rest.mean()) if len(rest) else 0.0
    return recovered_share(min(usual, usual_max(baseline)))


def _inside(samples: Samples, episodes: list[Episode]) -> Bools:
    times_s = samples.times_s
    inside = np.zeros(len(times_s), dtype=bool)
    for episode in episodes:
        stop_s = np.inf if episode.recovered_s is None else episode.recovered_s
        planned = (times_s >= episode.onset_s) & (times_s <= stop_s)
        met = samples.evidence.failed_within(times_s, *failing_between_s(episode))
        inside |= np.where(samples.failed, met, planned)
    return inside


def _short_rows(samples: Samples, outside: Bools) -> tuple[ShortRow, ...]:
    order = orders(samples.times_s, samples.failed, samples.evidence)[0]
    rows = rows_of(order, samples.failed, outside)
    short = [row for row in rows if row.chance <= ALPHA and not row.tells]
    spans_s = [samples.times_s[row.places] for row in short]
    return tuple(
        ShortRow(float(at_s.min()), float(at_s.max()), row.length, row.chance)
        for row, at_s in zip(short, spans_s, strict=True)
    )
