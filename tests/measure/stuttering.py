"""Runs whose load process does not run now and then, made by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.history.events import Attempt, Operation, Outcome, Step
from harness.history.reader import Facts
from harness.plan.plan import Plan
from tests.builders import at_ns, attempt, facts, operation

Pauses = Sequence[tuple[float, float]]
AWAKE_S = 0.0005


def stuttering(
    plan: Plan, pauses: Pauses, takes_s: Callable[[float], float], line_s: float = 0.0
) -> Facts:
    """What is due while the load process pauses is sent at the pause's end, and what is answered
    meanwhile is read then. A borrow sent at ``t`` is answered after ``takes_s(t)``; with ``line_s``
    the credit line is read before, which takes so long.
    """

    def awake(at_s: float) -> float:
        ends = (end_s for begin_s, end_s in pauses if begin_s <= at_s < end_s)
        return next((end_s + AWAKE_S for end_s in ends), at_s)

    operations: list[Operation] = []
    attempts: list[Attempt] = []
    for arrival in plan.arrivals:
        sent_s = awake(arrival.at_s)
        borrows_s = awake(sent_s + line_s)
        ended_s = awake(borrows_s + takes_s(borrows_s))
        stamps = {"started_ns": at_ns(sent_s), "ended_ns": at_ns(ended_s)}
        op = operation(plan, arrival.index, **stamps)
        if line_s:
            over_ns = at_ns(borrows_s)
            attempts.append(attempt(op, Step.CREDIT_LINE, ended_ns=over_ns, outcome=Outcome.OK))
        operations.append(op)
        attempts.append(replace(attempt(op), started_ns=at_ns(borrows_s)))
    return facts(plan, tuple(operations), attempts=tuple(attempts))


def every_second(pause_s: float, from_s: float = 9.1, to_s: float = 26.0) -> Pauses:
    """A pause of this length in each second."""
    count = int(to_s - from_s)
    return [(from_s + number, from_s + number + pause_s) for number in range(count)]
