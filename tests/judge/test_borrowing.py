"""Checks of answers: pass, fail and inconclusive."""

from dataclasses import replace

from harness.history.events import Outcome, Step
from harness.verdict.judge import judge
from harness.verdict.types import Judgement
from tests import builders
from tests.builders import at_ns, during, facts, operations, plan_of
from tests.judge.helpers import codes, one_changed


def test_a_false_decline_fails() -> None:
    """Refusing an entitled borrower is no business decision; the finding names the answer."""
    plan = plan_of()
    known = one_changed(plan, outcome=Outcome.FAILED, false_declined=True)
    attempts = tuple(
        replace(a, false_declined=True, status=403, code="score_too_low") if a.arrival == 700 else a
        for a in builders.rows(known.attempts)
    )
    verdict = judge(plan, builders.with_rows(known, attempts=attempts))

    assert codes(verdict) == {"false_decline": "fail"}
    assert verdict.findings[0].evidence["kinds"] == {"borrow 403 score_too_low": 1}


def test_an_invalid_answer_fails() -> None:
    """A success that breaks the contract fails the run."""
    plan = plan_of()
    known = facts(plan)
    attempts = (
        replace(builders.rows(known.attempts)[700], invalid_answer=True, status=201),
        *builders.rows(known.attempts),
    )

    assert codes(judge(plan, builders.with_rows(known, attempts=attempts))) == {
        "invalid_answer": "fail"
    }


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
