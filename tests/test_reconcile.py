"""Every class of disagreement between borrowers' answers and the ledger, and none without one."""

from dataclasses import replace

import pytest

from harness.events import Decline, LedgerEntry, Operation, Outcome
from harness.plan import Plan
from harness.reconcile import Reconciled, reconcile
from tests import builders
from tests.builders import entry, facts, ledger, operations, plan_of

INDEX = 60
"""The operation that each test changes; its borrower has no other one in the plan."""


@pytest.fixture
def plan() -> Plan:
    """A short run of good borrowers."""
    return plan_of(rate=10)


def settled(
    plan: Plan,
    outcome: Outcome = Outcome.APPROVED,
    rows: tuple[LedgerEntry, ...] | None = None,
    found_by_key: dict[str, bool | None] | None = None,
    **changes: object,
) -> Reconciled:
    """A run in which one operation came to ``outcome`` and the ledger holds ``rows`` for it."""
    ops = builders.changed(operations(plan), INDEX, outcome=outcome)
    op = ops[INDEX]
    others = [row for row in ledger(ops).entries if row.idempotency_key != op.key]
    mine = tuple(row for row in ledger(ops).entries if row.idempotency_key == op.key)
    reading = ledger(ops, entries=(*others, *(mine if rows is None else rows)), **changes)
    return reconcile(
        plan, facts(plan, ops, ledger=replace(reading, found_by_key=found_by_key or {}))
    )


def subject(plan: Plan) -> Operation:
    """The operation that is changed, as it would be without."""
    return builders.operation(plan, INDEX)


def wrong(found: Reconciled) -> dict[str, int | None]:
    """All classes of disagreement that are not zero."""
    names = ("lost", "duplicated", "phantom", "corrupt", "orphan", "unbalanced")
    return {name: getattr(found.result, name) for name in names if getattr(found.result, name)}


def test_a_clean_run_agrees(plan: Plan) -> None:
    """Every granted loan is in the ledger once: all classes are zero, warm-up included."""
    found = settled(plan)

    assert wrong(found) == {}
    assert found.result.acknowledged == found.result.in_ledger == len(plan.arrivals)
    assert found.result.principal_at_risk_fen == 0
    assert found.result.examples == {}


def test_acknowledged_and_absent_is_lost(plan: Plan) -> None:
    """A loan the borrower was told of, that the target does not know by key either."""
    key = subject(plan).key
    found = settled(plan, rows=(), found_by_key={key: False})

    assert wrong(found) == {"lost": 1}
    assert found.result.examples == {"lost": [key]}
    assert found.result.principal_at_risk_fen == subject(plan).amount_fen


def test_unlisted_but_known_by_key_is_not_lost(plan: Plan) -> None:
    """The listing is incomplete, the loan is not lost."""
    key = subject(plan).key
    found = settled(plan, rows=(), found_by_key={key: True})

    assert wrong(found) == {}
    assert found.unlisted == (key,)


@pytest.mark.parametrize("answer", [None, "never asked"])
def test_no_clear_answer_is_neither_lost_nor_fine(plan: Plan, answer: str | None) -> None:
    """Without a clear answer about a missing key nobody knows."""
    key = subject(plan).key
    found = settled(plan, rows=(), found_by_key={key: None} if answer is None else {})

    assert wrong(found) == {}
    assert found.unclear == (key,)


def test_referred_and_under_review_is_correct(plan: Plan) -> None:
    """A loan in manual review has a row and no disbursement."""
    found = settled(plan, Outcome.REFERRED)

    assert wrong(found) == {}
    assert found.result.acknowledged == len(plan.arrivals)


def test_two_rows_of_one_key_are_duplicated(plan: Plan) -> None:
    """One request, two loans."""
    op = subject(plan)
    found = settled(plan, rows=(entry(op), entry(op, loan_id="another")))

    assert wrong(found) == {"duplicated": 1}


def test_a_second_loan_of_one_key_does_not_make_the_first_corrupt(plan: Plan) -> None:
    """The borrower was told of one of the two, and that one is as it was told."""
    op = subject(plan)

    def found(told: str) -> dict[str, int]:
        ops = builders.changed(operations(plan), INDEX, loan_id=told)
        rows = (*ledger(ops).entries, entry(op, loan_id="another"))
        return wrong(reconcile(plan, facts(plan, ops, ledger=ledger(ops, entries=rows))))

    assert found("another") == {"duplicated": 1}
    assert found("a third") == {"duplicated": 1, "corrupt": 1}


def test_two_disbursements_are_duplicated(plan: Plan) -> None:
    """One loan, paid out twice."""
    found = settled(plan, rows=(entry(subject(plan), disbursements=2),))

    assert wrong(found) == {"duplicated": 1}


def test_a_loan_listed_twice_is_one_loan(plan: Plan) -> None:
    """Pages may overlap: the same loan again is no duplicate."""
    row = entry(subject(plan))

    assert wrong(settled(plan, rows=(row, replace(row, cursor=999)))) == {}


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_refused_and_paid_is_phantom(plan: Plan, outcome: Outcome) -> None:
    """Money for a borrower who was told that there is none."""
    found = settled(plan, outcome, rows=(entry(subject(plan)),))

    assert wrong(found) == {"phantom": 1}
    assert found.result.principal_at_risk_fen == subject(plan).amount_fen


def test_a_declined_row_without_payment_is_correct(plan: Plan) -> None:
    """A declined request may leave a row behind."""
    row = entry(subject(plan), status="declined", disbursements=0, ledger_balance_fen=0)

    assert wrong(settled(plan, Outcome.DECLINED, rows=(row,))) == {}


def test_another_amount_is_corrupt(plan: Plan) -> None:
    """The ledger holds another principal than was asked for."""
    op = subject(plan)
    row = entry(op, principal_fen=op.amount_fen + 1, ledger_balance_fen=op.amount_fen + 1)

    assert wrong(settled(plan, rows=(row,))) == {"corrupt": 1}


@pytest.mark.parametrize("account", [builders.account_of(3), "a stranger's"])
def test_another_account_is_corrupt(plan: Plan, account: str) -> None:
    """The loan went to somebody else, be it one of our borrowers or not."""
    row = entry(subject(plan), account_id=account)

    assert wrong(settled(plan, rows=(row,))) == {"corrupt": 1}


def test_another_loan_than_the_borrower_was_told_of_is_corrupt(plan: Plan) -> None:
    """Told loan A, booked loan B under the same key."""
    told = builders.changed(operations(plan), INDEX, loan_id="loan-told")
    row = entry(told[INDEX], loan_id="loan-booked")
    rows = tuple(e for e in ledger(told).entries if e.idempotency_key != row.idempotency_key)
    known = facts(plan, told, ledger=ledger(told, entries=(*rows, row)))

    assert wrong(reconcile(plan, known)) == {"corrupt": 1}


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


def test_a_wrong_balance_is_unbalanced(plan: Plan) -> None:
    """The ledger's balance of a paid loan is its principal."""
    assert wrong(settled(plan, rows=(entry(subject(plan), ledger_balance_fen=1),))) == {
        "unbalanced": 1
    }


def test_a_repaid_loan_may_have_another_balance(plan: Plan) -> None:
    """What was repaid is no longer owed."""
    row = entry(subject(plan), ledger_balance_fen=0, status="repaid")

    assert wrong(settled(plan, rows=(row,))) == {}


def test_unknown_outcomes_are_settled_by_the_ledger(plan: Plan) -> None:
    """An indeterminate borrow was committed or was not; neither is wrong."""
    row = entry(subject(plan))
    review = entry(subject(plan), status="under_review", disbursements=0, ledger_balance_fen=0)

    committed = settled(plan, Outcome.INDETERMINATE, rows=(row,))
    in_review = settled(plan, Outcome.INDETERMINATE, rows=(review,))
    not_committed = settled(plan, Outcome.INDETERMINATE, rows=())

    for found in (committed, in_review):
        assert (found.result.committed_unknown, found.result.not_committed_unknown) == (1, 0)
    assert not_committed.result.committed_unknown == 0
    assert not_committed.result.not_committed_unknown == 1
    assert wrong(committed) == wrong(in_review) == wrong(not_committed) == {}


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
    reading = ledger((), found_by_key={op.key: False for op in ops})
    found = reconcile(plan, facts(plan, ops, ledger=reading)).result

    assert found.lost == len(ops)
    assert len(found.examples["lost"]) == 20


def test_a_decline_by_cause_needs_no_row(plan: Plan) -> None:
    """A declined request without a row is correct."""
    ops = builders.changed(
        operations(plan), INDEX, outcome=Outcome.DECLINED, decline=Decline.CREDIT
    )

    assert wrong(reconcile(plan, facts(plan, ops))) == {}
