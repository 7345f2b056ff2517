"""An outage that began by itself just before a fault came is none of its doing."""

import pytest

from harness.verdict.judge import judge
from harness.verdict.types import Severity
from tests.builders import CUT, at_ns, attempt, facts, failed, operation, plan_of

TOOK_S, INJECTED_S = 0.3, 8.0


@pytest.mark.parametrize(
    ("begin_s", "severity"), [(INJECTED_S, Severity.NOTE), (INJECTED_S - 0.35, Severity.FAIL)]
)
def test_of_a_service_that_takes_time(begin_s: float, severity: Severity) -> None:
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

    assert outage.verdict is severity


@pytest.mark.parametrize("hangs", [False, True])
def test_what_a_slow_service_has_under_way_meets_the_fault(*, hangs: bool) -> None:
    """Its answers take longer and longer before the fault comes, and the fault cuts what is left.

    Where they are as quick as ever, what has been under way so long is another trouble's.
    """
    plan = plan_of(CUT)
    slow_s = INJECTED_S - 1.5
    ops = []
    for a in plan.arrivals:
        rising = slow_s <= a.at_s < INJECTED_S
        took_s = 0.02 + (0.8 * (a.at_s - slow_s) if rising and not hangs else 0.0)
        hung = hangs and INJECTED_S - 0.8 <= a.at_s < INJECTED_S and a.index % 3
        met = rising and (hung or a.at_s + took_s >= INJECTED_S)
        lost = met or INJECTED_S <= a.at_s < INJECTED_S + 5
        began_ns, ended_s = at_ns(a.at_s), INJECTED_S + 0.05 if met else a.at_s + took_s
        make = failed if lost else operation
        ops.append(make(plan, a.index, started_ns=began_ns, ended_ns=at_ns(ended_s)))
    found = judge(plan, facts(plan, tuple(ops), attempts=tuple(attempt(op) for op in ops)))
    limits = {one.id: one.verdict for one in found.objectives}

    assert limits["failed_outside_fault_share_max"] == ("fail" if hangs else "pass")
