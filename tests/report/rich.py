"""Runs in which there is something to say in every section, and the most awkward ones."""
# ruff: noqa: FBT003  # facts are spelled out by position, as a table of what happened

from dataclasses import replace
from functools import cache

from harness.verdict.figures import Affected, ClosedLoop, Health, Retries, WorstWindow
from harness.verdict.types import (
    Crossing,
    DecisionShare,
    Episode,
    Judgement,
    LatencyRecovery,
    ObjectiveResult,
    Recovery,
)
from tests.report import sample

LONG = "".join(f"{i:09d}-" for i in range(1000))
"""Ten thousand letters without a space."""


_OBJECTIVES = [
    ObjectiveResult("recovery_seconds_max", 5, 1.894, 1.6, 2.2, Judgement.PASS),
    ObjectiveResult("failed_outside_fault_share_max", 0.005, 0, 0, 0.0041, Judgement.PASS),
    ObjectiveResult("indeterminate_share_max", 0.2, 0.13, 0.09, 0.18, Judgement.PASS),
    ObjectiveResult(
        "latency_recovery_seconds_max", 4, 4.2, 3.9, 4.6, Judgement.INCONCLUSIVE,
        "the limit lies within the interval", "resilience.yaml, line 31",
    ),
    ObjectiveResult(
        "affected_borrowers_share_max", 0.3, 0.543, 0.489, 0.596, Judgement.FAIL,
        "190 of 350 borrowers", "resilience.yaml, line 35",
    ),
]  # fmt: skip


def _recovery(seen: Recovery) -> Recovery:
    """Gradual, and slow for longer than it failed."""
    return replace(
        seen,
        crossings=[
            Crossing(0.5, 0.01, -0.05, 0.1, True, True),
            Crossing(0.05, 1.894, 1.6, 2.2, True, True),
            Crossing(0.01, 1.9, 1.6, None, False, False),
        ],
        observed_s=14.99,
        answering_again_s=0.02,
        last_failure_start_s=1.86,
        last_impact_end_s=3.7,
        latency=LatencyRecovery(100.0, 4.2, 3.9, 4.6, True, False),
    )


@cache
def rich() -> sample.Run:
    """The failed run, every figure of it measured."""
    plan, facts, verdict = sample.failed()
    borrow = replace(
        verdict.borrow,
        failed_share_low_by_worker=0.251,
        failed_share_high_by_worker=0.349,
        affected=Affected(350, 190, 0.543, 0.489, 0.596, 0, 0.31),
    )
    episodes = [
        replace(e, operations=e.failed + 4, affected_borrowers=60, in_flight=3, queued=5)
        for e in verdict.episodes
    ]
    return plan, facts, replace(
        verdict,
        borrow=borrow,
        log_in=replace(
            verdict.log_in, affected=Affected(400, 31, 0.0775, 0.0533, 0.1081, 12, 1e-12)
        ),
        episodes=episodes,
        recovery=_recovery(verdict.recovery),
        objectives=_OBJECTIVES,
        flaps=1,
        worst_windows=[
            WorstWindow(1, 9.0, 51, 51),
            WorstWindow(5, 8.0, 250, 249),
            WorstWindow(30, -0.0, 1400, 294),
        ],
        retries=Retries({"baseline": 1.0, "fault": 2.31, "recovery": None}, 3.4, 13.4),
        decisions=[
            DecisionShare("approved", 0.87, 0.81, -0.06, -0.09, -0.03, 0.00001),
            DecisionShare("referred", 0.05, 0.055, 0.005, -0.02, 0.03, 0.6),
            DecisionShare("declined_credit", None, None, None, None, None, None),
        ],
        health=Health("/healthz", 10, 300, 270, 2.1, 0.3, 10.2, 13.3),
        closed_loop=[
            ClosedLoop(10, 1300, 30), ClosedLoop(50, 1390, 140), ClosedLoop(101, 1400, 290),
        ],
    )  # fmt: skip


@cache
def censored() -> sample.Run:
    """Borrowing, and the speed of answers, had not come back when the load ended."""
    plan, facts, verdict = rich()
    slow = LatencyRecovery(100.0, from_heal_s_low=14.5, censored=True)
    never = Recovery(censored=True, from_heal_s_low=14.5, observed_s=14.99, latency=slow)
    endless = Episode("degraded", 8.0, 7.9, 8.1, None, 27.5, None, False, 250)
    return plan, facts, replace(verdict, recovery=never, episodes=[endless])


@cache
def hostile() -> sample.Run:
    """The strings of the newer figures, too, try to be something else."""
    plan, facts, verdict = sample.hostile()
    _, _, full = rich()
    assert full.health is not None
    return plan, facts, replace(
        verdict,
        health=replace(full.health, path=sample.ATTACK),
        retries=Retries({sample.ATTACK: 1.0}, 2.0, 3.0),
        decisions=[replace(d, kind=sample.ATTACK) for d in full.decisions],
        worst_windows=full.worst_windows,
        closed_loop=full.closed_loop,
        log_in=full.log_in,
    )  # fmt: skip


@cache
def endless() -> sample.Run:
    """Every name and text ten thousand letters long, without a space to break a line at."""
    plan, facts, verdict = hostile()
    fault = replace(verdict.faults[0], name=LONG, link_or_target=LONG, proof=[LONG])
    return plan, facts, replace(
        verdict,
        scenario=LONG,
        sentence=LONG,
        hypothesis=LONG,
        target=LONG,
        run_id=LONG,
        faults=[fault],
        phases=[replace(phase, name=LONG) for phase in verdict.phases],
        objectives=[replace(o, id=LONG, reason=LONG, source=LONG) for o in verdict.objectives],
        findings=[replace(f, message=LONG, evidence={"keys": LONG}) for f in verdict.findings],
    )  # fmt: skip
