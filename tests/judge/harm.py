"""Pairs of made-up runs, of which the second has everything bad of the first, and more."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.faults import Kill, Latency, Partition, Refuse, Restart
from harness.history.events import Operation, Outcome
from harness.plan.fault import FaultSpec
from harness.plan.plan import Objectives, Plan, PlannedFault
from harness.verdict.judge import judge
from harness.verdict.types import Verdict
from tests.builders import WAIT_S, at_ns, facts, failed, operation, over, plan_of

Chance = random.Random
FAULTS: tuple[Callable[..., FaultSpec], ...] = (
    lambda **when: Partition("database", **when),
    lambda **when: Refuse("edge", **when),
    lambda **when: Restart("replicas", **when),
)
COMPANIONS: tuple[Callable[..., FaultSpec], ...] = (
    lambda **when: Latency("bureau", milliseconds=50, **when),
    lambda **when: Kill("replica-1", **when),
    lambda **when: Partition("bureau", **when),
)
"""Faults that may leave everybody served, or nobody: only the run shows it."""
SPANS: dict[int, list[tuple[tuple[float, float], ...]]] = {
    0: [()],
    1: [((0, 1),)],
    2: [((0, 0.2), (0.4, 1)), ((0, 0.2), (0.8, 1)), ((0, 0.6), (0.4, 1)), ((0, 0.3), (0.31, 0.5))],
    3: [((0, 0.1), (0.4, 0.5), (0.8, 1)), ((0, 0.4), (0.2, 0.5), (0.8, 1))],
}
"""When the faults of a plan are at work, in parts of its fault phase."""
LIMITS: dict[str, list[float]] = {
    "recovery_seconds_max": [1, 3, 8, 20],
    "latency_recovery_seconds_max": [1, 5],
    "failed_outside_fault_share_max": [0.001, 0.005, 0.05],
    "failed_share_max": [0.005, 0.1, 0.5],
    "impaired_episodes_max": [0, 1, 2, 3],
    "lost_service_seconds_max": [1, 5, 60],
    "latency_ms_p99_max": [100, 500],
    "indeterminate_share_max": [0.01, 0.3],
    "slow_episodes_max": [0, 1],
    "affected_borrowers_share_max": [0.01, 0.3],
}
NEED_A_FAULT = ("recovery_seconds_max", "latency_recovery_seconds_max")


@dataclass(frozen=True)
class Stretch:
    """From ``begin_s`` to ``end_s`` a ``share`` of the requests fails, or waits longer.

    With ``hangs`` they fail by a timeout, with ``slower_s`` they take so much longer; with
    ``cohort`` only every third borrower meets it.
    """

    begin_s: float
    end_s: float
    share: float = 1.0
    hangs: bool = False
    slower_s: float = 0.0
    cohort: bool = False

    def hits(self, at_s: float, borrower: int, luck: float) -> bool:
        """Whether it meets a request of this borrower; ``luck`` is in 0..1."""
        mine = not self.cohort or borrower % 3 == 0
        return mine and self.begin_s <= at_s < self.end_s and luck < self.share


@dataclass(frozen=True)
class Harm:
    """What goes wrong in one run: stretches, and stray failures by their arrival."""

    stretches: tuple[Stretch, ...] = ()
    strays: frozenset[int] = frozenset()

    def more(self, *stretches: Stretch) -> "Harm":
        """The same and these."""
        return replace(self, stretches=self.stretches + stretches)

    def judged(self, plan: Plan) -> Verdict:
        """The verdict on a run with it. What is bad in it is bad in every run with more harm."""
        return judge(
            plan, facts(plan, tuple(self._operation(plan, a.index) for a in plan.arrivals))
        )

    def _operation(self, plan: Plan, index: int) -> Operation:
        arrival = plan.arrivals[index]
        chance = Chance(f"{plan.settings.seed}:{index}")
        luck, wait_s = chance.random(), WAIT_S * (0.5 + chance.random())
        met = [s for s in self.stretches if s.hits(arrival.at_s, arrival.borrower, luck)]
        wait_s += sum(s.slower_s for s in met)
        longest_s = plan.settings.request_timeout_s
        if wait_s > longest_s or any(s.hangs for s in met):
            ended_ns = at_ns(arrival.at_s + longest_s)
            return failed(plan, index, outcome=Outcome.INDETERMINATE, ended_ns=ended_ns)
        ended_ns = at_ns(arrival.at_s + wait_s)
        bad = index in self.strays or any(not s.slower_s for s in met)
        return (failed if bad else operation)(plan, index, ended_ns=ended_ns)


def plan_at(chance: Chance) -> Plan:
    """A plan with up to three faults, tolerated ones among them, with or without limits."""
    spans = chance.choice(SPANS[chance.choice([0, 1, 1, 2, 2, 3])])
    faults = [
        over(*span, kind(expects_impact=chance.random() < 0.75))
        for kind, span in zip(FAULTS, spans, strict=False)
    ]
    if spans and chance.random() < 0.4:
        with_others = chance.choice([(0, 1), (0.05, 0.95), (0.1, 0.7), (0.15, 0.45)])
        # Another process than that which is restarted, so that the two may overlap.
        companions = [COMPANIONS[0], COMPANIONS[2]] if len(faults) > 2 else COMPANIONS
        faults.append(over(*with_others, chance.choice(companions)()))
    set_: dict[str, Any] = {n: chance.choice(v) for n, v in LIMITS.items() if chance.random() < 0.3}
    if not faults:
        set_ = {name: value for name, value in set_.items() if name not in NEED_A_FAULT}
    rate, timeout_s = chance.choice([5, 20, 50]), chance.choice([0.5, 2, 5])
    return plan_of(
        *faults,
        objectives=None if chance.random() < 0.35 else Objectives(**set_),
        rate=rate,
        seed=chance.randrange(10**6),
        baseline_s=max(8, 160 / rate + 2),
        fault_s=chance.choice([5, 15, 40]) if faults else 5,
        recovery_s=max(timeout_s + 1, chance.choice([4, 12, 30])),
        request_timeout_s=timeout_s,
        population=chance.choice(["good", "mixed"]),
    )


def harm_at(chance: Chance, plan: Plan) -> Harm:
    """What the faults of the plan do, and now and then a trouble of the target's own."""
    stretches = []
    for fault in plan.faults:
        if chance.random() < (1 if fault.expects_impact else 0.1):
            over_s = fault.heal_s + chance.choice([-2, -1, 0.1, 0.1, 0.2, 0.3, 0.5, 1, 1, 4, 9])
            share = chance.choice([1, 1, 1, 0.5, 0.1])
            over_s = max(fault.inject_s + 0.2, over_s)
            slower_s = 0.05 if _is_companion(fault) and chance.random() < 0.6 else 0.0
            hangs = chance.random() < 0.4 and not slower_s
            stretches.append(Stretch(fault.inject_s, over_s, share, hangs, slower_s))
    if chance.random() < 0.3:
        stretches.append(a_stretch(chance, plan))
    return Harm(tuple(stretches), strays(chance, plan, chance.choice([0, 0, 1, 3])))


def _is_companion(fault: PlannedFault) -> bool:
    return fault.target in ("bureau", "replica-1")


def a_stretch(chance: Chance, plan: Plan, **fixed: Any) -> Stretch:
    """One somewhere after the baseline."""
    begin_s = chance.uniform(baseline_end_s(plan), plan.load_end_s)
    known = {
        "end_s": begin_s + chance.choice([0.1, 0.4, 1, 3, 8, 30]),
        "share": chance.choice([1, 0.3, 0.1, 0.03]),
        "hangs": chance.random() < 0.3,
        "cohort": chance.random() < 0.2,
    }
    return Stretch(begin_s, **{**known, **fixed})


def baseline_end_s(plan: Plan) -> float:
    """Until then borrowing is taken for normal, so that what is slow there makes nothing slower."""
    baseline = plan.phase("baseline")
    assert baseline is not None
    return baseline.end_s


def strays(chance: Chance, plan: Plan, count: int, from_s: float = 0.0) -> frozenset[int]:
    """So many arrivals from ``from_s`` on."""
    late = [a.index for a in plan.arrivals if a.at_s >= from_s]
    return frozenset(chance.sample(late, min(count, len(late))))


def worse(chance: Chance, plan: Plan, harm: Harm) -> Iterator[tuple[str, Harm]]:
    """The same with more harm, in each of several ways."""
    end_s = plan.load_end_s
    if harm.stretches:
        one = chance.choice(harm.stretches)
        longer_s = one.end_s + chance.choice([0.2, 0.5, 2, 6, 15, 60])
        share = min(1.0, one.share * chance.choice([1.5, 3, 10]))
        yield "longer", harm.more(replace(one, end_s=longer_s))
        yield "a larger share", harm.more(replace(one, share=share, cohort=False))
        yield "a timeout", harm.more(replace(one, hangs=True))
        slow = replace(one, begin_s=one.end_s, end_s=longer_s, share=chance.choice([0.1, 0.3, 0.6]))
        yield "a slower recovery", harm.more(slow)
    yield "one more", harm.more(a_stretch(chance, plan))
    slower_s = chance.choice([0.05, 0.3, 1, 10])
    yield "slower answers", harm.more(a_stretch(chance, plan, slower_s=slower_s, hangs=False))
    gone_s = end_s - chance.choice([0.1, 0.5, 2, 8])
    yield "dead at the end", harm.more(Stretch(gone_s, end_s + 1, chance.choice([1, 1, 0.5])))
    found = strays(
        chance, plan, chance.choice([1, 2, 5, 20, 60]), chance.choice([0, baseline_end_s(plan)])
    )
    yield "strays", replace(harm, strays=harm.strays | found)
