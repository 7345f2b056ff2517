"""What a scenario states is read once, and what it cannot state is told."""

import re
from typing import Any, cast

import pytest

from harness.core.errors import UsageError
from harness.faults import BlockingMigration, Kill, Latency, Partition
from harness.plan.plan import Objectives, Scenario, Settings, expand
from harness.plan.scenario import wrong_types
from harness.plan.stop_conditions import StopConditions

ANY = cast("list[Any]", [5, "x", (0.0, None), "slow", None, [0, 1]])
"""Values whose types are not looked at before they are used."""


@pytest.mark.parametrize(
    "faults",
    [
        map(Partition, ["edge", "database"]),
        (Partition(link) for link in ("edge", "database")),
        [Partition("edge"), Partition("database")],
        {Partition("edge"): 1, Partition("database"): 2}.keys(),
    ],
    ids=["map", "generator", "list", "keys"],
)
def test_faults_are_read_once(faults: Any) -> None:
    """However often a plan is made of it, a scenario has the faults that it was given."""
    scenario = Scenario(faults=faults)

    plans = [expand("a", "b", scenario, Settings(rate=1)) for _ in range(2)]

    assert [[fault.spec.target for fault in plan.faults] for plan in plans] == [
        ["edge", "database"]
    ] * 2


def test_a_list_that_is_changed_later_changes_no_scenario() -> None:
    """It was read when the scenario was made."""
    faults = [Partition("edge")]
    scenario = Scenario(faults=faults)

    faults.clear()

    assert scenario.faults == (Partition("edge"),)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"objectives": {}}, "objectives {} must be Objectives(...)"),
        ({"stop": 5}, "stop 5 must be StopConditions(...)"),
        ({"near_limit_share": "x"}, "near_limit_share 'x' must be a number"),
        ({"credit_line_share": None}, "credit_line_share None must be a number"),
        ({"credit_line_share": True}, "credit_line_share True must be a number"),
        ({"faults": None}, 'faults None must be a list, like [Partition("database")]'),
        ({"faults": Partition("edge")}, "must be a list"),
        ({"faults": "x"}, "faults: 'x' is no fault; write them like"),
        ({"faults": [5]}, "faults: 5 is no fault"),
        ({"faults": [Partition]}, "faults: the class Partition is no fault"),
        ({"faults": [Partition(ANY[0])]}, "Partition: link 5: input should be a valid string"),
        ({"faults": [Kill(during=ANY[1])]}, "Kill: during 'x': input should be a valid tuple"),
        (
            {"faults": [Kill(during=ANY[2])]},
            "Kill: during (0.0, None): input should be a valid number",
        ),
        ({"faults": [Latency("edge", ANY[3])]}, "Latency: milliseconds 'slow'"),
        ({"faults": [BlockingMigration(table=ANY[4])]}, "BlockingMigration: table None"),
    ],
)
def test_wrong_types_are_told_with_what_is_valid(fields: dict[str, Any], told: str) -> None:
    """One clear line each, and no plan."""
    (found,) = wrong_types(Scenario(**fields))

    assert told in found
    with pytest.raises(UsageError, match=re.escape(found)):
        expand("a", "b", Scenario(**fields), Settings(rate=1))


def test_right_types_are_no_complaint() -> None:
    """Every field set, in the ways that people write them."""
    scenario = Scenario(
        faults=[Latency("edge", 200, during=ANY[5]), Kill(during=(0, 0.5))],
        objectives=Objectives(recovery_seconds_max=5),
        stop=StopConditions(),
        credit_line_share=1,
        near_limit_share=0,
    )

    assert wrong_types(scenario) == []
