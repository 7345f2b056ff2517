"""What may not have been the target's doing, when, and what a run would have been without it. Pure.

A failure to serve is held against the target only if it would be one with all of that counted as
served: a disturbance invalidates its own stretch of the run, and nothing before or after it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.core.money import MINOR_MAX
from harness.core.shortage import in_words, shortage_by_code, stretches
from harness.history.columns import NONE, Attempts, Bools, Floats, Operations, Words, seconds
from harness.history.events import Attempt, Clock, Ending, Outcome, Step
from harness.history.reader import Facts
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Plan
from harness.verdict.measure.measurement import Measured
from harness.verdict.units import plural

LONGER_MAX, LATE_SECONDS_MAX = 1.1, 1.0
"""How much longer than planned a fault may last: a busy machine's delay, no failed heal."""
APART_SECONDS = 1.0
"""Arrivals that were never started, with less between them, are of one stretch."""
_BORROW = Attempt(0, Step.BORROW, 1, 0, 0, 0, Outcome.OK, "")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when, in seconds after zero, requests may have failed for another reason than
    the target.

    Of one load process where ``worker`` names it, else of all; ``text`` says what it was.
    """

    text: str
    begin_s: float = -np.inf
    end_s: float = np.inf
    worker: str | None = None

    def touches(self, begin_s: float, end_s: float) -> bool:
        """Whether something from ``begin_s`` to ``end_s`` lies in it, in part at least."""
        return begin_s <= self.end_s and end_s >= self.begin_s


def invalidated_stretches(plan: Plan, facts: Facts, measured: Measured) -> list[Stretch]:
    """Everything that went wrong outside the target, each with its stretch.

    What was under way at its begin was met by it, and one request timeout after its end is its too.
    """
    clock, allowed_s = facts.status.clock, measured.timeline.allowed_s
    if clock is None:
        return [Stretch(trouble.text) for trouble in facts.status.troubles]
    found = [
        *(_stretch(clock, one.text, one.begin_ns, one.end_ns) for one in recorded_errors(facts)),
        *_stalls(facts, clock),
        *_dropped(facts, clock),
        *_faults(plan, facts, measured, clock),
    ]
    for change in () if plan.observe else facts.status.foreign:
        text = f"someone else had a hand in it: {change.text}"
        found.append(_stretch(clock, text, change.begin_ns, change.end_ns, allowed_s))
    reach_s = plan.settings.request_timeout_s
    return [replace(one, end_s=one.end_s + reach_s) for one in found]


def _stretch(
    clock: Clock, text: str, begin_ns: int | None, end_ns: int | None, recovery_s: float = 0.0
) -> Stretch:
    """With the time to recover from it; what is not known has no begin, or no end."""
    begin_s = -np.inf if begin_ns is None else clock.seconds(begin_ns)
    end_s = np.inf if end_ns is None else clock.seconds(end_ns) + recovery_s
    return Stretch(text, begin_s, end_s)


def recorded_errors(facts: Facts) -> list[ErrorRecord]:
    """What the run reported to have gone wrong, and what the load lacked for its connections."""
    troubles, clock = list(facts.status.troubles), facts.status.clock
    if clock is None:
        return troubles
    error, ended_s = facts.attempts.error, seconds(facts.attempts.ended_ns, clock.zero_ns)
    for code in dict.fromkeys(error[~error.are(None)].texts.tolist()):
        if (shortage := shortage_by_code(code)) is None:
            continue
        for begin_s, end_s, count in stretches(ended_s[error.are(code)].tolist()):
            begin_ns, end_ns = (clock.zero_ns + round(at_s * 1e9) for at_s in (begin_s, end_s))
            text = in_words("the load", shortage, begin_s, end_s, count)
            troubles.append(ErrorRecord(text, begin_ns, end_ns))
    return troubles


def _stalls(facts: Facts, clock: Clock) -> Iterator[Stretch]:
    for stall, text in zip(facts.status.stalls, stalls_told(facts), strict=True):
        worker = stall.worker if stall.worker in facts.status.workers else None
        yield replace(_stretch(clock, text, stall.begin_ns, stall.end_ns), worker=worker)


def stalls_told(facts: Facts) -> list[str]:
    """Each pause of a load process, in words."""
    clock = facts.status.clock
    return [
        f"{stall.worker or 'a load process'} did not run for"
        f" {(stall.end_ns - stall.begin_ns) / 1e9:.1f} s from"
        f" {clock.seconds(stall.begin_ns):.1f} s on"
        for stall in facts.status.stalls
        if clock is not None
    ]


def _dropped(facts: Facts, clock: Clock) -> Iterator[Stretch]:
    """Where arrivals were never started, no one was there to read answers either.

    A pause that was written down tells more of it than they do.
    """
    lost = facts.operations.take(facts.operations.ending.are(Ending.DROPPED))
    due_s = seconds(lost.intended_ns, clock.zero_ns)
    told = _touched(list(_stalls(facts, clock)), lost, due_s, due_s)
    lost, due_s = lost.take(~told), due_s[~told]
    for worker in dict.fromkeys(lost.worker.texts.tolist()):
        known = worker if worker in facts.status.workers else None
        instants_s = np.sort(due_s[lost.worker.are(worker)])
        gaps = np.flatnonzero(np.diff(instants_s) > APART_SECONDS)
        for part in np.split(instants_s, gaps + 1):
            begin_s, end_s = float(part[0]), float(part[-1])
            when = f"from {begin_s:.1f} s to {end_s:.1f} s"
            when = when if len(part) > 1 else f"at {begin_s:.1f} s"
            text = f"{plural(len(part), 'planned arrival')} never started, {when}"
            yield Stretch(text, begin_s, end_s, known)


def _touched(
    stretches: list[Stretch], operations: Operations, begin_s: Floats, end_s: Floats
) -> Bools:
    """Which operations lie in one of the stretches, in part at least; all of shape (n,)."""
    touched = np.zeros(len(operations), dtype=bool)
    for one in stretches:
        of_it = one.worker is None or operations.worker.are(one.worker)
        touched |= of_it & (begin_s <= one.end_s) & (end_s >= one.begin_s)
    return touched


def _faults(plan: Plan, facts: Facts, measured: Measured, clock: Clock) -> Iterator[Stretch]:
    """What our own faults did beyond what was planned, with the time to recover from it."""
    allowed_s = measured.timeline.allowed_s
    planned_s = {fault.name: fault.heal_s - fault.inject_s for fault in plan.faults}
    for impact in measured.impacts:
        fault = impact.fault
        if fault.injected_s is None or fault.healed_s is None:
            continue
        lasted_s, due_s = fault.healed_s - fault.injected_s, planned_s[fault.name]
        if lasted_s > due_s * LONGER_MAX + LATE_SECONDS_MAX:
            text = f"{fault.name} lasted {lasted_s:.1f} s instead of {due_s:.1f} s"
            yield Stretch(text, fault.injected_s + due_s, fault.healed_s + allowed_s)
    for fact in facts.faults:
        called_ns, healed_ns = fact.heal_called_ns, fact.heal_returned_ns
        second_way = any(proof.kind == "second_way" for proof in fact.proofs)
        if second_way and healed_ns is not None and not fact.expects_impact:
            called_ns = healed_ns if called_ns is None else called_ns
            text = f"every link was cut to heal {fact.name}, which no one was to notice"
            yield _stretch(clock, text, called_ns, healed_ns, allowed_s)


# --- the same run without it ---------------------------------------------------------------------


def counted_as_served(plan: Plan, facts: Facts, stretches: list[Stretch]) -> Facts:
    """The same facts with everything served, and in time, that a stretch touched or that was never
    started.
    """
    clock = facts.status.clock
    if clock is None:
        return facts
    operations, attempts = facts.operations, facts.attempts
    begin_s, end_s = (
        seconds(at_ns, clock.zero_ns) for at_ns in (operations.intended_ns, operations.ended_ns)
    )
    end_s[np.isnan(end_s)] = np.inf
    ours = operations.dropped | _touched(stretches, operations, begin_s, end_s)
    served = _served(plan, operations, ours)
    others = attempts.take(attempts.places_in(operations.take(ours)) < 0)
    answered = _answered(plan, served.take(ours))
    return replace(facts, operations=served, attempts=others.with_rows_of(answered))


def _served(plan: Plan, operations: Operations, ours: Bools) -> Operations:
    """The same, but ``ours`` answered as soon as is usual, with the decision that ground truth says
    if failed.
    """
    known = (operations.started_ns != NONE) & (operations.ended_ns != NONE)
    good = operations.take(known & ~operations.failed)
    quick_ns = int(np.median(good.ended_ns - good.started_ns)) if len(good) else 0
    failed, due_ns = ours & operations.failed, operations.intended_ns
    expected = Words.of(b.account_class.expected_decline for b in plan.borrowers)
    declined, review_from = expected[operations.borrower], plan.lender.review_from
    review = operations.amount_fen >= (MINOR_MAX + 1 if review_from is None else review_from)
    outcome = operations.outcome.changed(failed & review, Outcome.REFERRED)
    outcome = outcome.changed(failed & ~review, Outcome.APPROVED)
    return replace(
        operations,
        started_ns=np.where(ours, due_ns, operations.started_ns),
        ended_ns=np.where(ours, due_ns + quick_ns, operations.ended_ns),
        attempts=np.where(ours, 1, operations.attempts),
        ending=operations.ending.changed(failed, Ending.FINISHED),
        outcome=outcome.changed(failed & ~declined.are(None), Outcome.DECLINED),
        decline=operations.decline.changed(failed, declined.texts[failed]),
        blocked_by=operations.blocked_by.changed(failed, None),
        false_declined=operations.false_declined & ~failed,
        code=operations.code.changed(failed, None),
    )


def _answered(plan: Plan, served: Operations) -> Attempts:
    """Their requests, one a step, each answered well."""
    logs_in = np.isin(served.arrival, [a.index for a in plan.arrivals if a.logs_in])
    log_in = np.repeat((True, False), (int(logs_in.sum()), len(served)))
    of = served.take(np.concatenate((np.flatnonzero(logs_in), np.arange(len(served)))))
    made = Attempts.of(itertools.repeat(_BORROW, len(of)))
    return replace(
        made,
        arrival=of.arrival,
        step=made.step.changed(log_in, Step.LOG_IN),
        intended_ns=of.intended_ns,
        started_ns=of.intended_ns,
        ended_ns=of.ended_ns,
        outcome=of.outcome.changed(log_in, Outcome.OK),
    )
