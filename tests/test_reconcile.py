"""What borrowers were told, key by key, against the listing of the ledger."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Outcome
from harness.history.ledger_facts import LedgerEntry
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.reconcile import Reconciled, Sample, reconcile
from tests import builders
from tests.builders import entry, facts, ledger, operations, plan_of
from tests.reconciling import INDEX, settled, subject, wrong


@pytest.fixture
def plan() -> Plan:
    """A short run of good borrowers."""
    return plan_of(rate=10)


def test_a_clean_run_agrees(plan: Plan) -> None:
    """Every granted loan is in the ledger once: all classes are zero, warm-up included."""
    found = settled(plan)

    assert wrong(found) == {}
    assert found.result.acknowledged == found.result.in_ledger == len(plan.arrivals)
    assert found.result.principal_at_risk_fen == 0
    assert found.result.examples == {}


def test_referred_and_under_review_is_correct(plan: Plan) -> None:
    """A loan in manual review has a row and no disbursement."""
    found = settled(plan, Outcome.REFERRED)

    assert wrong(found) == {}
    assert found.result.acknowledged == len(plan.arrivals)


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
@pytest.mark.parametrize(
    ("status", "payouts"), [("disbursed", 1), ("under_review", 0), ("approved", 0), ("repaid", 1)]
)
def test_refused_and_lent_is_phantom(
    plan: Plan, outcome: Outcome, status: str, payouts: int
) -> None:
    """Money for a borrower who was told that there is none, paid out or reserved."""
    op = subject(plan)
    balance_fen = payouts * op.amount_fen
    row = entry(op, status=status, disbursements=payouts, ledger_balance_fen=balance_fen)
    found = settled(plan, outcome, rows=(row,))

    assert wrong(found) == {"phantom": 1}
    assert found.result.principal_at_risk_fen == op.amount_fen


def test_a_phantom_of_another_amount_is_one_phantom(plan: Plan) -> None:
    """Each key is in exactly one class; what makes a right loan corrupt makes no phantom two."""
    row = entry(subject(plan), principal_fen=1, ledger_balance_fen=1)

    assert wrong(settled(plan, Outcome.FAILED, rows=(row,))) == {"phantom": 1}


@pytest.mark.parametrize("status", ["declined", "cancelled"])
def test_an_ended_row_without_payment_is_right_for_the_declined(plan: Plan, status: str) -> None:
    """A declined request may leave a row behind."""
    row = entry(subject(plan), status=status, disbursements=0, ledger_balance_fen=0)

    assert wrong(settled(plan, Outcome.DECLINED, rows=(row,))) == {}
    assert wrong(settled(plan, Outcome.APPROVED, rows=(row,))) == {"corrupt": 1}
    assert wrong(settled(plan, Outcome.REFERRED, rows=(row,))) == {"corrupt": 1}


@pytest.mark.parametrize("status", ["written_off", "failed", "cancelled", "approved"])
def test_told_201_and_another_status_is_corrupt(plan: Plan, status: str) -> None:
    """Paid out once, and still not as the borrower was told."""
    assert wrong(settled(plan, rows=(entry(subject(plan), status=status),))) == {"corrupt": 1}


def test_a_ledger_without_statuses_is_judged_by_payouts(plan: Plan) -> None:
    """No row has a status: payouts alone decide."""
    ops = operations(plan)

    def found(outcome: Outcome, payouts: int) -> dict[str, int | None]:
        told = builders.changed(ops, INDEX, outcome=outcome)
        balance_fen = payouts * ops[INDEX].amount_fen
        rows = [replace(row, status="") for row in ledger(ops).entries]
        rows[INDEX] = replace(rows[INDEX], disbursements=payouts, ledger_balance_fen=balance_fen)
        reading = ledger(told, entries=tuple(rows))
        return wrong(reconcile(plan, facts(plan, told, ledger=reading)))

    assert found(Outcome.APPROVED, 1) == found(Outcome.REFERRED, 0) == {}
    assert found(Outcome.FAILED, 0) == found(Outcome.INDETERMINATE, 1) == {}
    assert found(Outcome.APPROVED, 0) == found(Outcome.REFERRED, 1) == {"corrupt": 1}
    assert found(Outcome.FAILED, 1) == {"phantom": 1}


def test_one_row_without_a_status_is_corrupt(plan: Plan) -> None:
    """The others have one, so that this one hides something."""
    assert wrong(settled(plan, rows=(entry(subject(plan), status=""),))) == {"corrupt": 1}


def never_due(plan: Plan, **changes: Any) -> Facts:
    """A run that was ended before its last arrival was due; the ledger holds a loan for it."""
    ops = operations(plan)
    reading = ledger(ops[:-1], entries=ledger(ops).entries)
    return facts(plan, ops[:-1], ledger=reading, **changes)


def test_a_loan_that_nobody_asked_for_yet_is_phantom(plan: Plan) -> None:
    """Its key is in the plan, and was never sent; with a damaged record nobody knows."""
    assert wrong(reconcile(plan, never_due(plan))) == {"phantom": 1}
    assert wrong(reconcile(plan, never_due(plan, damage=("a line is gone",)))) == {}


def test_a_blocked_request_needs_no_row_and_no_answer(plan: Plan) -> None:
    """Nothing was sent, so that nobody is asked; a row of any kind is wrong."""
    ops = builders.changed(operations(plan), INDEX, outcome=Outcome.FAILED, attempts=0)
    kept = entry(ops[INDEX], status="declined", disbursements=0, ledger_balance_fen=0)

    def found(*rows: LedgerEntry) -> Reconciled:
        reading = ledger(ops, entries=(*ledger(ops).entries, *rows))
        return reconcile(plan, facts(plan, ops, ledger=reading))

    assert (wrong(found()), found().sample) == ({}, Sample())
    assert wrong(found(kept)) == {"corrupt": 1}
    assert wrong(found(entry(ops[INDEX]))) == {"phantom": 1}


def test_a_wrong_decline_after_a_timeout_is_a_decline(plan: Plan) -> None:
    """The last decision counts, so that a loan of the first attempt is a phantom."""
    ops = builders.changed(operations(plan), INDEX, outcome=Outcome.FAILED, attempts=2)
    op = ops[INDEX]
    known = facts(plan, ops)
    first = builders.attempt(op, outcome=Outcome.INDETERMINATE)
    last = builders.attempt(op, attempt=2, outcome=Outcome.FAILED, decline=Decline.CREDIT)
    tried = (*(a for a in builders.rows(known.attempts) if a.arrival != INDEX), first, last)
    reading = ledger(ops, entries=(*known.ledger.entries, entry(op)))

    assert wrong(reconcile(plan, builders.with_rows(known, attempts=tried, ledger=reading))) == {
        "phantom": 1
    }


def test_approved_but_never_paid_is_corrupt(plan: Plan) -> None:
    """The borrower was told of money that never moved."""
    row = entry(subject(plan), disbursements=0, ledger_balance_fen=0)

    assert wrong(settled(plan, rows=(row,))) == {"corrupt": 1}


def test_a_key_nobody_used_is_an_orphan(plan: Plan) -> None:
    """A loan on one of our accounts that no request asked for."""
    row = entry(subject(plan), loan_id="stray", idempotency_key="unknown")
    found = settled(plan, rows=(entry(subject(plan)), row))

    assert wrong(found) == {"orphan": 1}
    assert found.result.examples == {"orphan": ["unknown"]}


def test_other_peoples_loans_are_not_ours_to_judge(plan: Plan) -> None:
    """Loans of an earlier run on the same target are no orphans."""
    row = entry(subject(plan), account_id="theirs", loan_id="theirs", idempotency_key="theirs")

    assert wrong(settled(plan, rows=(entry(subject(plan)), row))) == {}


@pytest.mark.parametrize(
    ("status", "payouts", "committed"),
    [
        ("disbursed", 1, 1),
        ("under_review", 0, 1),
        ("approved", 0, 1),
        ("declined", 0, 0),
        ("cancelled", 0, 0),
    ],
)
def test_unknown_outcomes_are_settled_by_the_ledger(
    plan: Plan, status: str, payouts: int, committed: int
) -> None:
    """Paid out or reserved is committed; neither is wrong."""
    op = subject(plan)
    balance_fen = payouts * op.amount_fen
    row = entry(op, status=status, disbursements=payouts, ledger_balance_fen=balance_fen)
    found = settled(plan, Outcome.INDETERMINATE, rows=(row,))
    counts = (found.result.committed_unknown, found.result.not_committed_unknown)

    assert (wrong(found), counts) == ({}, (committed, 1 - committed))


def test_an_unknown_outcome_without_a_row_is_not_committed(plan: Plan) -> None:
    """The listing lacks it, and so does the answer by key."""
    found = settled(plan, Outcome.INDETERMINATE, rows=()).result

    assert (found.committed_unknown, found.not_committed_unknown) == (0, 1)


def test_an_unknown_outcome_in_another_status_is_corrupt(plan: Plan) -> None:
    """Whatever the borrower would have been told, this is none of it."""
    found = settled(plan, Outcome.INDETERMINATE, rows=(entry(subject(plan), status="failed"),))

    assert (wrong(found), found.result.committed_unknown) == ({"corrupt": 1}, 1)


def test_an_incomplete_listing_does_not_settle_absence(plan: Plan) -> None:
    """What a listing that ended early lacks may still be there."""
    found = settled(plan, Outcome.INDETERMINATE, rows=(), complete=False)

    assert found.result.not_committed_unknown is None


def test_an_unread_ledger_settles_nothing(plan: Plan) -> None:
    """All counts are unknown, none is zero."""
    found = settled(plan, read=False, complete=False)

    assert not found.result.ledger_read
    assert found.result.acknowledged == len(plan.arrivals)
    assert found.result.lost is None
    assert found.result.principal_at_risk_fen is None


def test_examples_end_at_twenty(plan: Plan) -> None:
    """Of many lost loans all are counted and twenty are named."""
    ops = operations(plan)
    reading = ledger((), by_key={op.key: () for op in ops})
    found = reconcile(plan, facts(plan, ops, ledger=reading)).result

    assert found.lost == len(ops)
    assert len(found.examples["lost"]) == 20


def test_a_decline_by_cause_needs_no_row(plan: Plan) -> None:
    """A declined request without a row is correct."""
    ops = builders.changed(
        operations(plan), INDEX, outcome=Outcome.DECLINED, decline=Decline.CREDIT
    )

    assert wrong(reconcile(plan, facts(plan, ops))) == {}
