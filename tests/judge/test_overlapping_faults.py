"""Overlapping faults in the words of the verdict."""

import itertools

import pytest

from harness.faults import BlockingMigration, Kill, Latency, Partition
from harness.plan.plan import Objectives
from harness.verdict.judge import judge
from harness.verdict.types import Judgement
from tests.builders import CUT, cut_run, during, facts, operations, over, plan_of

INSIDE = (BlockingMigration(), over(0.2, 0.6, Partition("database")))
IN_TURN = (
    over(0.0, 0.2, Partition("database")),
    over(0.8, 1.0, Kill("replica-1", expects_impact=False)),
)


def test_what_overlaps_is_joined_by_while() -> None:
    """And what follows by then; recovery names the heal it counts from."""
    inside = plan_of(*INSIDE)
    together = judge(inside, facts(inside, operations(inside, during(8, 13.4)))).sentence
    in_turn = plan_of(*IN_TURN)
    apart = judge(in_turn, facts(in_turn, operations(in_turn, during(8, 9.5)))).sentence

    assert together.startswith(
        "A migration blocked table loan for 5.0 s, while bytes vanished on the database link"
    )
    assert "s after the last heal of 1-blocking_migration and 2-partition" in together
    assert ", then replica-1 was killed and down for 1.0 s" in apart
    assert "s after the end of the partition" in apart


def test_one_fault_is_told_as_before() -> None:
    """With a single fault there is only one heal."""
    assert "s after the heal (limit" in judge(*cut_run()).sentence


def test_an_impaired_stretch_names_the_faults_at_work() -> None:
    """Several at once cannot be told apart there, and that is said."""
    plan = plan_of(*INSIDE)
    verdict = judge(plan, facts(plan, operations(plan, during(8, 13.4))))
    (outage,) = [f for f in verdict.findings if f.code == "outage"]

    assert "with 1-blocking_migration and 2-partition at work" in outage.message
    assert "can't be told apart" in outage.message
    assert verdict.verdict is Judgement.PASS


def test_a_slow_recovery_fails_though_a_later_fault_was_healed_after_it() -> None:
    """2.5 s after its own heal, with a limit of 2 s; the tolerated fault's heal is no excuse."""
    plan = plan_of(*IN_TURN, objectives=Objectives(recovery_seconds_max=2))
    slow = judge(plan, facts(plan, operations(plan, during(8, 11.5))))
    quick = judge(plan, facts(plan, operations(plan, during(8, 9.8))))

    assert (slow.verdict, quick.verdict) == (Judgement.FAIL, Judgement.PASS)
    failing = {f.code for f in slow.findings if f.verdict == "fail"}
    assert failing == {"objective_missed"}


@pytest.mark.parametrize(("dead_s", "expected"), [(8, "pass"), (35, "fail"), (64, "fail")])
def test_a_fault_that_nobody_is_to_notice_excuses_nothing(dead_s: int, expected: str) -> None:
    """A cut of 5 s, and from its fourth second on, for 56 s, a bureau that is a little slow."""
    quiet = over(4 / 60, 1.0, Latency("bureau", milliseconds=20, expects_impact=False))
    cut = over(0.0, 5 / 60, Partition("database"))
    plan = plan_of(cut, quiet, baseline_s=30.0, fault_s=60.0, recovery_s=30.0)
    verdict = judge(plan, facts(plan, operations(plan, during(30, 30 + dead_s))))

    assert verdict.verdict == expected
    assert [fault.recovers_with for fault in verdict.faults] == [["1-partition"], ["2-latency"]]


def test_what_fails_under_a_fault_that_nobody_is_to_notice_is_outside() -> None:
    """3 % fail under it, for 60 s: no second of it is taken out of the figure."""
    quiet = Latency("bureau", milliseconds=20, expects_impact=False)
    plan = plan_of(quiet, baseline_s=20.0, fault_s=60.0)
    count = itertools.count(1)
    ops = operations(plan, lambda at_s: 20 <= at_s < 80 and next(count) % 33 == 0)
    verdict = judge(plan, facts(plan, ops))
    (outside,) = [o for o in verdict.objectives if o.id == "failed_outside_fault_share_max"]

    assert outside.verdict is Judgement.FAIL


@pytest.mark.parametrize(
    ("gap_s", "said"),
    [
        (0.25, "had recovered when fault 2-partition came"),
        (1.0, "as fault 2-partition came so soon"),
    ],
)
def test_a_recovery_that_the_next_fault_cut_short_wants_more_time(gap_s: float, said: str) -> None:
    """What fails under the next fault is no reason to look for one in the target."""
    first, second = over(0.0, 0.3, Partition("database")), over(0.3 + gap_s / 5, 0.9, CUT)
    plan = plan_of(first, second, objectives=Objectives(recovery_seconds_max=5))
    ops = operations(plan, lambda at_s: 8 <= at_s < 9.55 or 9.5 + gap_s <= at_s < 12.5)
    verdict = judge(plan, facts(plan, ops))

    assert f"{said}). To decide it: leave more time between the faults. " in verdict.sentence
