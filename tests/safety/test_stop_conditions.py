"""Which stop conditions hold: defaults, file, scenario file, command line."""

import math
from typing import Any

import pytest

from harness.apps.locust.planning import stop_from
from harness.core.errors import UsageError
from harness.faults import Kill, Partition
from harness.plan.objectives import Resilience
from harness.plan.plan import Scenario, Settings, accepted, expand
from harness.plan.stop_conditions import (
    OFF,
    STOP_KINDS,
    STOP_MEANINGS,
    StopConditions,
    in_words,
)
from tests.builders import LOCAL

CUT = Partition("database")
ALL_OFF = dict.fromkeys(STOP_KINDS, "off")


def stop_of(
    scenario: Scenario, *, attached: bool = False, stop: StopConditions | None = None
) -> StopConditions:
    """The conditions of a plan at 50 a second: 8 s baseline, 5 s fault, 15 s recovery."""
    return expand("it", "", scenario, Settings(), attached=attached, stop=stop, layout=LOCAL).stop


def test_only_a_double_payment_ends_a_run_on_the_local_stack() -> None:
    """It is there to be broken; a loan paid out twice is never part of it."""
    assert stop_of(Scenario(faults=[CUT])) == StopConditions(
        failed_budget=OFF,
        failed_surge=False,
        double_disbursement=True,
        principal_at_risk_fen=OFF,
    )


def test_a_target_of_somebody_else_has_a_budget() -> None:
    """Every request may fail from the injection to the end of the time allowed to recover."""
    stop = stop_of(Scenario(faults=[CUT]), attached=True)

    assert stop.failed_budget == 50 * (5 + 10 + 2)
    assert stop.failed_surge is True


def test_without_a_fault_the_budget_is_ten_seconds_of_failures() -> None:
    """Enough to see and measure an outage of others, too few to be one."""
    stop = stop_of(Scenario(), attached=True)

    assert (stop.failed_budget, stop.failed_surge) == (500, False)


def test_the_later_wins_and_is_named() -> None:
    """Default, file, scenario file, the file's section for it, command line."""
    file = Resilience(
        name="resilience.yaml",
        stop=StopConditions(failed_budget=1, principal_at_risk_fen=2, failed_surge=True),
        stop_of={"it": StopConditions(failed_budget=3, principal_at_risk_fen=4)},
        places={"stop.failed_surge": "resilience.yaml:7"},
    )
    scenario = Scenario(stop=StopConditions(failed_budget=5))
    plan = expand(
        "it",
        "",
        scenario,
        Settings(),
        file,
        stop=StopConditions(double_disbursement=False),
        layout=LOCAL,
    )

    assert plan.stop == StopConditions(
        failed_budget=3, failed_surge=True, double_disbursement=False, principal_at_risk_fen=4
    )
    assert plan.stop_sources == {
        "failed_budget": "resilience.yaml",
        "failed_surge": "resilience.yaml:7",
        "double_disbursement": "command line",
        "principal_at_risk_fen": "resilience.yaml",
    }


def test_off_wins_over_what_is_weaker() -> None:
    """A condition can be switched off again, line by line."""
    off = stop_from({f"stop_{name}": text for name, text in ALL_OFF.items()})

    assert in_words(stop_of(Scenario(faults=[CUT]), attached=True, stop=off)) == []


def test_failures_are_accepted_where_faults_are_noticed() -> None:
    """Overlapping windows are one; a fault that nobody should notice accepts nothing."""
    faults = [
        Partition("database", lasts=1),
        Kill("replicas", at=2, lasts=3),
        Partition("edge", expects_impact=False),
    ]
    plan = expand("it", "", Scenario(faults=list(faults)), Settings(recovery_s=30), layout=LOCAL)
    quiet = expand("it", "", Scenario(faults=[faults[2]]), Settings(), layout=LOCAL)

    assert accepted(plan) == [(8.0, 13.0 + 10.0 + 2.0)]
    assert accepted(quiet) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("failed_budget", -1, "failed_budget -1 must be a whole number from 0"),
        ("failed_budget", True, "failed_budget True must be a whole number"),
        ("failed_budget", "never", "'never' must be"),
        ("failed_surge", 1, "failed_surge 1 must be True or False"),
        ("principal_at_risk_fen", 0.5, "0.5 must be a whole"),
        ("principal_at_risk_fen", math.inf, "inf must be"),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: Any, words: str) -> None:
    """Before anything is started, with what would be valid."""
    with pytest.raises(UsageError) as caught:
        StopConditions(**{name: value})

    assert words in str(caught.value)


def test_the_command_line_tells_every_mistake_at_once() -> None:
    """In the words of the file and of Python, after --stop-."""
    bad = {
        "stop_failed_budget": "-3",
        "stop_failed_surge": "yes",
        "stop_principal_at_risk_fen": "1e3",
    }
    with pytest.raises(UsageError) as caught:
        stop_from(bad)
    line = str(caught.value)

    for word in ("--stop-failed-budget -3", "--stop-failed-surge yes", "-risk-fen 1e3"):
        assert word in line
    assert stop_from({"stop_failed_budget": "0"}) == StopConditions(failed_budget=0)
    assert set(STOP_MEANINGS) == set(STOP_KINDS)
