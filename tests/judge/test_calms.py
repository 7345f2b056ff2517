"""Stretches before, between and after the faults, each against its limit by itself."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from harness.faults import Latency, Partition
from harness.plan.fault import FaultSpec
from harness.plan.plan import Objectives, Plan
from harness.verdict.checks.bounds import Limit, by_share, failed_results
from harness.verdict.judge import judge
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.outside_faults import Calm
from harness.verdict.types import Judgement, ObjectiveResult, Verdict
from tests.builders import CUT, at_ns, during, facts, operations, over, plan_of

LIMIT = 0.005


def judged(
    plan: Plan, weak: tuple[float, float], every: int, dead: tuple[tuple[float, float], ...] = ()
) -> Verdict:
    """Dead under each fault and in ``dead``; in ``weak`` one in ``every`` request fails."""
    count = itertools.count(1)

    def bad(at_s: float) -> bool:
        if any(fault.inject_s <= at_s < fault.heal_s + 0.2 for fault in plan.faults):
            return True
        if any(start_s <= at_s < end_s for start_s, end_s in dead):
            return True
        return weak[0] <= at_s < weak[1] and next(count) % every == 0

    return judge(plan, facts(plan, operations(plan, bad)))


def result(verdict: Verdict, name: str = "failed_outside_fault_share_max") -> ObjectiveResult:
    """What became of one objective."""
    return next(one for one in verdict.objectives if one.id == name)


@pytest.mark.parametrize("baseline_s", [8.0, 120.0])
def test_a_longer_baseline_makes_the_judge_no_laxer(baseline_s: float) -> None:
    """2 % fail for ever after the heal."""
    plan = plan_of(CUT, baseline_s=baseline_s, recovery_s=40.0)
    verdict = judged(plan, (baseline_s + 5, np.inf), 50)
    outside = result(verdict)

    assert (verdict.verdict, outside.verdict) == (Judgement.FAIL, Judgement.FAIL)
    assert f"after the heal at {baseline_s + 5:.1f} s 2.0 % of 1,500 failed" in outside.reason
    assert outside.observed == pytest.approx(0.02)


def test_what_fails_between_two_faults_fails_after_a_long_baseline() -> None:
    """2 % for 42 s, and none in the 120 s before them."""
    faults = (over(0, 2 / 56, Partition("database")), over(54 / 56, 1, Partition("database")))
    plan = plan_of(*faults, baseline_s=120.0, fault_s=56.0)
    outside = result(judged(plan, (122.2, 174.0), 50))

    assert outside.verdict is Judgement.FAIL
    assert "after the heal at 122.0 s and before the fault at 174.0 s" in outside.reason


def test_a_few_failures_too_many_leave_it_undecided() -> None:
    """4 of 250: more than the limit, more than before, and too few to be sure."""
    plan = plan_of(CUT, baseline_s=120.0)
    verdict = judged(plan, (135.0, np.inf), 60)

    assert result(verdict).verdict is Judgement.INCONCLUSIVE
    assert "by chance" in result(verdict).reason
    assert verdict.verdict is Judgement.INCONCLUSIVE


def test_a_stretch_with_no_time_left_is_seen_within_the_time_to_recover() -> None:
    """The load ends 9 s after the heal, and 3 % fail from there on: nobody knows, never a pass."""
    plan = plan_of(CUT, baseline_s=60.0, recovery_s=9.0, rate=100)
    verdict = judged(plan, (65.0, np.inf), 33)

    assert result(verdict).verdict is Judgement.INCONCLUSIVE
    assert verdict.verdict is Judgement.INCONCLUSIVE


@pytest.mark.parametrize("recovery_s", [3.0, 6.0, 9.0, 12.0, 15.0])
def test_a_short_recovery_phase_in_which_nothing_fails_passes(recovery_s: float) -> None:
    """Back a second after the heal, or eight where there is time to see that it lasts."""
    plan = plan_of(CUT, recovery_s=recovery_s)
    back_s = [1.0, 8.0] if recovery_s > 10 else [1.0]
    for until_s in back_s:
        verdict = judged(plan, (0.0, 0.0), 1, dead=((13.0, 13.0 + until_s),))
        assert verdict.verdict is Judgement.PASS


def test_answers_that_stay_slow_fail_after_a_long_baseline() -> None:
    """Every twentieth takes 1.5 s for ever; limit 500 ms."""
    limits = Objectives(recovery_seconds_max=10, latency_ms_p99_max=500)
    plan = plan_of(CUT, baseline_s=120.0, recovery_s=40.0, objectives=limits)
    ops = tuple(
        replace(op, ended_ns=at_ns(at_s + 1.5)) if at_s > 126 and op.arrival % 20 == 0 else op
        for op in operations(plan, during(120, 125.3))
        for at_s in [plan.arrivals[op.arrival].at_s]
    )
    slow = result(judge(plan, facts(plan, ops)), "latency_ms_p99_max")

    assert slow.verdict is Judgement.FAIL
    assert slow.observed == pytest.approx(1500, abs=1)
    assert "after the heal at 125.0 s 5.0 % of 1,500 took longer" in slow.reason


def test_a_fault_that_nobody_is_to_notice_is_a_stretch_of_its_own() -> None:
    """2 % under it, nothing in the two minutes before it."""
    quiet = Latency("bureau", milliseconds=20, expects_impact=False)
    plan = plan_of(quiet, baseline_s=120.0, fault_s=60.0)
    count = itertools.count(1)
    ops = operations(plan, lambda at_s: 120 <= at_s < 180 and next(count) % 50 == 0)
    outside = result(judge(plan, facts(plan, ops)))

    assert outside.verdict is Judgement.FAIL
    assert "with 1-latency at work 2.0 % of" in outside.reason


@pytest.mark.parametrize(
    "faults",
    [(CUT,), (over(0, 0.1, Partition("database")), over(0.9, 1, Partition("database")))],
)
def test_a_steady_share_below_the_limit_passes(faults: tuple[FaultSpec, ...]) -> None:
    """One in 250 fails, before, between and after the faults."""
    plan = plan_of(*faults, baseline_s=60.0, fault_s=60.0, recovery_s=30.0)

    assert judged(plan, (0.0, np.inf), 250).verdict is Judgement.PASS


@pytest.mark.parametrize(
    "sizes", [(400, 250), (400, 450), (3000, 250), (3000, 2100, 250), (1000, 100, 100, 100)]
)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.002, 0.004])
def test_chance_fails_no_steady_service(sizes: tuple[int, ...], share: float) -> None:
    """4,000 runs of a service that fails alike all the time, less than allowed."""
    drawn = np.random.default_rng(3).binomial(sizes, share, size=(4000, len(sizes)))
    limit, opened = Limit("failed_outside_fault_share_max", LIMIT), 0
    for parts, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        shares = [Share(int(part), size) for part, size in zip(parts, sizes, strict=True)]
        whole = by_share(limit, Share(int(parts.sum()), sum(sizes))).verdict
        found = failed_results(limit, [Calm("then", one, np.empty(0)) for one in shares])
        verdicts = {one.verdict for one in found}
        assert whole is Judgement.FAIL or Judgement.FAIL not in verdicts
        opened += int(times) if verdicts and whole is Judgement.PASS else 0

    assert opened < 40
