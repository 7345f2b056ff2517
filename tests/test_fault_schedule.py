"""Which faults a run has, and when each one is active."""

from dataclasses import replace
from itertools import pairwise

import pytest

from harness.core.errors import UsageError
from harness.faults import BlockingMigration, Freeze, Kill, Partition, Refuse, Reset, Restart
from harness.plan.fault import FaultSpec
from harness.plan.objectives import DEFAULT_OBJECTIVES_WITHOUT_FAULT
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.scenario import RECOVERY_MARGIN_SECONDS, check
from harness.plan.schedule import Choice, chosen, named, scheduled, timeline_text, wrong_choice
from tests.builders import LOCAL

FAULTS = [
    Partition("database", at="1s", lasts="2s"),
    Kill("replica-1", at=2.5, lasts=2.5),
    BlockingMigration(),
]
NAMES = ("1-partition", "2-kill", "3-blocking_migration")


def plan_of(seed: int = 1, **settings: object) -> Plan:
    """The plan of three faults."""
    chosen_settings = Settings(seed=seed, **settings)  # type: ignore[arg-type]
    return expand("mess", "It holds.", Scenario(faults=list(FAULTS)), chosen_settings, layout=LOCAL)


def places(plan: Plan) -> dict[str, tuple[float, float]]:
    """Begin and end of each fault."""
    return {fault.name: (fault.inject_s, fault.heal_s) for fault in plan.faults}


def test_without_exploring_a_fault_stands_where_the_scenario_says() -> None:
    """Seconds after the baseline, whatever the seed."""
    expected = {
        "1-partition": (9.0, 11.0),
        "2-kill": (10.5, 13.0),
        "3-blocking_migration": (8.0, 13.0),
    }

    assert places(plan_of()) == places(plan_of(seed=2)) == expected


def test_the_same_seed_gives_the_same_timeline() -> None:
    """Exploring is repeatable, and another seed explores elsewhere."""
    first = places(plan_of(seed=3, explore=True))

    assert first == places(plan_of(seed=3, explore=True))
    assert first != places(plan_of(seed=4, explore=True))


def test_a_seed_means_the_same_for_ever() -> None:
    """Written down once: a stored seed must give its timeline again, in every version."""
    assert timeline_text(plan_of(seed=3, explore=True).faults) == SEED_THREE


SEED_THREE = (
    "1-partition from 8.325 s to 12.592 s, "
    "3-blocking_migration from 8.494 s to 10.929 s, "
    "2-kill from 9.064 s to 10.074 s"
)


@pytest.mark.parametrize("fault_s", [2.0, 5.0, 30.0])
def test_no_explored_fault_leaves_the_fault_phase(fault_s: float) -> None:
    """Long enough to be proven, and gone in time for a recovery that can be measured."""
    for seed in range(300):
        plan = plan_of(seed=seed, explore=True, fault_s=fault_s, rate=1)
        settings = plan.settings
        for begin_s, end_s in places(plan).values():
            assert settings.baseline_s <= begin_s < end_s
            assert end_s <= settings.baseline_s + fault_s + 1e-9
            assert end_s - begin_s >= 1.0 - 1e-9
        last_s = max(fault.heal_s for fault in plan.faults)
        least_s = settings.request_timeout_s + RECOVERY_MARGIN_SECONDS
        assert plan.load_end_s - last_s >= least_s


def test_exploring_reaches_every_kind_of_overlap() -> None:
    """Apart, staggered in either order, one inside the other."""
    seen = set()
    for seed in range(200):
        found = places(plan_of(seed=seed, explore=True, rate=1))
        (one, one_end), (two, two_end) = found["1-partition"], found["2-kill"]
        if one_end < two or two_end < one:
            seen.add("apart")
        elif one < two and two_end < one_end:
            seen.add("inside")
        else:
            seen.add("first" if one < two else "second")

    assert seen == {"apart", "inside", "first", "second"}


def test_leaving_a_fault_out_moves_no_other() -> None:
    """A run with fewer faults is the same run, but for those."""
    whole = places(plan_of(seed=5, explore=True))
    fewer = plan_of(
        seed=5, explore=True, choice=Choice(only=("3-blocking_migration", "1-partition"))
    )

    assert places(fewer) == {name: whole[name] for name in ("1-partition", "3-blocking_migration")}
    assert [a.at_s for a in fewer.arrivals] == [a.at_s for a in plan_of(seed=5).arrivals]


def test_faults_are_chosen_by_name() -> None:
    """Only some, all but some, or none; each keeps its name."""
    assert tuple(named(FAULTS)) == NAMES
    assert list(chosen(FAULTS, Choice())) == list(NAMES)
    assert list(chosen(FAULTS, Choice(only=("2-kill",)))) == ["2-kill"]
    assert list(chosen(FAULTS, Choice(without=("2-kill",)))) == [NAMES[0], NAMES[2]]
    assert chosen(FAULTS, Choice(only=("none",))) == {}


def test_a_name_that_no_fault_has_is_refused() -> None:
    """Each one is named, with the names that there are."""
    found = wrong_choice(FAULTS, Choice(only=("2-kil",), without=("none",)))

    assert found == [
        f"--only-faults 2-kil: the scenario has {', '.join(NAMES)}",
        f"--without-fault none: the scenario has {', '.join(NAMES)}",
    ]
    with pytest.raises(UsageError, match="2-kil"):
        plan_of(choice=Choice(only=("2-kil",)))


def test_of_many_unknown_names_the_first_are_told() -> None:
    """One line that says what would be valid, however many there are."""
    many = tuple(f"x{number}" for number in range(12_000))
    (told,) = wrong_choice(FAULTS, Choice(only=(*many, many[0])))

    listed = "x0, x1, x2, x3, x4 and 11,995 more"
    assert told == f"--only-faults {listed}: the scenario has {', '.join(NAMES)}"
    assert len(wrong_choice(FAULTS, Choice(without=("x" * 10_000,)))[0]) < 200


def test_without_any_fault_it_is_a_run_that_only_watches() -> None:
    """One long observation, judged as such."""
    plan = plan_of(choice=Choice(only=("none",)))

    assert plan.faults == ()
    assert [phase.name for phase in plan.phases] == ["warm-up", "baseline", "observation"]
    assert plan.objectives == DEFAULT_OBJECTIVES_WITHOUT_FAULT


@pytest.mark.parametrize(
    ("one", "two", "clash"),
    [
        (Kill("replica-1"), Kill("replicas"), True),
        (Freeze("postgres"), Restart("postgres"), True),
        (Kill("replica-1"), Kill("replica-2"), False),
        (Kill("postgres"), Kill("replicas"), False),
        (Refuse("edge"), Reset("edge"), True),
        (Refuse("edge"), Refuse("database"), False),
        (Refuse("edge"), Partition("edge"), False),
        (Partition("edge"), Partition("edge"), False),
        (BlockingMigration("loan"), BlockingMigration("loan"), True),
        (BlockingMigration("loan"), BlockingMigration("risk_flag"), False),
    ],
)
def test_no_two_faults_use_one_switch_at_once(
    one: FaultSpec, two: FaultSpec, *, clash: bool
) -> None:
    """The heal of one would end the other; one after the other they may."""

    def plan(second_from: float) -> Plan:
        faults = [replace(one, lasts=2.5), replace(two, at=second_from, lasts=5 - second_from)]
        return expand("mess", "It holds.", Scenario(faults=faults), Settings(), layout=LOCAL)

    assert len(plan(2.5).faults) == 2
    if clash:
        with pytest.raises(UsageError, match="would end the other"):
            plan(2.0)
    else:
        assert len(plan(2.0).faults) == 2


@pytest.mark.parametrize("count", [3, 7, 10, 13, 20])
def test_faults_whose_places_were_added_up_follow_each_other(count: int) -> None:
    """One begins where the last one ends, but for 1e-16."""
    step, places = 5 / count, [0.0]
    for _ in range(count):
        places.append(places[-1] + step)
    begun_anew = [(i * step, i * step + step) for i in range(count)]
    for times in (begun_anew, list(pairwise(places))):
        faults = [Restart("replicas", at=a, lasts=b - a) for a, b in times]
        plan = expand("mess", "It holds.", Scenario(faults=faults), Settings(), layout=LOCAL)

        assert len(plan.faults) == count
        assert plan.faults[-1].heal_s <= plan.settings.baseline_s + plan.settings.fault_s


def test_exploring_keeps_apart_what_cannot_be_at_work_together() -> None:
    """Whatever the seed; and it is refused where no place is left."""
    scenario = Scenario(faults=[Kill("replica-1"), Kill("replicas"), Partition("edge")])
    for seed in range(100):
        expand(
            "mess", "It holds.", scenario, Settings(seed=seed, explore=True, rate=1), layout=LOCAL
        )
    crowded = Scenario(faults=[Kill("replicas")] * 4)
    with pytest.raises(UsageError, match="would end the other"):
        expand("mess", "It holds.", crowded, Settings(explore=True, fault_s=3.0), layout=LOCAL)


def test_exploring_needs_room() -> None:
    """A fault phase of a second has one place only."""
    scenario = Scenario(faults=list(FAULTS))
    short = Settings(explore=True, fault_s=1.0)

    assert any("--explore" in line for line in check(scenario, short, LOCAL))
    assert check(scenario, replace(short, fault_s=2.0), LOCAL) == []
    assert check(scenario, replace(short, explore=False), LOCAL) == []


def test_a_timeline_in_words_is_in_the_order_of_the_injections() -> None:
    """To the millisecond, as it is drawn."""
    text = timeline_text(scheduled(chosen(FAULTS, Choice()), 8.0, 5.0, None, LOCAL))

    assert text == (
        "3-blocking_migration from 8.000 s to 13.000 s, 1-partition from 9.000 s to 11.000 s,"
        " 2-kill from 10.500 s to 13.000 s"
    )
    assert timeline_text(()) == "no fault"
