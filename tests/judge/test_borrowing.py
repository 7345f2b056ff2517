"""Checks of money and of answers: pass, fail and inconclusive."""

from dataclasses import replace

import pytest

from harness.events import Outcome, Step
from harness.judge import judge
from harness.verdict import Judgement
from tests import builders
from tests.builders import at_ns, cut_run, during, facts, operations, plan_of
from tests.judge.helpers import codes, one_changed


def test_a_lost_loan_fails() -> None:
    """One acknowledged loan absent from the ledger is enough."""
    plan = plan_of()
    ops = operations(plan)
    full = builders.ledger(ops)
    key = ops[700].key
    rows = tuple(row for row in full.entries if row.idempotency_key != key)
    verdict = judge(
        plan, facts(plan, ops, ledger=replace(full, entries=rows, found_by_key={key: False}))
    )

    assert codes(verdict) == {"lost": "fail"}
    assert "1 loan was lost, none lent twice" in verdict.sentence
    assert verdict.findings[0].evidence["examples"] == [key]


@pytest.mark.parametrize("answer", [True, None])
def test_a_listing_that_lacks_a_loan_is_inconclusive(answer: bool | None) -> None:
    """Known by key, or no clear answer: the listing cannot be trusted, no loan is called lost."""
    plan = plan_of()
    ops = operations(plan)
    full = builders.ledger(ops)
    key = ops[700].key
    rows = tuple(row for row in full.entries if row.idempotency_key != key)
    reading = replace(full, entries=rows, found_by_key={key: answer})
    verdict = judge(plan, facts(plan, ops, ledger=reading))

    assert codes(verdict) == {"ledger_incomplete": "inconclusive"}
    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 3)


def test_an_unread_ledger_is_inconclusive() -> None:
    """Without the ledger nothing is known, and the sentence says so."""
    plan, known = cut_run()
    unread = replace(known.ledger, read=False, complete=False, entries=(), error="timeout")
    verdict = judge(plan, replace(known, ledger=unread))

    assert codes(verdict)["ledger_unread"] == "inconclusive"
    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert "nothing is known about lost loans" in verdict.sentence


@pytest.mark.parametrize(
    "changes", [{"complete": False, "error": "page 3"}, {"sql_disagrees": ("key",)}]
)
def test_a_doubtful_ledger_is_inconclusive(changes: dict[str, object]) -> None:
    """A listing that ended early, or that the tables contradict."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, ledger=builders.ledger(operations(plan), **changes)))

    assert codes(verdict) == {"ledger_incomplete": "inconclusive"}


def test_the_targets_own_violations_fail() -> None:
    """What the target says of its own invariants counts."""
    plan = plan_of()
    reading = builders.ledger(operations(plan), violations=("I1: two loans",))

    assert codes(judge(plan, facts(plan, ledger=reading))) == {"invariant_violated": "fail"}


def test_lending_to_a_borrower_who_must_be_declined_fails() -> None:
    """A fault must not open the door."""
    plan = plan_of()
    verdict = judge(plan, one_changed(plan, wrongly_approved=True))

    assert codes(verdict) == {"invariant_violated": "fail"}


def test_a_false_decline_fails() -> None:
    """Refusing an entitled borrower is no business decision; the finding names the answer."""
    plan = plan_of()
    known = one_changed(plan, outcome=Outcome.FAILED, false_declined=True)
    attempts = tuple(
        replace(a, false_declined=True, status=403, code="score_too_low") if a.arrival == 700 else a
        for a in known.attempts
    )
    verdict = judge(plan, replace(known, attempts=attempts))

    assert codes(verdict) == {"false_decline": "fail"}
    assert verdict.findings[0].evidence["kinds"] == {"borrow 403 score_too_low": 1}


def test_an_invalid_answer_fails() -> None:
    """A success that breaks the contract fails the run."""
    plan = plan_of()
    known = facts(plan)
    attempts = (replace(known.attempts[700], invalid_answer=True, status=201), *known.attempts)

    assert codes(judge(plan, replace(known, attempts=attempts))) == {"invalid_answer": "fail"}


def test_a_replay_that_names_another_loan_fails() -> None:
    """Repeating a request under its key must give the same loan."""
    plan = plan_of()
    known = facts(plan)
    first = replace(known.attempts[700], loan_id="a")
    again = replace(first, loan_id="b", replayed=True)
    verdict = judge(plan, replace(known, attempts=(*known.attempts, first, again)))

    assert codes(verdict) == {"replay_unstable": "fail"}


def test_remarks_are_notes() -> None:
    """A class of borrower that the target does not know is told, and decides nothing."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, status=builders.status(plan, notes=("no overdue",))))

    assert (codes(verdict), verdict.verdict) == ({"remark": "note"}, Judgement.PASS)


def test_more_manual_reviews_are_a_note() -> None:
    """A drift of decisions is worth a look."""
    plan = plan_of()
    ops = tuple(
        replace(o, outcome=Outcome.REFERRED) if o.intended_ns > at_ns(12) else o
        for o in operations(plan)
    )

    assert codes(judge(plan, facts(plan, ops))) == {"decision_drift": "note"}


def test_blocked_log_ins_fail_their_borrows() -> None:
    """Nobody can log in: the outage is one of borrowing, too."""
    plan = plan_of(log_in_share=1.0)
    ops = operations(plan, during(12, 15), attempts=0, blocked_by=Step.LOG_IN)
    verdict = judge(plan, facts(plan, ops))

    assert codes(verdict)["outage"] == "fail"
    assert verdict.borrow.blocked == verdict.borrow.failed
