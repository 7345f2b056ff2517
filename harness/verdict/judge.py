"""Opinion: a list of small checks, each on its own, merged into one verdict. Pure."""

from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from harness.core.exit_codes import ExitCode
from harness.history.events import Clock
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.checks import borrowing, impairment, invalidated, patterns
from harness.verdict.checks.case import Case, Check, inconclusive
from harness.verdict.checks.objective_results import judge_objectives
from harness.verdict.checks.sentence import sentence
from harness.verdict.measure.measurement import measure
from harness.verdict.reconcile import reconcile
from harness.verdict.rounding import rounded
from harness.verdict.types import Finding, Judgement, Severity, Verdict

CHECKS: tuple[Check, ...] = (
    borrowing.money,
    borrowing.invariant_violated,
    borrowing.false_decline,
    borrowing.invalid_answer,
    borrowing.replay_unstable,
    borrowing.objectives,
    impairment.not_recovered,
    impairment.attributed_to_fault,
    impairment.episodes,
    impairment.step_impaired,
    invalidated.safety_stop,
    invalidated.interrupted,
    invalidated.no_evidence,
    invalidated.load_unfaithful,
    invalidated.evidence_damaged,
    invalidated.baseline_not_steady,
    invalidated.fault_did_not_bite,
    invalidated.foreign_change,
    invalidated.not_healed,
    invalidated.unclean_recovery,
    invalidated.healed_otherwise,
    invalidated.ended_early,
    invalidated.lock_held,
    invalidated.ledger_unread,
    invalidated.ledger_incomplete,
    invalidated.ledger_sampled,
    patterns.failures_in_a_row,
    patterns.borrowers_shut_out,
    patterns.grey_failure,
    patterns.herd,
    patterns.decision_drift,
    borrowing.remarks,
)


def judge(plan: Plan, facts: Facts, checks: tuple[Check, ...] = CHECKS) -> Verdict:
    """Judge one run from what was intended and what was written down.

    A check that raises makes the run inconclusive: it neither passes nor crashes.
    """
    measured = measure(plan, facts)
    reconciled = reconcile(plan, facts)
    results = judge_objectives(plan, facts, measured)
    case = Case(plan, facts, measured, reconciled, tuple(results))
    findings = [finding for check in checks for finding in _run(check, case)]
    cut_short = facts.status.interrupted and facts.status.known
    judgement, code = _merge(plan, findings, interrupted=cut_short)
    if facts.status.safety_stop is not None:
        code = ExitCode.SAFETY_STOP
    verdict = Verdict(
        run_id=plan.run_id,
        scenario=plan.scenario,
        hypothesis=plan.hypothesis,
        seed=plan.settings.seed,
        target=facts.status.target,
        zero_utc=_zero_utc(facts.status.clock, measured.borrow.operations),
        verdict=judgement,
        exit_code=int(code),
        sentence=sentence(case, findings),
        load=measured.load,
        borrow=measured.borrow,
        log_in=measured.log_in,
        phases=measured.phases,
        faults=[impact.fault for impact in measured.impacts],
        episodes=measured.episodes,
        recovery=measured.recovery,
        reconciliation=reconciled.result,
        objectives=results,
        findings=findings,
        flaps=measured.flaps,
        worst_windows=measured.worst_windows,
        retries=measured.retries,
        decisions=measured.decisions,
        health=measured.health,
        closed_loop=measured.closed_loop,
        visible=measured.visible,
        judged_by=_version(),
    )
    same_everywhere: Verdict = rounded(verdict)
    return same_everywhere


@cache
def _version() -> str:
    """Of this package; empty where it is not installed."""
    try:
        return metadata.version("lendchaos")
    except metadata.PackageNotFoundError:
        return ""


def _run(check: Check, case: Case) -> list[Finding]:
    try:
        return list(check(case))
    except Exception as error:  # noqa: BLE001  # a mistake of lendchaos must neither pass the run nor hide the rest
        name = getattr(check, "__name__", repr(check))
        return [
            inconclusive(
                "internal_check_error",
                f"our check {name} broke: {type(error).__name__}: {error}",
                check=name,
            )
        ]


def _merge(plan: Plan, findings: list[Finding], *, interrupted: bool) -> tuple[Judgement, ExitCode]:
    """Fail beats inconclusive beats pass; an interruption shows in the exit code.

    Where the plan asks for it, the exit code of an inconclusive run is that of a failure; the
    verdict itself stays what it is.
    """
    severities = {finding.verdict for finding in findings}
    judgement, code = Judgement.PASS, ExitCode.PASS
    if Severity.FAIL in severities:
        judgement, code = Judgement.FAIL, ExitCode.FAIL
    elif Severity.INCONCLUSIVE in severities:
        judgement, code = Judgement.INCONCLUSIVE, ExitCode.INCONCLUSIVE
        if plan.on_inconclusive == "fail":
            code = ExitCode.FAIL
    return judgement, ExitCode.INTERRUPTED if interrupted else code


def _zero_utc(clock: Clock | None, operations: int) -> str | None:
    """RFC 3339 with nanoseconds; None when the run never got past its warm-up."""
    if clock is None or not operations:
        return None
    seconds, nanoseconds = divmod(clock.zero_wall_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
