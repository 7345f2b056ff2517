"""From a scenario, settings and a seed to the exact plan of one run."""

from collections import Counter

import pytest

from harness.core.errors import UsageError
from harness.faults import Kill, Partition
from harness.plan.decline import Decline
from harness.plan.objectives import (
    DEFAULT_OBJECTIVES_WITH_FAULT,
    DEFAULT_OBJECTIVES_WITHOUT_FAULT,
)
from harness.plan.plan import Arrival, Objectives, Plan, Scenario, Settings, expand
from harness.plan.population import AccountClass
from harness.plan.scenario import Load, check
from tests.builders import LOCAL

CUT = Partition(link="database")


def plan_of(seed: int = 1, scenario: Scenario | None = None, **settings: object) -> Plan:
    """The plan of a partition with default settings."""
    chosen = Settings(**{"seed": seed, **settings})  # type: ignore[arg-type]
    return expand("test", "It holds.", scenario or Scenario(faults=[CUT]), chosen, layout=LOCAL)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    """Times, borrowers, amounts and log-ins repeat; keys, phones and run id never do."""
    first, second = plan_of(), plan_of()

    def intent(plan: Plan) -> list[tuple[object, ...]]:
        return [(a.at_s, a.borrower, a.amount_fen, a.logs_in) for a in plan.arrivals]

    assert intent(first) == intent(second) != intent(plan_of(seed=2))
    assert first.run_id != second.run_id
    assert not {a.key for a in first.arrivals} & {a.key for a in second.arrivals}
    assert {b.phone for b in first.borrowers} != {b.phone for b in second.borrowers}


def test_one_arrival_in_every_slot() -> None:
    """As many arrivals as rate times length, spread evenly, each key once."""
    plan = plan_of(rate=20)
    slots = Counter(int((a.at_s + 2.1) // 1) for a in plan.arrivals)

    assert len(plan.arrivals) == 20 * 30
    assert max(slots.values()) <= 22
    assert len({a.key for a in plan.arrivals}) == len(plan.arrivals)


def test_zero_is_the_first_arrival_after_the_warm_up() -> None:
    """The origin of all times is a planned start."""
    plan = plan_of()
    after = [a.at_s for a in plan.arrivals if a.at_s >= 0]

    assert min(after) == 0.0
    assert min(a.at_s for a in plan.arrivals) < -1.9


def test_faults_are_scheduled_within_their_phase() -> None:
    """Their times are scaled to its length."""
    kill = Kill("replicas", at=2.5, lasts=2.5)
    plan = plan_of(scenario=Scenario(faults=[CUT, kill]), fault_s=4.0)

    assert [(f.name, f.inject_s, f.heal_s) for f in plan.faults] == [
        ("1-partition", 8.0, 12.0),
        ("2-kill", 10.0, 12.0),
    ]


def test_phases_with_and_without_a_fault() -> None:
    """Without a fault there is nothing to recover from, only one long look."""
    names = [phase.name for phase in plan_of().phases]
    quiet = [phase.name for phase in plan_of(scenario=Scenario()).phases]

    assert names == ["warm-up", "baseline", "fault", "recovery"]
    assert quiet == ["warm-up", "baseline", "observation"]
    assert plan_of(scenario=Scenario()).load_end_s == plan_of().load_end_s == 28.0


def test_default_objectives_depend_on_the_fault() -> None:
    """A scenario that names none gets those of its kind; its own are taken as they are."""
    own = Objectives(failed_share_max=0.1)

    assert plan_of().objectives == DEFAULT_OBJECTIVES_WITH_FAULT
    assert plan_of(scenario=Scenario()).objectives == DEFAULT_OBJECTIVES_WITHOUT_FAULT
    assert plan_of(scenario=Scenario(faults=[CUT], objectives=own)).objectives == own


def test_nobody_arrives_again_while_still_under_way() -> None:
    """Two arrivals of one borrower are further apart than the longest journey, pairs apart."""
    plan = plan_of(rate=100, scenario=Scenario(faults=[CUT], load=Load(near_limit_share=0)))
    last: dict[int, float] = {}
    gaps = []
    for arrival in plan.arrivals:
        gaps.append(arrival.at_s - last.get(arrival.borrower, -1e9))
        last[arrival.borrower] = arrival.at_s

    assert min(gaps) > plan.settings.drain_s


def test_borrowers_come_round_in_another_order_each_time() -> None:
    """Nobody's turns lie a whole number of seconds apart, as those of a periodic trouble may."""
    plan = plan_of(rate=100, scenario=Scenario(faults=[CUT], load=Load(near_limit_share=0)))
    count = len(plan.borrowers)
    rounds = [
        [a.borrower for a in plan.arrivals[start : start + count]]
        for start in range(0, len(plan.arrivals) - count, count)
    ]
    same = sum(a == b for a, b in zip(*rounds[:2], strict=True))

    assert len(rounds) >= 2
    assert all(sorted(turn) == sorted(rounds[0]) for turn in rounds)
    assert same < 0.05 * count


def test_a_mixed_population_has_every_class() -> None:
    """Each business cause is there, and most borrowers are good."""
    classes = Counter(b.account_class for b in plan_of().borrowers)

    assert set(classes) == set(AccountClass)
    assert classes[AccountClass.GOOD] > 0.8 * classes.total()
    assert {c.expected_decline for c in classes} == {None, *Decline}


def pairs_of(plan: Plan) -> list[list[Arrival]]:
    """The arrivals of each borrower near their limit."""
    near = {b.index for b in plan.borrowers if b.account_class is AccountClass.NEAR_LIMIT}
    by_borrower: dict[int, list[Arrival]] = {index: [] for index in near}
    for arrival in plan.arrivals:
        if arrival.borrower in near:
            by_borrower[arrival.borrower].append(arrival)
    return list(by_borrower.values())


@pytest.mark.parametrize("share", [0.02, 0.4])
def test_borrowers_near_their_limit_come_twice_at_once_and_never_again(share: float) -> None:
    """Each pair asks with two keys for two loans of which the limit covers either, not both."""
    plan = plan_of(scenario=Scenario(faults=[CUT], load=Load(near_limit_share=share)))
    pairs = pairs_of(plan)

    assert len(pairs) == round(share * len(plan.arrivals) / 2)
    for first, second in pairs:
        assert 0 < second.at_s - first.at_s < 0.001
        assert first.key != second.key
        assert max(first.amount_fen, second.amount_fen) <= plan.lender.near_limit
        assert first.amount_fen + second.amount_fen > plan.lender.near_limit
        assert not any(a.logs_in or a.reads_credit_line for a in (first, second))
    assert len(plan.arrivals) == 50 * 30


def test_every_journey_logs_in_when_all_are_to() -> None:
    """A share of one has no exception."""
    assert all(arrival.logs_in for arrival in plan_of(log_in_share=1.0).arrivals)


def test_a_share_of_pairs_beyond_what_fits_is_refused() -> None:
    """Pairs must not overlap, so no more than two arrivals in five belong to one."""
    with pytest.raises(UsageError, match=r"near_limit_share 0.5"):
        Load(near_limit_share=0.5)


def test_a_single_class_population() -> None:
    """Only good borrowers, and no amount that needs manual review."""
    plan = plan_of(population="good")

    assert {b.account_class for b in plan.borrowers} == {AccountClass.GOOD}
    assert max(a.amount_fen for a in plan.arrivals) <= 500_000
    assert any(a.amount_fen % 100 for a in plan.arrivals)


def test_every_error_is_named_at_once() -> None:
    """A user corrects a command line once, not six times."""
    settings = Settings(rate=0, request_timeout_s=0.0, retries=99, population="x", log_in_share=2)
    scenario = Scenario(faults=[Kill("replicas"), Kill("replica-1")])

    with pytest.raises(UsageError) as caught:
        expand("test", "", scenario, settings, layout=LOCAL)

    text = str(caught.value)
    for word in ("rate 0", "request timeout 0s", "retries 99", "population 'x'", "log-in share 2"):
        assert word in text
    assert "1-kill and 2-kill overlap" in text


def test_a_recovery_too_short_to_confirm_is_refused() -> None:
    """The message says what would be long enough."""
    (found,) = check(Scenario(faults=[CUT]), Settings(recovery_s=2.0), LOCAL)

    assert "too short to heal and confirm" in found
    assert "3s" in found


def test_valid_settings_have_no_complaints() -> None:
    """The defaults can be run, with and without a fault."""
    assert check(Scenario(faults=[CUT]), Settings(), LOCAL) == []
    assert check(Scenario(), Settings(fault_s=0.0), LOCAL) == []
