"""How many, of what: the load as it was sent, and what became of every operation."""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus

import numpy as np

from harness.core.numbers import NS_MAX
from harness.history.columns import NONE, Bools, any_of
from harness.history.events import Ending, Outcome, Step
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.measure.borrowers import tries_at
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Borrow, Declined, Load, LogIn, Phase, Window


def load_of(plan: Plan, facts: Facts) -> Load:
    """How faithfully the load was sent, warm-up included."""
    zero_ns = facts.status.clock.zero_ns if facts.status.clock else 0
    operations, place = facts.operations, facts.attempts.places_in(facts.operations)
    planned, begun = len(operations), operations.started_ns != NONE
    started = int(begun.sum())
    sent_ns = np.full(planned, NS_MAX)
    np.minimum.at(sent_ns, place[place >= 0], facts.attempts.started_ns[place >= 0])
    sent_ns = np.where(any_of(place, planned), sent_ns, operations.started_ns)
    lags_ms = (sent_ns - operations.intended_ns)[begun] / 1e6
    rate = float(plan.settings.rate)
    return Load(
        rate_asked=rate,
        rate_achieved=rate * started / planned if planned else None,
        arrivals=planned,
        warm_up_arrivals=int((operations.intended_ns < zero_ns).sum()),
        dropped=int(operations.dropped.sum()),
        unfinished=int(operations.ending.are(Ending.UNFINISHED).sum()),
        send_lag_ms_p99=float(np.quantile(lags_ms, 0.99, method="higher")) if started else None,
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


def _within(samples: Samples, start_s: float, end_s: float) -> Bools:
    return (samples.times_s >= start_s) & (samples.times_s <= end_s)


def borrow_of(
    plan: Plan, facts: Facts, samples: Samples, timeline: Timeline, phases: list[Phase]
) -> Borrow:
    """What became of the borrow operations after the warm-up."""
    kept = samples.operations
    outcomes = Counter(kept.outcome.texts.tolist())
    declined = kept.outcome.are(Outcome.DECLINED)
    declines = Counter(kept.decline[declined].texts.tolist())
    broken = facts.attempts.take(facts.attempts.invalid_answer)
    bounds = window_bounds(plan, timeline)
    inside = _within(samples, *bounds) if bounds else np.zeros(len(kept), dtype=bool)
    window = Share(int(samples.failed[inside].sum()), int(inside.sum()))
    start_s, end_s = bounds or (None, None)
    return Borrow(
        operations=len(kept),
        attempts=int(kept.attempts.sum()),
        approved=outcomes[Outcome.APPROVED],
        referred=outcomes[Outcome.REFERRED],
        declined=Declined(*(declines[cause] for cause in Decline)),
        false_declined=int(kept.false_declined.sum()),
        failed=int(samples.failed.sum()),
        indeterminate=int(samples.indeterminate.sum()),
        blocked=int((~kept.blocked_by.are(None)).sum()),
        invalid_answers=int((broken.places_in(kept) >= 0).sum()),
        wrongly_approved=int(kept.wrongly_approved.sum()),
        window=Window(start_s, end_s, window.whole, window.part),
        failed_share=window.observed,
        failed_share_low=window.low,
        failed_share_high=window.high,
        failed_by_phase=_failed_by_phase(samples, phases),
        affected_borrowers=len(np.unique(kept.borrower[samples.failed])),
        borrowers=len(np.unique(kept.borrower)),
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


def by_phase(samples: Samples, phases: list[Phase]) -> Iterable[tuple[Phase, Bools]]:
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
    operations, attempts = samples.operations, facts.attempts
    counted, unserved = tries_at(Step.LOG_IN, plan, facts, samples)
    failed = counted & unserved
    place, log_in = attempts.places_in(operations), attempts.step.are(Step.LOG_IN)
    refused = np.where(log_in & attempts.false_declined, place, -1)
    over = (attempts.status == HTTPStatus.UNAUTHORIZED) & attempts.decline.are(None)
    over &= ~log_in & ~attempts.false_declined & (place >= 0)
    return LogIn(
        operations=int(counted.sum()),
        failed=int(failed.sum()),
        false_declined=int((failed & any_of(refused, len(operations))).sum()),
        affected_borrowers=len(np.unique(operations.borrower[failed])),
        renewed=int(over.sum()),
    )
