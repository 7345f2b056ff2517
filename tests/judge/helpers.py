"""Short views of a verdict, and runs in which one operation differs."""

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.types import Verdict
from tests.builders import changed, facts, operations


def codes(verdict: Verdict) -> dict[str, str]:
    """Finding codes and what each does to the verdict."""
    return {finding.code: finding.verdict.value for finding in verdict.findings}


def one_changed(plan: Plan, index: int = 700, **changes: object) -> Facts:
    """A run in which one operation differs."""
    return facts(plan, changed(operations(plan), index, **changes))
