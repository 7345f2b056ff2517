"""Keys that the listing lacks, by what the target says when asked for them alone."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Operation, Outcome
from harness.history.ledger_facts import KeyedLoan
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.reconcile import Sample, reconcile
from tests import builders
from tests.builders import facts, ledger, operations, plan_of
from tests.reconciling import INDEX, settled, subject, wrong


@pytest.fixture
def plan() -> Plan:
    """A short run of good borrowers."""
    return plan_of(rate=10)


def test_acknowledged_and_absent_is_lost(plan: Plan) -> None:
    """A loan the borrower was told of, that the target does not know by key either."""
    key = subject(plan).key
    found = settled(plan, rows=(), by_key={key: ()})

    assert wrong(found) == {"lost": 1}
    assert found.result.examples == {"lost": [key]}
    assert found.result.principal_at_risk_fen == subject(plan).amount_fen


def known_by_key(op: Operation, **changes: Any) -> dict[str, tuple[KeyedLoan, ...]]:
    """What the target shows of the loan when its key alone is asked for."""
    loan = KeyedLoan(f"loan-{op.arrival}", "disbursed", op.amount_fen)
    return {op.key: (replace(loan, **changes),)}


def test_unlisted_but_known_by_key_is_not_lost(plan: Plan) -> None:
    """The listing is incomplete, the loan is not lost."""
    op = subject(plan)
    found = settled(plan, rows=(), by_key=known_by_key(op))

    assert wrong(found) == {}
    assert found.unlisted == (op.key,)


@pytest.mark.parametrize(
    ("outcome", "changes", "classes"),
    [
        (Outcome.APPROVED, {"status": "cancelled"}, {"corrupt": 1}),
        (Outcome.APPROVED, {"principal_fen": 1}, {"corrupt": 1}),
        (Outcome.APPROVED, {"status": "repaid"}, {"corrupt": 1}),
        (Outcome.REFERRED, {"status": "under_review"}, {}),
        (Outcome.REFERRED, {}, {"corrupt": 1}),
        (Outcome.FAILED, {}, {"phantom": 1}),
        (Outcome.FAILED, {"status": "repaid"}, {"phantom": 1}),
        (Outcome.FAILED, {"status": "under_review"}, {"phantom": 1}),
        (Outcome.DECLINED, {"status": "approved"}, {"phantom": 1}),
        (Outcome.DECLINED, {"status": "declined"}, {}),
        (Outcome.INDETERMINATE, {}, {}),
        (Outcome.INDETERMINATE, {"status": "written_off"}, {"corrupt": 1}),
    ],
)
def test_a_loan_found_only_by_key_is_judged_by_its_status(
    plan: Plan, outcome: Outcome, changes: dict[str, Any], classes: dict[str, int]
) -> None:
    """The same table as for a row of the listing, and the listing lacks it."""
    op = subject(plan)
    found = settled(plan, outcome, rows=(), by_key=known_by_key(op, **changes))

    assert wrong(found) == classes
    assert found.unlisted == (op.key,)
    assert found.result.committed_unknown == (outcome is Outcome.INDETERMINATE and not changes)


def test_a_loan_found_by_key_under_another_id_than_told_is_corrupt(plan: Plan) -> None:
    """Told loan A; the key alone shows loan B."""
    ops = builders.changed(operations(plan), INDEX, loan_id="loan-told")
    rows = tuple(e for e in ledger(ops).entries if e.idempotency_key != ops[INDEX].key)
    reading = ledger(ops, entries=rows, by_key=known_by_key(ops[INDEX]))

    assert wrong(reconcile(plan, facts(plan, ops, ledger=reading))) == {"corrupt": 1}


def test_a_loan_id_that_the_key_shows_and_another_key_has_is_corrupt(plan: Plan) -> None:
    """Two borrowers share one loan, and the listing shows it to one of them alone."""
    shown = known_by_key(subject(plan), loan_id=f"loan-{INDEX + 1}")
    found = settled(plan, Outcome.INDETERMINATE, rows=(), by_key=shown)

    assert wrong(found) == {"corrupt": 2}


def test_two_loans_found_by_key_are_duplicated(plan: Plan) -> None:
    """One request, two loans, whichever way they show."""
    op = subject(plan)
    (loan,) = known_by_key(op)[op.key]
    two = {op.key: (loan, replace(loan, loan_id="another"))}

    assert wrong(settled(plan, rows=(), by_key=two)) == {"duplicated": 1}


@pytest.mark.parametrize("outcome", [Outcome.APPROVED, Outcome.REFERRED])
@pytest.mark.parametrize("answer", [None, "never asked", "no status"])
def test_no_clear_answer_is_neither_lost_nor_fine(
    plan: Plan, outcome: Outcome, answer: str | None
) -> None:
    """Without a clear answer about a missing key nobody knows."""
    op = subject(plan)
    shown = {None: {op.key: None}, "never asked": {}}.get(answer, known_by_key(op, status=""))
    found = settled(plan, outcome, rows=(), by_key=shown)

    assert wrong(found) == {}
    assert found.unclear == (op.key,)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.DECLINED, Outcome.INDETERMINATE])
def test_no_clear_answer_about_a_key_without_a_loan_is_unclear(
    plan: Plan, outcome: Outcome
) -> None:
    """What was refused, or nobody knows of, may be hidden as well; nothing settles it."""
    key = subject(plan).key
    found = settled(plan, outcome, rows=(), by_key={key: None})

    assert found.unclear == (key,)
    assert found.result.committed_unknown == 0
    open_ = None if outcome is Outcome.INDETERMINATE else 0
    assert found.result.not_committed_unknown == open_


@pytest.mark.parametrize("shown", [None, (), "a loan"])
def test_a_key_that_never_left_is_no_part_of_the_sample(plan: Plan, shown: Any) -> None:
    """Every connection was refused: no answer is needed, and a loan that shows is a phantom."""
    ops = builders.changed(operations(plan), INDEX, outcome=Outcome.FAILED)
    op = ops[INDEX]
    known = facts(plan, ops)
    tried = tuple(
        replace(a, sent=False) if a.arrival == INDEX else a for a in builders.rows(known.attempts)
    )
    answers = known_by_key(op) if shown == "a loan" else {op.key: shown}
    reading = replace(known.ledger, by_key=answers)
    found = reconcile(plan, builders.with_rows(known, attempts=tried, ledger=reading))

    assert (found.sample, found.unclear) == (Sample(), ())
    assert wrong(found) == ({"phantom": 1} if shown == "a loan" else {})


def test_a_sample_of_keys_is_counted(plan: Plan) -> None:
    """Asked, hidden and left out, of those who were not told of a loan."""
    ops = tuple(
        replace(op, outcome=Outcome.FAILED) if op.arrival < 20 else op for op in operations(plan)
    )
    answers: dict[str, tuple[KeyedLoan, ...] | None] = {op.key: () for op in ops[:9]}
    answers |= {**known_by_key(ops[9]), ops[10].key: None}
    found = reconcile(plan, facts(plan, ops, ledger=ledger(ops, by_key=answers)))

    assert found.sample == Sample(asked=10, hidden=1, unasked=9)
    assert (found.unclear, wrong(found)) == ((ops[10].key,), {"phantom": 1})


def test_a_second_loan_that_only_the_key_shows_is_duplicated(plan: Plan) -> None:
    """The listing shows one loan of the request, the borrower has two."""
    op = subject(plan)
    (loan,) = known_by_key(op)[op.key]
    found = settled(plan, by_key={op.key: (loan, replace(loan, loan_id="another"))})

    assert wrong(found) == {"duplicated": 1}
    assert (found.unlisted, found.unlike) == ((op.key,), ())
    assert {loan.loan_id for loan in found.loans} >= {f"loan-{INDEX}", "another"}


def test_both_views_of_a_loan_are_one_loan(plan: Plan) -> None:
    """As listed: nothing is wrong. Another principal is another one than asked for."""
    op = subject(plan)

    assert wrong(settled(plan, by_key=known_by_key(op))) == {}
    assert wrong(settled(plan, by_key=known_by_key(op, principal_fen=1))) == {"corrupt": 1}


@pytest.mark.parametrize("changes", [None, {"status": "cancelled"}, {"loan_id": "another"}])
def test_a_listed_loan_that_its_key_denies_is_told(
    plan: Plan, changes: dict[str, Any] | None
) -> None:
    """Two views of one ledger disagree, and nobody knows which is right."""
    op = subject(plan)
    shown = {op.key: ()} if changes is None else known_by_key(op, **changes)

    assert settled(plan, by_key=shown).unlike == (op.key,)


def test_a_sample_of_listed_keys_is_counted(plan: Plan) -> None:
    """Of a key without a clear answer nothing is known."""
    ops = operations(plan)
    (loan,) = known_by_key(ops[1])[ops[1].key]
    answers = {
        **known_by_key(ops[0]),
        ops[1].key: (loan, replace(loan, loan_id="another")),
        ops[2].key: None,
    }
    found = reconcile(plan, facts(plan, ops, ledger=ledger(ops, by_key=answers)))

    assert found.further == Sample(asked=2, hidden=1, unasked=len(ops) - 2)
    assert (found.unclear, found.mute) == ((), (ops[2].key,))


def all_loans_by_key(plan: Plan) -> Facts:
    """A target that ignores for which key it is asked: each borrower sees all of their loans."""
    ops = tuple(
        replace(o, outcome=Outcome.FAILED) if o.arrival % 9 else o for o in operations(plan)
    )
    rows = ledger(ops).entries
    shown = {
        op.key: tuple(
            KeyedLoan(row.loan_id, row.status, row.principal_fen)
            for row in rows
            if row.account_id == builders.account_of(op.borrower)
        )
        for op in ops
    }
    return facts(plan, ops, ledger=ledger(ops, by_key=shown))


def test_an_answer_with_the_loans_of_other_keys_shows_nothing(plan: Plan) -> None:
    """The filter is ignored, and no money is wrong."""
    known = all_loans_by_key(plan)
    found = reconcile(plan, known)

    assert wrong(found) == {}
    assert found.unlisted == ()
    assert {key for key, loans in known.ledger.by_key.items() if len(loans or ()) > 1} <= set(
        found.unfiltered
    )


def test_a_key_that_nobody_sent_shows_that_the_filter_is_ignored(plan: Plan) -> None:
    """Then a loan that no listing has is nobody's, either; that there is none is still clear."""
    op = subject(plan)
    unsent = (KeyedLoan("any", "disbursed", 1),)
    found = settled(plan, Outcome.FAILED, rows=(), by_key=known_by_key(op), unsent=unsent)
    gone = settled(plan, rows=(), by_key={op.key: ()}, unsent=unsent)

    assert (wrong(found), found.unfiltered, found.unclear) == ({}, (op.key,), ())
    assert wrong(gone) == {"lost": 1}
