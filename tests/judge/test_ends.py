"""Troubles whose end, or begin, the run does not show: what they decide, and how they rank."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.faults import Restart
from harness.history.events import HealthAddress
from harness.history.reader import Facts
from harness.plan.plan import Objectives, Plan
from harness.report.compare.compared_figures import FIGURES
from harness.verdict import series
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Severity, Verdict
from tests.builders import CUT, facts, operations, over, plan_of, polls, rows
from tests.judge.helpers import codes

HEAL_S, END_S = 13.0, 28.0
READY = HealthAddress("/readyz", 5.0)


def brownout(begin_s: float, every: int, end_s: float = math.inf) -> Callable[[float], bool]:
    """One request of so many fails, always the same number of good ones in between."""
    return lambda at_s: begin_s <= at_s < end_s and round(at_s * 50) % every == every // 2


def endless(every: int, **limits: float) -> tuple[Plan, Facts]:
    """A cut from 8 to 13 s after which one of so many fails, and the last requests are served."""
    plan = plan_of(CUT, objectives=Objectives(**limits) if limits else None)
    last_s = max(arrival.at_s for arrival in plan.arrivals)
    some = brownout(HEAL_S, every, last_s - 0.05)
    known = facts(plan, operations(plan, lambda at_s: 8 <= at_s < HEAL_S or some(at_s)))
    assert not rows(known.operations)[-1].failed
    return plan, known


def recovery_figure(verdict: Verdict) -> float:
    """As `compare` ranks it."""
    (figure,) = [one for one in FIGURES if one.name == "recovery_s"]
    value = figure.read(verdict)
    assert value is not None
    assert value.low == pytest.approx(verdict.recovery.from_heal_s_low)
    return value.size


@pytest.mark.parametrize("every", [2, 5, 10])
def test_a_brownout_that_never_ended_has_not_recovered(every: int) -> None:
    """Although the last requests succeeded: it fails where it surely outlasted the deadline."""
    verdict = judge(*endless(every, recovery_seconds_max=8))
    seen = verdict.recovery

    assert seen.from_heal_s is None
    assert seen.from_injection_s is None
    assert seen.from_heal_s_high is None
    assert seen.censored
    assert not seen.confirmed
    assert seen.from_heal_s_low == pytest.approx(END_S - HEAL_S, abs=0.3 * every)
    assert codes(verdict)["not_recovered"] == "fail"
    assert codes(verdict)["objective_missed"] == "fail"
    assert "borrowing had not recovered when the load ended" in verdict.sentence
    assert all(o.observed is None for o in verdict.objectives if o.id == "recovery_seconds_max")


def test_before_the_deadline_it_decides_nothing() -> None:
    """It may have recovered in time, or never."""
    verdict = judge(*endless(10, recovery_seconds_max=14.5))

    assert codes(verdict)["not_recovered"] == "inconclusive"
    assert verdict.verdict is Judgement.INCONCLUSIVE
    (result,) = verdict.objectives
    assert (result.observed, result.high, result.verdict) == (None, None, Judgement.INCONCLUSIVE)


def test_it_ranks_as_outlasted_in_a_comparison_and_in_a_series() -> None:
    """Above every measured one, with how long it surely took."""
    verdict = judge(*endless(10))

    assert recovery_figure(verdict) == math.inf
    run = series.run_of(1, 1, 1, "", verdict)
    assert run.censored
    assert run.recovery_s is None
    assert series.series_of("cut", 1, (run,), None).recovery_s == series.Spread(1, None, None)


def test_without_a_fault_it_reads_to_the_end() -> None:
    """The stretch, and its finding."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, operations(plan, brownout(12, 10))))

    (episode,) = verdict.episodes
    assert episode.recovered_s is None
    assert codes(verdict)["degraded"] == "fail"
    assert codes(verdict)["not_recovered"] == "fail"
    assert "to the end" in verdict.sentence
    assert any(" s to the end (" in finding.message for finding in verdict.findings)


def test_a_fault_that_comes_first_leaves_it_open_in_the_same_way() -> None:
    """Of the first heal nothing was seen but a brownout, up to the next injection."""
    faults = (over(0, 0.1, CUT), over(0.9, 1, Restart("replicas")))
    plan = plan_of(*faults, fault_s=50.0)
    some = brownout(8, 5, 53)
    verdict = judge(plan, facts(plan, operations(plan, lambda s: 8 <= s < 13 or some(s))))

    assert verdict.recovery.faults == ["1-partition"]
    assert verdict.recovery.next_faults == ["2-restart"]
    assert verdict.recovery.from_heal_s is None
    assert codes(verdict)["not_recovered"] == "fail"


def test_of_two_heals_the_one_without_a_recovery_decides() -> None:
    """However long the other took: 20 s, then at least 14 s to the end of the load."""
    faults = (over(0, 0.1, CUT), over(0.8, 0.9, Restart("replicas")))
    plan = plan_of(*faults, fault_s=50.0, objectives=Objectives(recovery_seconds_max=5))
    some = brownout(53, 5)
    verdict = judge(
        plan, facts(plan, operations(plan, lambda s: 8 <= s < 33 or 48 <= s < 53 or some(s)))
    )
    (result,) = verdict.objectives

    assert verdict.recovery.faults == ["2-restart"]
    assert verdict.recovery.censored
    assert result.verdict is Judgement.FAIL
    assert result.observed is None
    assert result.low == pytest.approx(verdict.recovery.from_heal_s_low)


def test_slow_to_the_end_is_no_recovery_of_the_answers() -> None:
    """Every tenth answer takes half a second, the last ones do not."""
    plan = plan_of(CUT, objectives=Objectives(latency_recovery_seconds_max=2))
    slow = brownout(8, 5)
    last_s = max(arrival.at_s for arrival in plan.arrivals)
    ops = tuple(
        replace(op, ended_ns=op.intended_ns + 500_000_000)
        if slow(plan.arrivals[op.arrival].at_s) and plan.arrivals[op.arrival].at_s < last_s - 0.1
        else op
        for op in operations(plan)
    )
    verdict = judge(plan, facts(plan, ops))
    latency = verdict.recovery.latency

    assert latency is not None
    assert (latency.from_heal_s, latency.from_heal_s_high) == (None, None)
    assert latency.censored
    assert latency.from_heal_s_low == pytest.approx(END_S - HEAL_S, abs=2)
    assert codes(verdict)["objective_missed"] == "fail"


def test_what_was_there_from_the_start_is_not_the_faults_doing() -> None:
    """Its begin is open, which does not make it one that the fault accounts for."""
    plan = plan_of(CUT)
    verdict = judge(
        plan, facts(plan, operations(plan, lambda at_s: at_s < 4 or 8 <= at_s < HEAL_S))
    )
    first, second = verdict.episodes

    assert (first.onset_s_low, second.onset_s_low is None) == (None, False)
    assert first.onset_s == pytest.approx(0.0, abs=0.03)
    (told, expected) = [f for f in verdict.findings if f.code == "outage"]
    assert (told.verdict, expected.verdict) == (Severity.FAIL, Severity.NOTE)
    assert "borrowing was down from the start to 4.0 s" in told.message


def test_green_health_counts_only_while_borrowing_surely_failed() -> None:
    """And where its end is open a limit on it is not met, however wide."""
    plan, known = endless(10, grey_failure_seconds_max=25)
    verdict = judge(plan, replace(known, health=polls(plan), health_address=READY))
    (result,) = verdict.objectives
    low_s = verdict.recovery.from_heal_s_low

    assert low_s is not None
    assert result.observed == pytest.approx(HEAL_S + low_s - 8, abs=0.1)
    assert result.high is None
    assert result.verdict is Judgement.INCONCLUSIVE


@pytest.mark.parametrize("stop_s", [math.inf, 50.0], ids=["to the end", "for a while"])
def test_what_went_over_into_something_worse_has_not_recovered_then(stop_s: float) -> None:
    """Half of the requests fail from the fault on, and all of them long after its heal."""
    plan = plan_of(CUT, recovery_s=50.0)
    half = brownout(8, 2)
    bad = operations(plan, lambda at_s: at_s < stop_s and (half(at_s) or at_s >= 40))
    verdict = judge(plan, facts(plan, bad))
    seen = verdict.recovery

    assert [one.class_ for one in verdict.episodes] == ["degraded", "outage"]
    assert seen.from_heal_s_low == pytest.approx(min(stop_s, 63) - HEAL_S, abs=0.5)
    assert seen.censored == (stop_s == math.inf)
    assert (seen.from_heal_s is None) == (stop_s == math.inf)
