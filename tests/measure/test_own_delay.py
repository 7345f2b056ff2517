"""What of a wait was the load generator's own doing."""

from dataclasses import replace

import pytest

from harness.history.columns import Attempts, Operations
from harness.history.events import Outcome, Step
from harness.verdict.measure.own_delay import own_delays_s
from tests.builders import at_ns, attempt, operation, plan_of
from tests.measure.stuttering import stuttering

PLAN = plan_of()
AT_S = PLAN.arrivals[600].at_s


def test_a_request_sent_late_waited_for_us() -> None:
    """From the planned start to the first request of the journey."""
    op = operation(PLAN, 600, started_ns=at_ns(AT_S + 0.2), ended_ns=at_ns(AT_S + 0.23))

    assert own_delays_s(Operations.of([op]), Attempts.of([attempt(op)])) == pytest.approx([0.2])


@pytest.mark.parametrize(
    ("before", "own_s"),
    [((Step.CREDIT_LINE, Outcome.OK), 0.15), ((Step.BORROW, Outcome.FAILED), 0.0)],
)
def test_between_two_steps_nobody_waits_for_the_target(
    before: tuple[Step, Outcome], own_s: float
) -> None:
    """But between two tries of one step a borrower waits on purpose."""
    op = operation(PLAN, 600, started_ns=at_ns(AT_S), ended_ns=at_ns(AT_S + 0.2))
    first = replace(attempt(op), step=before[0], outcome=before[1], ended_ns=at_ns(AT_S + 0.02))
    second = replace(attempt(op), attempt=2, started_ns=at_ns(AT_S + 0.17))

    assert own_delays_s(Operations.of([op]), Attempts.of([second, first])) == pytest.approx([own_s])


@pytest.mark.parametrize(("takes_s", "own_s"), [(0.1, 0.2), (0.25, 0.2), (0.5, 0.0)])
def test_an_answer_that_lay_there_waited_for_us(takes_s: float, own_s: float) -> None:
    """As long as it is known that nobody read it; what came long after the pause did not lie."""
    sent_s, due_s = (PLAN.arrivals[index].at_s for index in (600, 601))
    pause = (due_s - 0.002, due_s + 0.2)
    known = stuttering(PLAN, [pause], lambda at_s: takes_s if at_s == sent_s else 0.001)
    own = own_delays_s(known.operations, known.attempts)

    assert own[600] == pytest.approx(own_s, abs=0.002)
    assert own[601] == pytest.approx(0.2, abs=0.002)
    assert own[:600].max() < 0.002
