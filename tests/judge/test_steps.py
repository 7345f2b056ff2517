"""Steps before the borrow that fail for good, each judged by itself."""

from typing import Any

import pytest

from harness.history.events import Operation, Outcome, Step
from harness.history.reader import Facts
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.scenario import Load
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, Verdict
from tests.builders import CUT, LOCAL, attempt, during, facts, failed, operation, plan_of


def run_of(plan: Plan, step: Step, refused: tuple[float, float], one_in: int = 1) -> Facts:
    """A cut, and of those who come to ``step`` in a stretch one in ``one_in`` is refused there."""
    ops: list[Operation] = []
    attempts = []
    cut, taken = during(plan.faults[0].inject_s, plan.faults[0].heal_s + 0.3), 0
    for arrival in plan.arrivals:
        takes = arrival.logs_in if step is Step.LOG_IN else arrival.reads_credit_line
        taken += takes
        blocked = takes and refused[0] <= arrival.at_s < refused[1] and taken % one_in == 0
        op = operation(plan, arrival.index)
        if blocked:
            op = failed(plan, arrival.index, blocked_by=step, attempts=0)
        elif cut(arrival.at_s):
            op = failed(plan, arrival.index)
        ops.append(op)
        if takes:
            outcome, code = (Outcome.FAILED, 503) if blocked else (Outcome.OK, 201)
            attempts.append(attempt(op, step, outcome=outcome, status=code))
        if op.attempts:
            attempts.append(attempt(op))
    return facts(plan, tuple(ops), attempts=tuple(attempts))


def told(verdict: Verdict, step: Step) -> list[Finding]:
    """What was found of one step."""
    return [f for f in verdict.findings if f.evidence.get("step") == str(step)]


def plan_with(step: Step, share: float, **settings: Any) -> Plan:
    """A cut of 5 s; a few borrowers take the step first."""
    if step is Step.LOG_IN:
        return plan_of(CUT, log_in_share=share, **settings)
    chosen = Settings(warm_up_s=1.0, population="good", log_in_share=0.0, **settings)
    return expand(
        "test",
        "It holds.",
        Scenario(faults=[CUT], load=Load(credit_line_share=share)),
        chosen,
        layout=LOCAL,
    )


@pytest.mark.parametrize("step", [Step.LOG_IN, Step.CREDIT_LINE])
@pytest.mark.parametrize("baseline_s", [8.0, 60.0])
def test_a_step_that_is_dead_since_the_fault_fails(step: Step, baseline_s: float) -> None:
    """2 % of all journeys take it: far below any limit on the whole."""
    plan = plan_with(step, 0.02, baseline_s=baseline_s, recovery_s=20.0)
    verdict = judge(plan, run_of(plan, step, (baseline_s, 1e9)))
    (found,) = told(verdict, step)

    assert verdict.verdict is Judgement.FAIL
    assert (found.code, found.verdict) == ("not_recovered", "fail")
    assert f"after the heal at {baseline_s + 5:.1f} s 100 % of" in found.message


@pytest.mark.parametrize("recovery_s", [9.0, 15.0])
def test_a_step_that_is_dead_with_no_time_left_leaves_it_open(recovery_s: float) -> None:
    """Every log-in since the fault, and hardly one of them once the time to recover was over."""
    plan = plan_with(Step.LOG_IN, 0.02, recovery_s=recovery_s)
    verdict = judge(plan, run_of(plan, Step.LOG_IN, (8.0, 1e9)))

    assert [f.verdict for f in told(verdict, Step.LOG_IN)] == ["inconclusive"]


@pytest.mark.parametrize("step", [Step.LOG_IN, Step.CREDIT_LINE])
def test_a_step_that_comes_back_in_time_passes(step: Step) -> None:
    """Refused up to 4 s after the heal, of 10 s allowed."""
    plan = plan_with(step, 0.1, recovery_s=20.0)
    verdict = judge(plan, run_of(plan, step, (8.0, 17.0)))

    assert told(verdict, step) == []
    assert verdict.verdict is Judgement.PASS


def test_log_ins_that_fail_alike_all_the_time_are_no_matter_of_the_fault() -> None:
    """Every tenth is refused, before the fault and after it."""
    plan = plan_with(Step.LOG_IN, 0.02, baseline_s=60.0, recovery_s=40.0)

    assert told(judge(plan, run_of(plan, Step.LOG_IN, (0.0, 1e9), one_in=10)), Step.LOG_IN) == []


def test_two_refused_log_ins_leave_it_open() -> None:
    """Both that came once the time to recover was over."""
    plan = plan_with(Step.LOG_IN, 0.02, baseline_s=60.0, recovery_s=20.0)
    late = [a.at_s for a in plan.arrivals if a.logs_in and a.at_s > 75]
    verdict = judge(plan, run_of(plan, Step.LOG_IN, (late[-2], 1e9)))

    assert [f.verdict for f in told(verdict, Step.LOG_IN)] == ["inconclusive"]
    assert verdict.verdict is Judgement.INCONCLUSIVE
