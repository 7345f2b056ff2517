"""What was ours spoils its own stretch of the run, and excuses nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Operation, Outcome, Stall
from harness.history.fault_facts import ForeignChange
from harness.history.reader import Facts
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Objectives, Plan
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict
from tests import builders
from tests.builders import (
    CUT,
    at_ns,
    dropped,
    during,
    facts,
    failed,
    operation,
    operations,
    plan_of,
)
from tests.judge.helpers import codes

BETTER = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)


def never(_: float) -> bool:
    """At no time."""
    return False


def paused(
    *pauses: tuple[float, float],
    out: Callable[[float], bool] = never,
    plan: Plan | None = None,
    worker: str = "load-0",
    other: Callable[[int], bool] = never,
) -> tuple[Plan, Facts]:
    """A run whose load process was paused: what was in flight then is read too late and given up.

    Arrivals planned under a pause, but for its last second, are dropped, and the burst after it is
    refused. The target is ``out`` when that says so. Arrivals of which ``other`` is true are of
    another process, which goes on.
    """
    plan = plan or plan_of()
    made: list[Operation] = []
    for arrival in plan.arrivals:
        at_s, index = arrival.at_s, arrival.index
        mine = not other(index)
        if mine and any(begin_s <= at_s < end_s - 1 for begin_s, end_s in pauses):
            made.append(dropped(plan, index))
            continue
        in_flight = any(begin_s - 0.1 <= at_s < begin_s for begin_s, _ in pauses)
        burst = any(end_s - 1 <= at_s < end_s + 0.5 for _, end_s in pauses)
        own = failed(plan, index) if out(at_s) else operation(plan, index)
        if mine and in_flight:
            end_s = next(end_s for begin_s, end_s in pauses if at_s < begin_s)
            own = failed(plan, index, ended_ns=at_ns(end_s), outcome=Outcome.INDETERMINATE)
        elif mine and burst:
            late_s = max(at_s, *(end_s for _, end_s in pauses if end_s < at_s + 1.1))
            ended: dict[str, Any] = {"started_ns": at_ns(late_s), "ended_ns": at_ns(late_s + 0.05)}
            own = failed(plan, index, **ended)
        made.append(own if mine else replace(own, worker="load-1"))
    stalls = tuple(Stall(worker, at_ns(begin_s), at_ns(end_s)) for begin_s, end_s in pauses)
    status = builders.status(plan, stalls=stalls, workers=("load-0", "load-1"))
    return plan, facts(plan, tuple(made), status=status)


def failing(verdict: Verdict) -> set[str]:
    """Codes of findings that fail the run."""
    return {code for code, severity in codes(verdict).items() if severity == "fail"}


@pytest.mark.parametrize(
    "pauses",
    [
        [(12.0, 15.0)],
        [(10.0, 12.15), (14.0, 16.15), (18.0, 20.15), (22.0, 24.25)],
        [(at_s, at_s + 0.9) for at_s in (9.0, 11.0, 13.0, 15.0, 17.0, 19.0, 21.0, 23.0)],
    ],
    ids=["once 3 s", "4 x 2.15 s", "8 x 0.9 s"],
)
def test_a_pause_of_the_load_process_is_not_the_targets_outage(
    pauses: list[tuple[float, float]],
) -> None:
    """The service was sound; the pause is named with its time and length."""
    verdict = judge(*paused(*pauses))

    assert (verdict.verdict, failing(verdict)) == (Judgement.INCONCLUSIVE, set())
    (told,) = [f.message for f in verdict.findings if f.code == "load_unfaithful"]
    begin_s, end_s = pauses[-1]
    assert f"load-0 did not run for {end_s - begin_s:.1f} s from {begin_s:.1f} s on" in told
    assert verdict.borrow.failed > 0


def test_dropped_arrivals_alone_show_a_pause() -> None:
    """Runs of earlier versions noted no pause; nobody read answers where nothing was sent."""
    plan, known = paused((12.0, 15.0))
    known = replace(known, status=replace(known.status, stalls=()))

    assert failing(judge(plan, known)) == set()


def test_an_outage_that_overlaps_a_pause_still_fails() -> None:
    """It would be missed without everything that the pause may have touched."""
    verdict = judge(*paused((12.0, 14.0), out=during(11, 20)))

    assert failing(verdict) >= {"outage", "objective_missed"}


def test_an_outage_long_before_a_pause_fails() -> None:
    """The pause touches its own stretch only."""
    verdict = judge(*paused((22.0, 24.0), out=during(10, 14)))
    outages = [f.verdict.value for f in verdict.findings if f.code == "outage"]

    assert outages[0] == "fail"
    assert verdict.verdict is Judgement.FAIL


def test_a_short_pause_changes_nothing_of_a_run_that_fails() -> None:
    """Half a second in an outage of ten."""
    plan = plan_of()
    known = facts(plan, operations(plan, during(10, 20)))
    stall = Stall("load-0", at_ns(14.0), at_ns(14.5))
    stalled = replace(known, status=replace(known.status, stalls=(stall,)))

    assert failing(judge(plan, stalled)) == failing(judge(plan, known))


def test_a_short_pause_that_lost_nothing_passes() -> None:
    """A third of a second, once, in a long run: everything was sent and answered."""
    plan = plan_of(recovery_s=60.0)
    stall = Stall("load-0", at_ns(14.0), at_ns(14.3))
    known = facts(plan, status=builders.status(plan, stalls=(stall,)))

    assert judge(plan, known).verdict is Judgement.PASS


def test_only_the_arrivals_of_the_paused_process_are_ours() -> None:
    """The other one's fail at the same time: that is the target's doing."""
    plan = plan_of()

    def others(index: int) -> bool:
        return index % 2 == 0

    excused = judge(*paused((12.0, 15.0), plan=plan, other=others))
    down = judge(*paused((12.0, 15.0), plan=plan, other=others, out=during(12, 15)))

    assert failing(excused) == set()
    assert "objective_missed" in failing(down)


def test_money_is_judged_under_a_pause_as_ever() -> None:
    """A lost loan is lost."""
    plan, known = paused((12.0, 15.0))
    rows = tuple(known.ledger.entries[1:])
    key = known.ledger.entries[0].idempotency_key
    reading = replace(known.ledger, entries=rows, by_key={key: ()})

    assert failing(judge(plan, replace(known, ledger=reading))) == {"lost"}


def test_slow_answers_after_a_pause_miss_no_latency_objective() -> None:
    """They waited for us; without the pause they are too slow by themselves."""
    plan = plan_of(objectives=Objectives(latency_ms_p99_max=300))

    def run(*stalls: Stall) -> Verdict:
        ops = tuple(
            replace(o, ended_ns=o.intended_ns + 900_000_000) if 12 <= a.at_s < 14 else o
            for o, a in zip(operations(plan), plan.arrivals, strict=True)
        )
        return judge(plan, facts(plan, ops, status=builders.status(plan, stalls=stalls)))

    assert failing(run()) == {"objective_missed"}
    assert failing(run(Stall("load-0", at_ns(11.9), at_ns(14.0)))) == set()
    assert failing(run(Stall("load-0", at_ns(20.0), at_ns(22.0)))) == {"objective_missed"}


def test_trouble_of_ours_excuses_no_outage_long_before_it() -> None:
    """Toxiproxy ended at 24 s; the service was out from 10 s to 14 s."""
    plan = plan_of()
    trouble = ErrorRecord("Toxiproxy ended", at_ns(24.0))
    known = facts(plan, operations(plan, during(10, 14)))
    ended = replace(known, status=replace(known.status, troubles=(trouble,)))
    verdict = judge(plan, ended)

    assert failing(verdict) >= {"outage", "objective_missed"}
    assert codes(verdict)["load_unfaithful"] == "inconclusive"


@pytest.mark.parametrize("since_ns", [at_ns(9.9), None])
def test_trouble_of_ours_excuses_what_came_under_it(since_ns: int | None) -> None:
    """Where its instant is not known, it may have been all along."""
    plan = plan_of()
    status = builders.status(plan, troubles=(ErrorRecord("Toxiproxy ended", since_ns),))
    verdict = judge(plan, facts(plan, operations(plan, during(10, 14)), status=status))

    assert (verdict.verdict, failing(verdict)) == (Judgement.INCONCLUSIVE, set())
    (told,) = [f.message for f in verdict.findings if f.code == "outage"]
    assert told.endswith("which no injected fault accounts for; but Toxiproxy ended")


def test_an_end_that_nobody_saw_is_excused_by_what_was_ours_at_the_end() -> None:
    """The load process did not run from shortly after the heal to the end."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=5))

    def run(*stalls: Stall) -> Verdict:
        status = builders.status(plan, stalls=stalls)
        return judge(plan, facts(plan, operations(plan, during(8, 100)), status=status))

    assert "not_recovered" in failing(run())
    assert failing(run(Stall("load-0", at_ns(13.5), at_ns(28.0)))) == set()
    assert "not_recovered" in failing(run(Stall("load-0", at_ns(13.5), at_ns(15.0))))


def test_what_only_a_pause_of_ours_shows_is_no_proof_of_a_fault() -> None:
    """The cut did nothing; our own pause under it made requests fail."""
    plan, known = paused((9.0, 12.0), plan=plan_of(CUT))
    verdict = judge(plan, known)

    assert codes(verdict)["fault_did_not_bite"] == "inconclusive"
    assert failing(verdict) == set()


def test_what_was_there_before_the_fault_does_not_hide_its_effect() -> None:
    """A toxic of somebody else from the baseline on: the cut is what made the difference."""
    plan = plan_of(CUT)

    def bite(begin_s: float) -> str:
        foreign = (ForeignChange("a toxic", at_ns(begin_s), at_ns(15.0)),)
        status = builders.status(plan, foreign=foreign)
        verdict = judge(plan, facts(plan, operations(plan, during(8, 13)), status=status))
        assert codes(verdict)["foreign_change"] == "inconclusive"
        assert verdict.faults[0].bit
        said = [one.message for one in verdict.findings if one.code == "fault_did_not_bite"]
        return said[0] if said else ""

    assert bite(-1.0) == ""
    # Its figures are not those by which the fault has bitten.
    assert bite(7.9).startswith("with all counted as served that may not have been the target's")


OUTAGES: dict[str, Callable[[float], bool]] = {
    "none": never,
    "short": during(12, 13),
    "long": during(10, 22),
    "to the end": during(20, 100),
    "twice": lambda at_s: 10 <= at_s < 11 or 20 <= at_s < 26,
}
STALLS = ((9.0, 9.4), (11.5, 14.0), (12.0, 25.0), (20.0, 28.0))


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_pause_never_makes_a_verdict_better_than_inconclusive(outage: str) -> None:
    """Whatever failed and whenever the pause was: no fail becomes a pass."""
    for plan in (plan_of(), plan_of(CUT), plan_of(objectives=Objectives(impaired_episodes_max=2))):
        known = facts(plan, operations(plan, OUTAGES[outage]))
        plain = BETTER.index(judge(plan, known).verdict)
        for begin_s, end_s in STALLS:
            stall = Stall("load-0", at_ns(begin_s), at_ns(end_s))
            stalled = replace(known, status=replace(known.status, stalls=(stall,)))
            found = BETTER.index(judge(plan, stalled).verdict)
            assert found <= max(plain, 1), (begin_s, end_s)
            assert found < 2 or plain == 2
