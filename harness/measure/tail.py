"""The last requests of a run: too few to be an impairment, too many failures to be chance.

A service that dies at the very end looks like one that had bad luck there. Nothing before the end
tells them apart, so what decides is how often a service that is well would end a run so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from harness.plan import SteadyState

WELL_SHARE_MAX = SteadyState().failed_share_max
"""A service that is well fails no larger share: with a larger one the baseline is not steady, and
the run decides nothing anyway. It is not taken from this run, so that failures elsewhere in it
make none at its end likelier."""
CHANCE_MAX = 0.001
"""How often a service that is well may show any one such end by chance."""
REQUESTS_MAX = 20
"""Among more, so many failures are found as an impairment."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Of the last ``requests`` of a run ``failed`` failed; ``chance`` is how often so many or more
    would by chance, with `WELL_SHARE_MAX`.
    """

    failed: int
    requests: int
    chance: float


def tail_of(failed: NDArray[np.bool_]) -> Tail | None:
    """The last requests that hardly fail so often by chance; None where chance may explain all.

    ``failed`` is in the order of the planned starts. Of several such ends the least likely counts.
    """
    backwards = failed[::-1][:REQUESTS_MAX]
    counts = np.cumsum(backwards)
    chances = bdtrc(counts - 1.0, np.arange(1, len(counts) + 1), WELL_SHARE_MAX)
    chances[counts == 0] = 1.0
    if not len(chances) or chances.min() >= CHANCE_MAX:
        return None
    least = int(chances.argmin())
    return Tail(int(counts[least]), least + 1, float(chances[least]))
