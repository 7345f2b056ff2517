"""More harm never gives a better verdict, in some hundred pairs of runs; thousands by
``LENDCHAOS_HARM_SEEDS=2000 pytest tests/judge/test_more_harm.py``.
"""

import os
from random import Random

import pytest

from harness.verdict import Judgement
from tests.judge.harm import harm_at, plan_at, worse

BETTER = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)
SEEDS = int(os.environ.get("LENDCHAOS_HARM_SEEDS", "25"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_more_harm_is_never_judged_better(seed: int) -> None:
    """But for a fault that nobody noticed: there more failures are what was missing."""
    chance = Random(seed)
    plan = plan_at(chance)
    harm = harm_at(chance, plan)
    verdict = harm.judged(plan)
    unseen = any(finding.code == "fault_did_not_bite" for finding in verdict.findings)
    if unseen or verdict.verdict is Judgement.FAIL:
        return
    for way, more in worse(chance, plan, harm):
        found = more.judged(plan)
        rank = BETTER.index(verdict.verdict)
        assert BETTER.index(found.verdict) <= rank, (way, harm, more, found.sentence)
