"""More harm never gives a better verdict, in some hundred pairs of runs; thousands by
``LENDCHAOS_HARM_SEEDS=2000 pytest tests/judge/test_more_harm.py``.
"""

import os
from random import Random

import pytest

from harness.verdict.types import Finding, Judgement
from tests.judge.harm import harm_at, plan_at, worse

BETTER = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)
SEEDS = int(os.environ.get("LENDCHAOS_HARM_SEEDS", "25"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_more_harm_is_never_judged_better(seed: int) -> None:
    """But for a fault that nobody noticed, or of which nothing showed what it does alone: there
    more failures are what was missing.
    """
    chance = Random(seed)
    plan = plan_at(chance)
    harm = harm_at(chance, plan)
    verdict = harm.judged(plan)
    unseen = any(finding.code == "fault_did_not_bite" for finding in verdict.findings)
    if unseen or verdict.verdict is Judgement.FAIL:
        return
    for way, more in worse(chance, plan, harm):
        found = more.judged(plan)
        if any(_is_shown_by_run(finding) for finding in found.findings):
            continue
        rank = BETTER.index(verdict.verdict)
        assert BETTER.index(found.verdict) <= rank, (way, harm, more, found.sentence)


def _is_shown_by_run(finding: Finding) -> bool:
    """Whether failures of the run show that an overlapping fault explains others."""
    by_nature = "leaves no one served" in finding.message
    return finding.code == "attributed_to_fault" and not by_nature
