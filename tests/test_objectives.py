"""Which limit counts, and where it came from."""

from dataclasses import fields

import pytest

from harness.core.errors import UsageError
from harness.faults import Partition
from harness.plan.objectives import (
    INVARIANTS,
    Objectives,
    Resilience,
    SteadyState,
    effective,
    overridden,
)
from harness.plan.plan import Plan, Scenario, Settings, expand, judged_again
from harness.plan.scenario import check
from tests.builders import LOCAL

DEFAULT = Objectives(recovery_seconds_max=10.0, failed_outside_fault_share_max=0.005)
FILE = Resilience(
    name="resilience.yaml",
    objectives=Objectives(recovery_seconds_max=8.0, slow_episodes_max=0),
    scenarios={"cut": Objectives(recovery_seconds_max=6.0)},
    places={
        "objectives.recovery_seconds_max": "resilience.yaml:3",
        "objectives.slow_episodes_max": "resilience.yaml:4",
        "scenarios.cut.objectives.recovery_seconds_max": "resilience.yaml:8",
    },
)


def plan_of(
    objectives: Objectives | None = None, file: Resilience | None = None, name: str = "cut"
) -> Plan:
    """A short plan with a fault."""
    scenario = Scenario(faults=[Partition("database")], objectives=objectives)
    return expand(name, "It holds.", scenario, Settings(rate=5), file, layout=LOCAL)


def test_without_a_file_or_own_limits_the_defaults_count() -> None:
    """And they are named as what they are."""
    found, sources = effective("cut", None, None, has_faults=True)

    assert found == DEFAULT
    assert set(sources.values()) == {"built-in default"}


def test_the_file_wins_over_the_defaults_and_its_scenario_over_both() -> None:
    """Limit by limit; what nobody else sets stays."""
    found, sources = effective("cut", None, FILE, has_faults=True)

    assert found == Objectives(
        recovery_seconds_max=6.0, failed_outside_fault_share_max=0.005, slow_episodes_max=0
    )
    assert sources == {
        "recovery_seconds_max": "resilience.yaml:8",
        "failed_outside_fault_share_max": "built-in default",
        "slow_episodes_max": "resilience.yaml:4",
    }


def test_another_scenarios_section_does_not_count() -> None:
    """The name decides."""
    found, _ = effective("kill", None, FILE, has_faults=True)

    assert found.recovery_seconds_max == 8.0


def test_a_limit_for_all_skips_scenarios_that_it_cannot_apply_to() -> None:
    """Without a fault there is no recovery; where it is asked for by name, it stays undecided."""
    found, _ = effective("kill", None, FILE, has_faults=False)
    asked, _ = effective("cut", None, FILE, has_faults=False)

    assert found == Objectives(impaired_episodes_max=0, failed_share_max=0.005, slow_episodes_max=0)
    assert asked.recovery_seconds_max == 6.0


def test_the_scenario_file_is_stronger_than_what_is_set_for_all() -> None:
    """Its own limits take the place of the defaults, and of the same ones in the file."""
    own = Objectives(recovery_seconds_max=5.0)
    found, sources = effective("kill", own, FILE, has_faults=True)

    assert found == Objectives(recovery_seconds_max=5.0, slow_episodes_max=0)
    assert sources["recovery_seconds_max"] == "scenario file"


def test_what_the_file_sets_for_a_scenario_is_stronger() -> None:
    """Who names the scenario knows what it says."""
    own = Objectives(recovery_seconds_max=5.0)
    found, sources = effective("cut", own, FILE, has_faults=True)

    assert found == Objectives(recovery_seconds_max=6.0, slow_episodes_max=0)
    assert sources["recovery_seconds_max"] == "resilience.yaml:8"


def test_what_is_set_in_vain_is_told() -> None:
    """Whoever edits one of the files must see that it has no effect."""
    own = Objectives(recovery_seconds_max=5.0)
    (named,), (for_all,) = overridden("cut", own, FILE), overridden("kill", own, FILE)
    here, instead = "5 in the scenario file", "which takes the place of"

    assert named == f"recovery_seconds_max is 6 in resilience.yaml:8, {instead} {here}"
    assert for_all == f"recovery_seconds_max is {here}, {instead} 8 in resilience.yaml:3"
    assert overridden("cut", Objectives(recovery_seconds_max=6.0), FILE) == []
    assert overridden("cut", Objectives(failed_share_max=0.5), FILE) == []


def test_a_plan_keeps_its_limits_and_their_sources() -> None:
    """So that judging it again needs no file."""
    strict = SteadyState(min_baseline_s=5.0, failed_share_max=0.01, started_share_min=0.9)
    file = Resilience(name="other.yaml", steady_state=strict, on_inconclusive="fail")
    plan = plan_of(file=file)

    assert plan.steady_state == strict
    assert plan.on_inconclusive == "fail"
    assert plan.objective_sources["recovery_seconds_max"] == "built-in default"


def test_a_baseline_shorter_than_asked_for_is_refused() -> None:
    """Before anything is started, with the least that would do."""
    file = Resilience(name="resilience.yaml", steady_state=SteadyState(min_baseline_s=60.0))

    assert check(Scenario(), Settings(), LOCAL, file) == [
        "baseline 8s is shorter than min_baseline in resilience.yaml: it must be at least 60s"
    ]
    assert check(Scenario(), Settings(baseline_s=60.0), LOCAL, file) == []


def test_judging_again_the_file_is_the_last_word() -> None:
    """Over the scenario's own limits, too; what it does not set stays as planned."""
    plan = plan_of(Objectives(recovery_seconds_max=5.0, failed_share_max=0.3))
    again, changes = judged_again(plan, FILE)

    assert again.objectives == Objectives(
        recovery_seconds_max=6.0, failed_share_max=0.3, slow_episodes_max=0
    )
    assert again.objective_sources["failed_share_max"] == "scenario file"
    assert changes == [
        "recovery_seconds_max is 6 (resilience.yaml:8) and was 5",
        "slow_episodes_max is 0 (resilience.yaml:4) and was not asked for",
    ]


def test_judging_again_keeps_the_baseline_that_was_asked_for() -> None:
    """Unless the file names another."""
    strict = SteadyState(failed_share_max=0.01)
    plan = plan_of(file=Resilience(name="a.yaml", steady_state=strict))
    other = Resilience(
        name="b.yaml",
        steady_state=SteadyState(started_share_min=0.5),
        places={"steady_state.min_started": "b.yaml:2"},
    )

    assert judged_again(plan, FILE)[0].steady_state == strict
    assert judged_again(plan, other)[0].steady_state == SteadyState(
        failed_share_max=0.01, started_share_min=0.5
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"recovery_seconds_max": -1.0},
        {"recovery_seconds_max": float("nan")},
        {"recovery_seconds_max": "10s"},
        {"failed_share_max": 5},
        {"impaired_episodes_max": 0.5},
        {"slow_episodes_max": True},
        {"attempts_per_operation_max": 0.5},
        {"latency_ms_p99_max": float("inf")},
    ],
    ids=str,
)
def test_limits_that_can_be_none_are_named(wrong: dict[str, object]) -> None:
    """A scenario file is Python, so anything may stand there."""
    (name,) = wrong

    with pytest.raises(UsageError, match=f"^Objectives: {name} .* must be "):
        Objectives(**wrong)  # type: ignore[arg-type]


def test_no_objective_is_an_invariant() -> None:
    """What must never happen has no limit to set."""
    assert not {f.name.removesuffix("_max") for f in fields(Objectives)} & {*INVARIANTS}
