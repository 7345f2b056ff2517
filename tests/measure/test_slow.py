"""What is called slow, and what is not."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.events import Operation, Outcome
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.measurement import Measured, measure
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode
from tests.builders import at_ns, attempt, facts, failed, operation, plan_of
from tests.measure.stuttering import Pauses, every_second, stuttering


def slow_of(
    rate: int, pauses: Pauses, took_s: float, slower_s: float = 0.0, line_s: float = 0.0
) -> list[Episode]:
    """The slow stretches of a run in which answers take longer from 14 s to 18 s."""
    plan = plan_of(rate=rate)
    known = stuttering(
        plan, pauses, lambda at_s: took_s + (slower_s if 14 <= at_s < 18 else 0.0), line_s
    )
    return [e for e in measure(plan, known).episodes if e.class_ == "slow"]


@pytest.mark.parametrize("rate", [10, 50, 200])
@pytest.mark.parametrize(("took_s", "line_s"), [(0.0055, 0.0), (0.06, 0.0), (0.06, 0.06)])
@pytest.mark.parametrize("pauses", [[(15.0, 15.28)], every_second(0.15), every_second(0.28)])
def test_a_load_machine_that_stutters_makes_no_target_slow(
    pauses: Pauses, took_s: float, line_s: float, rate: int
) -> None:
    """Neither what was sent late nor what was read late."""
    assert slow_of(rate, pauses, took_s, line_s=line_s) == []


@pytest.mark.parametrize("rate", [10, 50, 200])
@pytest.mark.parametrize("pauses", [[], every_second(0.15), every_second(0.28)])
def test_a_slow_target_is_found_all_the_same(pauses: Pauses, rate: int) -> None:
    """Three tenths of a second more for four seconds, on a machine that stutters."""
    (slow,) = slow_of(rate, pauses, 0.0055, slower_s=0.3)

    assert slow.onset_s == pytest.approx(14.0, abs=0.3 + 1 / rate)
    assert slow.recovered_s == pytest.approx(18.0, abs=0.3 + 1 / rate)


def stalled(
    plan: Plan, stall: tuple[float, float], usual_s: float, *, at_end: bool, slower_s: float = 0.0
) -> Facts:
    """Whoever is to be served in the stall waits for its end, or for the timeout.

    A request is served at its arrival, or ``at_end`` of its usual time. For three seconds after the
    stall everything takes ``slower_s`` longer.
    """
    ops = []
    for arrival in plan.arrivals:
        served_s = arrival.at_s + usual_s * at_end
        wait_s = usual_s
        if stall[0] <= served_s < stall[1]:
            wait_s += stall[1] - served_s
        elif stall[1] <= served_s < stall[1] + 3:
            wait_s += slower_s
        longest_s = plan.settings.request_timeout_s
        make = operation if wait_s < longest_s else failed
        stamps = {"started_ns": at_ns(arrival.at_s)}
        stamps["ended_ns"] = at_ns(arrival.at_s + min(wait_s, longest_s))
        op = make(plan, arrival.index, **stamps)
        ops.append(op if make is operation else replace(op, outcome=Outcome.INDETERMINATE))
    return facts(plan, tuple(ops), attempts=tuple(attempt(op) for op in ops))


def slow_in(measured: Measured) -> list[Episode]:
    """The slow stretches."""
    return [episode for episode in measured.episodes if episode.class_ == "slow"]


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("usual_s", [0.005, 0.06, 0.3])
def test_a_stall_is_slow_for_those_it_answered_late(usual_s: float, *, at_end: bool) -> None:
    """The last timeout's worth of requests; those that failed are the outage's alone."""
    for rate, longer_s in ((10, 5), (50, 2.5), (50, 5), (200, 5)):
        plan = plan_of(rate=rate, baseline_s=max(8, 160 / rate))
        begin_s = plan.phases[1].end_s + 2
        stall = begin_s, begin_s + longer_s
        outage, slow = measure(plan, stalled(plan, stall, usual_s, at_end=at_end)).episodes

        assert (outage.class_, slow.class_) == ("outage", "slow")
        assert slow.failed == 0
        assert slow.onset_s_low is not None
        assert slow.onset_s_high is not None
        assert slow.recovered_s is not None
        begins_s = (begin_s - usual_s * at_end, begin_s, stall[1])
        assert any(slow.onset_s_low <= at_s <= slow.onset_s_high for at_s in begins_s)
        assert slow.onset_s_low <= slow.onset_s <= slow.onset_s_high
        assert outage.onset_s < slow.onset_s < slow.recovered_s <= stall[1] + 0.1


@pytest.mark.parametrize("cold_s", [0.7, 1.5, 1.9])
def test_a_service_that_is_cold_after_an_outage_is_slow(cold_s: float) -> None:
    """Nobody waited for the outage: it failed at once, and what came after it took long."""
    plan = plan_of()
    known = facts(plan, tuple(_cold(plan, index, cold_s) for index in range(len(plan.arrivals))))
    outage, slow = measure(plan, known).episodes

    assert (outage.class_, slow.class_, slow.failed) == ("outage", "slow", 0)
    assert slow.onset_s_low is not None
    assert slow.onset_s_high is not None
    assert slow.onset_s_low <= 14.0 <= slow.onset_s_high
    assert slow.onset_s == pytest.approx(14.0, abs=0.1)


def _cold(plan: Plan, index: int, cold_s: float) -> Operation:
    at_s = plan.arrivals[index].at_s
    wait_s = cold_s if 14 <= at_s < 14 + cold_s else 0.005
    make = failed if 12 <= at_s < 14 else operation
    return make(plan, index, started_ns=at_ns(at_s), ended_ns=at_ns(at_s + wait_s))


@pytest.mark.parametrize("over_s", [20.0, 99.0])
def test_what_was_slow_until_an_outage_ends_with_it(over_s: float) -> None:
    """From then on nothing was answered, slowly or not."""
    plan = plan_of(recovery_s=15)
    begin_s, stop_s = 15.0, over_s
    ops = []
    for arrival in plan.arrivals:
        at_s = arrival.at_s
        make = failed if begin_s <= at_s < stop_s else operation
        ended_ns = at_ns(at_s + (0.5 if 12 <= at_s < begin_s else 0.005))
        ops.append(make(plan, arrival.index, started_ns=at_ns(at_s), ended_ns=ended_ns))
    slow, outage = measure(plan, facts(plan, tuple(ops))).episodes

    assert (slow.class_, outage.class_, slow.failed) == ("slow", "outage", 0)
    assert slow.recovered_s == outage.onset_s
    assert slow.recovered_s_low is not None
    assert slow.recovered_s_low <= slow.recovered_s
    assert slow.recovered_s_high is not None
    assert slow.recovered_s_high >= slow.recovered_s


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("usual_s", [0.005, 0.06, 0.3])
def test_what_is_slow_beyond_the_outage_is_told(usual_s: float, *, at_end: bool) -> None:
    """It was over three seconds after the service answered again."""
    plan = plan_of()
    known = stalled(plan, (12.0, 17.0), usual_s, at_end=at_end, slower_s=0.5)
    outage, slow = measure(plan, known).episodes

    assert (outage.class_, slow.class_) == ("outage", "slow")
    assert slow.onset_s_low is not None
    assert slow.onset_s_high is not None
    begins_s = (12.0 - usual_s * at_end, 12.0, 17.0)
    assert any(slow.onset_s_low <= at_s <= slow.onset_s_high for at_s in begins_s)
    assert slow.recovered_s == pytest.approx(20.0, abs=usual_s + 0.1)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("usual_s", [0.005, 0.06, 0.3])
def test_a_freeze_without_failures_is_slow_from_its_beginning_on(
    usual_s: float, *, at_end: bool
) -> None:
    """Or from that of the first request that it held."""
    for rate in (10, 50, 200):
        plan = plan_of(rate=rate, baseline_s=max(8, 160 / rate), request_timeout_s=8.0)
        begin_s = plan.phases[1].end_s + 2.2
        known = stalled(plan, (begin_s, begin_s + 5), usual_s, at_end=at_end)
        (slow,) = slow_in(measure(plan, known))

        assert slow.onset_s_low is not None
        assert slow.onset_s_high is not None
        begins_s = (begin_s - usual_s * at_end, begin_s)
        assert any(slow.onset_s_low <= at_s <= slow.onset_s_high for at_s in begins_s)


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_steady_share_of_slow_answers_is_no_stretch(share: float) -> None:
    """Once in sixty runs at most, with a baseline that shows none of it."""
    found = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        times_s = (np.arange(1500) + chance.random(1500)) / 50
        wait_s = np.where(chance.random(1500) < share, 0.3, 0.012)
        never = np.zeros(1500, dtype=bool)
        evidence = Evidence.at(times_s)
        samples = Samples((), times_s, times_s + wait_s, wait_s, never, never, evidence)
        baseline = Baseline(Share(0, 400), 12.0, ())
        found += bool(episodes_of(samples, Timeline(30.0, None, None, 10.0), baseline))

    assert found <= 1
