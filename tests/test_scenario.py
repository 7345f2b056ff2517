"""What a scenario states is read once, and what it cannot state is told."""

import re
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.faults import BlockingMigration, Kill, Latency, Partition
from harness.plan.layout import Role
from harness.plan.plan import Objectives, Scenario, Settings, expand
from harness.plan.scenario import Load, settings_of
from harness.plan.stop_conditions import StopConditions
from tests.builders import LOCAL


class Way(Enum):
    """A user's own word for a direction."""

    UP = "upstream"


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

    plans = [expand("a", "b", scenario, Settings(rate=1), layout=LOCAL) for _ in range(2)]

    assert [[fault.target for fault in plan.faults] for plan in plans] == [["edge", "database"]] * 2


def test_a_list_that_is_changed_later_changes_no_scenario() -> None:
    """It was read when the scenario was made."""
    faults = [Partition("edge")]
    scenario = Scenario(faults=faults)

    faults.clear()

    assert scenario.faults == (Partition("edge"),)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Scenario(objectives={}), "Scenario: objectives {}: input should be an instance"),
        (lambda: Scenario(stop=5), "Scenario: stop 5: input should be an instance"),
        (lambda: Load(near_limit_share="x"), "near_limit_share 'x': input should be a valid"),
        (lambda: Load(near_limit_share=0.5), "near_limit_share 0.5 must be from 0 to 0.4"),
        (lambda: Load(credit_line_share=None), "credit_line_share None: input should be a valid"),
        (lambda: Load(credit_line_share=True), "credit_line_share True: input should be a valid"),
        (lambda: Load(credit_line_share=1.5), "credit_line_share 1.5 must be from 0 to 1"),
        (lambda: Load(baseline="soon"), "baseline 'soon' must be a duration like 250ms"),
        (lambda: Load(recovery="100ms"), "recovery 0.1s must be from 0.5s to 24h"),
        (lambda: Load(rate=0), "rate 0 must be from 1 to 2000 arrivals a second"),
        (lambda: Load(amounts=(5, 1)), "amounts (5, 1) must be two rising whole numbers"),
        (lambda: Load(term_days=0), "term_days 0 must be from 1"),
        (lambda: Load(fault="5s"), "each fault says how long it lasts"),
        (lambda: Scenario(load={"rate": 5}), "load {'rate': 5}: input should be an instance"),
        (lambda: Scenario(faults=None), 'faults None must be a list, like [Partition("database")]'),
        (lambda: Scenario(faults=Partition("edge")), "must be a list, like [Partition("),
        (lambda: Scenario(faults="x"), "faults 'x' must be a list"),
        (lambda: Scenario(faults={"a": 1}), "faults {'a': 1} must be a list"),
        (lambda: Scenario(target=Way), "must be a text by which all processes import it, like 'te"),
        (lambda: Scenario(target=None), "all processes import it, like 'lender:Lender'"),
        (lambda: Scenario(faults=[5]), "faults: 5 is no fault"),
        (lambda: Scenario(faults=[Partition]), "faults: the class Partition is no fault"),
        (
            lambda: Scenario(faults=[Partition("a", name="x"), Kill(name="x")]),
            "two faults are named x",
        ),
        (
            lambda: Scenario(faults=[Partition("a", name="2-kill"), Kill()]),
            "two faults are named 2-kill; a fault without a name is called by its number and kind",
        ),
        (
            lambda: Scenario(faults=[Kill(name="none")]),
            "a fault cannot be named none: --only-faults none means no fault at all",
        ),
        (lambda: Scenario(fault=[]), "there is no fault=; did you mean faults?"),
        (lambda: Scenario(watches=True), "watches= is no longer used: write observe=True"),
        (lambda: Scenario(near_limit_share=0.1), "load=Load(near_limit_share=…)"),
        (lambda: Scenario([Partition("edge")]), "has no name: it takes names only"),
        (lambda: Objectives(recovery_seconds_max="5s"), "must be seconds from 0 to 86400"),
        (lambda: Objectives(recovery_max=5), "there is no recovery_max="),
        (lambda: StopConditions(failed_budget=-1), "stop failed_budget -1 must be"),
        (lambda: Partition(5), "Partition: link 5: input should be a valid string"),
        (Partition, "Partition: link is missing"),
        (lambda: Partition("edge", during=(0, 1)), "Partition: during= is no longer used"),
        (lambda: Kill(at="later"), "Kill: at 'later' must be a duration"),
        (lambda: Kill(lasts=0), "Kill: lasts 0s must be from 0.001s to 24h"),
        (lambda: Kill(at=10**20), "Kill: at has more than 18 digits"),
        (lambda: Kill(name="a b"), "Kill: name 'a b' must be at most 60 letters"),
        (lambda: Latency("edge", "slow"), "Latency: milliseconds 'slow'"),
        (lambda: BlockingMigration(table=None), "BlockingMigration: table None"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(make: Any, told: str) -> None:
    """One clear line each, when it is constructed."""
    with pytest.raises(UsageError) as caught:
        make()

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_right_types_are_no_complaint() -> None:
    """Every field set, in the ways that people write them."""
    scenario = Scenario(
        hypothesis="It holds.",
        load=Load(
            rate=5,
            warm_up=0,
            baseline="1m",
            population="good",
            recovery=timedelta(seconds=20),
            credit_line_share=1,
            near_limit_share=0,
            amounts=[1, 2],
            retries=2,
        ),
        faults=[
            Latency("edge", 200, at="500ms", lasts=timedelta(seconds=2), name="slow-edge"),
            Partition("database", direction=Way.UP),
            Kill(Role.PRIMARY),
        ],
        objectives=Objectives(recovery_seconds_max=5),
        stop=StopConditions(),
    )

    found = settings_of(scenario, seed=7)

    assert (found.rate, found.warm_up_s, found.baseline_s, found.recovery_s) == (5, 0, 60, 20)
    assert (found.retries, found.seed, found.fault_s) == (2, 7, 5.0)
    plan = expand("a", "b", scenario, found, layout=LOCAL)
    assert [(f.name, f.inject_s, f.heal_s) for f in plan.faults] == [
        ("slow-edge", 60.5, 62.5),
        ("2-partition", 60.0, 65.0),
        ("3-kill", 60.0, 65.0),
    ]
    assert plan.faults[1].parameters == {"link": "database", "direction": "upstream"}
    assert plan.faults[2].target == "primary"
    assert {arrival.amount_fen for arrival in plan.arrivals} <= set(range(100, 201))


def test_a_given_length_scales_all_times() -> None:
    """``--fault 10s`` doubles a fault phase of five seconds."""
    faults = [Partition("edge", at="1s", lasts="1s"), Kill("replicas", at="3s", lasts="2s")]
    scenario = Scenario(faults=faults)

    plan = expand("a", "b", scenario, settings_of(scenario, fault_s=10.0), layout=LOCAL)

    assert [(f.inject_s - 8, f.heal_s - 8) for f in plan.faults] == [(2.0, 4.0), (6.0, 10.0)]
    phase = plan.phase("fault")
    assert phase is not None
    assert (phase.start_s, phase.end_s) == (8.0, 18.0)


def test_the_documented_load_is_the_load_there_is() -> None:
    """Every field with its default, in the order of the class."""
    page = (Path(__file__).parent.parent / "docs" / "borrowers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", page, re.MULTILINE)

    assert rows == [(f.name, repr(f.default).replace("'", '"')) for f in fields(Load)]
