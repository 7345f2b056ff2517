"""How many, of what: the load as it was sent, and what became of every operation.

A share of failures hides whether there was one long outage or many short ones: for that there are
the worst windows, after the windowed user-uptime of Hauer et al., "Meaningful Availability", NSDI
2020. And operations of one load worker share its process and its connections, so that failures come
in clusters, and are not as independent as an exact interval takes them to be.
"""

import math
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus

import numpy as np
from scipy.special import stdtrit

from harness.core.numbers import NS_MAX
from harness.history.columns import NONE, Bools, Floats, Ints, Operations, any_of
from harness.history.events import GRANTED, Ending, Outcome, Step
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.figures import Borrow, Declined, LogIn, Phase, SentLoad, Window, WorstWindow
from harness.verdict.measure.borrowers import tries_at
from harness.verdict.measure.intervals import CONFIDENCE, Share, differ, newcombe
from harness.verdict.measure.samples import MeasuredRun, Samples, Timeline
from harness.verdict.types import DecisionShare

KINDS = ("approved", "referred", *(f"declined_{cause}" for cause in Decline))
LENGTHS_S = (1.0, 5.0, 30.0, 60.0, 300.0)
RESAMPLES = 2000
WORKERS_ENOUGH = 8
"""With fewer, resampling them finds too little of their scatter: two workers have three samples."""
SEED = 20_240_229
"""Fixed, so that judging a stored run again gives the same figures, bit for bit."""


def load_of(plan: Plan, facts: Facts) -> SentLoad:
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
    return SentLoad(
        rate_asked=rate,
        rate_achieved=rate * started / planned if planned else None,
        arrivals=planned,
        warm_up_arrivals=int((operations.intended_ns < zero_ns).sum()),
        dropped=int(operations.ending.are(Ending.DROPPED).sum()),
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


def borrow_of(run: MeasuredRun, phases: list[Phase]) -> Borrow:
    """What became of the borrow operations after the warm-up."""
    samples, kept = run.samples, run.samples.operations
    outcomes = Counter(kept.outcome.texts.tolist())
    declined = kept.outcome.are(Outcome.DECLINED)
    declines = Counter(kept.decline[declined].texts.tolist())
    broken = run.facts.attempts.take(run.facts.attempts.invalid_answer)
    inside = run.in_window
    window, (start_s, end_s) = Share.of(samples.failed, inside), run.window_s or (None, None)
    _, worker = np.unique(kept.worker.codes[inside], return_inverse=True)
    failed = np.bincount(worker, weights=samples.failed[inside]).astype(np.int64)
    low, high = clustered_share(failed, np.bincount(worker))
    in_phase = {p.name: int(samples.failed[these].sum()) for p, these in by_phase(samples, phases)}
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
        failed_by_phase=dict.fromkeys(("baseline", "fault", "recovery"), 0) | in_phase,
        affected_borrowers=len(np.unique(kept.borrower[samples.failed])),
        borrowers=len(np.unique(kept.borrower)),
        lost_service_seconds=window.part / run.plan.settings.rate if run.window_s else None,
        latency_ms=_latencies(samples, phases),
        failed_share_low_by_worker=low,
        failed_share_high_by_worker=high,
    )


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
            before_end = samples.times_s < phase.end_s
            if phase is phases[-1]:
                before_end |= samples.times_s >= phase.end_s
            yield phase, (samples.times_s >= phase.start_s) & before_end


def log_in_of(run: MeasuredRun) -> LogIn:
    """Log-ins after the warm-up; one that left no good answer behind has failed."""
    operations, attempts = run.samples.operations, run.facts.attempts
    counted, unserved = tries_at(Step.LOG_IN, run)
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


def worst_windows(run: MeasuredRun) -> list[WorstWindow]:
    """The worst window of each of `LENGTHS_S` that fits between zero and the end of the load.

    A window with fewer than half of the operations that the rate promises (some were dropped) shows
    too little to be the worst.
    """
    samples, rate, end_s = run.samples, run.plan.settings.rate, run.timeline.load_end_s or 0.0
    found = (
        worst_window(samples.times_s, samples.failed, end_s, length_s, rate * length_s / 2)
        for length_s in LENGTHS_S
        if length_s <= end_s
    )
    return [window for window in found if window is not None]


def worst_window(
    times_s: Floats, failed: Bools, end_s: float, length_s: float, operations_min: float
) -> WorstWindow | None:
    """The window of one length with the largest share of failures; None if none has enough
    operations.

    ``times_s`` are planned starts, rising, shape (n,), in s; ``failed`` says which failed. Windows
    slide over [0, ``end_s``] and hold both their ends. What one holds changes only where an
    operation enters or leaves it, so a window at each such place and one between each two are all
    there are to try. Of equally bad ones the one with most failures counts, then the first.
    """
    last_s = end_s - length_s
    places_s = np.concatenate(([0.0, last_s], times_s, times_s - length_s))
    places_s = np.unique(places_s[(places_s >= 0) & (places_s <= last_s)])
    begins_s = np.concatenate((places_s, (places_s[1:] + places_s[:-1]) / 2))
    first = np.searchsorted(times_s, begins_s, side="left")
    behind = np.searchsorted(times_s, begins_s + length_s, side="right")
    before = np.concatenate(([0], np.cumsum(failed)))
    count, bad = behind - first, before[behind] - before[first]
    enough = (count >= operations_min) & (count > 0)
    if not enough.any():
        return None
    begins_s, count, bad = begins_s[enough], count[enough], bad[enough]
    best = np.lexsort((begins_s, -bad, -bad / count))[0]
    return WorstWindow(length_s, float(begins_s[best]), int(count[best]), int(bad[best]))


def clustered_share(failed: Ints, operations: Ints) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of sum(failed)/sum(operations), both by cluster, shape (w,); None for w < 2.

    The percentile bootstrap over whole clusters (Davison and Hinkley 1997, 3.8) is too narrow with
    few of them. Below `WORKERS_ENOUGH` the interval is therefore widened to that of Student's t
    with w - 1 degrees of freedom on the linearised ratio (Cochran 1977, 6.3), which with two or
    three workers is wide, and rightly so: so few say little about the next. Workers that agree
    exactly give an interval of no width, so read it beside the exact one and take the wider.
    """
    count = len(operations)
    if count < 2:  # noqa: PLR2004  # of one nothing can be said
        return None, None
    chance = np.random.default_rng(SEED)
    chosen = chance.integers(0, count, size=(RESAMPLES, count))
    shares = failed[chosen].sum(axis=1) / operations[chosen].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(shares, [tail, 1 - tail]))
    if count < WORKERS_ENOUGH:
        whole = int(operations.sum())
        share = float(failed.sum() / whole)
        residual = failed - share * operations
        error = math.sqrt(count * float((residual**2).sum()) / (count - 1)) / whole
        reach = float(stdtrit(count - 1, 1 - tail)) * error
        low, high = min(low, share - reach), max(high, share + reach)
    return max(0.0, low), min(1.0, high)


def decisions_of(run: MeasuredRun) -> list[DecisionShare]:
    """One entry for each of `KINDS`: its share of answered operations on both sides.

    A target that declines everybody while its database is away, or sends all to manual review,
    fails no one by status code. A borrower who failed, or was refused against the truth, got no
    decision: an outage must not look like a change of mind.

    Before is what was over before anything was injected, after is what was planned in the window
    that every share refers to. The test takes operations for independent draws. Borrowers of each
    class in fact come in turn, which scatters less, so ``p`` and the interval err on the safe side.
    """
    operations = run.samples.operations
    first, second = _counted(operations, run.before), _counted(operations, run.in_window)
    return [
        _decision(kind, Share(first[kind], first.total()), Share(second[kind], second.total()))
        for kind in KINDS
    ]


def _counted(operations: Operations, inside: Bools) -> Counter[str]:
    """How often each kind was decided; where nothing was, it is not counted."""
    outcome, decline = operations.outcome, operations.decline
    declined = outcome.are(Outcome.DECLINED)
    decided = {str(kind): outcome.are(kind) for kind in GRANTED}
    decided |= {f"declined_{cause}": declined & decline.are(cause) for cause in Decline}
    return Counter({kind: int((mask & inside).sum()) for kind, mask in decided.items()})


def _decision(kind: str, before: Share, after: Share) -> DecisionShare:
    if before.observed is None or after.observed is None:
        return DecisionShare(kind, before.observed, after.observed, None, None, None, None)
    low, high = newcombe(before, after)
    return DecisionShare(
        kind=kind,
        before=before.observed,
        after=after.observed,
        shift=after.observed - before.observed,
        shift_low=low,
        shift_high=high,
        p=differ(before, after),
    )
