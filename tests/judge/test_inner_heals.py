"""A heal while other faults are at work counts, unless those explain that borrowing is down."""

from typing import Any

import pytest

from harness.faults import (
    BlockingMigration,
    CommitLost,
    Flap,
    Freeze,
    Kill,
    Latency,
    Partition,
    Refuse,
    Restart,
    Throttle,
)
from harness.plan.fault import FaultSpec
from harness.plan.plan import Objectives, Plan
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict
from tests.builders import at_ns, facts, failed, operation, over, plan_of
from tests.judge.helpers import codes

# The fault phase lasts from 8 s to 68 s: the link is cut until 14 s, limit 10 s.
CUT = over(0.0, 0.1, Partition("database"))
RESTART = over(0.85, 0.9, Restart("postgres"))  # 59 s to 62 s
Levels = tuple[tuple[float, float, float], ...]


def judged(plan: Plan, levels: Levels) -> Verdict:
    """Of requests planned from the first to the second instant the third share fails.

    Under any fault answers take 60 ms instead of 20, so that every one is noticed.
    """

    def ended_ns(at_s: float) -> int:
        slow = any(fault.inject_s <= at_s < fault.heal_s for fault in plan.faults)
        return at_ns(at_s + (0.06 if slow else 0.02))

    def bad(index: int, at_s: float) -> bool:
        shares = [share for start_s, end_s, share in levels if start_s <= at_s < end_s]
        return (index * 0.618) % 1 < max(shares, default=0.0)

    ops = tuple(
        (failed if bad(a.index, a.at_s) else operation)(plan, a.index, ended_ns=ended_ns(a.at_s))
        for a in plan.arrivals
    )
    return judge(plan, facts(plan, ops))


def run(*faults: FaultSpec, levels: Levels, **settings: Any) -> Verdict:
    """A run of 60 s of faults."""
    chosen: dict[str, Any] = {"fault_s": 60.0, "recovery_s": 15.0, "rate": 25, **settings}
    return judged(plan_of(*faults, **chosen), levels)


def told(verdict: Verdict, code: str) -> str:
    """What the findings of that code say."""
    return "; ".join(f.message for f in verdict.findings if f.code == code)


COMPANIONS: dict[str, FaultSpec] = {
    "a slow edge": over(0.05, 0.9, Latency("edge", milliseconds=20)),
    "one replica of two": over(0.05, 0.9, Kill("replica-1")),
    "a slow bureau": over(0.05, 0.9, Latency("bureau", milliseconds=50)),
    "no bureau": over(0.05, 0.9, Partition("bureau")),
    "another table": over(0.05, 0.9, BlockingMigration("risk_flag")),
    "a narrow edge": over(0.05, 0.9, Throttle("edge", kilobytes_per_second=900)),
}


@pytest.mark.parametrize("companion", COMPANIONS)
def test_a_companion_hides_no_service_that_never_recovers(companion: str) -> None:
    """Out until the restart, or until the companion's own heal: nothing shows whose doing it is."""
    levels = ((8, 62.2, 1.0),)
    alone = run(CUT, RESTART, levels=levels)
    bridged = run(CUT, COMPANIONS[companion], RESTART, levels=levels)
    cured = run(CUT, COMPANIONS[companion], levels=levels)

    assert alone.verdict is Judgement.FAIL
    assert "fault 3-restart came then" in told(bridged, "not_recovered")
    for verdict in (bridged, cured):
        assert verdict.verdict is Judgement.INCONCLUSIVE
        message = told(verdict, "not_recovered")
        assert "s after the heal of 1-partition" in message
        assert f"2-{COMPANIONS[companion].spec.kind} was at work" in message
        assert "nothing shows" in message
        (limit,) = [o for o in verdict.objectives if o.id == "recovery_seconds_max"]
        assert limit.verdict is Judgement.INCONCLUSIVE
        assert limit.low == 0


def test_a_companion_that_nobody_is_to_notice_hides_nothing() -> None:
    """It is known not to be the cause, so that the run fails as without it."""
    calm = over(0.05, 0.9, Latency("edge", milliseconds=10, expects_impact=False))
    verdict = run(CUT, calm, RESTART, levels=((8, 62.2, 1.0),))

    assert codes(verdict)["not_recovered"] == "fail"
    assert verdict.verdict is Judgement.FAIL


def test_still_impaired_long_after_every_heal_fails() -> None:
    """As it does without a companion."""
    early = over(0.05, 0.9, Latency("edge", milliseconds=20))
    assert run(CUT, early, levels=((8, 90, 1.0),), recovery_s=30.0).verdict is Judgement.FAIL


def test_a_prompt_recovery_beside_a_companion_passes() -> None:
    """Whatever it is, and though it impairs borrowing by itself for all of its time."""
    for companion in COMPANIONS.values():
        verdict = run(CUT, companion, RESTART, levels=((8, 14.8, 1.0), (59, 62.4, 1.0)))
        assert verdict.verdict is Judgement.PASS


BLACKOUTS: tuple[FaultSpec, ...] = (
    Partition("database", direction="upstream"),
    Partition("edge", direction="downstream"),
    Refuse("database"),
    Kill("replicas"),
    Freeze("postgres"),
    BlockingMigration("loan"),
)


@pytest.mark.parametrize("after", BLACKOUTS, ids=lambda f: f"{f.kind} of {f.target}")
def test_a_fault_that_leaves_nobody_served_explains_itself(after: FaultSpec) -> None:
    """One of 10 s, overlapped by one of 25 s; borrowing is back 0.5 s after the last heal."""
    first = over(0.0, 10 / 60, Refuse("edge"))
    verdict = run(first, over(0.1, 0.5, after), levels=((8, 38.5, 1.0),))

    assert verdict.verdict is Judgement.PASS
    assert "the heal of 1-refuse" in told(verdict, "attributed_to_fault")
    assert "leaves no one served" in told(verdict, "attributed_to_fault")


def test_two_faults_on_one_link_that_extend_each_other_pass() -> None:
    """The second is injected while the first is at work, on the same link."""
    second = over(0.05, 0.6, Partition("database", direction="upstream"))
    assert run(CUT, second, levels=((8, 44.6, 1.0),)).verdict is Judgement.PASS


def test_a_fault_that_did_as_much_alone_explains_it() -> None:
    """Half of the requests fail under it before the cut, and again after the cut's heal."""
    half = over(0.0, 1.0, Kill("replica-1"))  # 8 s to 68 s
    cut = over(0.2, 0.3, Partition("database"))  # 20 s to 26 s
    levels = ((8, 68.3, 0.5), (20, 26.4, 1.0))
    sound = run(half, cut, levels=levels)
    dead = run(half, cut, levels=(*levels, (26, 68.3, 1.0)))

    assert sound.verdict is Judgement.PASS
    assert "alone" in told(sound, "attributed_to_fault")
    assert dead.verdict is Judgement.INCONCLUSIVE


def test_a_short_burst_at_its_injection_is_no_evidence() -> None:
    """A replica is killed, some connections break; that explains nothing 4 s later."""
    killed = over(0.0, 0.9, Kill("replica-1"))
    cut = over(0.1, 0.2, Partition("database"))  # 14 s to 20 s
    verdict = run(killed, cut, levels=((8, 9, 1.0), (14, 62.2, 1.0)))

    assert verdict.verdict is Judgement.INCONCLUSIVE


def test_a_heal_that_changed_the_level_is_over() -> None:
    """All fail under both, two fifths from the cut's heal to the other's."""
    half = over(0.0, 0.9, Kill("replica-1"))
    sound = run(half, CUT, levels=((8, 14.5, 1.0), (14, 62.2, 0.4)))

    assert sound.verdict is Judgement.PASS
    assert "instead of 100 %" in told(sound, "attributed_to_fault")


def test_a_level_that_changed_is_no_evidence_where_another_fault_may_have_cured_it() -> None:
    """Half of the service never recovers from the cut, until a restart at the companion's heal."""
    slow = over(0.0, 0.9, Latency("edge", milliseconds=20))
    levels = ((8, 14.5, 1.0), (14, 59, 0.5), (59, 62.2, 1.0))

    assert run(slow, CUT, RESTART, levels=levels).verdict is Judgement.INCONCLUSIVE


def test_a_level_that_changed_is_no_evidence_for_a_fault_that_was_seen_to_do_nothing() -> None:
    """Half of the service stays dead up to the heal of a fault under which all was well before."""
    slow = over(0.0, 0.9, Latency("edge", milliseconds=20))
    cut = over(0.2, 0.3, Partition("database"))  # 20 s to 26 s
    levels = ((20, 26.5, 1.0), (26, 62.2, 0.5))

    assert run(slow, cut, levels=levels).verdict is Judgement.INCONCLUSIVE


def test_what_began_with_another_fault_is_not_of_the_one_before_it() -> None:
    """Under a slow edge all was well for 6 s, then COMMITs were lost, up to long after its heal."""
    slow = over(0.0, 0.2, Latency("edge", milliseconds=20))  # 8 s to 20 s
    lost = over(0.1, 0.7, CommitLost())  # 14 s to 50 s
    sound = run(slow, lost, levels=((14, 50.3, 1.0),))
    later = run(slow, lost, levels=((16, 50.3, 1.0),))

    assert sound.verdict is Judgement.PASS
    assert "with which it began" in told(sound, "attributed_to_fault")
    assert later.verdict is Judgement.INCONCLUSIVE


def test_what_comes_after_a_recovery_is_not_of_the_fault_before_it() -> None:
    """A slow database impairs nothing; 6 s after its heal COMMITs are lost."""
    first = over(0.0, 0.2, Latency("database", milliseconds=20))  # 8 s to 20 s
    beside = over(0.1, 0.8, Latency("edge", milliseconds=20))
    lost = over(0.3, 0.5, CommitLost())  # 26 s to 38 s
    assert run(first, beside, lost, levels=((26, 38.3, 1.0),)).verdict is Judgement.PASS


def test_a_flapping_link_explains_what_it_goes_on_with() -> None:
    """Both begin together; the cut's heal leaves the flap alone."""
    flap = over(0.0, 0.5, Flap("edge", period=2.0))
    cuts = tuple((8 + 2 * n, 9 + 2 * n, 1.0) for n in range(15))
    assert run(flap, CUT, levels=((8, 14.3, 1.0), *cuts)).verdict is Judgement.PASS


def test_impaired_when_a_fault_comes_inside_a_group_is_undecided() -> None:
    """As it is without the companion: nobody knows whether it would have recovered in time."""
    soon = over(0.2, 0.3, Kill("replicas"))  # 20 s, 6 s after the heal
    slow = over(0.05, 0.9, Latency("edge", milliseconds=20))
    levels = ((8, 26.4, 1.0),)

    assert run(CUT, soon, levels=levels).verdict is Judgement.INCONCLUSIVE
    assert run(CUT, slow, soon, levels=levels).verdict is Judgement.INCONCLUSIVE


@pytest.mark.parametrize("lasts_s", [8.0, 11.0])
def test_the_limit_is_that_of_the_objective(lasts_s: float) -> None:
    """Ten seconds where none is set, else what is set."""

    def at(limits: Objectives | None) -> Judgement:
        slow = Latency("bureau", milliseconds=50)
        return run(slow, CUT, levels=((8, 14 + lasts_s, 1.0),), objectives=limits).verdict

    late = Judgement.PASS if lasts_s < 10 else Judgement.INCONCLUSIVE
    assert at(None) is late
    assert at(Objectives(failed_share_max=1.0)) is late
    assert at(Objectives(recovery_seconds_max=20)) is Judgement.PASS
    assert at(Objectives(recovery_seconds_max=5)) is Judgement.INCONCLUSIVE


def test_never_is_a_longer_impairment_judged_better() -> None:
    """The same two faults, with an impairment of 1 s to one without an end."""
    slow = Latency("bureau", milliseconds=50)
    order = (Judgement.PASS, Judgement.INCONCLUSIVE, Judgement.FAIL)

    def rank(seconds: float) -> int:
        levels = ((8.0, 14 + seconds, 1.0),)
        return order.index(run(slow, CUT, levels=levels, recovery_s=30.0).verdict)

    ranks = [rank(seconds) for seconds in (1, 8, 9.9, 10.2, 15, 30, 53, 56, 66, 1000)]
    assert ranks == sorted(ranks)
