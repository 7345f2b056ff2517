"""Checks of a gate: each objective and invariant has one, and no finding is without."""

import pytest

from harness.plan.objectives import INVARIANTS
from harness.report.suite import CheckKind, checks_of, names_of
from harness.verdict.types import Judgement, Severity, Verdict
from tests.gates.made import verdict_of, with_finding


def not_passed(verdict: Verdict) -> dict[str, Judgement]:
    """The checks that are not met."""
    return {c.name: c.verdict for c in checks_of(verdict) if c.verdict is not Judgement.PASS}


def test_a_passing_run_passes_every_check() -> None:
    """With the names that were known beforehand, in their order."""
    verdict = verdict_of()

    assert not_passed(verdict) == {}
    assert [c.name for c in checks_of(verdict)] == names_of(["recovery_seconds_max"])


def test_a_recovery_that_was_not_seen_is_no_figure() -> None:
    """How late it surely is stands in its interval."""
    (check,) = [c for c in checks_of(verdict_of(99.0)) if c.name == "recovery_seconds_max"]

    assert check.message.startswith(
        "borrowing took more than 14.9 s to recover; the limit is 2 s ("
    )


def test_a_missed_objective_says_by_how_much() -> None:
    """Observed value, interval and limit."""
    (check,) = [c for c in checks_of(verdict_of(19.0)) if c.name == "recovery_seconds_max"]

    assert check.verdict is Judgement.FAIL
    assert (check.kind, check.limit) == (CheckKind.OBJECTIVE, 2)
    assert check.low is not None
    assert check.low > 2
    assert "the limit is 2 s (95 % interval 6.0 s" in check.message


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_broken_invariant_fails_its_own_check_alone(code: str) -> None:
    """And tells how many broke it; its code is its name already."""
    verdict = with_finding(verdict_of(), code, Severity.FAIL)
    (check,) = [c for c in checks_of(verdict) if c.name == code]

    assert not_passed(verdict) == {code: Judgement.FAIL}
    assert (check.observed, check.message) == (3.0, "as planted")


@pytest.mark.parametrize("code", ["outage", "borrowers_shut_out", "a_code_to_come"])
def test_any_other_failure_has_a_line(code: str) -> None:
    """Also one that nobody thought of here."""
    verdict = with_finding(verdict_of(), code, Severity.FAIL)

    assert not_passed(verdict) == {"other_findings": Judgement.FAIL}


@pytest.mark.parametrize("code", ["load_unfaithful", "interrupted", "internal_check_error"])
def test_lacking_evidence_is_a_line_of_its_own(code: str) -> None:
    """What was measured still counts as it is."""
    verdict = with_finding(verdict_of(), code, Severity.INCONCLUSIVE)

    assert not_passed(verdict) == {"evidence": Judgement.INCONCLUSIVE}


def test_an_unread_ledger_leaves_money_open() -> None:
    """Nothing lost is not what an unread ledger says."""
    found = not_passed(with_finding(verdict_of(), "ledger_unread", Severity.INCONCLUSIVE))

    assert set(found.values()) == {Judgement.INCONCLUSIVE}
    assert {"lost", "duplicated", "evidence"} <= set(found)
    assert "invalid_answer" not in found
