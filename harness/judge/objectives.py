"""Judges each objective on what was observed and on its interval.

Recovery passes when the upper end of its interval meets the limit, fails when the lower end breaks
it. A share passes when the observed share meets its limit, on enough operations; it fails only when
the lower end of its interval breaks the limit; else it is not decided. (To ask the upper end of a
share, too, would leave a run of 500 requests without a single failure undecided at 0.5 %: the bound
is 0.74 %. The price is that a pass says "no evidence of more than the limit", not "surely less".)
"""

from collections.abc import Callable

import numpy as np

from harness.events import Facts
from harness.measure import (
    THETA,
    Measured,
    Share,
    events_to_bound,
    impaired,
)
from harness.plan import Objectives, Plan
from harness.verdict import Judgement, ObjectiveResult

OPERATIONS_MIN = events_to_bound(THETA)
"""Without a failure, so many bound the share by that of an impairment; fewer show nothing."""
LATENCY_ANSWERS_MIN = 100
"""The 99th percentile of fewer answers would be their slowest one."""


def judge_objectives(plan: Plan, facts: Facts, measured: Measured) -> list[ObjectiveResult]:
    """One result for every objective that was set, in the order of their fields."""
    results = []
    for name, judge_one in _JUDGES.items():
        limit = getattr(plan.objectives, name)
        if limit is not None:
            results.append(judge_one(name, float(limit), measured, facts))
    return results


def _recovery(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    seen, timeline = measured.recovery, measured.timeline
    low, high = seen.from_heal_s_low, seen.from_heal_s_high
    verdict = Judgement.INCONCLUSIVE
    if seen.from_heal_s is not None:
        if low is not None and low > limit:
            verdict = Judgement.FAIL
        elif high is not None and high <= limit and seen.confirmed:
            verdict = Judgement.PASS
    elif outlasted(measured) and timeline.healed_s is not None and timeline.load_end_s is not None:
        # It was still impaired when the load ended: the recovery takes at least so long.
        low = timeline.load_end_s - timeline.healed_s
        if low > limit:
            verdict = Judgement.FAIL
    elif seen.confirmed:
        verdict = Judgement.PASS  # nothing was impaired, so there was nothing to recover from
    return ObjectiveResult(name, limit, seen.from_heal_s, low, high, verdict)


def outlasted(measured: Measured) -> bool:
    """Whether borrowing was still impaired when the load ended."""
    stretches = impaired(measured.episodes)
    return bool(stretches) and stretches[-1].recovered_s is None


def _judge_share(name: str, limit: float, share: Share) -> ObjectiveResult:
    observed, low, high = share.observed, share.low, share.high
    verdict = Judgement.INCONCLUSIVE
    if observed is not None and low is not None and high is not None:
        enough = share.whole >= OPERATIONS_MIN or high <= limit
        if low > limit:
            verdict = Judgement.FAIL
        elif observed <= limit and enough:
            verdict = Judgement.PASS
    return ObjectiveResult(name, limit, observed, low, high, verdict)


def _failed(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    return _judge_share(name, limit, measured.failed_window)


def _failed_outside(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    return _judge_share(name, limit, measured.failed_outside)


def _unknown(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    return _judge_share(name, limit, measured.unknown_inside)


def _episodes(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    if not measured.borrow.window.operations:
        return ObjectiveResult(name, limit, None, None, None, Judgement.INCONCLUSIVE)
    count = len(impaired(measured.episodes))
    verdict = Judgement.PASS if count <= limit else Judgement.FAIL
    return ObjectiveResult(name, limit, float(count), None, None, verdict)


def _latency(name: str, limit: float, measured: Measured, _: Facts) -> ObjectiveResult:
    """The share rule, for the share of answers slower than the limit: at most 1 %."""
    waits_ms = np.sort(measured.waits_outside_ms)
    if len(waits_ms) < LATENCY_ANSWERS_MIN:
        return ObjectiveResult(name, limit, None, None, None, Judgement.INCONCLUSIVE)
    observed = float(np.percentile(waits_ms, 99, method="inverted_cdf"))
    slower = Share(int((waits_ms > limit).sum()), len(waits_ms))
    assert slower.low is not None  # noqa: S101  # for the type checker; there are answers
    verdict = Judgement.PASS if observed <= limit else Judgement.INCONCLUSIVE
    if slower.low > 0.01:  # noqa: PLR2004  # one per cent, the share beyond the 99th percentile
        verdict = Judgement.FAIL
    return ObjectiveResult(name, limit, observed, *_order_interval(waits_ms), verdict)


def _order_interval(waits_ms: "np.typing.NDArray[np.float64]") -> tuple[float, float | None]:
    """95 % interval of the 99th percentile, from the normal law of how many lie below it."""
    count = len(waits_ms)
    spread = 1.96 * (count * 0.99 * 0.01) ** 0.5
    low = int(np.floor(count * 0.99 - spread))
    high = int(np.ceil(count * 0.99 + spread))
    return float(waits_ms[max(low - 1, 0)]), float(waits_ms[high]) if high < count else None


_JUDGES: dict[str, Callable[[str, float, Measured, Facts], ObjectiveResult]] = {
    "recovery_seconds_max": _recovery,
    "failed_share_max": _failed,
    "failed_outside_fault_share_max": _failed_outside,
    "indeterminate_share_max": _unknown,
    "impaired_episodes_max": _episodes,
    "latency_ms_p99_max": _latency,
}
assert set(_JUDGES) == set(Objectives.__dataclass_fields__)  # noqa: S101  # none is forgotten
