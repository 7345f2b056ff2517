"""Money that looks clean on a broken ledger: from the audit's lie to the verdict, in one piece."""

import time
from dataclasses import asdict, dataclass, replace

import pytest

from harness.history.events import Operation, Outcome
from harness.plan.plan import Plan
from harness.target import ledger_watch
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.contract import Contract
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import LISTED_MAX, read_ledger
from harness.verdict import judge
from harness.verdict.types import Judgement, Verdict
from tests import builders
from tests.audit import Answer, Audit, hurry, page, serving


@dataclass
class Target:
    """A run of which every borrow was answered, and the audit that is read after it."""

    plan: Plan
    operations: tuple[Operation, ...]
    audit: Audit

    def verdict(self) -> Verdict:
        """Read this audit as a run would, and judge."""
        facts = builders.facts(self.plan, self.operations)
        borrowers = [
            ProvisionedBorrower(index, account, f"phone-{index}", "password", f"token-{index}")
            for index, account in facts.account_of.items()
        ]
        with serving(self.audit) as url:
            reading = read_ledger(
                LedgerSource(Contract(url, "secret"), 0), self.plan, facts, borrowers
            )
        return judge.judge(self.plan, replace(facts, ledger=reading))


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    """An honest audit of a run without a failure; the same waits as ever, a tenth as long."""
    hurry(monkeypatch)
    monkeypatch.setattr(ledger_watch, "QUIET_SECONDS_MAX", 6.0)  # a busy machine waits, too
    plan = builders.plan_of(ledger_settle_s=0.5)
    operations = builders.operations(plan)
    audit = Audit()
    audit.loans = [asdict(builders.entry(operation)) for operation in operations]
    return Target(plan, operations, audit)


def codes(verdict: Verdict) -> set[str]:
    """The codes of all findings."""
    return {finding.code for finding in verdict.findings}


def test_an_honest_audit_passes(target: Target) -> None:
    """Without a lie the same run is a pass, so what follows is the lie's doing."""
    verdict = target.verdict()

    assert (verdict.verdict, verdict.exit_code) == (Judgement.PASS, 0), verdict.findings
    assert verdict.reconciliation.lost == 0


def test_an_audit_that_shows_keys_in_capitals_passes(target: Target) -> None:
    """A UUID is the same in any case."""
    for loan in target.audit.loans:
        loan["idempotency_key"] = loan["idempotency_key"].upper()
    verdict = target.verdict()

    assert (verdict.verdict, verdict.exit_code) == (Judgement.PASS, 0), verdict.findings


def test_an_audit_that_answers_500_is_unread(target: Target) -> None:
    """Nothing is known, so nothing is zero."""
    target.audit.listing = lambda *_: (500, b"")
    verdict = target.verdict()

    assert "ledger_unread" in codes(verdict)
    assert (verdict.reconciliation.lost, verdict.exit_code) == (None, 3)


def test_an_audit_that_ends_early_is_incomplete(target: Target) -> None:
    """An empty page after the first: the keys beyond are known when asked for one by one."""

    def listing(after: int, limit: int) -> Answer:
        return target.audit.honest_listing(after, limit) if after == 0 else (200, b"")

    target.audit.listing = listing
    verdict = target.verdict()

    assert "ledger_incomplete" in codes(verdict)
    assert (verdict.reconciliation.lost, verdict.exit_code) == (0, 3)


def test_an_acknowledged_key_that_nobody_knows_is_lost(target: Target) -> None:
    """Absent from the listing and unknown by key: one loan lost, a failure."""
    gone = target.audit.loans.pop(700)
    verdict = target.verdict()

    assert verdict.reconciliation.lost == 1
    assert verdict.reconciliation.examples["lost"] == [gone["idempotency_key"]]
    assert ("lost" in codes(verdict), verdict.exit_code) == (True, 1)


def test_a_commit_a_moment_late_is_committed_unknown(target: Target) -> None:
    """The borrower never heard of it, and it shows only after the first look."""
    late = target.audit.loans.pop()
    target.operations = builders.changed(
        target.operations, target.operations[-1].arrival, outcome=Outcome.INDETERMINATE
    )
    appears_at = time.monotonic() + 0.15

    def listing(after: int, limit: int) -> Answer:
        if time.monotonic() > appears_at and late not in target.audit.loans:
            target.audit.loans.append(late)
        rows = [row for row in target.audit.loans if row["cursor"] > after]
        return 200, page(*rows[:limit])

    target.audit.listing = listing
    verdict = target.verdict()

    assert verdict.borrow.indeterminate == 1
    assert verdict.reconciliation.committed_unknown == 1
    assert verdict.reconciliation.lost == 0


def test_a_ledger_that_calls_itself_sound_is_contradicted(target: Target) -> None:
    """The audit says that every invariant holds; its own listing shows a loan without a booking."""
    target.audit.loans[700]["ledger_balance_fen"] = 0
    verdict = target.verdict()
    (finding,) = [f for f in verdict.findings if f.code == "unbalanced"]

    assert verdict.exit_code == 1
    assert finding.evidence["target_says_ok"] is True
    assert "its own ledger shows otherwise" in finding.message


def test_a_loan_listed_under_another_account_is_corrupt(target: Target) -> None:
    """Right key, right amount, somebody else's debt."""
    target.audit.loans[700]["account_id"] = target.audit.loans[701]["account_id"]
    verdict = target.verdict()

    assert (verdict.reconciliation.corrupt, verdict.exit_code) == (1, 1)


def test_an_audit_that_hides_a_loan_behind_the_sessions_is_incomplete(target: Target) -> None:
    """Absent from the listing, and the question by key is refused: unclear, never fine."""
    target.audit.loans.pop(700)
    target.audit.by_key = (403, b"")
    verdict = target.verdict()

    assert "ledger_incomplete" in codes(verdict)
    assert (verdict.reconciliation.lost, verdict.exit_code) == (0, 3)


def test_a_target_that_ignores_the_key_it_is_asked_for_is_inconclusive(target: Target) -> None:
    """Every question brings all loans of the borrower; the money is right."""
    target.operations = tuple(
        builders.failed(target.plan, o.arrival) if o.arrival % 50 == 0 else o
        for o in target.operations
    )
    target.audit.loans = [asdict(row) for row in builders.ledger(target.operations).entries]
    target.audit.filters_by_key = False
    verdict = target.verdict()
    (finding,) = [f for f in verdict.findings if f.code == "ledger_incomplete"]

    assert not {"phantom", "corrupt", "duplicated", "lost", "invariant_violated"} & codes(verdict)
    assert "ignores the filter" in finding.message


def test_a_second_loan_that_only_its_borrower_sees_is_duplicated(target: Target) -> None:
    """The listing skips one of two loans that were booked at the same instant."""
    target.audit.hidden = [
        loan | {"loan_id": f"{loan['loan_id']}-2"} for loan in target.audit.loans
    ]
    verdict = target.verdict()

    assert {"duplicated", "ledger_incomplete"} <= codes(verdict)
    assert verdict.reconciliation.duplicated == LISTED_MAX


def test_the_bound_on_what_was_not_asked_for_is_told(target: Target) -> None:
    """A random sample of what is listed was asked for by key."""
    (finding,) = [f for f in target.verdict().findings if f.code == "ledger_sampled"]
    listed = len(target.audit.loans)

    assert finding.verdict == "note"
    assert finding.evidence["listed_asked"] == LISTED_MAX
    assert finding.evidence["listed_unasked"] == listed - LISTED_MAX
    assert "at most 1.5 %" in finding.message
