"""An outage that began by itself just before a fault came is none of its doing."""

import pytest

from harness.judge import judge
from harness.verdict import Weight
from tests.builders import CUT, at_ns, attempt, facts, failed, operation, plan_of

TOOK_S, INJECTED_S = 0.3, 8.0


@pytest.mark.parametrize(
    ("begin_s", "weight"), [(INJECTED_S, Weight.NOTE), (INJECTED_S - 0.35, Weight.FAIL)]
)
def test_of_a_service_that_takes_time(begin_s: float, weight: Weight) -> None:
    """It decides at the end of a request. The first that fail were sent before the fault came
    either way, but those of its own trouble so early that they were overdue by then.
    """
    plan = plan_of(CUT)
    ops = tuple(
        make(plan, a.index, started_ns=at_ns(a.at_s), ended_ns=at_ns(a.at_s + TOOK_S))
        for a in plan.arrivals
        for make in [failed if begin_s <= a.at_s + TOOK_S < 13 else operation]
    )
    found = judge(plan, facts(plan, ops, attempts=tuple(attempt(op) for op in ops)))
    (outage,) = [one for one in found.findings if one.code == "outage"]

    assert outage.verdict is weight
