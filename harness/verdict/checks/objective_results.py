"""Judges each objective on what was observed and on its interval; `bounds` has the rules.

What was not measured is never met: it is not decided, and the reason says why.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.history.reader import Facts
from harness.plan.objectives import KINDS, set_fields
from harness.plan.plan import Plan
from harness.verdict.checks.bounds import (
    Limit,
    by_bound,
    by_count,
    by_share,
    failed_results,
    longer,
    outliers,
    quick_for_longer,
)
from harness.verdict.measure.advice import TooClose, advise, advised, no_help
from harness.verdict.measure.episodes import impaired, open_ended
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.measurement import Measured
from harness.verdict.measure.outside_faults import Calm
from harness.verdict.measure.recovery_by_fault import GroupRecovery
from harness.verdict.types import (
    Judgement,
    LatencyRecovery,
    ObjectiveResult,
    Recovery,
)

_BEST_FIRST = (Judgement.PASS, Judgement.INCONCLUSIVE, Judgement.FAIL)
LATENCY_ANSWERS_MIN = 100
"""The 99th percentile of fewer answers would be their slowest one."""
SLOWER_SHARE_MAX = 0.01
"""Of the answers, beyond the 99th percentile."""
HEALTH_KNOWN_MIN = 0.7
"""Of an outage, the share in which the health address must have answered, red or green."""
_NOT_MEASURED = "no borrow request was measured after the baseline"


def judge_objectives(plan: Plan, facts: Facts, measured: Measured) -> list[ObjectiveResult]:
    """One result for every objective that was set, in the order of their fields."""
    return [
        replace(
            _JUDGES[name](Limit(name, float(value)), measured, facts),
            source=plan.objective_sources.get(name, ""),
        )
        for name, value in set_fields(plan.objectives).items()
    ]


# --- recovery ------------------------------------------------------------------------------------


def _recovery(limit: Limit, measured: Measured, facts: Facts) -> ObjectiveResult:
    """Each heal on its own: one that is missed decides, then one that is open."""
    enough = partial(longer, facts, measured)
    shows = "requests after the heal to show that nothing was impaired"
    results = [_lasted(limit, one, one.recovery, enough, shows) for one in measured.recoveries]
    for heal in (heal for one in measured.recoveries for heal in one.inner):
        if heal.undecided(limit.value):  # from nothing, if others were the cause, up to all of it
            reason = f"after the heal of {heal.fault} nothing shows whether it was over in time"
            high_s = heal.recovery.from_heal_s_high
            if heal.recovery.next_faults:
                reason, high_s = TooClose(reason), None
            results.append(limit.open(None, 0.0, high_s, reason))
    return _worst(results) or limit.unknown("there was no fault to recover from")


def _latency_recovery(limit: Limit, measured: Measured, facts: Facts) -> ObjectiveResult:
    results = []
    for one in measured.recoveries:
        seen = one.recovery.latency
        if seen is None or seen.limit_ms is None:
            none = "there was no heal, or no baseline to tell slow answers by"
            results.append(limit.unknown(none))
        else:
            enough = partial(quick_for_longer, facts, measured, seen.limit_ms)
            shows = "answers after the heal to show that none were slow"
            results.append(_lasted(limit, one, seen, enough, shows))
    return _worst(results) or limit.unknown("there was no heal to recover from")


def _lasted(
    limit: Limit,
    one: GroupRecovery,
    seen: Recovery | LatencyRecovery,
    enough: Callable[[float], str],
    shows: str,
) -> ObjectiveResult:
    """``enough`` says how many requests after an instant would show that it lasts, ``shows`` which
    would show that there was nothing to recover from.
    """
    healed_s, low_s, high_s = one.group.healed_s, seen.from_heal_s_low, seen.from_heal_s_high
    names = " and ".join(one.ended_by)

    def too_few(what: str, since_s: float) -> str:
        if names:  # what fails under the next one says nothing of this one
            return TooClose(f"too few {what}, as fault {names} came so soon")
        return advised(f"too few {what}: ", enough(since_s))

    if seen.from_heal_s is not None:
        unsure = ""
        if not seen.confirmed:
            since_s = (healed_s or 0.0) + max(seen.from_heal_s if high_s is None else high_s, 0.0)
            unsure = too_few("requests after it to show that it lasts", since_s)
        found = by_bound(limit, seen.from_heal_s, low_s, high_s, unsure)
        cut = names and high_s is None and found.verdict is Judgement.INCONCLUSIVE
        return replace(found, reason=TooClose(found.reason)) if cut else found
    if seen.censored and low_s is not None:  # until then it surely had not recovered
        when = f"fault {names} came" if names else "the load ended"
        unseen = f"nothing shows that it had recovered when {when}"
        if low_s > limit.value:
            return limit.missed(None, low_s, None, f"it took longer, and {unseen}")
        return limit.unknown(TooClose(unseen) if names else unseen, low_s)
    if healed_s is None:
        return limit.unknown("the fault was never healed")
    if not seen.confirmed:
        return limit.unknown(too_few(shows, healed_s))
    return limit.met(None)  # nothing was impaired, or nothing was slow


def _worst(results: list[ObjectiveResult]) -> ObjectiveResult | None:
    """One that is missed, else one that is open, else the highest; None of none.

    Of two, one whose end was not seen is higher than any measured one.
    """

    def badness(result: ObjectiveResult) -> tuple[int, bool, float]:
        known = [end for end in (result.observed, result.low) if end is not None]
        unseen = result.observed is None and result.high is None and bool(known)
        return _BEST_FIRST.index(result.verdict), unseen, known[0] if known else -np.inf

    return max(results, key=badness, default=None)


# --- shares and counts ---------------------------------------------------------------------------


def _failed_outside(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    """All of it as one, and each stretch before, between and after the faults."""
    whole = by_share(limit, measured.failed_outside)
    return _worst([whole, *failed_results(limit, measured.calms)]) or whole


def _affected(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    seen = measured.borrow.affected
    if seen is None:
        return limit.unknown("who was affected was not measured")
    return by_share(limit, Share(seen.affected, seen.borrowers), "borrowers")


def _episodes(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    if not measured.borrow.window.operations:
        return limit.unknown(_NOT_MEASURED)
    stretches = impaired(measured.episodes)
    counted = by_count(limit, len(stretches))
    if counted.verdict is Judgement.PASS and stretches and open_ended(stretches[-1]):
        reason = "nothing shows that the last one was over when the load ended"
        return limit.open(counted.observed, counted.observed, None, reason)
    return counted


def _slow_episodes(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    if measured.baseline.wait_ms_p95 is None:
        return limit.unknown("the baseline has too few answers to tell slow ones by")
    if not measured.borrow.window.operations:
        return limit.unknown(_NOT_MEASURED)
    return by_count(limit, sum(e.class_ == "slow" for e in measured.episodes))


def _lost_service(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    """The share rule: so many failures spread over the window at the rate that was asked."""
    share, lost_s = measured.failed_window, measured.borrow.lost_service_seconds
    if lost_s is None or not share.whole:
        return limit.unknown(_NOT_MEASURED)
    # Seconds that the window's requests stand for; a share of them is that share of service.
    window_s = share.whole / measured.load.rate_asked
    found = by_share(replace(limit, value=limit.value / window_s), share)
    low, high = (None if end is None else end * window_s for end in (found.low, found.high))
    return replace(found, limit=limit.value, observed=lost_s, low=low, high=high)


def _attempts(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    if measured.retries is None:
        return limit.unknown("attempts were not measured")
    observed = measured.retries.attempts_per_operation.get("fault")
    if observed is None:
        return limit.unknown("no borrow was sent while a fault was active")
    return by_count(limit, observed)


# --- waits, health, decisions --------------------------------------------------------------------


def _latency(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    """All answers outside the faults as one, and each stretch before, between and after them."""

    def slower(calm: Calm) -> Share:
        return Share(int((calm.waits_ms > limit.value).sum()), len(calm.waits_ms))

    whole = latency_of(limit, measured.waits_outside_ms)
    results = [whole]
    for one in outliers(measured.calms, SLOWER_SHARE_MAX, slower, "took longer than the limit"):
        judged = limit.missed if one.surely else limit.open
        results.append(judged(*_percentile(one.calm.waits_ms), one.reason))
    return _worst(results) or whole


def latency_of(limit: Limit, waits_ms: NDArray[np.float64]) -> ObjectiveResult:
    """The share rule, for the share of answers slower than the limit."""
    slower = Share(int((waits_ms > limit.value).sum()), len(waits_ms))
    if len(waits_ms) < LATENCY_ANSWERS_MIN:
        enough = advise(slower, SLOWER_SHARE_MAX, _percentile_met, "answers", did="are slower")
        return limit.unknown(advised(f"{len(waits_ms)} answers are too few: ", enough))
    observed, low, high = _percentile(waits_ms)
    if (slower.low or 0.0) > SLOWER_SHARE_MAX:
        reason = f"{slower.part:,} of {slower.whole:,} answers took longer than the limit"
        return limit.missed(observed, low, high, reason)
    if observed > limit.value:
        few = "it is over the limit, but so few slow answers are within chance: "
        return limit.open(observed, low, high, advised(few, no_help("answers"), " to meet it"))
    return limit.met(observed, low, high)


def _percentile_met(answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of so many answers may be slower than a limit that their 99th percentile meets."""
    slower = answers - np.ceil(0.99 * answers - 1e-9).astype(np.int64)
    return np.where(answers >= LATENCY_ANSWERS_MIN, slower, -1)


def _percentile(waits_ms: NDArray[np.float64]) -> tuple[float, float, float | None]:
    """The 99th percentile with both ends of its 95 % interval, in ms; from the normal law of how
    many lie below it.
    """
    ordered, count = np.sort(waits_ms), len(waits_ms)
    spread = 1.96 * (count * 0.99 * 0.01) ** 0.5
    low, high = int(np.floor(count * 0.99 - spread)), int(np.ceil(count * 0.99 + spread))
    high_ms = float(ordered[high]) if high < count else None
    observed = float(np.percentile(ordered, 99, method="inverted_cdf"))
    return observed, float(ordered[max(low - 1, 0)]), high_ms


def _grey_failure(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    """Known to within one question of the poll; none seen at all is none."""
    seen = measured.health
    if seen is None or not seen.asked or seen.green_while_failing_s is None:
        return limit.unknown("the target's health address was not asked, or gave no answer")
    observed = seen.green_while_failing_s
    if measured.health_known_s < HEALTH_KNOWN_MIN * measured.failing_s:
        return limit.unknown(
            f"the health address had answered for {measured.health_known_s:.1f} s of the"
            f" {measured.failing_s:.1f} s in which borrowing was down or degraded"
        )
    if observed == 0:
        return limit.met(observed, 0.0, 0.0)
    step_s = 1 / seen.asked_per_s if seen.asked_per_s > 0 else float(seen.asked)
    stretches = impaired(measured.episodes)
    to_the_end = bool(stretches) and stretches[-1].recovered_s is None
    high_s = None if to_the_end else observed + step_s
    return by_bound(limit, observed, max(0.0, observed - step_s), high_s)


def _decision_shift(limit: Limit, measured: Measured, _: Facts) -> ObjectiveResult:
    """The kind of decision that moved the most decides, by the interval of how far it moved."""
    results = []
    for kind in measured.decisions:
        found = limit.unknown("too few answers before or after to tell a shift")
        if kind.shift is not None and kind.shift_low is not None and kind.shift_high is not None:
            low, high = sorted((abs(kind.shift_low), abs(kind.shift_high)))
            low = 0.0 if kind.shift_low <= 0 <= kind.shift_high else low
            found = by_bound(limit, abs(kind.shift), low, high)
        name = kind.kind.replace("_", " ")
        results.append(replace(found, reason=f"{name}: {found.reason}" if found.reason else ""))
    return _worst(results) or limit.unknown("decisions before and after were not measured")


_JUDGES: dict[str, Callable[[Limit, Measured, Facts], ObjectiveResult]] = {
    "recovery_seconds_max": _recovery,
    "failed_share_max": lambda limit, measured, _: by_share(limit, measured.failed_window),
    "failed_outside_fault_share_max": _failed_outside,
    "indeterminate_share_max": lambda limit, measured, _: by_share(limit, measured.unknown_inside),
    "impaired_episodes_max": _episodes,
    "latency_ms_p99_max": _latency,
    "latency_recovery_seconds_max": _latency_recovery,
    "grey_failure_seconds_max": _grey_failure,
    "lost_service_seconds_max": _lost_service,
    "attempts_per_operation_max": _attempts,
    "affected_borrowers_share_max": _affected,
    "slow_episodes_max": _slow_episodes,
    "decision_shift_share_max": _decision_shift,
}
assert set(_JUDGES) == set(KINDS)  # noqa: S101  # none is forgotten
