"""Sentences that stay true, and grammatical, in runs that are rare."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.faults import Kill, Partition, Refuse
from harness.history.events import GRANTED, HealthAddress, SafetyStop
from harness.history.reader import Facts
from harness.plan.plan import Objectives, Plan
from harness.report import impairment_table, sections, signals, words
from harness.report.chart_series import ChartSeries
from harness.report.tiles import tiles
from harness.verdict.checks.case import inconclusive
from harness.verdict.judge import judge
from harness.verdict.reasons import advice, brief, why
from harness.verdict.types import Judgement, ObjectiveResult, Severity, Verdict
from harness.verdict.units import share
from tests.builders import (
    CUT,
    at_ns,
    changed,
    cut_run,
    during,
    facts,
    fault_fact,
    ledger,
    operations,
    over,
    plan_of,
    polls,
    rows,
)


def tile(verdict: Verdict, name: str) -> str:
    """One key figure with its notes, as one text."""
    (found,) = [one for one in tiles(None, verdict) if one.name == name]
    return "; ".join((found.figure, *found.notes))


@pytest.mark.parametrize(
    ("part", "written"),
    [(0, "0 %"), (1, "100 %"), (1 / 30_000, "0.003 %"), (29_999 / 30_000, "99.997 %")],
)
def test_not_none_is_not_0_and_not_all_is_not_100(part: float, written: str) -> None:
    """In runs of any length."""
    assert share(part) == written


def test_one_failure_of_very_many_is_seen_in_every_figure() -> None:
    """It is neither 0 % nor 0.0 s."""
    plan = plan_of(rate=1000)
    verdict = judge(plan, facts(plan, operations(plan, during(20.0, 20.001))))

    assert verdict.borrow.window.failed == 1
    told = "under 0.01 s; 1 failed after the baseline ÷ 1,000 arrivals"
    assert tile(verdict, "Lost service").startswith(told)
    assert "0.00 %" not in tile(verdict, "Failed borrow requests")


def test_a_recovery_long_before_the_heal_is_not_said_to_come_after_it() -> None:
    """Redundancy took over 3.5 s before the heal."""
    verdict = judge(*cut_run(end_s=9.5))

    assert verdict.recovery.from_heal_s is not None
    assert verdict.recovery.from_heal_s < -3
    assert "borrowing recovered at once, by the heal (limit 10 s)" in verdict.sentence
    told = "at once; failures had ended by the heal"
    assert tile(verdict, "Time to recover").startswith(told)


def partly_read(plan: Plan) -> Facts:
    """Two confirmed loans are not in a listing that ended early."""
    known = cut_run(plan)[1]
    entries = known.ledger.entries[2:]
    part = ledger(rows(known.operations), entries=entries, complete=False, error="page 3")
    return replace(known, ledger=part)


@pytest.mark.parametrize("limit", [None, 0.1])
def test_of_a_ledger_read_in_part_nothing_is_claimed(limit: float | None) -> None:
    """Whether that, or something else, is the reason of the verdict."""
    plan = plan_of(CUT, objectives=Objectives(failed_share_max=limit))
    verdict = judge(plan, partly_read(plan))

    assert "no loan was lost" not in verdict.sentence
    assert "no loan is known to be lost" in verdict.sentence
    assert verdict.sentence.count("listing is not complete") == 1
    assert tile(verdict, "Money").startswith("not decided; none wrong in what was read")


def test_that_the_ledger_was_not_read_is_told_once() -> None:
    """It is the reason already."""
    plan, known = cut_run()
    verdict = judge(plan, replace(known, ledger=ledger((), read=False)))

    assert verdict.sentence.count("could not be read") == 1


def test_a_fault_that_was_not_injected_is_not_to_be_lengthened() -> None:
    """Nor is one that began late or ended early; the advice is of use."""
    plan = plan_of(CUT)
    never = fault_fact(plan.faults[0], inject_called_ns=None, heal_called_ns=None, proofs=())
    found = judge(plan, facts(plan, faults=(never,)))

    assert "To decide it: find why it was not injected" in found.sentence
    (bite,) = [f for f in found.findings if f.code == "fault_did_not_bite"]
    assert bite.evidence["injected"] is False


SAID = (
    "it was never injected, began after its plan: too late, ended by no one's order, there was no"
    " fault to recover from, and more requests will not help"
)


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"more_helps": False, "id": "failed_share_max"}, "find why requests fail or are slow, or"),
        ({"injected": False}, "find why it was not injected (conductor.log has it)"),
        (
            {"injected": True, "late_s": 3.0, "ended_by": "plan"},
            "free the machine and run it again",
        ),
        ({"early_s": 2.0, "ended_by": "nobody"}, "find what ended the fault and run it again"),
        (
            {"id": "recovery_seconds_max", "recoveries": 0},
            "inject a fault, or leave out this limit",
        ),
        ({"early_s": 2.0, "late_s": 0.0, "ended_by": "target"}, "lengthen the fault, or check"),
        (
            {"id": "recovery_seconds_max", "recoveries": 1},
            "raise the rate or lengthen the recovery",
        ),
        ({"missing": [SAID]}, "lengthen the fault, or check that the target"),
    ],
    ids=str,
)
def test_the_evidence_decides_on_the_advice(evidence: dict[str, Any], told: str) -> None:
    """Never the words of a message, which hold those of the target, too."""
    assert advice(inconclusive("fault_did_not_bite", SAID, **evidence)).startswith(told)


@pytest.mark.parametrize("limit", ["recovery_seconds_max", "latency_recovery_seconds_max"])
def test_a_run_without_a_fault_has_nothing_to_recover_from(limit: str) -> None:
    """More load decides nothing of it."""
    plan = plan_of(objectives=Objectives(**{limit: 5}))
    verdict = judge(plan, facts(plan))

    assert "To decide it: inject a fault, or leave out this limit." in verdict.sentence


def test_what_more_load_will_not_help_is_not_to_have_more_load() -> None:
    """A service that fails one in twenty all along is no matter of the rate."""
    plan = plan_of(objectives=Objectives(failed_share_max=0.1))
    bad = {arrival.at_s for index, arrival in enumerate(plan.arrivals) if index % 20 == 3}
    verdict = judge(plan, facts(plan, operations(plan, bad.__contains__)))

    assert "more requests will not help" in verdict.sentence
    assert "raise the rate" not in verdict.sentence
    assert "To decide it: find why requests fail" in verdict.sentence


def test_one_reason_is_not_told_as_two() -> None:
    """A recovery that never came misses its limit, and is that one reason."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=5))
    verdict = judge(plan, facts(plan, operations(plan, during(8.0, 100.0))))
    found = [f for f in verdict.findings if f.verdict is Severity.FAIL]

    assert [f.code for f in found] == ["objective_missed", "not_recovered"]
    assert why(found)[0].startswith("borrowing took more than 14.9 s to recover; the limit is 5 s")
    assert "more reason" not in verdict.sentence
    assert "also:" not in verdict.sentence
    assert "15.0 s or more" not in verdict.sentence


def test_nothing_is_said_of_what_others_break_but_that_it_was_not_us() -> None:
    """Where somebody is to pull a plug by hand, a bare "nothing was injected" is not true."""
    plan = replace(plan_of(), observe=True)
    verdict = judge(plan, facts(plan, operations(plan, during(11.0, 14.0))))

    assert "Nothing was injected by lendchaos, yet borrowing was impaired: " in verdict.sentence


def test_a_fault_without_end_is_told_in_a_whole_sentence() -> None:
    """Whatever the number of its subject."""
    plan, known = cut_run(end_s=100.0)
    open_end = {"heal_called_ns": None, "heal_returned_ns": None, "healed_ns": None}
    endless = tuple(replace(fault, **open_end) for fault in known.faults)
    verdict = judge(plan, replace(known, faults=endless))

    assert "Bytes vanished on the database link, and that was not seen to be healed: " in (
        verdict.sentence
    )


def test_one_is_singular() -> None:
    """At one arrival a second."""
    lengths = {"baseline_s": 1.0, "fault_s": 1.0, "recovery_s": 4.0}
    plan = plan_of(CUT, rate=1, **lengths)
    verdict = judge(plan, facts(plan))
    text = f"{verdict} {tiles(plan, verdict)}"

    for wrong in ("1 borrow requests", "1 operations", "1 arrivals", "1 requests ended"):
        assert f" {wrong}" not in text


def test_counts_of_loans_and_refusals_have_their_base() -> None:
    """As every other number of a reason."""
    plan = plan_of(population="mixed")
    ops = operations(plan)
    first = next(op for op in ops if op.outcome in GRANTED)
    refused = changed(ops, first.arrival, false_declined=True)
    (found,) = [f for f in judge(plan, facts(plan, refused)).findings if f.code == "false_decline"]

    assert found.message.startswith("1 of all 1,450 requests was refused although the borrower")


def test_an_objective_that_was_not_measured_is_named_as_it_is_set() -> None:
    """No "latency ms p99 was not measured"."""
    plan = plan_of(rate=5, objectives=Objectives(latency_ms_p99_max=500))
    result: ObjectiveResult = judge(plan, facts(plan, ())).objectives[0]
    verdict = judge(plan, facts(plan, ()))

    assert result.observed is None
    assert "latency_ms_p99_max was not measured; the limit is 500 ms" in str(verdict.findings)


def test_a_run_that_ended_before_its_heal_says_so() -> None:
    """Killed in mid-fault: no time after the heal has a sign."""
    plan, known = cut_run(end_s=100.0)
    end_ns = known.faults[0].heal_returned_ns
    assert end_ns is not None
    kept = known.operations.take(known.operations.intended_ns < end_ns - 10**9)
    status = replace(known.status, load_ended_ns=end_ns - 20_000_000, interrupted=True)
    verdict = judge(plan, replace(known, operations=kept, status=status))

    assert verdict.recovery.observed_s is not None
    assert verdict.recovery.observed_s < 0
    assert "had recovered when the load ended before the heal" in verdict.sentence
    assert "when the run ended, before the heal" in tile(verdict, "Time to recover")
    assert "-0" not in verdict.sentence


def test_no_request_is_no_service_that_was_not_lost() -> None:
    """Nothing was measured, and the reason is that."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, ()))
    told = "no borrow request was measured after the baseline"

    assert tile(verdict, "Lost service") == f"not measured; {told}"
    assert tile(verdict, "Failed borrow requests") == f"0; share not measured: {told}"


def test_bins_of_the_chart_have_round_edges() -> None:
    """No 1.11022e-16 s, which the sum of fifths comes to."""
    bins = ChartSeries(-0.6, 0.2, np.zeros((1, 5)), np.zeros(5), np.zeros(5))

    assert [f"{bins.edge_s(index):g}" for index in range(5)] == ["-0.6", "-0.4", "-0.2", "0", "0.2"]


@pytest.mark.parametrize(
    ("low_s", "limit_s", "told"),
    [
        (14.97, 10.0, "borrowing took more than 14.9 s to recover; the limit is 10 s"),
        (14.97, 14.95, "borrowing took more than 14.97 s to recover; the limit is 14.95 s"),
        (16.7, 10.0, "borrowing took more than 16.7 s to recover; the limit is 10 s"),
        (0.0, 10.0, "borrowing was not seen to recover; the limit is 10 s"),
        (-0.76, 10.0, "borrowing was not seen to recover; the limit is 10 s"),
    ],
)
def test_what_was_surely_longer_is_rounded_down(low_s: float, limit_s: float, told: str) -> None:
    """And "more than at once" is no length."""
    result = ObjectiveResult(
        "recovery_seconds_max", limit_s, None, low_s, None, Judgement.INCONCLUSIVE, "no end seen"
    )

    assert brief(result) == told


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("replicas", "Replicas were killed and down for 5.0 s: "),
        ("bureau", "Bureau was killed "),
    ],
)
def test_what_was_killed_is_told_in_a_whole_sentence(target: str, told: str) -> None:
    """Nothing reads as if a replica had killed somebody."""
    verdict = judge(*cut_run(plan_of(Kill(target=target))))

    assert told in verdict.sentence


def test_a_fault_of_hundredths_of_a_second_lasted_longer_than_none() -> None:
    """Aborted just after its injection."""
    plan, known = cut_run()
    start_ns = known.faults[0].inject_returned_ns
    assert start_ns is not None
    brief_one = (replace(known.faults[0], healed_ns=start_ns + 40_000_000),)
    verdict = judge(plan, replace(known, faults=brief_one))

    assert "Bytes vanished on the database link for 0.04 s: " in verdict.sentence


def tone(verdict: Verdict, name: str) -> str:
    """How one tile looks."""
    return next(one.tone for one in tiles(None, verdict) if one.name == name)


def test_the_tile_of_failures_is_red_where_a_stop_for_failures_fails_the_run() -> None:
    """It is what the sentence begins with."""
    plan, known = cut_run()
    stop = SafetyStop("failed_budget", "31 borrow requests had failed", at_ns(12.0), 31, 30)
    verdict = judge(plan, replace(known, status=replace(known.status, safety_stop=stop)))

    assert verdict.sentence.startswith("The run was stopped for safety at 12.0 s because 31 borrow")
    assert tone(verdict, "Failed borrow requests") == "fail"


def test_a_run_that_passed_has_no_tile_that_looks_undecided() -> None:
    """Nothing was injected, so no time to recover was asked for."""
    plan = plan_of(objectives=Objectives(failed_share_max=0.5, impaired_episodes_max=1))
    verdict = judge(plan, facts(plan, operations(plan, during(11.0, 14.0))))

    assert verdict.verdict is Judgement.PASS
    assert {one.tone for one in tiles(None, verdict)} <= {"", "impact"}


READY = HealthAddress("/readyz", 5.0)


def test_health_that_was_green_all_along_is_not_said_to_have_been_red() -> None:
    """Neither of a fault on the edge, which health is asked around, nor of scattered failures."""
    plan = plan_of(Partition("edge"))
    cut = facts(plan, operations(plan, during(8, 13.3)), health=polls(plan), health_address=READY)
    edge = judge(plan, cut)
    few = plan_of()
    bad = facts(few, operations(few, during(3, 3.03)), health=polls(few), health_address=READY)
    for verdict in (edge, judge(few, bad)):
        shown = signals.health(verdict)
        assert verdict.borrow.failed
        assert shown.digest == "145 of 145 answers green"
        assert "never called itself healthy" not in shown.lead

    assert "faults on the edge" in signals.health(edge).lead


def test_a_recovery_that_is_not_decided_is_not_said_to_be_needless() -> None:
    """Nothing shows that nothing was impaired: the fault never came, or hardly a request did."""
    plan = plan_of(CUT)
    never = fault_fact(plan.faults[0], inject_called_ns=None, heal_called_ns=None, proofs=())
    runs = (facts(plan, faults=(never,)), facts(plan, operations(plan)[500:501]))
    for verdict in (judge(plan, known) for known in runs):
        told = tile(verdict, "Time to recover")
        assert told.startswith("not measured; ")
        assert told.endswith("not decided against the limit of 10 s")


def test_what_was_over_before_the_injection_needs_no_recovery() -> None:
    """As the table of objectives says, too."""
    plan = plan_of(CUT)
    verdict = judge(plan, facts(plan, operations(plan, during(1, 7))))

    told = "not needed; nothing was impaired from the injection on; within the limit of 10 s"
    assert tile(verdict, "Time to recover") == told


def test_objectives_that_were_not_set_are_not_said_to_be_met() -> None:
    """The table beside it says that there are none."""
    plan = plan_of(objectives=Objectives())
    verdict = judge(plan, facts(plan))

    assert (verdict.verdict, verdict.objectives) == (Judgement.PASS, [])
    assert "objectives met" not in words.meaning(verdict)
    assert words.meaning(judge(plan_of(), facts(plan_of()))) == "All objectives met."


def test_a_run_too_short_to_show_an_outage_claims_none() -> None:
    """Neither in what held nor in the heading of the episodes."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, operations(plan)[500:501]))

    assert verdict.visible is None or verdict.visible.outage_s is None
    assert "no outage" not in sections.held(verdict)
    assert impairment_table.episodes(verdict).digest == words.NOT_MEASURED


def test_a_fault_that_was_never_injected_came_not_after_another() -> None:
    """Nor while it was at work."""
    plan = plan_of(over(0, 0.3, Partition("database")), over(0.6, 1, Refuse("edge")))
    never = fault_fact(plan.faults[0], inject_called_ns=None, heal_called_ns=None, proofs=())
    known = facts(plan, faults=(never, fault_fact(plan.faults[1])))

    told = "for 2.0 s, and fault 1-partition was never injected: "
    assert told in judge(plan, known).sentence
