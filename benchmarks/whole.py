"""Made-up runs that are judged whole, from facts, beside the fast way from arrays of attempts.

All other simulated rows take the fast way. Here the same attempts become the facts of a run as it
would have been stored, `judge` measures and judges them, and must find the very same episodes.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from benchmarks.attempted import Attempted, Kind, arrays_of, attempted
from benchmarks.in_flight import KINDS
from benchmarks.sections import Column, Figures, Form, Row, Rule, Section, Want
from benchmarks.simulate import BASELINE_SECONDS
from harness.history.events import Attempt, Operation, Outcome, Step
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import STEPS, Fate
from harness.verdict.types import Episode, Judgement
from tests import builders

NOT_COMPARED = "affected_borrowers"
"""The fast way knows of no borrowers."""
TOLERANCE = 1e-6
"""Seconds; facts are in whole nanoseconds."""
RUNS_A_ROW = 20
_ENDS = {
    Fate.ANSWERED: {"status": 503},
    Fate.CUT: {"error": "reset"},
    Fate.HUNG: {"error": "timeout"},
    Fate.REFUSED: {"error": "refused", "sent": False},
}


def run(chance: np.random.Generator, kind: Kind, rate: int, latency_s: float) -> Figures:
    """One outage, measured both ways."""
    made = attempted(chance, kind, rate, latency_s)
    verdict = judge(*facts_of(made, rate))
    codes = [finding.code for finding in verdict.findings]
    return {
        "equal": same_episodes(episodes_of(*arrays_of(made)), verdict.episodes),
        "episodes": float(len(verdict.episodes)),
        "judged": verdict.verdict is not Judgement.PASS and "internal_check_error" not in codes,
    }


def facts_of(run: Attempted, rate: int) -> tuple[Plan, Facts]:
    """The plan and the facts that a real run with these attempts would have had."""
    observed_s = run.load_s - BASELINE_SECONDS
    plan = builders.plan_of(
        rate=rate, warm_up_s=0.0, baseline_s=BASELINE_SECONDS, fault_s=0.0, recovery_s=observed_s
    )
    pairs = zip(plan.arrivals, run.times_s.tolist(), strict=False)
    plan = replace(plan, arrivals=tuple(replace(arrival, at_s=at_s) for arrival, at_s in pairs))
    tries: list[list[int]] = [[] for _ in run.times_s]
    for index in np.argsort(run.tries.began_s, kind="stable").tolist():
        tries[run.tries.place[index]].append(index)
    operations, attempts = [], []
    for arrival, indices in enumerate(tries):
        own = [_attempt(plan, run, arrival, index) for index in indices]
        operations.append(_operation(plan, arrival, own, run))
        attempts += own
    ended_ns = builders.at_ns(run.load_s)
    status = builders.status(plan, load_ended_ns=ended_ns, drained_ns=ended_ns + 3 * 10**9)
    facts = builders.facts(plan, tuple(operations), attempts=tuple(attempts), status=status)
    return plan, facts


def _attempt(plan: Plan, run: Attempted, arrival: int, index: int) -> Attempt:
    fate, step = Fate(run.tries.fate[index]), STEPS[run.tries.step[index]]
    borrows = step is Step.BORROW
    outcome = Outcome.FAILED
    if fate is Fate.GOOD:
        outcome = Outcome.APPROVED if borrows else Outcome.OK
    elif borrows and fate in (Fate.CUT, Fate.HUNG):
        outcome = Outcome.INDETERMINATE
    planned = plan.arrivals[arrival]
    return Attempt(
        arrival=arrival,
        step=step,
        attempt=1,
        intended_ns=builders.at_ns(planned.at_s),
        started_ns=builders.at_ns(float(run.tries.began_s[index])),
        ended_ns=builders.at_ns(float(run.tries.ended_s[index])),
        outcome=outcome,
        worker="load-0",
        key=planned.key if borrows else None,
        **_ENDS.get(fate, {"status": 201}),
    )


def _operation(plan: Plan, arrival: int, own: list[Attempt], run: Attempted) -> Operation:
    last = own[-1]
    blocked = last.step is not Step.BORROW
    return builders.operation(
        plan,
        arrival,
        outcome=last.outcome,
        started_ns=own[0].started_ns,
        ended_ns=builders.at_ns(float(run.ended_s[arrival])),
        attempts=0 if blocked else 1,
        blocked_by=last.step if blocked else None,
    )


def same_episodes(one: Sequence[Episode], other: Sequence[Episode]) -> bool:
    """Whether both ways found the same, in everything that both can know."""
    names = [field.name for field in fields(Episode) if field.name != NOT_COMPARED]
    return len(one) == len(other) and all(
        _same(getattr(first, name), getattr(second, name))
        for first, second in zip(one, other, strict=True)
        for name in names
    )


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE
    return one == other


# --- the table -----------------------------------------------------------------------------------

_WANTS = (
    Want("both ways find the same episodes", "equal", Rule.SHARE_MIN, 1.0),
    Want("judged, and not passed", "judged", Rule.SHARE_MIN, 1.0),
)
_CONDITIONS = ((50, 60), (200, 30))
_KINDS = KINDS[2:]
"""Five of them: a 503 on arrival and at the end differ in no other way than these do."""

SECTION = Section(
    name="whole",
    title="Judged whole, simulated",
    text=(
        "Runs as in the table before, written as facts, then measured and judged. *Equal*: the"
        " episodes are those that the fast way from arrays of attempts finds."
    ),
    head=("failure", "decided", "rate", "latency"),
    columns=(
        Column("equal", "equal"),
        Column("episodes", "episodes", Form.NUMBER),
        Column("judged", "judged"),
    ),
    rows=tuple(
        Row(
            (kind.name, kind.decides, f"{rate}/s", f"{latency_ms} ms"),
            run,
            (kind, rate, latency_ms / 1e3),
            _WANTS,
            quick=(kind, rate) == (_KINDS[0], 50),
            most=RUNS_A_ROW,
        )
        for kind in _KINDS
        for rate, latency_ms in _CONDITIONS
    ),
)
