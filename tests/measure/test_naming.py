"""What a trouble is called: by when requests met the service, and from five failures on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.history.events import Outcome, Step
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.measure.measurement import measure
from tests.builders import at_ns, attempt, facts, failed, operation, plan_of

Goes = Callable[[int, float], bool]


def journeys(plan: Plan, credit_line_s: float, goes_wrong: Goes, borrow_s: float = 0.005) -> Facts:
    """Each reads the credit line and then borrows; ``goes_wrong`` is asked with the number of the
    arrival and the instant at which its borrow comes to the service.
    """
    operations, attempts = [], []
    for arrival in plan.arrivals:
        borrows_s = arrival.at_s + credit_line_s
        make = failed if goes_wrong(arrival.index, borrows_s) else operation
        ends_ns = at_ns(borrows_s + borrow_s)
        op = make(plan, arrival.index, started_ns=at_ns(arrival.at_s), ended_ns=ends_ns)
        line = attempt(op, Step.CREDIT_LINE, ended_ns=at_ns(borrows_s), outcome=Outcome.OK)
        operations.append(op)
        attempts += [line, replace(attempt(op), started_ns=at_ns(borrows_s))]
    return facts(plan, tuple(operations), attempts=tuple(attempts))


def names(plan: Plan, known: Facts) -> list[str]:
    """The classes of its troubles, in order."""
    return [e.class_ for e in measure(plan, known).episodes if e.class_ != "slow"]


@pytest.mark.parametrize("length_s", [1.0, 3.0])
@pytest.mark.parametrize("line_ms", [5, 60, 100, 300])
def test_nobody_can_borrow_behind_a_slow_credit_line(line_ms: int, length_s: float) -> None:
    """What was due inside and came to the service after it had recovered was served after it."""
    for seed in range(4):
        plan, start_s = plan_of(seed=seed), 12 + seed / 170
        known = journeys(plan, line_ms / 1e3, lambda _, at: start_s <= at < start_s + length_s)  # noqa: B023

        assert names(plan, known) == ["outage"]


@pytest.mark.parametrize("line_ms", [5, 300])
def test_one_in_eight_served_is_no_outage(line_ms: int) -> None:
    """However long the journey takes, those who were served inside count."""
    plan = plan_of()
    known = journeys(plan, line_ms / 1e3, lambda n, at_s: 12 <= at_s < 15 and n % 8 > 0)

    assert names(plan, known) == ["degraded"]


@pytest.mark.parametrize("rate", [1, 5, 10])
@pytest.mark.parametrize("number", [9, 11, 15])
def test_few_requests_that_all_fail_are_an_outage(number: int, rate: int) -> None:
    """At one a second an outage of a quarter of a minute holds fifteen requests and no more."""
    plan = plan_of(rate=rate, baseline_s=160 / rate, recovery_s=60 / rate)
    first = round(200 / rate * rate) - number
    known = journeys(plan, 0.005, lambda n, _: first <= n < first + number)

    assert names(plan, known) == ["outage"]


def test_a_few_served_among_few_requests_are_no_outage() -> None:
    """Nine of eleven failed."""
    plan = plan_of(rate=1, baseline_s=160.0, recovery_s=60.0)
    known = journeys(plan, 0.005, lambda n, _: 180 <= n < 191 and n not in (183, 187))

    assert names(plan, known) == ["degraded"]
