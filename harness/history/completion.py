"""One operation for each planned arrival, also where its last line was never written. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from harness.history.events import (
    GRANTED,
    Attempt,
    Ending,
    Operation,
    Outcome,
    RunStatus,
    Sent,
    Step,
    is_decision,
    settle,
)
from harness.plan.plan import Arrival, Plan


def complete_operations(
    plan: Plan,
    status: RunStatus,
    operations: dict[int, Operation],
    attempts: Iterable[Attempt],
    sent: dict[int, list[Sent]],
    *,
    damaged: bool = False,
) -> Iterator[Operation]:
    """One operation for each arrival planned before the load ended, in order of arrival.

    A load process that died leaves arrivals without their last line. What it had sent may have been
    applied; what it had begun failed the borrower; what it never began is dropped. Where the record
    is ``damaged``, lines may be gone that were once written: then an operation without its last one
    may have been applied, whatever is left of it, and one whose arrival is gone is kept.
    """
    by_arrival: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_arrival.setdefault(attempt.arrival, []).append(attempt)
    clock = status.clock
    for arrival in plan.arrivals:
        found = operations.get(arrival.index)
        if found is not None:
            yield found
            continue
        if clock is None:
            continue  # the load never began: nothing was due
        intended_ns = clock.zero_ns + round(arrival.at_s * 1e9)
        begun = arrival.index in sent or arrival.index in by_arrival
        late = status.load_ended_ns is not None and intended_ns > status.load_ended_ns
        if late and not begun:
            continue  # withdrawn: the load was ended before it was due
        tried = by_arrival.get(arrival.index, [])
        made = _unended(plan, arrival, intended_ns, tried, sent.get(arrival.index, []))
        if damaged and made.outcome is Outcome.FAILED:
            made = replace(made, outcome=Outcome.INDETERMINATE)
        yield made
    if damaged:
        planned = {arrival.index for arrival in plan.arrivals}
        yield from (o for index, o in operations.items() if index not in planned)


def lent_unwritten(
    plan: Plan,
    operations: Iterable[int],
    attempts: Iterable[Attempt],
    sent: Iterable[int],
    lent: Collection[str],
) -> list[str]:
    """That the ledger holds loans of arrivals of whose borrow nothing is written down, in words.

    A borrow is written down before it leaves, and no target can know a key that never left: so the
    lines are gone, unless checksums show that they are all there. ``operations`` and ``sent`` are
    indices of arrivals, ``lent`` the keys of loans.
    """
    written = {*operations, *sent, *(a.arrival for a in attempts if a.step is Step.BORROW)}
    count = sum(a.key in lent and a.index not in written for a in plan.arrivals)
    if not count:
        return []
    return [f"the ledger holds loans of arrivals of which no line of events is left: {count:,}"]


def _unended(
    plan: Plan, arrival: Arrival, intended_ns: int, tried: list[Attempt], sent: list[Sent]
) -> Operation:
    borrows = [a for a in tried if a.step is Step.BORROW]
    unanswered = len(sent) > len(borrows)
    before = [a for a in tried if a.step is not Step.BORROW and not sent]
    declined = next((a for a in before if a.outcome is Outcome.DECLINED), None)
    last = settle(borrows, declined)
    blocked_by = (
        None if sent or borrows or declined or not tried else _blocking_step(arrival, tried)
    )
    started = bool(tried or sent)
    outcome = Outcome.FAILED
    if last is not None and (is_decision(last) or not unanswered):
        outcome = last.outcome
    elif sent:
        outcome = Outcome.INDETERMINATE
    decided = last if last is not None and outcome is last.outcome else None
    account_class = plan.borrowers[arrival.borrower].account_class
    return Operation(
        arrival=arrival.index,
        borrower=arrival.borrower,
        account_class=str(account_class),
        key=arrival.key,
        amount_fen=arrival.amount_fen,
        intended_ns=intended_ns,
        outcome=outcome,
        ending=Ending.UNFINISHED if started else Ending.DROPPED,
        started_ns=min((a.started_ns for a in tried), default=sent[0].at_ns if sent else None),
        attempts=max(len(sent), len(borrows)),
        blocked_by=blocked_by,
        decline=decided.decline if decided else None,
        false_declined=bool(decided and decided.false_declined),
        wrongly_approved=outcome in GRANTED and account_class.expected_decline is not None,
        code=decided.code if decided else None,
        loan_id=decided.loan_id if decided else None,
        worker=(tried[0].worker if tried else sent[0].worker if sent else None),
    )


def _blocking_step(arrival: Arrival, tried: list[Attempt]) -> Step | None:
    """The step that failed or was under way; None when the borrow itself was next."""
    last = max(tried, key=lambda attempt: attempt.started_ns)
    if last.outcome is not Outcome.OK:
        return last.step
    if last.step is Step.LOG_IN and arrival.reads_credit_line:
        return Step.CREDIT_LINE
    return None
