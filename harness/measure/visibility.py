"""What a run can see at all: its shortest outage, its smallest brownout.

Pure: before a run from its plan, after it from what it was. An impairment that is smaller may have
been there, and leave no more than stray failures.
"""

import numpy as np
from scipy.special import betaincinv

from harness.measure.intervals import Share
from harness.measure.noise import (
    HEALTHY_SHARE,
    NOISE_SHARE_MAX,
    gain,
    gain_min,
    impaired_share,
    penalty,
    ratio,
    row_needed,
)
from harness.plan import Plan
from harness.verdict import Visible

SEEN_IN = 0.9
"""Of the runs in which it is there, those that show it."""
BROWNOUT_SECONDS = 10.0
USUAL_SHARE = 0.001
"""Of the requests of a service that is well, those that fail for reasons of its own."""
_PARTIAL_SLOTS = 0.2
"""With one arrival at a random place in each slot of 1 / rate, ``n`` slots and this part of one
hold ``n`` arrivals in 91 % of all places."""


def visible(rate: float, requests: int, share: float = USUAL_SHARE) -> Visible:
    """What is seen in 90 % of such runs: ``requests`` in all at ``rate`` a second.

    ``share`` (0..1) of them fail outside every impaired stretch.
    """
    row = row_needed(requests, share)
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
    """The same before the run, for a service that is well."""
    requests = sum(arrival.at_s >= 0 for arrival in plan.arrivals)
    return visible(plan.settings.rate, requests)


def _brownout(inside: int, requests: int, share: float) -> float | None:
    """The smallest share of failures of ``inside`` requests that is seen; None where none is."""
    outside = max(requests - inside, 0)
    strays = round(share * outside)
    noise = min(max(share, HEALTHY_SHARE), NOISE_SHARE_MAX)
    least = 2 * penalty(max(requests, 1))  # for its begin and for its end
    for failed in range(1, min(inside, requests) + 1):
        if ratio(failed, inside, noise, impaired_share(noise)) < least:
            continue
        both = (failed + strays, inside + outside)
        if gain((np.array([float(failed)]), np.array([float(inside)])), both)[0] >= gain_min(
            requests
        ):
            return float(betaincinv(failed, inside - failed + 1, SEEN_IN))
    return None
