"""How long an impairment may last: each heal has its own deadline, an open end is no recovery."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.faults import Partition, Restart
from harness.history.events import Outcome
from harness.plan.fault import FaultSpec
from harness.plan.plan import Objectives, Plan
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict
from tests.builders import (
    CUT,
    at_ns,
    cut_run,
    during,
    facts,
    failed,
    operation,
    operations,
    over,
    plan_of,
)
from tests.judge.helpers import codes

# The fault phase lasts from 8 s to 68 s: the link is cut until 14 s.
FIRST = over(0.0, 0.1, Partition("database"))
WATCHING = Objectives(impaired_episodes_max=2, lost_service_seconds_max=60)
BETTER = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)


def two_faults(
    bad: Callable[[float], bool],
    next_at: float = 0.9,
    second: type[FaultSpec] = Restart,
    **settings: object,
) -> Verdict:
    """A partition that is healed at 14 s, and a restart of the replicas from 62 s on."""
    target = "replicas" if second is Restart else "database"
    later = over(next_at, 1.0, second(target))
    plan = plan_of(FIRST, later, **{"fault_s": 60.0, **settings})
    return judge(plan, facts(plan, operations(plan, bad)))


def failing(verdict: Verdict) -> set[str]:
    """Codes of findings that fail the run."""
    return {code for code, severity in codes(verdict).items() if severity == "fail"}


def test_what_only_the_next_fault_cures_has_not_recovered() -> None:
    """Out for 48 s after its heal, until a restart: as bad as a late recovery, and worse."""
    cured = two_faults(during(8, 69))
    late = two_faults(lambda at_s: 8 <= at_s < 50 or 62 <= at_s < 69)

    assert (cured.verdict, late.verdict) == (Judgement.FAIL, Judgement.FAIL)
    assert failing(cured) == {"not_recovered", "objective_missed"}
    assert cured.recovery.faults == ["1-partition"]
    assert cured.recovery.next_faults == ["2-restart"]
    told = "borrowing had not recovered when fault 2-restart came 48.0 s after the heal of"
    assert told in cured.sentence
    (missed,) = [o for o in cured.objectives if o.id == "recovery_seconds_max"]
    assert missed.low == pytest.approx(48.0, abs=0.1)


def test_it_fails_without_an_objective_of_recovery_too() -> None:
    """Where none is set, ten seconds are."""
    limits = Objectives(failed_share_max=1.0)
    assert failing(two_faults(during(8, 69), objectives=limits)) == {"not_recovered"}


def test_impaired_when_the_next_fault_comes_in_time_is_undecided() -> None:
    """Nobody knows whether it would have recovered in the 4 s that were left to it."""
    verdict = two_faults(during(8, 69), next_at=0.2)

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert codes(verdict)["not_recovered"] == "inconclusive"
    assert codes(verdict)["objective_undecided"] == "inconclusive"
    (finding,) = [f for f in verdict.findings if f.code == "not_recovered"]
    assert finding.message == (
        "borrowing surely had not recovered 6.0 s after the heal of 1-partition, and nothing shows"
        " that it had when fault 2-restart came (limit 10 s): whether it did, or would have, in"
        " time is not known"
    )


def test_recovered_before_the_next_fault_passes() -> None:
    """Each of the two recovers in time."""
    verdict = two_faults(lambda at_s: 8 <= at_s < 17 or 62 <= at_s < 70)

    assert (verdict.verdict, failing(verdict)) == (Judgement.PASS, set())


@pytest.mark.parametrize("limits", [None, Objectives(failed_share_max=1.0)], ids=["set", "unset"])
@pytest.mark.parametrize("second_s", [0.0, 3.0])
def test_every_heal_must_show_that_it_lasts(second_s: float, limits: Objectives | None) -> None:
    """Back 0.2 s after the first heal, and 0.4 s later the next fault comes: twenty requests. That
    the second recovery takes longer than the first makes those no more.
    """

    def bad(at_s: float) -> bool:
        return 8 <= at_s < 14.2 or 14.6 <= at_s < 68 + second_s

    verdict = two_faults(bad, next_at=0.11, second=Partition, objectives=limits)

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert codes(verdict)["not_recovered"] == "inconclusive"


@pytest.mark.parametrize("bad", [during(0, 0), during(9, 11)], ids=["well", "impaired"])
def test_what_went_well_under_a_fault_does_not_confirm_its_heal(
    bad: Callable[[float], bool],
) -> None:
    """Twenty requests came after it, whether or not a brownout was over long before it."""
    limits = Objectives(recovery_seconds_max=1, impaired_episodes_max=1)
    tolerated = replace(CUT, expects_impact=False)
    plan = plan_of(
        tolerated, rate=5, baseline_s=34.0, fault_s=30.0, recovery_s=4.0, objectives=limits
    )
    verdict = judge(plan, facts(plan, operations(plan, lambda at_s: bad(at_s - 34))))

    assert codes(verdict)["objective_undecided"] == "inconclusive"
    assert failing(verdict) == set()


@pytest.mark.parametrize("hangs_s", [0.02, 5.0])
def test_what_hung_long_before_a_fault_is_not_its_doing(hangs_s: float) -> None:
    """Answers take 20 ms; 3 s before the next fault 30 requests fail, at once or by a timeout."""
    plan = plan_of(FIRST, over(0.9, 1.0, Restart("replicas")), fault_s=60.0, request_timeout_s=5.0)
    ops = tuple(
        failed(plan, a.index, ended_ns=at_ns(a.at_s + (hangs_s if 59 <= a.at_s < 60 else 0.02)))
        if 8 <= a.at_s < 14.2 or 59 <= a.at_s < 59.6 or 62 <= a.at_s < 68.5
        else operation(plan, a.index)
        for a in plan.arrivals
    )

    failing = {f.code for f in judge(plan, facts(plan, ops)).findings if f.verdict == "fail"}

    assert failing == {"outage", "objective_missed"}


def test_a_fault_that_nobody_is_to_notice_puts_off_no_recovery() -> None:
    """Out for 19 s after the heal of the cut, while a tolerated fault is still at work."""
    tolerated = over(0.02, 1.0, Partition("bureau", expects_impact=False))
    plan = plan_of(over(0.0, 0.05, Partition("database")), tolerated, fault_s=60.0)

    def run(until_s: float) -> Verdict:
        return judge(plan, facts(plan, operations(plan, during(8, until_s))))

    assert run(12).verdict is Judgement.PASS
    assert "objective_missed" in failing(run(30))


@pytest.mark.parametrize("one_in", [2, 5])
@pytest.mark.parametrize("request_timeout_s", [2.0, 5.0])
def test_a_brownout_between_two_faults_is_no_recovery(
    one_in: int, request_timeout_s: float
) -> None:
    """A part of the requests fails from one fault to the next, 3 s later: that a new fault makes it
    worse ends nothing, however long a request may take.
    """

    def run(seed: int) -> Verdict:
        plan = plan_of(
            over(0.0, 0.2, Partition("database")),
            over(0.45, 0.65, Partition("database")),
            fault_s=12.0,
            recovery_s=12.0,
            request_timeout_s=request_timeout_s,
            seed=seed,
        )
        first, second = plan.faults
        cut = [(first.inject_s, first.heal_s), (second.inject_s, second.heal_s)]
        counts = iter(range(len(plan.arrivals)))

        def bad(at_s: float) -> bool:
            between = first.heal_s <= at_s < second.inject_s and next(counts) % one_in == 0
            return between or any(start_s <= at_s < end_s for start_s, end_s in cut)

        return judge(plan, facts(plan, operations(plan, bad)))

    assert {run(seed).verdict for seed in range(5)} <= {Judgement.INCONCLUSIVE, Judgement.FAIL}


def test_two_per_cent_failing_between_two_faults_are_outside() -> None:
    """From 24 s to 62 s nothing of ours is at work: 2 % are over a limit of 0.5 %."""
    plan = plan_of(FIRST, over(0.9, 1.0, Restart("replicas")), fault_s=60.0)
    ops = tuple(
        failed(plan, a.index)
        if 8 <= a.at_s < 15 or (15 <= a.at_s < 62 and a.index % 50 == 0) or 62 <= a.at_s < 70
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    verdict = judge(plan, facts(plan, ops))
    (outside,) = [o for o in verdict.objectives if o.id == "failed_outside_fault_share_max"]

    assert outside.verdict is Judgement.FAIL
    assert verdict.verdict is Judgement.FAIL


def test_the_calm_between_two_faults_dilutes_no_unknown_outcomes() -> None:
    """Every tenth request under a fault is of unknown outcome: 10 %, whatever lies between."""
    limits = Objectives(indeterminate_share_max=0.05)
    second = over(0.9, 1.0, Partition("database"))
    plan = plan_of(FIRST, second, fault_s=60.0, objectives=limits)
    ops = tuple(
        failed(plan, a.index, outcome=Outcome.INDETERMINATE)
        if (8 <= a.at_s < 14 or 62 <= a.at_s < 68) and a.index % 10 == 0
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    (unknown,) = judge(plan, facts(plan, ops)).objectives

    assert unknown.observed == pytest.approx(0.1, abs=0.01)
    assert unknown.verdict is Judgement.FAIL


def test_what_a_tolerated_fault_leaves_behind_is_outside() -> None:
    """Nobody is to notice it, so that nothing is allowed after its heal."""
    plan = plan_of(Partition("bureau", expects_impact=False))
    ops = tuple(
        failed(plan, a.index)
        if 13 <= a.at_s < 23 and a.index % 50 == 0
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    verdict = judge(plan, facts(plan, ops))
    (outside,) = [o for o in verdict.objectives if o.id == "failed_outside_fault_share_max"]

    assert (outside.observed or 0) > 0.005


def test_a_fault_that_nobody_is_to_notice_has_no_deadline_of_its_own() -> None:
    """What begins between it and the next fault is the next one's to recover from, or a stretch."""
    tolerated = over(0.0, 0.1, Partition("bureau", expects_impact=False))
    plan = plan_of(
        tolerated,
        over(0.2, 0.3, Partition("database")),
        fault_s=60.0,
        objectives=Objectives(recovery_seconds_max=10, impaired_episodes_max=3),
    )
    verdict = judge(plan, facts(plan, operations(plan, during(17, 27))))

    assert verdict.recovery.faults == ["2-partition"]
    assert (verdict.verdict, codes(verdict)) == (Judgement.PASS, {"outage": "note"})


@pytest.mark.parametrize(
    ("dies_at", "expected"), [(9.0, Judgement.FAIL), (21.0, Judgement.INCONCLUSIVE)]
)
def test_a_service_that_never_comes_back_is_never_tolerated(
    dies_at: float, expected: Judgement
) -> None:
    """Two stretches and a minute of lost service are allowed; an open end of 19 s, or 7 s, not."""
    plan = plan_of(objectives=WATCHING)
    verdict = judge(plan, facts(plan, operations(plan, during(dies_at, 100))))

    assert verdict.verdict is expected
    assert codes(verdict)["not_recovered"] == expected.value
    (stretches,) = [o for o in verdict.objectives if o.id == "impaired_episodes_max"]
    assert stretches.verdict is Judgement.INCONCLUSIVE


def test_a_stretch_that_is_over_is_tolerated() -> None:
    """As the objective says."""
    plan = plan_of(objectives=WATCHING)
    verdict = judge(plan, facts(plan, operations(plan, during(9, 24))))

    assert (verdict.verdict, failing(verdict)) == (Judgement.PASS, set())


def test_coming_back_at_the_very_end_is_unconfirmed() -> None:
    """Ten answers do not show that it lasts; so far it took less than may be."""
    plan = plan_of(objectives=WATCHING)
    verdict = judge(plan, facts(plan, operations(plan, during(21, 27.8))))

    assert codes(verdict)["not_recovered"] == "inconclusive"


def test_a_tolerated_share_of_failures_to_the_end_is_an_open_end_too() -> None:
    """Every fifth request fails from 9 s on."""
    plan = plan_of(objectives=WATCHING)
    ops = tuple(
        failed(plan, a.index) if a.at_s >= 9 and a.index % 5 == 0 else operation(plan, a.index)
        for a in plan.arrivals
    )

    assert failing(judge(plan, facts(plan, ops))) == {"not_recovered"}


def ends(plan: Plan, last: int) -> Verdict:
    """A run whose fault, if any, is over 0.1 s after its heal, and whose last requests fail."""
    dies = len(plan.arrivals) - last
    ops = tuple(
        failed(plan, a.index)
        if a.index >= dies or any(f.inject_s <= a.at_s < f.heal_s + 0.1 for f in plan.faults)
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    return judge(plan, facts(plan, ops))


@pytest.mark.parametrize(("rate", "last"), [(1, 2), (20, 2), (20, 3), (50, 3), (400, 3)])
@pytest.mark.parametrize("faults", [(), (CUT,)], ids=["no fault", "a fault"])
def test_a_service_that_dies_at_the_very_end_is_undecided(
    rate: int, last: int, faults: tuple[FaultSpec, ...]
) -> None:
    """The last 2 or 3 requests fail: too few to be an impairment, and hardly chance."""
    lasts = {"baseline_s": max(8, 160 / rate), "recovery_s": 70.0 if rate <= 20 else 12.0}
    verdict = ends(plan_of(*faults, rate=rate, **lasts), last)
    told = [f.message for f in verdict.findings if f.code == "not_recovered"]

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert len(told) == 1
    if rate > 1:
        assert f"the last {last} requests failed, and then the load ended" in told[0]


@pytest.mark.parametrize("rate", [1, 50])
def test_no_objective_tolerates_that(rate: int) -> None:
    """Two stretches and a minute of lost service are allowed."""
    plan = plan_of(objectives=WATCHING, rate=rate, baseline_s=160 / rate)

    assert codes(ends(plan, 2)) == {"not_recovered": "inconclusive"}


@pytest.mark.parametrize("strays", [1, 2])
def test_stray_failures_long_after_a_heal_are_no_late_recovery(strays: int) -> None:
    """With one request a second 70 good ones are not enough to tell two troubles apart: whether it
    was over at its heal is open, and that it took any longer is not shown.
    """
    plan = plan_of(CUT, rate=1, baseline_s=160.0, recovery_s=75.0)
    late = len(plan.arrivals) - 5
    ops = tuple(
        failed(plan, a.index)
        if late <= a.index < late + strays or 160 <= a.at_s < 165.1
        else operation(plan, a.index)
        for a in plan.arrivals
    )
    verdict = judge(plan, facts(plan, ops))

    assert failing(verdict) == set()
    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert verdict.recovery.censored
    assert verdict.recovery.from_heal_s_low == pytest.approx(0, abs=1)


def test_one_stray_failure_at_the_very_end_passes() -> None:
    """As one anywhere else does."""
    assert ends(plan_of(), 1).verdict is Judgement.PASS


def test_a_target_that_died_long_before_our_fault_fails() -> None:
    """18 s before the first injection; that the load ends 6 s after the heal is no excuse."""
    late = over(0.8, 0.9, Partition("database"))
    limits = Objectives(impaired_episodes_max=2)
    plan = plan_of(late, objectives=limits, fault_s=25.0, recovery_s=3.0)
    verdict = judge(plan, facts(plan, operations(plan, during(10, 100))))

    assert "not_recovered" in failing(verdict)


def _watched(lasts_s: float) -> Verdict:
    plan = plan_of(objectives=WATCHING, recovery_s=60.0)
    return judge(plan, facts(plan, operations(plan, during(9, 9 + lasts_s))))


FAMILIES: dict[str, Callable[[float], Verdict]] = {
    "after a fault": lambda s: judge(*cut_run(plan_of(CUT, recovery_s=60.0), end_s=13 + s)),
    "between two faults": lambda s: two_faults(
        lambda at_s: 8 <= at_s < min(14 + s, 69) or 62 <= at_s < 69
    ),
    "soon before the next": lambda s: two_faults(
        lambda at_s: 8 <= at_s < min(14 + s, 70) or 22 <= at_s < 70, next_at=0.25
    ),
    "two cuts": lambda s: two_faults(
        lambda at_s: 8 <= at_s < min(14 + s, 69) or 62 <= at_s < 69, second=Partition
    ),
    "watched": _watched,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_never_is_a_longer_impairment_judged_better_than_a_shorter_one(family: str) -> None:
    """The same run with an impairment of 2, 5, 12, 36 s, and without an end."""
    found = [FAMILIES[family](seconds) for seconds in (2, 5, 12, 36, 1000)]
    ranks = [BETTER.index(verdict.verdict) for verdict in found]

    assert ranks == sorted(ranks, reverse=True)
    assert ranks[-1] != BETTER.index(Judgement.PASS)
