"""Checks of what the figures show beyond how many failed."""

from dataclasses import replace

import pytest

from harness.history.events import Attempt, HealthAddress, Operation, Outcome, Step
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Verdict
from tests.builders import (
    CUT,
    at_ns,
    attempt,
    cut_run,
    during,
    facts,
    failed,
    operation,
    operations,
    plan_of,
    polls,
    rows,
    with_rows,
)
from tests.judge.helpers import codes

READY = HealthAddress("/readyz", 5.0)


def only(verdict: Verdict, code: str) -> Finding:
    """The one finding of that code."""
    (finding,) = [f for f in verdict.findings if f.code == code]
    return finding


# --- some users cannot log in --------------------------------------------------------------------


def locked_out(
    plan: Plan, from_s: float = 0.0, to_s: float = 1e9, outage: tuple[float, float] = (0.0, 0.0)
) -> Facts:
    """Every twentieth borrower's log-ins fail for a while, and nobody is served in an outage."""
    ops: list[Operation] = []
    tries: list[Attempt] = []
    for arrival in plan.arrivals:
        locked = arrival.borrower % 20 == 3 and arrival.logs_in and from_s <= arrival.at_s < to_s
        out = outage[0] <= arrival.at_s < outage[1]
        op = operation(plan, arrival.index)
        if locked or (out and arrival.logs_in):
            op = failed(plan, arrival.index, blocked_by=Step.LOG_IN, attempts=0)
        elif out:
            op = failed(plan, arrival.index)
        if arrival.logs_in:
            outcome = Outcome.FAILED if op.blocked_by else Outcome.OK
            tries.append(attempt(op, Step.LOG_IN, outcome=outcome, status=503))
        if op.attempts:
            tries.append(attempt(op))
        ops.append(op)
    return facts(plan, tuple(ops), attempts=tuple(tries))


def test_some_users_who_cannot_log_in_are_named() -> None:
    """5 % of the borrowers, all along: a failure of its own, told once, as one of log-ins."""
    plan = plan_of(log_in_share=0.5)
    verdict = judge(plan, locked_out(plan))
    finding = only(verdict, "borrowers_shut_out")

    assert finding.verdict == "fail"
    assert "log in" in finding.message
    assert "again and again, while the others could" in finding.message
    assert all(index % 20 == 3 for index in finding.evidence["examples"])
    assert verdict.log_in.affected is not None
    assert verdict.log_in.affected.affected_share == pytest.approx(0.05, abs=0.015)
    assert (verdict.log_in.affected.shut_out_p or 1.0) < 1e-6
    assert finding.evidence["shut_out"] == verdict.log_in.affected.shut_out > 5
    assert verdict.borrow.affected is not None
    assert verdict.borrow.affected.shut_out == 0
    assert "outage" not in codes(verdict)


def test_an_outage_beside_it_is_named_on_its_own() -> None:
    """Some locked out all along, and all of them for five seconds: two troubles, two findings."""
    plan = plan_of(CUT, log_in_share=0.5)
    verdict = judge(plan, locked_out(plan, outage=(8.0, 13.2)))

    assert only(verdict, "borrowers_shut_out").verdict == "fail"
    assert only(verdict, "outage").verdict == "note"
    assert only(verdict, "outage").evidence["onset_s"] == pytest.approx(8.0, abs=0.2)


def test_an_outage_alone_shuts_out_nobody() -> None:
    """Everybody fails for five seconds: bad, but not some borrowers in particular."""
    plan = plan_of(CUT, log_in_share=0.5)
    ops = locked_out(plan, from_s=1e9, outage=(8.0, 13.2))

    assert "borrowers_shut_out" not in codes(judge(plan, ops))


def test_what_ends_with_the_fault_is_a_note() -> None:
    """Locked out while the fault is at work, and let in again: told, no failure."""
    plan = plan_of(CUT, log_in_share=1.0, fault_s=20.0, recovery_s=30.0, baseline_s=8.0)
    finding = only(judge(plan, locked_out(plan, 8.0, 28.0)), "borrowers_shut_out")

    assert finding.verdict == "note"
    assert "while a fault was at work" in finding.message


def test_some_users_who_cannot_borrow_are_named() -> None:
    """The same at the borrow itself."""
    plan = plan_of()
    ops = tuple(failed(plan, o.arrival) if o.borrower % 50 == 7 else o for o in operations(plan))
    finding = only(judge(plan, facts(plan, ops)), "borrowers_shut_out")

    assert (finding.verdict, finding.evidence["step"]) == ("fail", "borrow")
    assert finding.message.startswith("8 of 400 borrowers (2.0 %, 95 % interval 0.9 % to 3.9 %)")
    assert "could not borrow, again and again, while the others could" in finding.message


def test_failures_all_over_shut_out_nobody() -> None:
    """One in 50 fails, whoever it is."""
    plan = plan_of()
    ops = tuple(failed(plan, o.arrival) if o.arrival % 49 == 7 else o for o in operations(plan))

    assert "borrowers_shut_out" not in codes(judge(plan, facts(plan, ops)))


# --- health --------------------------------------------------------------------------------------


def test_health_green_while_borrowing_fails_is_a_note() -> None:
    """Green all along, through an outage of 5.3 s."""
    plan, known = cut_run()
    verdict = judge(plan, replace(known, health=polls(plan), health_address=READY))
    finding = only(verdict, "grey_failure")

    assert finding.verdict == "note"
    assert finding.message == (
        "the health address /readyz answered green for 5.3 s of the 5.3 s in which borrowing was"
        " down or degraded"
    )
    assert verdict.health is not None
    assert verdict.health.green_while_failing_s == finding.evidence["green_while_failing_s"]


def test_health_that_turns_red_in_time_is_no_finding() -> None:
    """Red as soon as a probe that waits a second for its database can tell."""
    plan, known = cut_run()
    health = polls(plan, during(9.2, 13.4))
    verdict = judge(plan, replace(known, health=health, health_address=READY))

    assert "grey_failure" not in codes(verdict)
    assert verdict.health is not None
    assert verdict.health.first_red_s == pytest.approx(9.21, abs=0.01)


def test_health_that_was_not_asked_is_no_finding() -> None:
    """Without polls nothing is claimed."""
    verdict = judge(*cut_run())

    assert verdict.health is None
    assert "grey_failure" not in codes(verdict)


# --- herd, decisions -----------------------------------------------------------------------------


def test_a_herd_after_the_heal_is_a_note() -> None:
    """250 retries within half a second, upon 50 requests a second."""
    plan, known = cut_run()
    late = tuple(
        attempt(op, attempt=2, started_ns=at_ns(13.5 + number / 500))
        for number, op in enumerate(rows(known.operations)[:250])
    )
    quiet = judge(plan, known)
    verdict = judge(plan, with_rows(known, attempts=rows(known.attempts) + late))

    assert "herd" not in codes(quiet)
    assert only(verdict, "herd").verdict == "note"
    assert "times as many as in a usual second" in only(verdict, "herd").message
    assert verdict.retries is not None
    assert verdict.retries.herd_peak == pytest.approx(6.0, abs=0.2)


def test_more_declines_of_one_cause_are_a_note() -> None:
    """Every tenth borrow declined by policy from the injection on; the finding names the kind."""
    plan, known = cut_run()
    ops = tuple(
        replace(o, outcome=Outcome.DECLINED, decline=Decline.POLICY)
        if o.arrival % 10 == 0 and o.intended_ns > at_ns(8.0) and not o.failed
        else o
        for o in rows(known.operations)
    )
    finding = only(judge(plan, facts(plan, ops)), "decision_drift")

    assert finding.verdict == "note"
    assert finding.evidence["kinds"] == ["approved", "declined_policy"]
    assert len(finding.evidence["decisions"]) == 5
    assert "declined by policy: 9.9 %" in finding.message
    assert "instead of 0.0 %" in finding.message


def test_an_outage_is_no_drift() -> None:
    """A mixed population of which a fifth is never answered decides as before."""
    plan = plan_of(CUT, population="mixed")

    assert "decision_drift" not in codes(judge(*cut_run(plan)))
    assert "decision_drift" not in codes(judge(*cut_run(plan, end_s=27.0)))
