"""What may have been our own doing, when, and what a run would have been without it. Pure.

A failure to serve is held against the target only if it would be one with all of that counted as
served: what was ours spoils its own stretch of the run, and nothing before or after it.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.core.shortage import Shortage, in_words, shortage_by_code, stretches
from harness.history.events import Attempt, Ending, Facts, Operation, Outcome, Step
from harness.history.run_facts import Trouble
from harness.plan.plan import REVIEW_AMOUNT_FEN, Plan
from harness.verdict.measure.measurement import Measured

_SECOND = 1e9

LONGER_MAX, LATE_SECONDS_MAX = 1.1, 1.0
"""How much longer than planned a fault of ours may last: a busy machine's delay, no failed heal."""
APART_SECONDS = 1.0
"""Arrivals that were never started, with less between them, are of one stretch."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when, in seconds after zero, something of ours may have failed requests.

    Of one load process where ``worker`` names it, else of all; ``text`` says what it was.
    """

    text: str
    begin_s: float = -np.inf
    end_s: float = np.inf
    worker: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether it leaves nothing of the run."""
        return self.begin_s == -np.inf and self.end_s == np.inf

    def touches(self, begin_s: float, end_s: float) -> bool:
        """Whether something from ``begin_s`` to ``end_s`` lies in it, in part at least."""
        return begin_s <= self.end_s and end_s >= self.begin_s


def spoilt_stretches(plan: Plan, facts: Facts, measured: Measured) -> list[Stretch]:
    """Everything of ours that went wrong, each with its stretch.

    What was under way at its begin was met by it, and one request timeout after its end is its too.
    """
    reach_s = plan.settings.request_timeout_s
    found = (
        *(_troubles(facts), _stalls(facts), _dropped(facts), _faults(plan, facts, measured)),
        () if plan.watches else _foreign(facts, measured),
    )
    return [replace(one, end_s=one.end_s + reach_s) for one in itertools.chain(*found)]


def _troubles(facts: Facts) -> Iterator[Stretch]:
    clock = facts.status.clock
    for trouble in own_troubles(facts):
        begin_s, end_s = -np.inf, np.inf
        if clock is not None and trouble.begin_ns is not None:
            begin_s = clock.seconds(trouble.begin_ns)
        if clock is not None and trouble.end_ns is not None:
            end_s = clock.seconds(trouble.end_ns)
        yield Stretch(trouble.text, begin_s, end_s)


def own_troubles(facts: Facts) -> list[Trouble]:
    """What was told to have gone wrong, and what the load lacked for its connections."""
    troubles, clock = list(facts.status.troubles), facts.status.clock
    if clock is None:
        return troubles
    lacked: dict[Shortage, list[float]] = defaultdict(list)
    for attempt in facts.attempts:
        if (shortage := shortage_by_code(attempt.error)) is not None:
            lacked[shortage].append(clock.seconds(attempt.ended_ns))
    for shortage, instants_s in lacked.items():
        for begin_s, end_s, count in stretches(instants_s):
            begin_ns, end_ns = (clock.zero_ns + round(at_s * _SECOND) for at_s in (begin_s, end_s))
            text = in_words("the load", shortage, begin_s, end_s, count)
            troubles.append(Trouble(text, begin_ns, end_ns))
    return troubles


def _foreign(facts: Facts, measured: Measured) -> Iterator[Stretch]:
    """What somebody else did to the stack, with the time to recover from it."""
    clock = facts.status.clock
    if clock is None:
        return
    for change in facts.status.foreign:
        begin_s, end_s = clock.seconds(change.begin_ns), np.inf
        if change.end_ns is not None:
            end_s = clock.seconds(change.end_ns) + measured.timeline.allowed_s
        yield Stretch(f"somebody else had a hand in it: {change.text}", begin_s, end_s)


def _stalls(facts: Facts) -> Iterator[Stretch]:
    status = facts.status
    if status.clock is None:
        return
    for stall, text in zip(status.stalls, stalls_told(facts), strict=True):
        worker = stall.worker if stall.worker in status.workers else None
        begin_s, end_s = status.clock.seconds(stall.begin_ns), status.clock.seconds(stall.end_ns)
        yield Stretch(text, begin_s, end_s, worker)


def stalls_told(facts: Facts) -> list[str]:
    """Each pause of a load process, in words."""
    clock = facts.status.clock
    return [
        f"{stall.worker or 'a load process'} did not run for"
        f" {(stall.end_ns - stall.begin_ns) / _SECOND:.1f} s from"
        f" {clock.seconds(stall.begin_ns):.1f} s on"
        for stall in facts.status.stalls
        if clock is not None
    ]


def _dropped(facts: Facts) -> Iterator[Stretch]:
    """Where arrivals were never started, nobody was there to read answers either.

    A pause that was written down tells more of it than they do.
    """
    clock = facts.status.clock
    if clock is None:
        return
    pauses = list(_stalls(facts))
    due_s: dict[str | None, list[float]] = defaultdict(list)
    for operation in facts.operations:
        if operation.ending is Ending.DROPPED:
            at_s, worker = clock.seconds(operation.intended_ns), operation.worker
            if not any(p.worker in (None, worker) and p.touches(at_s, at_s) for p in pauses):
                due_s[worker].append(at_s)
    for worker, found in due_s.items():
        instants_s = np.sort(found)
        gaps = np.flatnonzero(np.diff(instants_s) > APART_SECONDS)
        for part in np.split(instants_s, gaps + 1):
            begin_s, end_s = float(part[0]), float(part[-1])
            known = worker if worker in facts.status.workers else None
            yield Stretch(_never_started(len(part), begin_s, end_s), begin_s, end_s, known)


def _never_started(count: int, begin_s: float, end_s: float) -> str:
    if count == 1:
        return f"1 planned arrival never started, at {begin_s:.1f} s"
    return f"{count:,} planned arrivals never started, from {begin_s:.1f} s to {end_s:.1f} s"


def _faults(plan: Plan, facts: Facts, measured: Measured) -> Iterator[Stretch]:
    """What our own faults did beyond what was planned, with the time to recover from it."""
    allowed_s, clock = measured.timeline.allowed_s, facts.status.clock
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
        healed_ns = fact.heal_returned_ns
        second_way = any(proof.kind == "second_way" for proof in fact.proofs)
        if fact.expects_impact or not second_way or clock is None or healed_ns is None:
            continue
        called_ns = healed_ns if fact.heal_called_ns is None else fact.heal_called_ns
        text = f"every link was cut to heal {fact.name}, which nobody was to notice"
        yield Stretch(text, clock.seconds(called_ns), clock.seconds(healed_ns) + allowed_s)


# --- the same run without it ---------------------------------------------------------------------


def counted_as_served(plan: Plan, facts: Facts, stretches: list[Stretch]) -> Facts:
    """The same facts with everything served, and in time, that a stretch touched or that was never
    started.
    """
    clock = facts.status.clock
    if clock is None:
        return facts
    quick_ns = _usual_wait_ns(facts)
    operations = []
    served: dict[int, Operation] = {}
    for operation in facts.operations:
        now = operation
        if _is_ours(operation, stretches, clock.zero_ns):
            now = served[operation.arrival] = _served(plan, operation, quick_ns)
        operations.append(now)
    attempts = [a for a in facts.attempts if a.arrival not in served]
    for operation in served.values():
        attempts += _answered(operation, logs_in=plan.arrivals[operation.arrival].logs_in)
    return replace(facts, operations=tuple(operations), attempts=tuple(attempts))


def _is_ours(operation: Operation, stretches: list[Stretch], zero_ns: int) -> bool:
    if operation.ending is Ending.DROPPED:
        return True
    begin_s = (operation.intended_ns - zero_ns) / _SECOND
    ended_ns = operation.ended_ns
    end_s = np.inf if ended_ns is None else (ended_ns - zero_ns) / _SECOND
    return any(
        stretch.worker in (None, operation.worker) and stretch.touches(begin_s, end_s)
        for stretch in stretches
    )


def _usual_wait_ns(facts: Facts) -> int:
    """How long an answer takes as a rule, from when its request was sent."""
    waits = [
        operation.ended_ns - operation.started_ns
        for operation in facts.operations
        if not operation.failed and operation.ended_ns and operation.started_ns
    ]
    return int(np.median(waits)) if waits else 0


def _served(plan: Plan, operation: Operation, quick_ns: int) -> Operation:
    """The same operation, answered soon, with the decision that ground truth says if it failed."""
    begun_ns = operation.intended_ns
    soon = replace(operation, started_ns=begun_ns, ended_ns=begun_ns + quick_ns, attempts=1)
    if not operation.failed:
        return soon
    decline = plan.borrowers[operation.borrower].account_class.expected_decline
    outcome = Outcome.REFERRED if operation.amount_fen >= REVIEW_AMOUNT_FEN else Outcome.APPROVED
    return replace(
        soon,
        ending=Ending.FINISHED,
        outcome=outcome if decline is None else Outcome.DECLINED,
        decline=decline,
        blocked_by=None,
        false_declined=False,
        code=None,
    )


def _answered(operation: Operation, *, logs_in: bool) -> list[Attempt]:
    """Its requests, one a step, each answered well."""
    assert operation.ended_ns is not None  # noqa: S101  # for the type checker; it was served
    borrow = Attempt(
        arrival=operation.arrival,
        step=Step.BORROW,
        attempt=1,
        intended_ns=operation.intended_ns,
        started_ns=operation.intended_ns,
        ended_ns=operation.ended_ns,
        outcome=operation.outcome,
        worker=operation.worker or "",
        key=operation.key,
    )
    if not logs_in:
        return [borrow]
    return [replace(borrow, step=Step.LOG_IN, outcome=Outcome.OK, key=None), borrow]
