"""How many, of what: the load as it was sent, and what became of every operation."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from harness.history.events import RIGHT_BEFORE_BORROW, Attempt, Ending, Facts, Outcome, Step
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Borrow, Declined, Load, LogIn, Phase, Window


def load_of(plan: Plan, facts: Facts) -> Load:
    """How faithfully the load was sent, warm-up included."""
    zero_ns = facts.status.clock.zero_ns if facts.status.clock else 0
    planned = len(facts.operations)
    started = sum(o.started_ns is not None for o in facts.operations)
    first_sent: dict[int, int] = {}
    for attempt in facts.attempts:
        earlier = first_sent.get(attempt.arrival, attempt.started_ns)
        first_sent[attempt.arrival] = min(earlier, attempt.started_ns)
    lags_ms = [
        (first_sent.get(o.arrival, o.started_ns) - o.intended_ns) / 1e6
        for o in facts.operations
        if o.started_ns is not None
    ]
    rate = float(plan.settings.rate)
    return Load(
        rate_asked=rate,
        rate_achieved=rate * started / planned if planned else None,
        arrivals=planned,
        warm_up_arrivals=sum(o.intended_ns < zero_ns for o in facts.operations),
        dropped=sum(o.ending is Ending.DROPPED for o in facts.operations),
        unfinished=sum(o.ending is Ending.UNFINISHED for o in facts.operations),
        send_lag_ms_p99=float(np.quantile(lags_ms, 0.99, method="higher")) if lags_ms else None,
        request_timeout_s=plan.settings.request_timeout_s,
    )


def phases_of(plan: Plan, timeline: Timeline) -> list[Phase]:
    """The phases as they were run: the fault phase is first injection to last heal."""
    if timeline.load_end_s is None:
        return []
    starts = {phase.name: phase.start_s for phase in plan.phases}
    if "fault" in starts:
        if timeline.injected_s is None:
            del starts["fault"], starts["recovery"]
        else:
            starts["fault"] = timeline.injected_s
            starts["recovery"] = timeline.load_end_s
            if timeline.healed_s is not None:
                starts["recovery"] = timeline.healed_s
    names = list(starts)
    ends = [*(starts[name] for name in names[1:]), timeline.load_end_s]
    return [
        Phase(name, starts[name], min(end_s, timeline.load_end_s))
        for name, end_s in zip(names, ends, strict=True)
        if starts[name] < min(end_s, timeline.load_end_s)
    ]


def window_bounds(plan: Plan, timeline: Timeline) -> tuple[float, float] | None:
    """The one window that shares refer to; None when the run did not come so far."""
    baseline = plan.phase("baseline")
    start_s = timeline.injected_s
    if start_s is None:
        start_s = baseline.end_s if baseline else 0.0
    if timeline.load_end_s is None or start_s >= timeline.load_end_s:
        return None
    return start_s, timeline.load_end_s


def _within(samples: Samples, start_s: float, end_s: float) -> NDArray[np.bool_]:
    return (samples.times_s >= start_s) & (samples.times_s <= end_s)


def borrow_of(
    plan: Plan, facts: Facts, samples: Samples, timeline: Timeline, phases: list[Phase]
) -> Borrow:
    """What became of the borrow operations after the warm-up."""
    kept = samples.operations
    outcomes = Counter(o.outcome for o in kept)
    declines = Counter(o.decline for o in kept if o.outcome is Outcome.DECLINED)
    bounds = window_bounds(plan, timeline)
    inside = _within(samples, *bounds) if bounds else np.zeros(len(kept), dtype=bool)
    window = Share(int(samples.failed[inside].sum()), int(inside.sum()))
    start_s, end_s = bounds or (None, None)
    counted = {o.arrival for o in kept}
    return Borrow(
        operations=len(kept),
        attempts=sum(o.attempts for o in kept),
        approved=outcomes[Outcome.APPROVED],
        referred=outcomes[Outcome.REFERRED],
        declined=Declined(*(declines[cause] for cause in Decline)),
        false_declined=sum(o.false_declined for o in kept),
        failed=int(samples.failed.sum()),
        indeterminate=int(samples.indeterminate.sum()),
        blocked=sum(o.blocked_by is not None for o in kept),
        invalid_answers=sum(a.invalid_answer for a in facts.attempts if a.arrival in counted),
        wrongly_approved=sum(o.wrongly_approved for o in kept),
        window=Window(start_s, end_s, window.whole, window.part),
        failed_share=window.observed,
        failed_share_low=window.low,
        failed_share_high=window.high,
        failed_by_phase=_failed_by_phase(samples, phases),
        affected_borrowers=len({o.borrower for o in kept if o.failed}),
        borrowers=len({o.borrower for o in kept}),
        lost_service_seconds=window.part / plan.settings.rate if bounds else None,
        latency_ms=_latencies(samples, phases),
    )


def _failed_by_phase(samples: Samples, phases: list[Phase]) -> dict[str, int]:
    failed = dict.fromkeys(("baseline", "fault", "recovery"), 0)
    for phase, inside in by_phase(samples, phases):
        failed[phase.name] = int(samples.failed[inside].sum())
    return failed


def _latencies(samples: Samples, phases: list[Phase]) -> dict[str, float | None]:
    """Percentiles of the wait, with as many answers as a percentile needs; None with fewer."""
    found: dict[str, float | None] = {}
    for phase, inside in by_phase(samples, phases):
        waits_ms = samples.wait_s[inside & samples.answered] * 1e3
        for percent in (50, 95, 99):
            enough = len(waits_ms) >= 100 / (100 - percent)
            found[f"{phase.name}_p{percent}"] = (
                float(np.percentile(waits_ms, percent, method="higher")) if enough else None
            )
    return found


def by_phase(samples: Samples, phases: list[Phase]) -> Iterable[tuple[Phase, NDArray[np.bool_]]]:
    """Each phase after the warm-up with its operations; the last one holds its end, too."""
    for phase in phases:
        if phase.name != "warm-up":
            last = phase is phases[-1]
            before_end = samples.times_s < phase.end_s
            if last:
                before_end |= samples.times_s >= phase.end_s
            yield phase, (samples.times_s >= phase.start_s) & before_end


def log_in_of(plan: Plan, facts: Facts, samples: Samples) -> LogIn:
    """Log-ins after the warm-up; one that left no good answer behind has failed."""
    tries: dict[int, list[Attempt]] = defaultdict(list)
    over: Counter[int] = Counter()
    for attempt in facts.attempts:
        if attempt.step is Step.LOG_IN:
            tries[attempt.arrival].append(attempt)
        elif attempt.status == HTTPStatus.UNAUTHORIZED and not attempt.false_declined:
            over[attempt.arrival] += attempt.decline is None
    logs_in = {arrival.index for arrival in plan.arrivals if arrival.logs_in}
    counted = [o for o in samples.operations if o.arrival in logs_in or o.arrival in tries]
    failed = [
        o
        for o in counted
        if not any(a.outcome in RIGHT_BEFORE_BORROW for a in tries.get(o.arrival, []))
    ]
    return LogIn(
        operations=len(counted),
        failed=len(failed),
        false_declined=sum(any(a.false_declined for a in tries[o.arrival]) for o in failed),
        affected_borrowers=len({o.borrower for o in failed}),
        renewed=sum(over[o.arrival] for o in samples.operations),
    )
