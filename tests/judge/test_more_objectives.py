"""Objectives on the wait, health, retries, decisions and who was affected."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.plan.objectives import KINDS, Objectives
from harness.verdict.checks.objective_results import judge_objectives
from harness.verdict.figures import Affected, Health, Retries
from harness.verdict.judge import judge
from harness.verdict.measure.measurement import Measured, measure
from harness.verdict.types import (
    DecisionShare,
    Episode,
    Judgement,
    LatencyRecovery,
    ObjectiveResult,
)
from tests.builders import CUT, cut_run, during, facts, operations, plan_of

PASS, OPEN, FAIL = Judgement.PASS, Judgement.INCONCLUSIVE, Judgement.FAIL


def judged(name: str, limit: float, **changes: Any) -> ObjectiveResult:
    """The one objective of a partition of which some figures are given."""
    plan, known = cut_run(plan_of(CUT, objectives=Objectives(**{name: limit})))
    found = replace(measured(), **changes)
    (one,) = found.recoveries
    found = replace(found, recoveries=[replace(one, recovery=found.recovery)])
    (result,) = judge_objectives(plan, known, found)
    return result


def measured() -> Measured:
    """A partition, measured, with nothing of the figures that are given by hand."""
    plan, known = cut_run()
    found = measure(plan, known)
    bare = replace(found.borrow, affected=None)
    recovery = replace(found.recovery, latency=None)
    return replace(found, borrow=bare, recovery=recovery, health=None, retries=None, decisions=[])


MISSING = {
    "latency_recovery_seconds_max": "there was no heal",
    "grey_failure_seconds_max": "health address was not asked",
    "attempts_per_operation_max": "attempts were not measured",
    "affected_borrowers_share_max": "who was affected was not measured",
    "decision_shift_share_max": "decisions before and after were not measured",
}


@pytest.mark.parametrize("name", MISSING)
def test_what_was_not_measured_is_not_decided(name: str) -> None:
    """Never met, and the reason is told."""
    result = judged(name, 1.0)

    assert (result.observed, result.verdict) == (None, OPEN)
    assert MISSING[name] in result.reason


@pytest.mark.parametrize(("limit", "expected"), [(2.0, FAIL), (4.0, OPEN), (6.0, PASS)])
def test_latency_recovery(limit: float, expected: Judgement) -> None:
    """By both ends of its interval, 3 to 5 s."""
    seen = LatencyRecovery(150.0, 4.0, 3.0, 5.0, confirmed=True)
    recovery = replace(measured().recovery, latency=seen)

    assert judged("latency_recovery_seconds_max", limit, recovery=recovery).verdict is expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (LatencyRecovery(150.0, 4.0, 3.0, 5.0, confirmed=False), OPEN),
        (LatencyRecovery(150.0, confirmed=True), PASS),
        (LatencyRecovery(150.0, confirmed=False), OPEN),
        (LatencyRecovery(150.0, from_heal_s_low=15.0, censored=True), FAIL),
    ],
)
def test_latency_recovery_at_its_edges(seen: LatencyRecovery, expected: Judgement) -> None:
    """Unconfirmed, never slow, too few answers, slow to the end 15 s after the heal."""
    recovery = replace(measured().recovery, latency=seen)
    result = judged("latency_recovery_seconds_max", 10.0, recovery=recovery)

    assert result.verdict is expected
    assert bool(result.reason) is (expected is not PASS)


@pytest.mark.parametrize(
    ("recovery_s", "slow_s", "said"),
    [(3.0, 0.0, "too few answers after the heal to show that none were slow: "),
     (6.0, 1.0, "too few requests after it to show that it lasts: ")],
)  # fmt: skip
def test_too_few_answers_say_how_many_suffice(recovery_s: float, slow_s: float, said: str) -> None:
    """After the heal where none was slow, else after the last slow ones."""
    limits = Objectives(latency_recovery_seconds_max=10)
    plan = plan_of(CUT, rate=10, baseline_s=25.0, recovery_s=recovery_s, objectives=limits)
    ops = tuple(
        replace(op, ended_ns=op.intended_ns + 500_000_000)
        if 25 <= plan.arrivals[op.arrival].at_s < 30 + slow_s and slow_s
        else op
        for op in operations(plan)
    )
    (result,) = judge(plan, facts(plan, ops)).objectives

    enough = "59 answers after it (5.9 s at 10/s) suffice in 9 of 10 runs, if 0.1 % are late"
    assert (result.verdict, result.reason) == (OPEN, said + enough)


def test_slow_to_the_end_of_a_short_load_is_not_decided() -> None:
    """The load ended before the time allowed did."""
    recovery = replace(
        measured().recovery, latency=LatencyRecovery(150.0, from_heal_s_low=15.0, censored=True)
    )
    result = judged("latency_recovery_seconds_max", 60.0, recovery=recovery)

    assert (result.verdict, result.low) == (OPEN, pytest.approx(15.0))


@pytest.mark.parametrize(
    ("seconds", "limit", "expected"),
    [(0.0, 0.0, PASS), (3.0, 4.0, PASS), (3.0, 3.0, OPEN), (3.0, 2.0, FAIL), (None, 9.0, OPEN)],
)
def test_grey_failure(seconds: float | None, limit: float, expected: Judgement) -> None:
    """Known to within one question, half a second here; none is none."""
    health = Health("/health", 2.0, 60, 60, seconds, 0.0, None, None)

    seen = {"health": health, "health_known_s": 5.0}
    assert judged("grey_failure_seconds_max", limit, **seen).verdict is expected


def test_health_that_was_not_asked_meanwhile_is_not_decided() -> None:
    """No green was seen in the outage because nobody looked: polls that ended before it."""
    health = Health("/health", 2.0, 20, 20, 0.0, 0.0, None, None)
    result = judged("grey_failure_seconds_max", 1.0, health=health, health_known_s=1.9)

    assert result.verdict is OPEN
    assert "for 1.9 s of the 5.3 s" in result.reason


def test_health_that_was_never_asked_is_not_decided() -> None:
    """No answer is no green answer."""
    health = Health("/health", 2.0, 0, 0, 0.0, 0.0, None, None)

    assert judged("grey_failure_seconds_max", 1.0, health=health).verdict is OPEN


@pytest.mark.parametrize(("limit", "expected"), [(4.5, FAIL), (5.2, OPEN), (6.0, PASS)])
def test_lost_service(limit: float, expected: Judgement) -> None:
    """265 failures at 50 a second are 5.3 s; 4.8 to 5.8 s by their interval."""
    result = judged("lost_service_seconds_max", limit)

    assert result.verdict is expected
    assert result.observed == pytest.approx(5.3, abs=0.05)
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.observed < result.high


@pytest.mark.parametrize(
    ("observed", "expected"), [(1.4, PASS), (1.5, PASS), (1.6, FAIL), (None, OPEN)]
)
def test_attempts_per_operation(observed: float | None, expected: Judgement) -> None:
    """A count of this run, under the fault only."""
    retries = Retries({"baseline": 9.0, "fault": observed, "recovery": 9.0})

    assert judged("attempts_per_operation_max", 1.5, retries=retries).verdict is expected


@pytest.mark.parametrize(("affected", "expected"), [(0, PASS), (40, PASS), (60, OPEN), (90, FAIL)])
def test_affected_borrowers(affected: int, expected: Judgement) -> None:
    """The rule of shares, for borrowers: 25 % of 200."""
    seen = Affected(200, affected, affected / 200, None, None, 0, None)
    borrow = replace(measured().borrow, affected=seen)

    assert judged("affected_borrowers_share_max", 0.25, borrow=borrow).verdict is expected


def test_affected_borrowers_of_too_few_are_not_decided() -> None:
    """None of ten says nothing of one in twenty."""
    borrow = replace(measured().borrow, affected=Affected(10, 0, 0.0, 0.0, 0.3, 0, None))
    result = judged("affected_borrowers_share_max", 0.05, borrow=borrow)

    assert result.verdict is OPEN
    enough = "59 borrowers suffice in 9 of 10 runs, if 0.1 % fail"
    assert result.reason == f"10 borrowers are too few: {enough}"


@pytest.mark.parametrize(
    ("slow", "told"),
    [
        (0, "99 answers are too few: 100 answers suffice in 9 of 10 runs, if 0.1 % are slower"),
        (2, "99 answers are too few: more answers will not help"),
    ],
)
def test_a_percentile_of_too_few_answers_says_how_many_suffice(slow: int, told: str) -> None:
    """The slowest of 100 may be slower; a share of 1 % or more may not."""
    waits_ms = np.array([10.0] * (99 - slow) + [900.0] * slow)
    result = judged("latency_ms_p99_max", 500, waits_outside_ms=waits_ms, calms=[])

    assert (result.verdict, result.reason) == (OPEN, told)


@pytest.mark.parametrize(("limit", "expected"), [(0, FAIL), (1, PASS)])
def test_slow_episodes(limit: int, expected: Judgement) -> None:
    """Outages are counted elsewhere."""
    found = measured()
    slow = Episode("slow", 14.0, None, None, 16.0, None, None, confirmed=True, failed=0)
    result = judged("slow_episodes_max", limit, episodes=[*found.episodes, slow])

    assert (result.observed, result.verdict) == (1.0, expected)


def test_slow_episodes_without_a_baseline_are_not_decided() -> None:
    """Without a normal wait nothing is slow."""
    baseline = replace(measured().baseline, wait_ms_p95=None)

    assert judged("slow_episodes_max", 5, baseline=baseline).verdict is OPEN


def shift(kind: str, by: float, low: float, high: float) -> DecisionShare:
    """A kind of decision that became more or less frequent."""
    return DecisionShare(kind, 0.5, 0.5 + by, by, low, high, 0.01)


@pytest.mark.parametrize(
    ("decisions", "expected", "observed"),
    [
        ([shift("approved", 0.01, -0.02, 0.04)], PASS, 0.01),
        ([shift("approved", -0.03, -0.06, 0.0)], OPEN, 0.03),
        ([shift("approved", -0.2, -0.25, -0.15)], FAIL, 0.2),
        (
            [shift("approved", 0.01, 0.0, 0.02), shift("declined_credit", 0.09, 0.06, 0.12)],
            FAIL,
            0.09,
        ),
        (
            [shift("referred", 0.04, 0.01, 0.06), DecisionShare("approved", *[None] * 6)],
            OPEN,
            0.04,
        ),
        ([DecisionShare("approved", *[None] * 6)], OPEN, None),
    ],
)
def test_decision_shift(
    decisions: list[DecisionShare], expected: Judgement, observed: float | None
) -> None:
    """The kind that moved the most decides, up or down; its interval against 5 %."""
    result = judged("decision_shift_share_max", 0.05, decisions=decisions)

    assert result.verdict is expected
    assert result.observed == observed


def test_the_reason_names_the_kind_of_decision() -> None:
    """So that the reader knows where to look."""
    result = judged("decision_shift_share_max", 0.05, decisions=[shift("referred", 0.2, 0.1, 0.3)])

    assert result.reason == "referred: the whole interval is over the limit"


def test_every_objective_has_a_rule_and_a_source() -> None:
    """None that can be set is left unjudged."""
    every = {name: 1 if kind == "count" else 1.0 for name, kind in KINDS.items()}
    plan, known = cut_run(plan_of(CUT, objectives=Objectives(**every)))  # type: ignore[arg-type]
    results = judge_objectives(plan, known, measure(plan, known))

    assert [result.id for result in results] == list(KINDS)
    assert {result.source for result in results} == {"scenario file"}
    assert all(r.reason for r in results if r.verdict is not PASS)


def test_reasons_of_a_recovery_that_is_not_decided() -> None:
    """Each cause has its own words."""
    wanted = Objectives(recovery_seconds_max=2)
    cases = {
        "the limit lies inside the interval": cut_run(plan_of(CUT, objectives=wanted), end_s=14.9),
        "the whole interval is over the limit": cut_run(plan_of(CUT, objectives=wanted), end_s=17),
        "it took longer, and nothing shows that it had recovered when the load ended": cut_run(
            plan_of(CUT, objectives=wanted), end_s=100
        ),
    }
    for reason, (plan, known) in cases.items():
        (result,) = judge_objectives(plan, known, measure(plan, known))
        assert result.reason == reason


def test_a_recovery_objective_without_a_fault_is_not_decided() -> None:
    """There is nothing to recover from, so nothing shows that it would be in time."""
    plan = plan_of(objectives=Objectives(recovery_seconds_max=5))
    known = facts(plan, operations(plan, during(30, 31)))
    (result,) = judge_objectives(plan, known, measure(plan, known))

    assert (result.verdict, result.reason) == (OPEN, "there was no fault to recover from")
