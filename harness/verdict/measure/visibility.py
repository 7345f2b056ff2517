"""What a run can see at all: its shortest outage, its smallest brownout.

Pure: before a run from its plan, after it from what it was. An impairment that is smaller may have
been there, and leave no more than stray failures.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import bdtr, bdtrc, bdtrik

from harness.history.columns import Floats, Ints
from harness.plan.plan import Plan
from harness.verdict.measure import noise
from harness.verdict.measure.baseline import UNSTEADY_SHARE_MAX
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import baseline_end_s
from harness.verdict.visible import Visible

SEEN_IN = 0.9
"""Of the runs in which it is there, those that show it."""
BROWNOUT_SECONDS = 10.0
USUAL_SHARE = 0.001
"""Of the requests of a service that is well, those that fail for reasons of its own."""
SHARE_STEP = 0.0005
"""How finely the share of a brownout is looked for."""
MIDDLES = (np.arange(20) + 0.5) / 20
"""What scatters by chance is taken to be one of its quantiles, each as likely as the others."""
_SURE = 0.99
"""With it, a row that is long enough in so many runs is in an outage of so many slots in 90 %."""
_PARTIAL_SLOTS = 0.2
"""With one arrival at a random place in each slot of 1 / rate, ``n`` slots and this part of one
hold ``n`` arrivals in 91 % of all places."""


def visible(
    rate: float,
    requests: int,
    share: float = USUAL_SHARE,
    before: int | None = None,
    normal_max: float = noise.NOISE_SHARE_MAX,
) -> Visible:
    """What is seen in 90 % of such runs: ``requests`` in all at ``rate`` a second.

    ``share`` (0..1) of them fail outside every impaired stretch. ``before`` of them are the
    baseline's (None: a quarter), of which no larger share than ``normal_max`` is taken for normal.
    """
    row = _row(requests, share)
    return Visible(
        outage_s=(row + _PARTIAL_SLOTS) / rate if row <= requests else None,
        brownout_share=_brownout(
            round(rate * BROWNOUT_SECONDS),
            _Strays(requests, share, requests // 4 if before is None else before, normal_max),
        ),
        brownout_s=BROWNOUT_SECONDS,
    )


def visible_in(plan: Plan, requests: int, elsewhere: Share, before: int) -> Visible | None:
    """What a run could show in which so many failed outside every stretch; None of nothing."""
    if not requests:
        return None
    share = (elsewhere.part + 0.5) / (elsewhere.whole + 1)
    return visible(plan.settings.rate, requests, share, before, _normal_max(plan))


def visible_in_preview(plan: Plan) -> Visible:
    """The same before the run, for a service that is well."""
    end_s = baseline_end_s(plan)
    before = sum(0 <= arrival.at_s < end_s for arrival in plan.arrivals)
    requests = sum(arrival.at_s >= 0 for arrival in plan.arrivals)
    return visible(plan.settings.rate, requests, USUAL_SHARE, before, _normal_max(plan))


def _normal_max(plan: Plan) -> float:
    """A baseline that fails more is not steady, and is taken for `UNSTEADY_SHARE_MAX` at most."""
    return max(UNSTEADY_SHARE_MAX, plan.steady_state.failed_share_max)


def _row(requests: int, share: float) -> int:
    """Failures in a row that are hardly chance in nearly all such runs: beside the row itself there
    are as many stray failures as only one run of a hundred exceeds.
    """
    row = noise.row_needed(requests, share)
    while row <= requests:
        strays = float(_quantile(_SURE, requests - row, share))
        share_seen = (strays + row + 0.5) / (requests + 1)
        needed = noise.row_needed(requests, max(noise.HEALTHY_SHARE, share_seen))
        if needed <= row:
            break
        row = min(needed, row + 1)
    return row


def _quantile(level: "float | Floats", requests: int, share: float) -> Floats:
    """The least number of failures of so many requests that at most so many have at this level.

    Not by `scipy.stats`, which takes longer to import than a command may take.
    """
    if not requests:
        return np.zeros(np.shape(level))
    found: Floats = np.ceil(bdtrik(level, requests, share))
    less = np.maximum(found - 1, 0.0)  # the inverse is rounded, and may be one too high
    return np.where(bdtr(less, requests, share) >= level, less, found)


@dataclass(frozen=True, slots=True)
class _Strays:
    """How many of the ``requests`` of such runs fail by chance, ``before`` of them known before."""

    requests: int
    share: float
    before: int
    normal_max: float

    def scattered(self, outside: int) -> Iterator[tuple[float, int]]:
        """The share that is taken for normal, and the failures of ``outside`` requests in all."""
        before = min(self.before, outside)
        for known in _quantile(MIDDLES, before, self.share):
            normal = min(max((known + 0.5) / (before + 1), noise.HEALTHY_SHARE), self.normal_max)
            for others in _quantile(MIDDLES, outside - before, self.share):
                yield normal, int(known + others)


def _brownout(slots: int, strays: _Strays) -> float | None:
    """The smallest share of failures in so many slots that is seen; None where none surely is."""
    inside = slots - 1  # the last of them may lie outside
    if inside < 1 or inside >= strays.requests:
        return None
    needed = _by_share(inside, strays)
    row = _row(strays.requests, strays.share)
    found = (
        _least(lambda share: float(bdtrc(needed - 1, inside, share).mean())),
        _least(lambda share: noise.row_seen(row, inside, share)) if row <= inside else None,
    )
    return min((one for one in found if one is not None), default=None)


def _by_share(inside: int, strays: _Strays) -> Ints:
    """How many of the requests inside have to fail for the search to find them, in each of several
    cases that are equally likely; more than there are where no number would do.
    """
    requests, counts = strays.requests, range(1, inside + 1)

    @cache
    def clear(normal: float) -> int:
        impaired = noise.impaired_share(normal)
        least = 2 * noise.penalty(requests)  # its begin and its end
        return 1 + bisect_left(
            counts, least, key=lambda failed: noise.ratio(failed, inside, normal, impaired)
        )

    @cache
    def stands_out(others: int) -> int:
        return 1 + bisect_left(
            counts,
            noise.gain_min(requests),
            key=lambda failed: noise.gain(
                (np.array([float(failed)]), np.array([float(inside)])), (failed + others, requests)
            )[0],
        )

    cases = strays.scattered(requests - inside)
    return np.array([max(clear(normal), stands_out(others)) for normal, others in cases])


def _least(seen: Callable[[float], float]) -> float | None:
    """The least share that is seen often enough, by how often each one is; None where none is."""
    low, high = 0.0, 1.0
    if seen(high) < SEEN_IN:
        return None
    while high - low > SHARE_STEP:
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) >= SEEN_IN else (middle, high)
    return high
