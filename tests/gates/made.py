"""Suites made of verdicts, for the tests of whatever shows them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from harness.plan.objectives import Objectives
from harness.report.suite import GateRun, GateSuite
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, Severity, Verdict
from tests.builders import CUT, cut_run, plan_of

GOOD, OPEN, BAD = 13.3, 14.9, 19.0
"""Ends of an outage, seconds, that a limit of two seconds passes, leaves open and fails."""
HOSTILE = (
    "</failure><b>x</b> ]]> \x00\x1b[31m \ud800 \u202e | `` @team [a](http://x) \n::error::no & %0A"
)


@cache
def verdict_of(end_s: float = GOOD) -> Verdict:
    """A run with an outage that ends at ``end_s``, judged against two seconds."""
    return judge(*cut_run(plan_of(CUT, objectives=Objectives(recovery_seconds_max=2)), end_s=end_s))


def with_finding(
    verdict: Verdict, code: str, severity: Severity, message: str = "as planted"
) -> Verdict:
    """The same with one finding more, and the verdict that follows from it."""
    judged = {Severity.FAIL: Judgement.FAIL, Severity.INCONCLUSIVE: Judgement.INCONCLUSIVE}
    return replace(
        verdict,
        findings=[*verdict.findings, Finding(code, severity, message, {"count": 3})],
        verdict=judged.get(severity, verdict.verdict),
        exit_code={Severity.FAIL: 1, Severity.INCONCLUSIVE: 3}.get(severity, verdict.exit_code),
    )


def run_of(number: int, verdict: Verdict | None, exit_code: int | None = None) -> GateRun:
    """A run of two seconds that ended as its verdict says."""
    code = exit_code if exit_code is not None else verdict.exit_code if verdict else 70
    path = Path(f"runs/test-{number}") if verdict else None
    return GateRun(path, code, verdict, number=number, seconds=2.0)


def suite_of(*verdicts: Verdict | None, asked: int = 0, name: str = "cut") -> GateSuite:
    """A suite of such runs."""
    runs = tuple(run_of(number, verdict) for number, verdict in enumerate(verdicts, 1))
    picture = "runs/test-1/timeline.png" if any(verdicts) else ""
    return GateSuite(name, f"scenarios/{name}.py", asked or len(runs), runs, picture=picture)
