"""A run that a stop condition ended: what the verdict makes of it, now and judged again."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.exit_codes import ExitCode
from harness.history.events import SafetyStop
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Plan
from harness.report.write_report import write
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, Verdict
from tests import builders
from tests.builders import CUT, at_ns, cut_run, plan_of
from tests.judge.helpers import codes

STOP = SafetyStop("failed_budget", "31 borrow requests had failed, 30 were allowed", 0, 31, 30)


def stopped_run(
    at_s: float = 10.0, stop: SafetyStop = STOP, *, interrupted: bool = False
) -> tuple[Plan, Facts]:
    """A partition at 8 s, stopped two seconds into it, healed half a second later."""
    plan, known = cut_run(plan_of(CUT))
    (fact,) = known.faults
    healed = replace(
        fact,
        heal_called_ns=at_ns(at_s + 0.1),
        heal_returned_ns=at_ns(at_s + 0.5),
        healed_ns=at_ns(at_s + 0.5),
    )
    status = builders.status(
        plan,
        load_ended_ns=at_ns(at_s + 0.2),
        safety_stop=replace(stop, at_ns=at_ns(at_s)),
        interrupted=interrupted,
    )
    ops = tuple(o for o in builders.rows(known.operations) if o.intended_ns <= at_ns(at_s + 0.2))
    return plan, builders.facts(plan, ops, faults=(healed,), status=status)


def finding(verdict: Verdict) -> Finding:
    """The one about the stop."""
    (found,) = [f for f in verdict.findings if f.code == "safety_stop"]
    return found


def test_it_fails_with_an_exit_code_of_its_own() -> None:
    """More harm was done than was allowed; what is missing for other checks decides nothing."""
    verdict = judge(*stopped_run())

    assert (verdict.verdict, verdict.exit_code) == (Judgement.FAIL, ExitCode.SAFETY_STOP)
    assert codes(verdict)["safety_stop"] == "fail"
    assert "interrupted" not in codes(verdict)
    assert "fail" not in {w for c, w in codes(verdict).items() if c != "safety_stop"}


def test_the_sentence_says_what_tripped_and_when() -> None:
    """With the numbers."""
    verdict = judge(*stopped_run())

    assert f"stopped for safety at 10.0 s because {STOP.text}" in verdict.sentence


def test_the_evidence_has_how_fast_it_was() -> None:
    """From the instant of the stop to the last heal and to the last arrival."""
    evidence = finding(judge(*stopped_run())).evidence

    assert evidence["at_s"] == pytest.approx(10.0)
    assert evidence["healed_after_s"] == pytest.approx(0.5)
    assert evidence["load_ended_after_s"] == pytest.approx(0.2)
    assert (evidence["observed"], evidence["limit"]) == (31, 30)


def test_a_fault_healed_before_the_stop_is_not_counted_as_its_heal() -> None:
    """Stopped in the recovery: there was nothing left to heal."""
    plan, known = stopped_run(at_s=20.0)
    (fact,) = known.faults
    before = replace(known, faults=(replace(fact, heal_returned_ns=at_ns(13.0)),))

    assert finding(judge(plan, before)).evidence["healed_after_s"] is None


def test_without_its_watch_nothing_is_decided_about_the_target() -> None:
    """The run ends as well, and with the same exit code; but the target may be sound."""
    verdict = judge(*stopped_run(stop=replace(STOP, condition="watch_failed")))

    assert codes(verdict)["safety_stop"] == "inconclusive"
    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, ExitCode.SAFETY_STOP)


@pytest.mark.parametrize(
    ("condition", "severity"),
    [
        ("failed_surge", "inconclusive"),
        ("failed_budget", "inconclusive"),
        ("principal_at_risk_fen", "inconclusive"),
        ("double_disbursement", "fail"),
    ],
)
def test_what_may_have_failed_on_our_side_stops_the_run_and_decides_nothing(
    condition: str, severity: str
) -> None:
    """Borrowers lacked an answer for one reason or another; who pays out twice does it himself."""
    plan, known = stopped_run(stop=replace(STOP, condition=condition))
    ended = replace(known, status=replace(known.status, troubles=(ErrorRecord("Toxiproxy ended"),)))

    assert codes(judge(plan, known))["safety_stop"] == "fail"
    assert codes(judge(plan, ended))["safety_stop"] == severity


def test_a_stop_counts_more_than_a_later_interruption() -> None:
    """Whoever presses Ctrl-C then did not end the run."""
    assert judge(*stopped_run(interrupted=True)).exit_code == ExitCode.SAFETY_STOP


def test_the_same_run_without_a_stop_passes_on() -> None:
    """The finding comes from the stop alone."""
    assert "safety_stop" not in codes(judge(*cut_run(plan_of(CUT))))


def test_judged_again_from_the_run_directory_it_is_the_same(tmp_path: Path) -> None:
    """The stop is stored with the run, and so is what could have tripped."""
    plan, known = stopped_run()
    run = RunDirectory.create(tmp_path, plan)
    run.write_status(known.status)
    again = RunDirectory(run.path)
    facts = read_facts(again, again.read_plan())
    path = write(run, plan, known, judge(plan, known))

    assert facts.status.safety_stop == known.status.safety_stop
    assert facts.status.blast_radius == known.status.blast_radius
    assert again.read_plan().stop == plan.stop
    assert judge(plan, builders.with_rows(facts, operations=known.operations)).exit_code == 4
    assert STOP.text in path.read_text()
