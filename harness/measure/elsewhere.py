"""What failed outside every impaired stretch: too little, or too scattered, to be one."""

from dataclasses import dataclass

import numpy as np

from harness.measure.intervals import Share
from harness.measure.noise import ALPHA
from harness.measure.rows import Bools, orders, rows_of
from harness.measure.samples import Samples
from harness.verdict import Episode


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
    times_s = samples.times_s
    inside = np.zeros(len(times_s), dtype=bool)
    near = inside.copy()
    for episode in episodes:
        stop_s, latest_s = (
            np.inf if end_s is None else end_s
            for end_s in (episode.recovered_s, episode.recovered_s_high)
        )
        planned = (times_s >= episode.onset_s) & (times_s <= stop_s)
        met = samples.evidence.failed_within(times_s, episode.onset_s, stop_s)
        inside |= np.where(samples.failed, met, planned)
        earliest_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
        near |= samples.evidence.failed_within(times_s, earliest_s, latest_s)
    failed = Share(int(samples.failed[~inside].sum()), int((~inside).sum()))
    return Elsewhere(failed, _short_rows(samples, ~(inside | near)))


def _short_rows(samples: Samples, outside: Bools) -> tuple[ShortRow, ...]:
    order = orders(samples.times_s, samples.failed, samples.evidence)[0]
    rows = rows_of(order, samples.failed, outside)
    short = [row for row in rows if row.chance <= ALPHA and not row.tells]
    spans_s = [samples.times_s[row.places] for row in short]
    return tuple(
        ShortRow(float(at_s.min()), float(at_s.max()), row.length, row.chance)
        for row, at_s in zip(short, spans_s, strict=True)
    )
