"""Recovery, its edge rules, and when it cannot be told."""

from dataclasses import replace

import pytest

from harness.history.events import Outcome
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.measure.measurement import measure
from tests.builders import (
    CUT,
    at_ns,
    attempt,
    during,
    facts,
    failed,
    operation,
    operations,
    plan_of,
)

HEAL_S = 13.0


def stalled(until_s: float, timeout_s: float = 2.0) -> tuple[Plan, Facts]:
    """From 8 s on nothing is answered; at ``until_s`` all that still wait are, at once."""
    plan = plan_of(CUT)
    ops = []
    for arrival in plan.arrivals:
        op = operation(plan, arrival.index)
        if 8 <= arrival.at_s < until_s - timeout_s:
            ended_ns = at_ns(arrival.at_s + timeout_s)
            op = failed(plan, arrival.index, outcome=Outcome.INDETERMINATE, ended_ns=ended_ns)
        elif 8 <= arrival.at_s < until_s:
            op = replace(op, ended_ns=at_ns(until_s + 0.01))
        ops.append(op)
    errors = {Outcome.INDETERMINATE: "timeout"}
    rows = tuple(attempt(op, error=errors.get(op.outcome)) for op in ops)
    return plan, facts(plan, tuple(ops), attempts=rows)


def test_queued_requests_succeed_before_the_service_answers() -> None:
    """New requests succeed from a timeout before the end on; the first answer comes at the end."""
    measured = measure(*stalled(until_s=14.0))
    (outage,) = [e for e in measured.episodes if e.class_ == "outage"]
    recovery = measured.recovery

    assert recovery.from_heal_s_low is not None
    assert recovery.from_heal_s is not None
    assert recovery.from_heal_s_high is not None
    # What waited was decided anywhere in up to two seconds.
    assert recovery.from_heal_s_low <= 12.0 - HEAL_S <= recovery.from_heal_s_high
    assert recovery.from_heal_s == pytest.approx(13.0 - HEAL_S, abs=1.0)
    assert recovery.answering_again_s == pytest.approx(14.01 - HEAL_S, abs=0.005)
    assert outage.queued == pytest.approx(2.0 * 50, abs=8)


def test_an_instant_recovery_has_no_queue() -> None:
    """Without waiting requests both edges are the same, but for one answer's time."""
    plan = plan_of(CUT)
    measured = measure(plan, facts(plan, operations(plan, during(8, 13.5))))
    (outage,) = measured.episodes
    recovery = measured.recovery

    assert outage.queued == 0
    assert recovery.from_heal_s is not None
    assert recovery.answering_again_s == pytest.approx(recovery.from_heal_s, abs=0.05)


def test_the_last_borrower_suffers_until_the_timeout_runs_out() -> None:
    """The end of the impact includes the wait for nothing; the recovery does not."""
    recovery = measure(*stalled(until_s=14.0)).recovery

    assert recovery.last_failure_start_s == pytest.approx(12.0 - HEAL_S, abs=0.05)
    assert recovery.last_impact_end_s == pytest.approx(14.0 - HEAL_S, abs=0.05)


def test_never_recovered_is_censored() -> None:
    """What outlasts the load took longer than it could be watched, and no number is made up."""
    plan = plan_of(CUT)
    recovery = measure(plan, facts(plan, operations(plan, during(8, 99)))).recovery

    assert recovery.censored
    assert recovery.from_heal_s is None
    assert recovery.observed_s == pytest.approx(plan.load_end_s - HEAL_S, abs=0.05)


def slowed(until_s: float) -> tuple[Plan, Facts]:
    """Every answer from 8 s on takes half a second."""
    plan = plan_of(CUT)
    ops = tuple(
        replace(op, ended_ns=op.intended_ns + 500_000_000)
        if 8 <= plan.arrivals[op.arrival].at_s < until_s
        else op
        for op in operations(plan)
    )
    return plan, facts(plan, ops)


def test_latency_recovers_by_the_same_rule() -> None:
    """Slow from 8 s to 17 s: back four seconds after the heal, in an interval, confirmed."""
    latency = measure(*slowed(until_s=17.0)).recovery.latency

    assert latency is not None
    assert latency.from_heal_s == pytest.approx(4.0, abs=0.05)
    assert latency.from_heal_s_low is not None
    assert latency.from_heal_s_high is not None
    assert latency.from_heal_s_low <= 4.0 <= latency.from_heal_s_high
    assert latency.confirmed
    assert not latency.censored


def test_slow_for_ever_is_censored() -> None:
    """Answers that are still slow when the load ends have not recovered."""
    latency = measure(*slowed(until_s=99.0)).recovery.latency

    assert latency is not None
    assert latency.censored
    assert latency.from_heal_s is None


def test_never_slow_is_nothing_to_recover_from() -> None:
    """Quick answers throughout: no time, and sure of it."""
    plan = plan_of(CUT)
    latency = measure(plan, facts(plan, operations(plan, during(8, 13)))).recovery.latency

    assert latency is not None
    assert latency.from_heal_s is None
    assert latency.confirmed
    assert not latency.censored


def test_half_of_the_service_comes_back_before_all_of_it() -> None:
    """An outage that goes over into a brownout: 50 % is crossed at its end, 5 % at the other's."""
    plan = plan_of(CUT, recovery_s=20.0)
    ops = operations(plan, lambda at_s: 8 <= at_s < 14 or (14 <= at_s < 20 and at_s * 50 % 5 < 1))
    recovery = measure(plan, facts(plan, ops)).recovery
    half, most, _ = recovery.crossings

    assert half.from_heal_s == pytest.approx(1.0, abs=0.15)
    assert most.from_heal_s == pytest.approx(7.0, abs=0.25)
    assert recovery.from_heal_s == pytest.approx(most.from_heal_s)


@pytest.mark.parametrize("at_end", [False, True])
def test_the_fall_to_each_share_is_as_uncertain_as_the_time_under_way(*, at_end: bool) -> None:
    """Requests take 0.3 s: the interval of each holds the truth, whether the service decides at
    their arrival or at their end; that of 5 % is the one of the recovery.
    """
    plan, took_s = plan_of(CUT, rate=20, baseline_s=8.0, recovery_s=20.0), 0.3
    ops = []
    for arrival in plan.arrivals:
        met_s = arrival.at_s + (took_s if at_end else 0.0)
        make = failed if 8 <= met_s < 14 else operation
        ops.append(make(plan, arrival.index, ended_ns=at_ns(arrival.at_s + took_s)))
    recovery = measure(plan, facts(plan, tuple(ops))).recovery
    half, most, _ = recovery.crossings

    for crossing in (half, most):
        assert crossing.from_heal_s_low is not None
        assert crossing.from_heal_s_high is not None
        assert crossing.from_heal_s_low <= 14 - HEAL_S <= crossing.from_heal_s_high
    assert most.from_heal_s_low == pytest.approx(recovery.from_heal_s_low, abs=0.05)


def test_late_answers_beside_an_outage_are_slow_and_its_failures_are_not() -> None:
    """Whoever waited in its queue was served, and late; until they all are, nothing is quick."""
    measured = measure(*stalled(until_s=14.0))
    outage, slow = measured.episodes
    latency = measured.recovery.latency

    assert (outage.class_, slow.class_) == ("outage", "slow")
    assert (outage.failed, slow.failed) == (200, 0)
    assert slow.onset_s_low is not None
    assert slow.onset_s_low <= 8.0 <= (slow.onset_s_high or 0.0)  # since the service stalled
    assert slow.recovered_s == pytest.approx(14.0, abs=0.15)
    assert latency is not None
    assert latency.from_heal_s == pytest.approx(14.0 - HEAL_S, abs=0.15)
