"""Overlapping faults: which can be mistaken for which, and proofs that are not another's."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.faults import (
    BlockingMigration,
    Freeze,
    Kill,
    Latency,
    Partition,
    Refuse,
    Restart,
)
from harness.faults import fault_walk as walk_module
from harness.faults.base import Injector
from harness.faults.heal import healing
from harness.faults.overlap import ActiveFaults, can_silence
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact, Proof
from harness.plan.fault import FaultSpec, PlannedFault
from tests.builders import LOCAL, planned_fault
from tests.faults.test_timeline import Place


@pytest.mark.parametrize(
    ("other", "spec", "expected"),
    [
        (Partition("edge"), Partition("edge"), True),
        (Kill("postgres"), Partition("database"), True),
        (Kill("replica-1"), Latency("edge", milliseconds=5), True),
        (Kill("postgres"), BlockingMigration(), True),
        (Partition("database"), BlockingMigration(), False),
        (BlockingMigration(), Partition("database"), False),
        (Partition("edge"), Partition("database"), False),
        (Partition("edge"), Kill("replicas"), False),
        (BlockingMigration("loan"), BlockingMigration("risk_flag"), False),
    ],
)
def test_which_fault_may_silence_whose_canary(
    other: FaultSpec, spec: FaultSpec, *, expected: bool
) -> None:
    """A dead PostgreSQL silences the canary of its link; a lock on a table does not."""
    one, two = planned_fault("1-x", other, 0, 1), planned_fault("2-x", spec, 0, 1)

    assert can_silence(one, two, LOCAL) is expected


def test_a_migration_that_ends_with_its_database_was_ended_by_the_plan() -> None:
    """Of other faults at work none ends one."""
    migration = planned_fault("1-blocking_migration", BlockingMigration(), 0.0, 5.0)
    kill = planned_fault("2-kill", Kill("postgres"), 1.0, 2.0)
    partition = planned_fault("3-partition", Partition("database"), 1.0, 2.0)
    active = ActiveFaults((migration, kill, partition), LOCAL)
    for fault in (migration, kill, partition):
        active.begin(fault)

    assert active.ending(migration) == ("2-kill",)
    assert active.ending(partition) == ()


@pytest.mark.parametrize(
    ("other", "spec", "expected"),
    [
        (Kill("replica-1"), Kill("replicas"), True),
        (Restart("replicas"), Freeze("replica-2"), True),
        (Freeze("replica-1"), Freeze("replica-1"), True),
        (Refuse("edge"), Refuse("edge"), True),
        (Kill("replica-1"), Kill("replica-2"), False),
        (Kill("postgres"), Kill("replicas"), False),
        (Freeze("replicas"), Kill("replicas"), False),
        (Refuse("edge"), Refuse("database"), False),
        (Partition("edge"), Partition("edge"), False),
    ],
)
def test_which_fault_or_its_heal_ends_another(
    other: FaultSpec, spec: FaultSpec, *, expected: bool
) -> None:
    """The first of two that is healed brings back what both have down; for a second after it."""
    first, second = planned_fault("1-x", other, 0.0, 2.0), planned_fault("2-x", spec, 0.0, 5.0)
    active = ActiveFaults((first, second), LOCAL)
    for fault in (first, second):
        active.begin(fault)
    both_at_work = active.ending(second)
    active.heal_done(first)
    active.end(first)

    assert both_at_work == active.ending(second) == (("1-x",) if expected else ())


@dataclass
class World:
    """What is broken right now, by fault; shared by the injectors of one test."""

    broken: dict[str, PlannedFault] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_silent(self, fault: PlannedFault) -> bool:
        """Whether anything at work silences the canary of this fault."""
        with self.lock:
            return any(can_silence(other, fault, LOCAL) for other in self.broken.values())


class Simulated(Injector):
    """An injector whose canary is silent whatever the reason, as a real one is."""

    def __init__(self, planned: PlannedFault, world: World, *, works: bool, heals: bool) -> None:
        self._planned = planned
        self._world = world
        self._works = works
        self._heals = heals

    def ready(self) -> Proof:
        """Answered or not."""
        return Proof("canary", not self._world.is_silent(self._planned), "before")

    def inject(self) -> None:
        """Break it, or do nothing."""
        if self._works:
            with self._world.lock:
                self._world.broken[self._planned.name] = self._planned

    def read_back(self) -> Proof:
        """In place."""
        return Proof("control_plane", holds=True, text="in place")

    def canary(self) -> Proof:
        """Silent, for whatever reason."""
        return Proof("canary", self._world.is_silent(self._planned), "during: silent")

    def heal(self) -> int:
        """Mend it, or do nothing."""
        if self._heals:
            with self._world.lock:
                self._world.broken.pop(self._planned.name, None)
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """Answered again, or still silent."""
        return Proof("healed", not self._world.is_silent(self._planned), "after")


Walk = Callable[..., dict[str, FaultFact]]


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Walks faults given as (specification, begin, end) in s; some may do or heal nothing."""

    def walked(
        *given: tuple[FaultSpec, float, float], idle: str = "", stuck: str = ""
    ) -> dict[str, FaultFact]:
        world = World()
        planned = tuple(
            planned_fault(f"{number}-{spec.kind}", spec, start_s, end_s)
            for number, (spec, start_s, end_s) in enumerate(given, start=1)
        )
        monkeypatch.setattr(
            walk_module,
            "injector_for",
            lambda one, _: Simulated(one, world, works=one.name != idle, heals=one.name != stuck),
        )
        monkeypatch.setattr(healing, "HEALED_SECONDS_MAX", 0.3)
        facts: dict[str, FaultFact] = {}
        timeline = FaultTimeline(
            Place(tmp_path),  # type: ignore[arg-type]
            planned,
            lambda fact: facts.__setitem__(fact.name, fact),
            lambda *_: None,
        )
        timeline.check()
        timeline.start(time.monotonic_ns())
        time.sleep(max(end_s for _, start_s, end_s in given if start_s < 5) + 0.1)
        timeline.finish()
        return facts

    return walked


def last(fact: FaultFact, kind: str) -> Proof:
    """The last proof of that kind, which is the one that counts."""
    return [proof for proof in fact.proofs if proof.kind == kind][-1]


def test_faults_that_cannot_be_mistaken_are_proven_at_once(walk: Walk) -> None:
    """A lock on a table and a cut link begin together, each with its own canary."""
    facts = walk((BlockingMigration(), 0.1, 0.4), (Partition("database"), 0.1, 0.3))

    assert all(last(fact, kind).holds for fact in facts.values() for kind in ("canary", "healed"))


def test_the_silence_of_a_dead_database_is_no_proof_of_a_partition(walk: Walk) -> None:
    """Inside the kill the link would be silent anyway; the text names what was at work."""
    facts = walk((Kill("postgres"), 0.0, 0.6), (Partition("database"), 0.2, 0.4))

    canary = last(facts["2-partition"], "canary")
    assert canary.holds is False
    assert "with 1-kill at work: no proof of its own" in canary.text
    assert last(facts["1-kill"], "canary").holds is True


def test_a_partition_that_does_nothing_is_not_proven_by_another(walk: Walk) -> None:
    """The planted defect: an injection without effect, under a fault that silences its canary."""
    facts = walk(
        (Kill("postgres"), 0.0, 0.6), (Partition("database"), 0.2, 1.6), idle="2-partition"
    )

    assert last(facts["2-partition"], "canary").holds is False


def test_the_canary_is_tried_again_once_it_can_prove_something(walk: Walk) -> None:
    """The other fault is over, this one is not: now silence is its own."""
    facts = walk((Kill("postgres"), 0.0, 0.4), (Partition("database"), 0.2, 1.6))

    holds = [p.holds for p in facts["2-partition"].proofs if p.kind == "canary"]
    assert holds == [False, True]


def test_a_heal_is_not_blamed_for_another_fault_on_the_same_link(walk: Walk) -> None:
    """Two partitions of one link: the first one's heal shows once the second one is gone, too."""
    facts = walk((Partition("edge"), 0.0, 0.3), (Partition("edge"), 0.1, 1.2))

    first = facts["1-partition"]
    assert last(first, "healed").holds is True
    assert last(facts["2-partition"], "healed").holds is True
    assert last(facts["2-partition"], "canary").holds is True


def test_a_heal_that_fails_beside_another_is_found(walk: Walk) -> None:
    """The planted defect: waiting for the other fault does not excuse this one."""
    facts = walk((Partition("edge"), 0.0, 0.3), (Partition("edge"), 0.1, 0.6), stuck="1-partition")

    assert last(facts["1-partition"], "healed").holds is False


def test_of_two_that_begin_together_each_is_told_from_the_other(walk: Walk) -> None:
    """They take turns: the first is proven alone, the second once the first is over."""
    facts = walk((Partition("edge"), 0.0, 0.4), (Partition("edge", direction="upstream"), 0.0, 1.6))

    assert [last(fact, "canary").holds for fact in facts.values()] == [True, True]


def test_a_heal_now_ends_the_wait_for_a_turn(walk: Walk) -> None:
    """Nothing is injected once everything is to be healed."""
    facts = walk((Partition("edge"), 0.0, 0.2), (Partition("edge"), 5.0, 6.0))

    assert facts["2-partition"].inject_called_ns is None
