"""What a run can see at all: its shortest outage, its smallest brownout.

Pure: before a run from its plan, after it from what it was. An impairment that is smaller may have
been there, and leave no more than stray failures.
"""

import numpy as np
from scipy.special import betaincinv

from harness.measure.baseline import UNSTEADY_SHARE_MAX
from harness.measure.intervals import Share
from harness.measure.noise import (
    HEALTHY_SHARE,
    gain,
    gain_min,
    impaired_share,
    penalty,
    ratio,
    row_needed,
    row_seen,
)
from harness.plan import Plan
from harness.verdict import Visible

SEEN_IN = 0.9
"""Of the runs in which it is there, those that show it."""
BROWNOUT_SECONDS = 10.0
USUAL_SHARE = 0.001
"""Of the requests of a service that is well, those that fail for reasons of its own."""
SPREAD = 2.0
"""In standard deviations: 98 % of all runs have no more stray failures."""
SHARE_STEP = 0.0005
"""How finely the share of a brownout is looked for."""
_PARTIAL_SLOTS = 0.2
"""With one arrival at a random place in each slot of 1 / rate, ``n`` slots and this part of one
hold ``n`` arrivals in 91 % of all places."""


def visible(rate: float, requests: int, share: float = USUAL_SHARE) -> Visible:
    """What is seen in 90 % of such runs: ``requests`` in all at ``rate`` a second.

    ``share`` (0..1) of them fail outside every impaired stretch.
    """
    row = _row(requests, share)
    outage_s = (row + _PARTIAL_SLOTS) / rate
    return Visible(
        outage_s=outage_s if row <= requests else None,
        brownout_share=_brownout(round(rate * BROWNOUT_SECONDS), requests, share),
        brownout_s=BROWNOUT_SECONDS,
    )


def visible_in(rate: float, requests: int, elsewhere: Share) -> Visible | None:
    """What a run could show in which so many failed outside every stretch; None of nothing."""
    if not requests:
        return None
    return visible(rate, requests, (elsewhere.part + 0.5) / (elsewhere.whole + 1))


def foreseen(plan: Plan) -> Visible:
    """The same before the run, for a service that is well: a short baseline cannot show that."""
    baseline = plan.phase("baseline")
    end_s = baseline.end_s if baseline else 0.0
    before = sum(0 <= arrival.at_s < end_s for arrival in plan.arrivals)
    requests = sum(arrival.at_s >= 0 for arrival in plan.arrivals)
    unknown = min(0.5 / (before + 1), UNSTEADY_SHARE_MAX)
    return visible(plan.settings.rate, requests, max(USUAL_SHARE, unknown))


def _row(requests: int, share: float) -> int:
    """Failures in a row that are hardly chance in nearly all such runs: the share of stray failures
    in a run differs from the one that is expected, and counts those of the row.
    """
    spread = (share * (1 - share) / requests) ** 0.5 if requests else 0.0
    row = row_needed(requests, share)
    return row_needed(requests, min(1.0, share + SPREAD * spread + row / max(requests, 1)))


def _brownout(inside: int, requests: int, share: float) -> float | None:
    """The smallest share of failures of ``inside`` requests that is seen; None where none is."""
    if inside > requests:
        return None
    found = (_by_share(inside, requests, share), _by_row(inside, _row(requests, share)))
    return min((one for one in found if one is not None), default=None)


def _by_share(inside: int, requests: int, share: float) -> float | None:
    outside = requests - inside
    strays = round(share * outside)
    noise = min(max(share, HEALTHY_SHARE), UNSTEADY_SHARE_MAX)  # the search begins with it
    least = 2 * penalty(requests)  # for its begin and for its end
    for failed in range(1, inside + 1):
        if ratio(failed, inside, noise, impaired_share(noise)) < least:
            continue
        stretch = np.array([float(failed)]), np.array([float(inside)])
        if gain(stretch, (failed + strays, requests))[0] >= gain_min(requests):
            return float(betaincinv(failed, inside - failed + 1, SEEN_IN))
    return None


def _by_row(inside: int, needed: int) -> float | None:
    """Where the stretch holds few requests, failures in a row are what shows it."""
    if needed > inside:
        return None
    low, high = 0.0, 1.0
    while high - low > SHARE_STEP:
        middle = (low + high) / 2
        seen = row_seen(needed, inside, middle) >= SEEN_IN
        low, high = (low, middle) if seen else (middle, high)
    return high
