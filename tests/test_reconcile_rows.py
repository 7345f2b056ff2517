"""What is wrong whatever was told, and how the rows of one loan are merged."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Outcome
from harness.history.ledger_facts import LedgerEntry
from harness.plan.plan import Plan
from harness.verdict.reconcile import reconcile
from tests import builders
from tests.builders import entry, facts, ledger, operations, plan_of
from tests.reconciling import INDEX, settled, subject, wrong


@pytest.fixture
def plan() -> Plan:
    """A short run of good borrowers."""
    return plan_of(rate=10)


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


@pytest.mark.parametrize(
    ("outcome", "other", "worst"),
    [
        (Outcome.APPROVED, "written_off", {"corrupt": 1}),
        (Outcome.FAILED, "declined", {"phantom": 1}),
        (Outcome.FAILED, "failed", {"phantom": 1}),
        (Outcome.INDETERMINATE, "failed", {"corrupt": 1}),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_of_two_loans_the_worse_one_decides(
    plan: Plan, outcome: Outcome, other: str, worst: dict[str, int], first: bool
) -> None:
    """Every row is judged; one that is right does not excuse the other."""
    op = subject(plan)
    kept = entry(op, loan_id="another", status=other, disbursements=0, ledger_balance_fen=0)
    rows = (entry(op), kept) if first else (kept, entry(op))

    assert wrong(settled(plan, outcome, rows=rows)) == {"duplicated": 1, **worst}


def test_two_disbursements_are_duplicated(plan: Plan) -> None:
    """One loan, paid out twice."""
    found = settled(plan, rows=(entry(subject(plan), disbursements=2),))

    assert wrong(found) == {"duplicated": 1}


@pytest.mark.parametrize("changes", [{}, {"created_at": "later"}, {"ledger_balance_fen": 1}])
def test_a_row_that_is_listed_again_is_no_second_loan(plan: Plan, changes: dict[str, Any]) -> None:
    """One row for each payment, or pages that overlap: nobody can tell, and no duplicate is told.

    Cursor, time and balance make no difference.
    """
    row = entry(subject(plan))
    found = settled(plan, rows=(replace(row, cursor=1, **changes), row))

    assert (wrong(found), found.repeated) == ({}, (row.idempotency_key,))


def test_a_loan_listed_again_counts_with_its_largest_payouts_and_last_status(plan: Plan) -> None:
    """A listing ordered by last change shows how a loan came about."""
    op = subject(plan)
    review = entry(op, status="under_review", disbursements=0, ledger_balance_fen=0)
    paid, twice = entry(op), entry(op, disbursements=2)
    cancelled = entry(op, status="cancelled")

    def found(*rows: LedgerEntry) -> tuple[dict[str, int | None], tuple[str, ...]]:
        seen = settled(plan, rows=rows)
        return wrong(seen), seen.repeated

    assert found(review, paid) == ({}, ())
    assert found(paid, twice) == found(twice, paid) == ({"duplicated": 1}, ())
    assert found(paid, cancelled) == ({"corrupt": 1}, ())
    assert found(cancelled, paid) == ({}, ())


@pytest.mark.parametrize(
    "changes", [{"disbursements": -1}, {"principal_fen": 1}, {"account_id": "a stranger's"}]
)
def test_what_is_wrong_in_any_row_is_found_before_merging(
    plan: Plan, changes: dict[str, Any]
) -> None:
    """The last row is as it should be; the first is not."""
    row = entry(subject(plan))

    assert wrong(settled(plan, rows=(replace(row, **changes), row))) == {"corrupt": 1}


def test_negative_payouts_are_corrupt(plan: Plan) -> None:
    """Money that came back before it went."""
    row = entry(subject(plan), disbursements=-1, ledger_balance_fen=0)

    assert wrong(settled(plan, rows=(row,))) == {"corrupt": 1}


def test_one_loan_under_two_keys_is_corrupt(plan: Plan) -> None:
    """Two borrowers share a loan: both are told."""
    ops = operations(plan)
    rows = list(ledger(ops).entries)
    rows[INDEX] = replace(rows[INDEX], loan_id=rows[INDEX + 1].loan_id)
    found = reconcile(plan, facts(plan, ops, ledger=ledger(ops, entries=tuple(rows))))

    assert wrong(found) == {"corrupt": 2}


def test_a_loan_shared_with_a_strangers_key_is_corrupt(plan: Plan) -> None:
    """Also where the other key is none of ours."""
    row = entry(subject(plan))
    other = replace(row, idempotency_key="theirs", account_id="theirs")

    assert wrong(settled(plan, rows=(row, other))) == {"corrupt": 1}


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


def test_a_wrong_balance_is_unbalanced(plan: Plan) -> None:
    """The ledger's balance of a paid loan is its principal."""
    assert wrong(settled(plan, rows=(entry(subject(plan), ledger_balance_fen=1),))) == {
        "unbalanced": 1
    }


def test_repaid_though_nobody_repaid_is_corrupt(plan: Plan) -> None:
    """No run repays: neither the status nor the balance is right."""
    row = entry(subject(plan), status="repaid")

    assert wrong(settled(plan, rows=(row,))) == {"corrupt": 1}
    assert wrong(settled(plan, rows=(replace(row, ledger_balance_fen=0),))) == {
        "corrupt": 1,
        "unbalanced": 1,
    }


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.REFERRED, "under_review"), (Outcome.DECLINED, "declined")]
)
def test_a_balance_without_a_payout_is_unbalanced(
    plan: Plan, outcome: Outcome, status: str
) -> None:
    """Nothing was paid out, so that nothing is owed."""
    row = entry(subject(plan), status=status, disbursements=0)

    assert wrong(settled(plan, outcome, rows=(row,))) == {"unbalanced": 1}


def test_the_balance_of_a_duplicated_loan_is_not_judged(plan: Plan) -> None:
    """It is right at once or twice."""
    row = entry(subject(plan), disbursements=2, ledger_balance_fen=1)

    assert wrong(settled(plan, rows=(row,))) == {"duplicated": 1}


def test_a_uuid_is_the_same_in_any_case() -> None:
    """Key, loan and account, as some databases show them; what is no UUID is taken as it is."""
    plan = plan_of(rate=10)
    loan, account = str(uuid.uuid4()), str(uuid.uuid4())
    ops = builders.changed(operations(plan), INDEX, loan_id=loan)
    mine = builders.account_of(ops[INDEX].borrower)
    known = facts(plan, ops)
    known = replace(known, account_of=known.account_of | {ops[INDEX].borrower: account})
    known = replace(known, account_ids=frozenset(known.account_of.values()))

    def shown(row: LedgerEntry, key: str) -> LedgerEntry:
        if row.account_id == mine:
            row = replace(row, account_id=account.upper())
        if row.idempotency_key == ops[INDEX].key:
            row = replace(row, idempotency_key=key, loan_id=loan.upper())
        return row

    def found(key: str) -> dict[str, int | None]:
        rows = tuple(shown(row, key) for row in ledger(ops).entries)
        return wrong(reconcile(plan, replace(known, ledger=ledger(ops, entries=rows))))

    assert found(ops[INDEX].key.upper()) == {}
    assert found(ops[INDEX].key.upper() + "A") == {"orphan": 1}


def test_a_loan_id_is_told_in_any_case() -> None:
    """The answer in capitals, the row in small letters."""
    plan = plan_of(rate=10)
    loan = str(uuid.uuid4())
    ops = builders.changed(operations(plan), INDEX, loan_id=loan.upper())
    rows = tuple(
        replace(row, loan_id=loan) if row.idempotency_key == ops[INDEX].key else row
        for row in ledger(ops).entries
    )

    assert wrong(reconcile(plan, facts(plan, ops, ledger=ledger(ops, entries=rows)))) == {}


def test_loans_without_a_key_on_an_account_of_the_run_are_orphans(plan: Plan) -> None:
    """Nobody of the run asked for them; they are named by their own ids."""
    op = subject(plan)
    rows = tuple(entry(op, loan_id=name, idempotency_key="") for name in ("one", "two"))
    found = settled(plan, rows=(entry(op), *rows))

    assert wrong(found) == {"orphan": 2}
    assert found.result.examples["orphan"] == ["one", "two"]
