"""The last requests of a run: too few to be an impairment, too many failures to be chance.

A service that dies at the very end looks like one that had bad luck there. Nothing before the end
tells them apart, so what decides is how often a service that is well would end a run so.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc

from harness.history.columns import Bools
from harness.plan.plan import SteadyState
from harness.verdict.measure.noise import HEALTHY_SHARE, impaired_share, penalty, ratio

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
class Tail:
    """Of the last ``requests`` of a run ``failed`` failed; ``chance`` is how often so many or more
    would by chance, with `WELL_SHARE_MAX`.
    """

    failed: int
    requests: int
    chance: float


def tail_of(failed: Bools) -> Tail | None:
    """The last requests that hardly fail so often by chance; None where chance may explain all.

    ``failed`` is in the order of the planned starts. Of several such ends the least likely counts.
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
