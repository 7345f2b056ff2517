"""Does the gate detect a planted defect? Without one a run must pass, with one it must fail.

Pure. ``FOUND_BY`` says by which findings each planted defect is found, ``docs/defects.md`` why.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Judgement

DEFECT_DEFAULT = "amount_truncated"
SCENARIO_DEFAULT = "baseline"

FOUND_BY = {
    "no_idempotency_check": ("duplicated", "invariant_violated"),
    "acknowledge_before_commit": ("lost",),
    "limit_check_outside_lock": ("invariant_violated",),
    "one_sided_ledger": ("unbalanced", "invariant_violated"),
    "amount_truncated": ("corrupt",),
    "decline_answered_201": ("invariant_violated", "lost"),
    "disbursed_though_declined": ("phantom", "invariant_violated"),
    "declines_all_when_database_is_slow": ("false_decline",),
    "approves_all_when_risk_data_is_missing": ("invariant_violated",),
    "bureau_fail_open": ("invariant_violated",),
    "cancelled_after_approval": ("corrupt",),
    "repaid_without_repayment": ("corrupt",),
    "reserved_apart": ("phantom",),
    "declined_keeps_reservation": ("phantom", "invariant_violated"),
    "shared_loan_id": ("corrupt",),
    "paid_twice_later": ("duplicated",),
    "refused_paid_later": ("phantom",),
    "refused_and_hidden": ("phantom",),
    "log_in_broken_for_some": ("false_decline",),
    "health_green_while_dead": ("grey_failure",),
    "pool_never_recovers": ("not_recovered", "objective_missed"),
    "slow_forever_after_a_fault": ("objective_missed",),
    "success_status_with_error_body": ("invalid_answer",),
    "retry_storm": ("objective_missed",),
    "restart_loses_sessions": ("false_decline",),
}
"""Any one of these makes the failure the defect's own."""

_ENDS_ALL = (ExitCode.USAGE, ExitCode.INTERNAL, ExitCode.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of it. ``planted`` is None when the clean run did not let it come to that."""

    scenario: str
    defect: str
    clean: EndedRun
    planted: EndedRun | None
    exit_code: int
    sentence: str


def expected(defect: str) -> tuple[str, ...]:
    """The findings by which a defect is found; UsageError, which names all, if it is none."""
    if defect not in FOUND_BY:
        raise UsageError(f"--defect {defect!r} is not one of {', '.join(sorted(FOUND_BY))}")
    return FOUND_BY[defect]


def self_test(scenario: str, defect: str, run: Callable[[str], EndedRun]) -> SelfTest:
    """A clean run, then one with the defect, and what they show together. ``run`` runs the scenario
    once, on a stack of its own, with a defect (none if empty). UsageError if there is no such one.
    """
    codes = expected(defect)
    clean = run("")
    if clean.exit_code in _ENDS_ALL:
        said = f"The clean run ended with exit code {clean.exit_code}: nothing was shown."
        return SelfTest(scenario, defect, clean, None, clean.exit_code, said)
    planted = run(defect)
    code, said = _concluded(clean, planted, defect, codes)
    return SelfTest(scenario, defect, clean, planted, code, said)


def _concluded(
    clean: EndedRun, planted: EndedRun, defect: str, codes: tuple[str, ...]
) -> tuple[int, str]:
    """The exit code and the sentence; what was shown for sure comes before what is open."""
    by = ", ".join(code for code in planted.failures if code in codes)
    if planted.exit_code in _ENDS_ALL:
        code = planted.exit_code
        return code, f"The run with {defect} ended with exit code {code}: nothing was shown."
    if why := _toothless(clean, planted, defect, codes):
        return ExitCode.FAIL, f"The gate does not detect the defect: {why}."
    passed = _judgement(clean) is Judgement.PASS and clean.exit_code == ExitCode.PASS
    if passed and by:
        said = f"the clean run passes, the run with {defect} fails by {by}."
        return ExitCode.PASS, f"The gate detects the defect: {said}"
    open_ = f"the run with {defect}" if passed else "the clean run"
    said = f"Whether the gate detects the defect is not shown: {open_} is not decided."
    return ExitCode.INCONCLUSIVE, said


def _toothless(clean: EndedRun, planted: EndedRun, defect: str, codes: tuple[str, ...]) -> str:
    """Why the gate does not detect the defect; empty if that is not shown."""
    if _judgement(clean) is Judgement.FAIL:
        found = ", ".join(clean.failures)
        return f"without a defect the run fails, too, by {found}: its red says nothing"
    if _judgement(planted) is Judgement.PASS:
        return f"the run with {defect} passes"
    if _judgement(planted) is Judgement.FAIL and not set(planted.failures) & set(codes):
        other = ", ".join(planted.failures)
        return f"the run with {defect} fails by {other}, and not by {' or '.join(codes)}"
    return ""


def _judgement(trial: EndedRun) -> Judgement | None:
    return None if trial.verdict is None else trial.verdict.verdict
