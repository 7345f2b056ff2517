"""Verdicts made by hand from one that was judged, for what compares and keeps them."""

from dataclasses import replace
from functools import cache
from typing import Any

from harness.report.archive import Stored
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, Severity, Verdict
from tests.builders import cut_run

SETTINGS = {"rate": 50, "warm_up_s": 1.0, "baseline_s": 8.0, "fault_s": 5.0, "recovery_s": 15.0,
            "request_timeout_s": 2.0, "population": "good", "service": "tuned"}  # fmt: skip


@cache
def judged() -> Verdict:
    """A partition that was survived."""
    return judge(*cut_run())


def verdict_of(
    number: int,
    *,
    share: float = 0.2,
    recovery_s: float | None = 0.3,
    wait_ms: float = 20.0,
    scenario: str = "cut",
    day: int = 1,
    **changes: Any,
) -> Verdict:
    """Run ``number``; a recovery of None had not come when the load ended."""
    base = judged()
    failed = round(share * base.borrow.window.operations)
    borrow = replace(
        base.borrow,
        window=replace(base.borrow.window, failed=failed),
        failed_share=share,
        failed_share_low=max(share - 0.02, 0.0),
        failed_share_high=min(share + 0.02, 1.0),
        lost_service_seconds=failed / base.load.rate_asked,
        latency_ms={**base.borrow.latency_ms, "baseline_p99": wait_ms},
        indeterminate=failed // 4,
    )
    recovery = replace(base.recovery, from_heal_s=recovery_s, confirmed=recovery_s is not None)
    if recovery_s is None:
        recovery = replace(
            recovery,
            from_heal_s_low=14.5,
            from_heal_s_high=None,
            censored=True,
            observed_s=15.0,
        )
    else:
        recovery = replace(
            recovery, from_heal_s_low=recovery_s - 0.05, from_heal_s_high=recovery_s + 0.1
        )
    instant = f"2026-11-{day:02}T08:{number % 60:02}:00.000000000Z"
    known: dict[str, Any] = {
        "run_id": f"run{number:04}",
        "scenario": scenario,
        "seed": number,
        "zero_utc": instant,
        "borrow": borrow,
        "recovery": recovery,
    }
    return replace(base, **{**known, **changes})


def stored_of(number: int, *, label: str = "", service: str = "tuned", **changes: Any) -> Stored:
    """The same as it is stored, with its settings."""
    return Stored(verdict_of(number, **changes), {**SETTINGS, "service": service}, label)


def with_finding(verdict: Verdict, code: str, severity: Severity = Severity.FAIL) -> Verdict:
    """The same run with one finding more, and judged by it."""
    return replace(
        verdict,
        findings=[*verdict.findings, Finding(code, severity, "made up")],
        verdict=Judgement.FAIL if severity is Severity.FAIL else Judgement.INCONCLUSIVE,
    )
