"""Why a run failed or is undecided: what each objective comes to, and the worst reason first. Pure.

Every page, file and line says it in the words that are made here.
"""

from collections.abc import Iterable
from typing import Any

from harness.verdict.catalogue import CATALOGUE, RULES
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity
from harness.verdict.units import (
    AT_ONCE,
    count,
    interval,
    limit,
    more_than,
    observed,
    observed_unit,
)

WITHIN = "the limit lies inside the interval"
OVER = "the whole interval is over the limit"
COUNTED = "more than the limit were counted"
NOT_DECIDED = "not decided: "
_LETTERS_MAX = 320
"""Of one reason, or of two that are given together; the findings have all of it."""

_ORDER = tuple(RULES)
_OPEN_LAST = ("outage", "degraded", "not_recovered", "borrowers_shut_out")
"""Undecided, these follow from what disturbed the run, which is the reason then."""

_FACTS = {
    "failed_share_max": "{} of borrow requests failed",
    "failed_outside_fault_share_max": "{} of borrow requests failed outside faults and recovery",
    "indeterminate_share_max": (
        "{} of borrow requests had an unknown outcome while a fault was active"
    ),
    "impaired_episodes_max": "outages and degraded stretches: {}",
    "latency_ms_p99_max": "the 99th percentile of latency outside faults was {}",
    "grey_failure_seconds_max": "health checks stayed green for {} while borrowing failed",
    "lost_service_seconds_max": "{} of service were lost",
    "attempts_per_operation_max": "attempts for each borrow request while a fault was active: {}",
    "affected_borrowers_share_max": "{} of borrowers were affected by failures",
    "slow_episodes_max": "stretches of slow answers: {}",
    "decision_shift_share_max": "the share of one kind of decision moved by {}",
}
_RECOVERING = {"recovery_seconds_max": "borrowing", "latency_recovery_seconds_max": "latency"}
_SAME_AS = {"not_recovered": "recovery_seconds_max"}
"""A finding that a missed or undecided objective tells already, with its limit."""
_MORE_LOAD = "raise the rate or lengthen the recovery phase"
_AGAIN = "remove what disturbed the run and run it again"


def about(result: ObjectiveResult, *, figures: bool = True) -> str:
    """What an objective came to beside its limit: ``21.4 % of borrow requests failed; the limit is
    10 % (214 of 1,000; 95 % interval 18.1 % to 25.0 %)``.
    """
    write, evidence = observed_unit(result), []
    if figures and result.part is not None and result.observed is not None:
        evidence.append(counted(result))
    known = result.high is not None or None not in (result.observed, result.low)
    if figures and known:
        evidence.append(f"95 % interval {interval(result.low, result.high, write)}")
    if result.reason and result.reason not in (OVER, COUNTED):
        evidence.append(result.reason)
    return f"{brief(result)} ({'; '.join(evidence)})" if evidence else brief(result)


def counted(result: ObjectiveResult) -> str:
    """The share of an objective as a count: ``214 of 1,000``; empty of what is no share."""
    return "" if result.part is None else f"{count(result.part)} of {count(result.whole)}"


def brief(result: ObjectiveResult) -> str:
    """The same without interval and reason."""
    return f"{_fact(result)}; the limit is {limit(result)}"


def _fact(result: ObjectiveResult) -> str:
    seen = observed(result)
    name, who = result.id.removesuffix("_max").replace("_", " "), _RECOVERING.get(result.id)
    if result.observed is None:
        if result.verdict is Judgement.PASS:
            return "nothing had to recover"
        if result.low is None:
            return f"{result.id} was not measured"
        if result.low <= 0 and who:
            return f"{who} was not seen to recover"
        seen = more_than(result.low, result.limit)
    if who:
        at_once = seen == AT_ONCE
        return f"{who} recovered at once" if at_once else f"{who} took {seen} to recover"
    known = _FACTS.get(result.id)
    return f"{name}: {seen}" if known is None else known.format(seen)


def why(
    findings: Iterable[Finding], results: Iterable[ObjectiveResult] = ()
) -> tuple[str, list[Finding]]:
    """The reason of a run that failed or is undecided, and the findings that it tells in full.

    Money comes before availability, what disturbed a run before what that left open. Empty for a
    run that passed. Of ``results`` counts and intervals are left to the tables that show them.
    """
    shorter = {about(result): about(result, figures=False) for result in results}
    found = list(findings)
    failed = any(finding.verdict is Severity.FAIL for finding in found)
    severity = Severity.FAIL if failed else Severity.INCONCLUSIVE
    ranked = sorted((f for f in found if f.verdict is severity), key=_rank)
    if not ranked:
        return "", []
    # Whatever else is open follows from a mistake of the scenario, or from the interruption.
    broken = [finding for finding in ranked if finding.evidence.get("broken_steps")]
    ranked = broken or (ranked[:1] if ranked[0].code == "interrupted" else ranked)
    objectives = {f.evidence.get("id") for f in ranked}
    ranked = [f for f in ranked if _SAME_AS.get(f.code, "") not in objectives]
    told = ranked[:2] if sum(len(f.message) for f in ranked[:2]) <= _LETTERS_MAX else ranked[:1]
    text = "; also: ".join(_cut(shorter.get(f.message, f.message)) for f in told)
    if more := len(ranked) - len(told):
        text += f" (and {more:,} more {'reason' if more == 1 else 'reasons'})"
    return text if failed else f"{text}. To decide it: {advice(ranked[0])}", told


def advice(finding: Finding) -> str:
    """What to change so that a run is decided which this finding leaves open."""
    seen = finding.evidence
    identifier = str(seen.get("id", ""))
    if seen.get("needed_s") is not None:
        return f"raise the rate, or lengthen the baseline (`--baseline {seen['needed_s']}s`)"
    if finding.code == "objective_missed":
        return _AGAIN
    known = CATALOGUE.get(identifier or finding.code)
    usual = (known.advice if known else "") or (_MORE_LOAD if identifier else _AGAIN)
    return _special(seen) or usual


def _special(seen: dict[str, Any]) -> str:
    """What helps where the evidence of a finding says so; else empty."""
    no_help = seen.get("more_helps") is False
    early = seen.get("early_s") and seen.get("ended_by") == "nobody"
    told = (
        (seen.get("broken_steps"), "mend that and run it again"),
        (seen.get("faults_too_close"), "leave more time between the faults"),
        (no_help, "find why requests fail or are slow, or change the limit"),
        (seen.get("injected") is False, "find why it was not injected (conductor.log has it)"),
        (seen.get("late_s"), "free the machine and run it again"),
        (early, "find what ended the fault and run it again"),
        (seen.get("recoveries") == 0, "inject a fault, or leave out this limit"),
    )
    return next((help_ for holds, help_ in told if holds), "")


def _rank(finding: Finding) -> int:
    last = finding.verdict is Severity.INCONCLUSIVE and finding.code in _OPEN_LAST
    return len(_ORDER) if last or finding.code not in _ORDER else _ORDER.index(finding.code)


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS_MAX else f"{text[:_LETTERS_MAX].rstrip()} …"
