"""What failed outside every impaired stretch: too little, or too scattered, to be one.

The last requests of a run are held against a service that is well: one that dies at the very end
looks like one that had bad luck there, and nothing before the end tells them apart.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc

from harness.history.columns import Bools
from harness.plan.plan import SteadyState
from harness.verdict.measure.baseline import Baseline, recovered_share, usual_max
from harness.verdict.measure.episodes import failing_in, planned_in
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.noise import ALPHA, HEALTHY_SHARE, impaired_share, penalty, ratio
from harness.verdict.measure.samples import Samples
from harness.verdict.measure.search import orders, rows_of
from harness.verdict.types import Episode

WELL_SHARE_MAX = SteadyState().failed_share_max
"""A service that is well fails no larger share: with a larger one the baseline is not steady, and
the run decides nothing anyway. It is not taken from this run, so that failures elsewhere in it
make none at its end likelier."""
CHANCE_MAX = 0.001
"""How often a service that is well may show any one such end by chance."""
REQUESTS_MAX = 20
"""Among more, that alone tells little."""
STRETCH_MAX = 60
"""No longer end is looked at: one with four failures stands out up to some 50 requests."""


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


@dataclass(frozen=True, slots=True)
class Tail:
    """Of the last ``requests`` of a run ``failed`` failed; ``chance`` is how often so many or more
    would by chance, with `WELL_SHARE_MAX`.
    """

    failed: int
    requests: int
    chance: float


def elsewhere_of(samples: Samples, episodes: list[Episode]) -> Elsewhere:
    """What is outside these episodes; each failure is dated as the episodes date it."""
    inside = _inside(samples, episodes)
    near = inside.copy()
    for episode in episodes:
        latest_s = np.inf if episode.recovered_s_high is None else episode.recovered_s_high
        earliest_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
        near |= samples.evidence.failed_within(samples.times_s, earliest_s, latest_s)
    order = orders(samples.times_s, samples.failed, samples.evidence)[0]
    rows = rows_of(order, samples.failed, ~near)
    short = [(row, samples.times_s[row.places]) for row in rows if row.chance <= ALPHA]
    return Elsewhere(
        Share.of(samples.failed, ~inside),
        tuple(
            ShortRow(float(at_s.min()), float(at_s.max()), row.length, row.chance)
            for row, at_s in short
            if not row.tells
        ),
    )


def recovered_below(samples: Samples, episodes: list[Episode], baseline: Baseline) -> float:
    """The share of failures below which borrowing has recovered for good from these episodes."""
    rest = samples.failed[~_inside(samples, episodes)]
    usual = float(rest.mean()) if len(rest) else 0.0
    return recovered_share(min(usual, usual_max(baseline)))


def _inside(samples: Samples, episodes: list[Episode]) -> Bools:
    """Those that failed in one of these episodes, and those planned in one that did not fail."""
    return np.where(samples.failed, failing_in(samples, episodes), planned_in(samples, episodes))


def tail_of(failed: Bools) -> Tail | None:
    """The last requests that hardly fail so often by chance; None where chance may explain all.

    ``failed``, shape (n,), is by planned start. Of several such ends the least likely counts.
    One is, too, an end whose share of failures alone would make it a stretch in a run in which
    nothing else failed. It may have `noise.ROW_MIN` failures or more: where the search finds no
    stretch among them, one failure more must not hide what fewer have shown.
    """
    backwards = failed[::-1][:STRETCH_MAX]
    counts, sizes = np.cumsum(backwards), np.arange(1, len(backwards) + 1)
    chances = bdtrc(counts - 1.0, sizes, WELL_SHARE_MAX)
    noise = max(HEALTHY_SHARE, 0.5 / (len(failed) + 1))  # of a baseline without a failure
    bad, good = (ratio(one, 1, noise, impaired_share(noise)) for one in (1, 0))
    begins = counts * bad + (sizes - counts) * good >= penalty(len(failed) or 1)
    tells = (chances < CHANCE_MAX) & (sizes <= REQUESTS_MAX) | begins
    places = np.flatnonzero(tells & (counts > 0))
    if not len(places):
        return None
    least = int(places[chances[places].argmin()])
    return Tail(int(counts[least]), least + 1, float(chances[least]))
