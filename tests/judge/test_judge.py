"""Whole runs, and how findings merge into one verdict."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata

import pytest

from harness.faults import Kill
from harness.history.events import Outcome, Proof
from harness.history.reader import Facts
from harness.history.run_facts import ErrorRecord
from harness.plan.decline import Decline
from harness.plan.plan import Objectives, Plan
from harness.verdict.checks.case import Case
from harness.verdict.judge import CHECKS, judge
from harness.verdict.types import Finding, Judgement
from tests import builders
from tests.builders import CUT, at_ns, cut_run, during, facts, operations, plan_of
from tests.judge.helpers import codes, one_changed


def test_a_perfect_short_run_passes() -> None:
    """Nothing broken, nothing failed: pass, exit code 0, not a finding."""
    plan = plan_of(population="mixed", rate=40, baseline_s=4.0, fault_s=3.0, recovery_s=6.0)
    verdict = judge(plan, facts(plan))

    assert (verdict.verdict, verdict.exit_code, verdict.findings) == (Judgement.PASS, 0, [])
    assert [result.verdict for result in verdict.objectives] == [Judgement.PASS] * 2
    assert "no loan was lost, none lent twice" in verdict.sentence


def test_the_verdict_names_the_version_that_judged() -> None:
    """Of the package, as it is installed."""
    plan = plan_of()

    assert judge(plan, facts(plan)).judged_by == metadata.version("lendchaos") != ""


def test_one_stray_failure_in_a_thousand_passes() -> None:
    """A single failed request is no outage and no missed objective."""
    plan = plan_of()
    verdict = judge(plan, one_changed(plan, outcome=Outcome.FAILED))

    assert verdict.verdict is Judgement.PASS
    assert verdict.borrow.failed == 1


def test_a_survived_partition_passes() -> None:
    """An outage under our own fault that ends in time is a note, and the run passes."""
    verdict = judge(*cut_run())

    assert (verdict.verdict, verdict.exit_code) == (Judgement.PASS, 0)
    assert codes(verdict) == {"outage": "note"}
    assert "Bytes vanished on the database link for 5.0 s" in verdict.sentence
    assert "borrowing recovered 0.3 s after the heal" in verdict.sentence


def test_an_outage_of_someone_elses_making_fails() -> None:
    """Without a fault of ours an outage is found from the answers alone."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, operations(plan, during(12, 15))))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.FAIL, 1)
    assert codes(verdict)["outage"] == "fail"
    assert codes(verdict)["objective_missed"] == "fail"
    assert "yet borrowing was impaired" in verdict.sentence
    assert "from 12.0 s to 15.0 s" in verdict.sentence


def test_an_outage_outside_the_shadow_of_our_fault_fails() -> None:
    """Our fault accounts for what begins under it, not for what begins long after."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=5))
    ops = operations(plan, lambda at_s: 8 <= at_s < 13.2 or 22 <= at_s < 24)
    verdict = judge(plan, facts(plan, ops))

    assert [f.verdict.value for f in verdict.findings if f.code == "outage"] == ["note", "fail"]
    assert verdict.verdict is Judgement.FAIL


def test_a_fault_that_must_not_be_noticed_and_was_fails() -> None:
    """An impairment under a fault that borrowers should not notice is a failure."""
    plan = plan_of(Kill("replica-1", expects_impact=False))
    verdict = judge(*cut_run(plan, end_s=10.0))

    assert codes(verdict)["outage"] == "fail"


def test_a_tolerated_fault_passes() -> None:
    """A fault that borrowers should not notice and did not: pass, in words."""
    plan = plan_of(Kill("replica-1", expects_impact=False))
    verdict = judge(plan, facts(plan))

    assert verdict.verdict is Judgement.PASS
    assert "no impairment longer than 0.11 s was seen" in verdict.sentence
    (recovery,) = [r for r in verdict.objectives if r.id == "recovery_seconds_max"]
    assert (recovery.observed, recovery.verdict) == (None, Judgement.PASS)


def test_the_same_facts_give_the_same_verdict() -> None:
    """Judging is deterministic."""
    plan, known = cut_run()

    assert judge(plan, known) == judge(plan, known)


def interrupted(plan: Plan, until_s: float) -> Facts:
    """A run cut short in mid-fault."""
    _, known = cut_run(plan)
    ops = tuple(o for o in builders.rows(known.operations) if o.intended_ns <= at_ns(until_s))
    (fact,) = known.faults
    early = replace(fact, heal_returned_ns=at_ns(until_s), healed_ns=at_ns(until_s))
    status = builders.status(plan, interrupted=True, load_ended_ns=at_ns(until_s))
    return facts(plan, ops, faults=(early,), status=status)


def test_an_interrupted_run_is_inconclusive() -> None:
    """Nothing that was cut short fails an objective, and the exit code tells of the interrupt."""
    plan = plan_of(CUT, objectives=Objectives(failed_share_max=0.01))
    verdict = judge(plan, interrupted(plan, 10.0))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 130)
    assert codes(verdict)["interrupted"] == "inconclusive"
    assert codes(verdict)["objective_missed"] == "inconclusive"
    assert "fault_did_not_bite" not in codes(verdict)


def test_an_interrupted_run_with_a_broken_invariant_fails() -> None:
    """A lost loan is lost, however the run ended."""
    plan = plan_of(CUT)
    known = interrupted(plan, 10.0)
    key = builders.rows(known.operations)[100].key
    rows = tuple(row for row in known.ledger.entries if row.idempotency_key != key)
    reading = replace(known.ledger, entries=rows, by_key=known.ledger.by_key | {key: ()})
    verdict = judge(plan, replace(known, ledger=reading))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.FAIL, 130)


def test_an_outage_in_a_run_with_troubles_of_its_own_decides_nothing() -> None:
    """And it says why; without the trouble the same run fails."""
    plan = plan_of()
    outage = operations(plan, during(12, 15))
    sound = facts(plan, outage)
    trouble = "Toxiproxy ended: what borrowers saw then was not the target's doing"
    status = builders.status(plan, troubles=(ErrorRecord(trouble),))
    ended = facts(plan, outage, status=status)

    fails, undecided = judge(plan, sound), judge(plan, ended)

    assert (fails.verdict, codes(fails)["outage"]) == (Judgement.FAIL, "fail")
    assert (undecided.verdict, undecided.exit_code) == (Judgement.INCONCLUSIVE, 3)
    assert {c for c, severity in codes(undecided).items() if severity == "fail"} == set()
    (told,) = [f.message for f in undecided.findings if f.code == "outage"]
    assert told.endswith(f"which no injected fault accounts for; but {trouble}")


@pytest.mark.parametrize(
    ("lasts_s", "limit", "severity"),
    [(5.9, 0.1, "fail"), (9.0, 0.35, "inconclusive"), (9.0, 0.1, "fail")],
    ids=["a delay", "a failed heal", "too much anyway"],
)
def test_a_fault_that_outlasts_its_plan_is_not_held_against_the_target(
    lasts_s: float, limit: float, severity: str
) -> None:
    """What five seconds of a cut may do was promised, not what nine may."""
    plan = plan_of(CUT, objectives=Objectives(failed_share_max=limit))
    heal_ns = at_ns(8 + lasts_s)
    fault = builders.fault_fact(
        plan.faults[0], heal_called_ns=heal_ns, heal_returned_ns=heal_ns, healed_ns=heal_ns
    )
    verdict = judge(*cut_run(plan, end_s=8 + lasts_s + 0.3, faults=(fault,)))

    assert codes(verdict)["objective_missed"] == severity
    told = " ".join(f.message for f in verdict.findings)
    assert ("1-partition lasted 9.0 s instead of 5.0 s" in told) is (severity == "inconclusive")


@pytest.mark.parametrize(("second_way", "severity"), [(False, "fail"), (True, "inconclusive")])
def test_links_cut_to_heal_a_tolerated_fault_are_not_the_targets_outage(
    second_way: bool, severity: str
) -> None:
    """Nobody was to notice the fault; whoever noticed its heal noticed us."""
    plan = plan_of(replace(CUT, link="bureau", expects_impact=False))
    fault = builders.fault_fact(plan.faults[0])
    if second_way:
        told = Proof("second_way", holds=True, text="healed the second way")
        fault = replace(fault, proofs=(*fault.proofs, told))
    verdict = judge(plan, facts(plan, operations(plan, during(13, 15)), faults=(fault,)))

    assert codes(verdict)["outage"] == severity


def test_a_run_interrupted_before_its_load_is_judged() -> None:
    """No clock, no operation, no fault: inconclusive, and every figure unknown."""
    plan = plan_of(CUT)
    status = builders.status(plan, clock=None, load_ended_ns=None, interrupted=True)
    unread = builders.ledger((), read=False, complete=False)
    verdict = judge(plan, facts(plan, (), status=status, faults=(), ledger=unread))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 130)
    assert verdict.zero_utc is None
    assert verdict.faults[0].bit is None
    assert verdict.sentence.startswith(
        "The run was interrupted after 0 of 1,450 planned arrivals. "
    )


def test_fail_beats_inconclusive() -> None:
    """A broken invariant is not excused by poor evidence."""
    plan = plan_of()
    known = one_changed(plan, outcome=Outcome.FAILED, decline=Decline.CREDIT, false_declined=True)
    verdict = judge(plan, replace(known, damage=("a line",)))

    assert set(codes(verdict).values()) == {"fail", "inconclusive"}
    assert verdict.verdict is Judgement.FAIL


def test_a_check_that_raises_is_inconclusive() -> None:
    """Our own bug neither passes a run nor crashes it, and the other checks still count."""

    def broken(_: Case) -> Iterator[Finding]:
        yield from ()
        raise ZeroDivisionError("planted")

    plan = plan_of()
    verdict = judge(plan, facts(plan), (*CHECKS, broken))

    assert codes(verdict) == {"internal_check_error": "inconclusive"}
    assert verdict.findings[0].evidence == {"check": "broken"}
    assert verdict.verdict is Judgement.INCONCLUSIVE
