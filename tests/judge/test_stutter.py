"""A load machine that stutters is held against no target, and hides no slow one."""

import pytest

from harness.plan.plan import Objectives
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict
from tests.builders import plan_of
from tests.judge.helpers import codes
from tests.measure.stuttering import Pauses, every_second, stuttering

FAIL, OPEN, PASS = Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS
RARELY: Pauses = [(15.0, 15.24), (21.0, 21.24)]
NOT_SLOW = Objectives(slow_episodes_max=0)
QUICK = Objectives(latency_ms_p99_max=150)


def judged(limits: Objectives, pauses: Pauses, slower_s: float = 0.0) -> Verdict:
    """Answers take 0.1 s, and so much longer from 14 s to 18 s."""
    plan = plan_of(objectives=limits, rate=200, recovery_s=31.0)
    known = stuttering(plan, pauses, lambda at_s: 0.1 + slower_s * (14 <= at_s < 18))
    return judge(plan, known)


def test_a_stutter_is_no_slow_stretch() -> None:
    """The target answered in a tenth of a second all the time."""
    verdict = judged(NOT_SLOW, RARELY)

    assert verdict.verdict is PASS
    assert codes(verdict) == {}


def test_a_stutter_misses_no_latency_objective() -> None:
    """Fewer than one in a hundred were sent late, more were read late: nobody knows, and why."""
    verdict = judged(QUICK, RARELY)
    (missed,) = [f for f in verdict.findings if f.code == "objective_missed"]

    assert verdict.verdict is OPEN
    assert "but 125 borrowers waited up to 240 ms for the load itself" in missed.message


@pytest.mark.parametrize("pauses", [[], RARELY])
@pytest.mark.parametrize("limits", [NOT_SLOW, QUICK])
def test_a_slow_target_fails_beside_a_stutter(limits: Objectives, pauses: Pauses) -> None:
    """It would fail without what was ours."""
    assert judged(limits, pauses, slower_s=0.3).verdict is FAIL


def test_a_load_machine_that_hides_what_is_slow_proves_nothing() -> None:
    """Half of what was due was sent late: the evidence is not good enough to pass."""
    verdict = judged(NOT_SLOW, every_second(0.28))

    assert verdict.verdict is OPEN
    assert codes(verdict) == {"load_unfaithful": "inconclusive"}
