"""Two or three faults in one plan: what is each one's own, and from when recovery counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.faults import BlockingMigration, Kill, Latency, Partition
from harness.history.events import Outcome
from harness.history.reader import Facts
from harness.plan.fault import FaultSpec
from harness.plan.plan import Plan
from harness.verdict.measure.measurement import measure
from harness.verdict.types import Fault, Overlap
from tests.builders import (
    at_ns,
    attempt,
    during,
    facts,
    failed,
    operation,
    operations,
    over,
    plan_of,
    with_rows,
)

# The fault phase lasts from 8 s to 13 s.
MIGRATION = BlockingMigration()
INSIDE = over(0.2, 0.6, Partition("database"))  # 9 s to 11 s
EARLY = over(0.0, 0.6, Partition("database"))  # 8 s to 11 s
LATE = over(0.4, 1.0, Kill("replicas"))  # 10 s to 13 s


def any_of(*stretches: tuple[float, float]) -> Callable[[float], bool]:
    """Bad in each of these."""
    return lambda at_s: any(during(*stretch)(at_s) for stretch in stretches)


def run_of(*faults: FaultSpec, bad: Callable[[float], bool]) -> tuple[Plan, Facts]:
    """A run with these faults, in which requests planned at a ``bad`` instant fail."""
    plan = plan_of(*faults)
    return plan, facts(plan, operations(plan, bad))


def test_each_fault_has_its_own_requests() -> None:
    """Staggered faults: what only one can have touched is its own, the rest is said to be shared.

    In the 2 s after the first one's heal its queue may still be served, so that the second one's
    own requests begin only then.
    """
    first, second = measure(*run_of(EARLY, LATE, bad=during(8, 13.2))).impacts

    assert first.fault.overlaps == [Overlap("2-kill", 10.0, 11.0)]
    assert second.fault.overlaps == [Overlap("1-partition", 10.0, 11.0)]
    assert first.fault.alone is not None
    assert first.fault.together is not None
    assert second.fault.alone is not None
    assert first.fault.alone.seconds == pytest.approx(2.0)
    assert first.fault.alone.operations == first.fault.alone.failed == pytest.approx(100, abs=2)
    assert first.fault.together.operations == pytest.approx(50, abs=2)
    assert second.fault.alone.seconds == pytest.approx(2.0)
    assert second.fault.alone.operations == pytest.approx(0, abs=1)
    assert (first.fault.bit, second.fault.bit) == (True, True)
    assert "with it alone at work" in first.fault.proof[-1]


def test_a_fault_alone_at_work_has_nothing_to_share() -> None:
    """Faults one after the other are told apart by time, and nothing is said of overlaps."""
    one = over(0.0, 0.3, Partition("database"))
    two = over(0.6, 1.0, Kill("replicas"))
    found = measure(*run_of(one, two, bad=any_of((8, 9.6), (11, 13.2)))).impacts

    assert [impact.fault.overlaps for impact in found] == [[], []]
    assert [impact.fault.alone for impact in found] == [None, None]
    assert [impact.fault.recovers_with for impact in found] == [["1-partition"], ["2-kill"]]


def test_what_cannot_be_told_apart_is_said() -> None:
    """A partition inside a migration under which everything failed anyway."""
    migration, partition = measure(*run_of(MIGRATION, INSIDE, bad=during(8, 13.2))).impacts

    assert partition.fault.bit is True
    assert "their effects can't be told apart" in partition.fault.proof[-1]
    assert "together with 1-blocking_migration" in partition.fault.proof[-1]
    assert migration.fault.bit is True
    assert "with it alone at work" in migration.fault.proof[-1]


def test_a_fault_that_adds_nothing_to_another_has_not_bitten() -> None:
    """Its own requests were all well: that the other fault broke borrowing is no proof of it."""
    latency = over(0.0, 1.0, Latency("edge", milliseconds=1))
    kill = over(0.6, 0.8, Kill("replicas"))
    slow, killed = measure(*run_of(latency, kill, bad=during(11, 12.0))).impacts

    assert killed.fault.bit is True
    assert slow.fault.bit is False
    assert any("the clients' view" in text for text in slow.missing)


def beside_a_weak_one(bad: Callable[[int, float], bool]) -> tuple[Fault, Fault]:
    """A fault of 12 s, from 8 s on, that fails every fifth request, with a partition inside it.

    The partition lasts from 10.4 s to 15.2 s; ``bad`` says what else fails.
    """
    plan = plan_of(Kill("replica-1"), INSIDE, fault_s=12.0)
    ops = tuple(
        failed(plan, a.index)
        if (8 <= a.at_s < 20 and a.index % 5 == 0) or bad(a.index, a.at_s)
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    weak, partition = measure(plan, facts(plan, ops)).impacts
    return weak.fault, partition.fault


def test_a_fault_is_seen_on_top_of_another() -> None:
    """Alone the one fails every fifth request; with the other one at work all of them fail."""
    _, partition = beside_a_weak_one(lambda _, at_s: 10.4 <= at_s < 15.2)

    assert partition.bit is True
    assert "without it" in partition.proof[-1]
    assert "can't be told apart" not in partition.proof[-1]


def test_a_fault_with_no_effect_beside_a_weak_one_has_not_bitten() -> None:
    """The other one alone fails every fifth request, and so do both together."""
    weak, partition = beside_a_weak_one(lambda *_: False)

    assert weak.bit is True
    assert partition.bit is False


def test_requests_that_hang_into_the_next_fault_are_no_proof_of_health() -> None:
    """Every second one hangs from the first fault on, and the next comes before it is given up.

    Only the quick half is over by then: it must not pass for all that the first fault did.
    """
    plan = plan_of(over(0.0, 0.6, Kill("replica-1")), over(0.2, 1.0, Partition("database")))
    ops = tuple(
        failed(plan, a.index, ended_ns=at_ns(a.at_s + 2))
        if (8 <= a.at_s < 9 and a.index % 2) or 9 <= a.at_s < 13
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    hung, _ = measure(plan, facts(plan, ops)).impacts

    assert hung.fault.alone is not None
    assert hung.fault.alone.operations >= 20
    assert hung.fault.alone.failed == 0
    assert hung.fault.bit is True
    assert "can't be told apart" in hung.fault.proof[-1]


def test_a_third_fault_apart_does_not_count_as_untouched() -> None:
    """Only times at which none of the others was at work compare with a fault."""
    early = over(0.0, 0.2, Kill("replicas"))
    long = over(0.3, 1.0, BlockingMigration())
    inside = over(0.5, 0.7, Partition("database"))
    found = measure(*run_of(early, long, inside, bad=during(8, 13.2))).impacts

    assert [len(impact.fault.overlaps) for impact in found] == [0, 1, 1]
    assert [impact.fault.bit for impact in found] == [True, True, True]


def test_recovery_counts_from_the_last_heal_of_the_overlapping_ones() -> None:
    """The partition heals at 11 s, the migration at 13 s; borrowing is back at 13.6 s."""
    found = measure(*run_of(MIGRATION, INSIDE, bad=during(8, 13.6)))

    assert found.recovery.from_heal_s == pytest.approx(0.6, abs=0.1)
    assert found.recovery.faults == ["1-blocking_migration", "2-partition"]
    assert [i.fault.recovered_s for i in found.impacts] == [found.recovery.from_heal_s] * 2


def test_a_slow_recovery_is_not_hidden_by_a_later_fault() -> None:
    """The first one takes 2 s after its heal; a tolerated one is healed long after."""
    cut = over(0.0, 0.2, Partition("database"))  # 8 s to 9 s
    tolerated = over(0.8, 1.0, Kill("replica-1", expects_impact=False))  # 12 s to 13 s
    found = measure(*run_of(cut, tolerated, bad=during(8, 11)))

    assert found.recovery.from_heal_s == pytest.approx(2.0, abs=0.1)
    assert found.recovery.faults == ["1-partition"]
    assert found.impacts[1].fault.recovered_s is None


def test_the_slowest_of_several_recoveries_counts() -> None:
    """Two outages: 0.5 s and 1.5 s after their heals."""
    one = over(0.0, 0.2, Partition("database"))  # 8 s to 9 s
    two = over(0.6, 0.8, Kill("replicas"))  # 11 s to 12 s
    found = measure(*run_of(one, two, bad=any_of((8, 9.5), (11, 13.5))))

    assert [i.fault.recovered_s for i in found.impacts] == [
        pytest.approx(0.5, abs=0.1),
        pytest.approx(1.5, abs=0.1),
    ]
    assert found.recovery.from_heal_s == pytest.approx(1.5, abs=0.1)
    assert found.recovery.faults == ["2-kill"]


def test_what_the_next_fault_met_still_impaired_has_not_recovered() -> None:
    """Borrowing was out from the first injection until after the second heal, without a break.

    What cured it then is not known; that it took longer than up to the second injection is.
    """
    one = over(0.0, 0.2, Partition("database"))  # 8 s to 9 s
    two = over(0.8, 1.0, Kill("replicas"))  # 12 s to 13 s
    found = measure(*run_of(one, two, bad=during(8, 13.4)))
    first, second = found.recoveries

    assert (first.recovery.censored, first.recovery.from_heal_s) == (True, None)
    assert first.recovery.from_heal_s_low == pytest.approx(3.0, abs=0.1)
    assert first.recovery.next_faults == ["2-kill"]
    assert second.recovery.from_heal_s == pytest.approx(0.4, abs=0.1)
    assert found.recovery.faults == ["1-partition"]
    assert [i.fault.recovered_s for i in found.impacts] == [None, second.recovery.from_heal_s]


@pytest.mark.parametrize(("fails_from_s", "recovered_s"), [(11.92, 0.5), (11.0, None)])
def test_what_the_next_fault_itself_did_is_not_held_against_the_one_before(
    fails_from_s: float, recovered_s: float | None
) -> None:
    """What is under way when it comes, at 12 s, meets it; what is overdue by then met something
    else.
    """
    plan = plan_of(over(0.0, 0.2, Partition("database")), over(0.8, 1.0, Kill("replicas")))
    ops = tuple(
        failed(plan, a.index, ended_ns=at_ns(a.at_s + 2))
        if 8 <= a.at_s < 9.5 or fails_from_s <= a.at_s < 13.4
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    first, _ = measure(plan, facts(plan, ops)).recoveries

    assert first.recovery.from_heal_s == (recovered_s and pytest.approx(recovered_s, abs=0.1))
    assert first.recovery.next_faults == ([] if recovered_s else ["2-kill"])


def test_unknown_outcomes_that_a_retry_settled_are_noticed() -> None:
    """Answers to COMMITs are lost, each borrower asks again and is told: nothing failed."""
    plan = plan_of(Partition("database"))
    ops = operations(plan)
    tries = [
        attempt(op, outcome=Outcome.INDETERMINATE if in_fault else op.outcome)
        for op, in_fault in ((op, 8 <= plan.arrivals[op.arrival].at_s < 13) for op in ops)
    ]
    known = facts(plan, ops, attempts=tuple(tries))
    (impact,) = measure(plan, known).impacts
    (calm,) = measure(plan, with_rows(known, attempts=facts(plan, ops).attempts)).impacts

    assert impact.fault.bit is True
    assert "unknown outcome" in impact.fault.proof[-1]
    assert calm.fault.bit is False


def test_latency_is_noticed_by_how_long_answers_take() -> None:
    """Nothing fails, and the median wait grows from 20 ms to 60 ms."""
    plan = plan_of(Latency("database", milliseconds=20))
    ops = operations(plan)
    slow = tuple(
        replace(o, ended_ns=o.intended_ns + 60 * 10**6)
        if 8 <= plan.arrivals[o.arrival].at_s < 13
        else o
        for o in ops
    )
    (impact,) = measure(plan, facts(plan, slow)).impacts

    assert impact.fault.bit is True
    assert "median wait 60 ms" in impact.fault.proof[-1]
