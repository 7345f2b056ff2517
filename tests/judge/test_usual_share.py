"""A share of failures that is there from first to last, and a trouble over it."""

import numpy as np
import pytest

from harness.plan.plan import Objectives
from harness.verdict.judge import judge
from harness.verdict.types import Judgement
from tests.builders import CUT, facts, failed, operation, plan_of
from tests.judge.helpers import codes

LENIENT = Objectives(latency_ms_p99_max=500)


def test_a_service_that_is_back_at_its_usual_share_has_recovered() -> None:
    """One in ten fails from the first request to the last, and all do under a fault of 5 s."""
    objectives = Objectives(recovery_seconds_max=5)
    plan = plan_of(CUT, objectives=objectives, baseline_s=20, recovery_s=25)
    stray = np.random.default_rng(5).random(len(plan.arrivals)) < 0.1
    ops = tuple(
        failed(plan, a.index) if 20 <= a.at_s < 25 or stray[a.index] else operation(plan, a.index)
        for a in plan.arrivals
    )
    verdict = judge(plan, facts(plan, ops))
    (outage,) = verdict.episodes

    assert verdict.verdict is Judgement.INCONCLUSIVE
    told = codes(verdict)
    # How the last requests went is another matter: nobody knows what came after them.
    assert told.pop("not_recovered", "inconclusive") == "inconclusive"
    assert told == {"baseline_not_steady": "inconclusive", "outage": "note"}
    assert (outage.class_, outage.confirmed) == ("outage", True)
    assert outage.onset_s == pytest.approx(20, abs=0.2)
    assert outage.recovered_s == pytest.approx(25, abs=1)
    assert verdict.recovery.confirmed


def test_a_few_percent_from_the_fault_to_the_end_are_undecided() -> None:
    """One in 25 fails since the fault came, none of 160 before: nothing shows that it was over."""
    plan = plan_of(CUT, objectives=LENIENT, rate=10, baseline_s=16, fault_s=30, recovery_s=20)
    ops = tuple(
        failed(plan, a.index) if a.at_s > 16 and a.index % 25 == 5 else operation(plan, a.index)
        for a in plan.arrivals
    )
    verdict = judge(plan, facts(plan, ops))

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert codes(verdict)["not_recovered"] == "inconclusive"
