"""The target's health beside what became of borrowing, polled in real runs."""

from itertools import pairwise

import pytest

from harness.history.events import HealthAddress
from tests.live.conftest import LOAD_SECONDS, RATE, SHORT, Run, Runner

pytestmark = pytest.mark.live


def test_health_is_asked_from_the_first_arrival_to_the_last_answer(baseline_run: Run) -> None:
    """Five polls a second of the readiness, all green with nothing broken, and nothing to say."""
    facts, health = baseline_run.facts(), baseline_run.verdict["health"]
    clock, status = facts.status.clock, facts.status

    assert facts.health_address == HealthAddress("/readyz", 5.0)
    assert len(facts.health) >= 5 * LOAD_SECONDS - 2
    assert clock.seconds(facts.health[0].at_ns) < 0
    assert facts.health[-1].at_ns >= status.load_ended_ns - 0.4e9
    assert {poll.ok for poll in facts.health} == {True}
    assert health["green"] == health["asked"] == len(facts.health)
    assert (health["green_while_failing_s"], health["red_while_fine_s"]) == (0, 0)


def test_polling_is_no_load_to_speak_of(baseline_run: Run) -> None:
    """It keeps its rhythm beside a full load, and gets its answers as fast as borrowers do."""
    polls = baseline_run.facts().health
    begun = sorted(poll.at_ns / 1e9 for poll in polls)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    waits = sorted((poll.ended_ns - poll.at_ns) / 1e6 for poll in polls)

    assert sum(gaps) / len(gaps) == pytest.approx(0.2, abs=0.01)
    assert waits[len(waits) // 2] < 50


def test_health_turns_red_while_the_database_is_cut_off(partition_run: Run) -> None:
    """Green before, red soon after the cut, green again after the heal; it is dated as polled."""
    facts, verdict = partition_run.facts(), partition_run.verdict
    clock = facts.status.clock
    (fault,) = verdict["faults"]
    health = verdict["health"]
    before = [p for p in facts.health if clock.seconds(p.ended_ns) < fault["injected_s"]]
    after = [p for p in facts.health if clock.seconds(p.at_ns) > fault["healed_s"] + 2]

    assert {poll.ok for poll in before} == {poll.ok for poll in after} == {True}
    assert 0 < health["first_red_s"] - fault["injected_s"] < 2
    assert fault["injected_s"] < health["last_red_s"] < fault["healed_s"] + 2
    assert 0 < health["green_while_failing_s"] < 2
    failing_s = sum(
        e["recovered_s"] - e["onset_s"] for e in verdict["episodes"] if e["class"] != "slow"
    )
    assert health["green_while_failing_s"] < failing_s


def test_new_figures_of_a_partition_agree_with_the_old(partition_run: Run) -> None:
    """Worst second, affected borrowers, attempts and decisions of a run that passed."""
    verdict = partition_run.verdict
    borrow = verdict["borrow"]
    worst = {window["window_s"]: window for window in verdict["worst_windows"]}

    assert worst[1.0]["failed"] / worst[1.0]["operations"] > 0.95
    assert worst[1.0]["operations"] == pytest.approx(RATE, abs=3)
    assert borrow["affected"]["affected"] == borrow["affected_borrowers"]
    assert borrow["affected"]["borrowers"] == borrow["borrowers"]
    assert borrow["affected"]["shut_out"] == verdict["log_in"]["affected"]["shut_out"] == 0
    assert verdict["retries"]["attempts_per_operation"]["baseline"] == 1.0
    assert verdict["retries"]["herd_peak"] < 3
    assert sum(d["before"] for d in verdict["decisions"]) == pytest.approx(1)
    assert {"borrowers_shut_out", "herd", "decision_drift"}.isdisjoint(partition_run.findings)


@pytest.mark.long
def test_two_workers_give_an_interval_of_their_own(runner: Runner) -> None:
    """The failed share by worker holds the failed share of all."""
    run = runner("network_partition", *SHORT, "--processes=2")
    borrow = run.verdict["borrow"]

    assert run.exit_code == 0, run.output
    assert borrow["failed_share_low_by_worker"] <= borrow["failed_share"]
    assert borrow["failed_share"] <= borrow["failed_share_high_by_worker"]
