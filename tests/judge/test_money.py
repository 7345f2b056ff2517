"""Money: what fails a run, whatever borrowers were told, and what nobody can tell."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Operation, Outcome
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import Verdict
from tests import builders
from tests.builders import changed, entry, facts, ledger, operations, plan_of
from tests.judge.helpers import codes

INDEX = 700
"""The request that each test changes, long after the warm-up."""
INCONCLUSIVE = {"ledger_incomplete": "inconclusive"}


@pytest.fixture
def plan() -> Plan:
    """A run of good borrowers in which nothing is broken."""
    return plan_of()


def judged(
    plan: Plan,
    *rows: LedgerEntry,
    by_key: dict[str, tuple[KeyedLoan, ...] | None] | None = None,
    **told: Any,
) -> Verdict:
    """The verdict where one request was told otherwise, and the ledger has these rows for it."""
    ops = changed(operations(plan), INDEX, **told)
    others = tuple(row for row in ledger(ops).entries if row.idempotency_key != ops[INDEX].key)
    full = ledger(ops, entries=(*others, *rows))
    reading = replace(full, by_key={**full.by_key, **(by_key or {})})
    return judge(plan, facts(plan, ops, ledger=reading))


def subject(plan: Plan) -> Operation:
    """The request that is changed, as it would be without."""
    return builders.operation(plan, INDEX)


FAILED: dict[str, Any] = {"outcome": Outcome.FAILED, "code": "database_unavailable"}
DECLINED: dict[str, Any] = {"outcome": Outcome.DECLINED, "decline": Decline.CREDIT}
UNKNOWN: dict[str, Any] = {"outcome": Outcome.INDETERMINATE}
REFERRED: dict[str, Any] = {"outcome": Outcome.REFERRED}
RESERVED: dict[str, Any] = {"disbursements": 0, "ledger_balance_fen": 0}


@pytest.mark.parametrize("told", [FAILED, DECLINED], ids=["failed", "declined"])
@pytest.mark.parametrize("status", ["under_review", "approved"])
def test_a_loan_reserved_for_whoever_was_refused_is_phantom(
    plan: Plan, told: dict[str, Any], status: str
) -> None:
    """Nothing was paid out yet; it stands to be, and the borrower was told that there is none."""
    verdict = judged(plan, entry(subject(plan), status=status, **RESERVED), **told)

    assert (codes(verdict), verdict.exit_code) == ({"phantom": "fail"}, 1)
    (finding,) = verdict.findings
    assert finding.message.endswith(" was paid out or reserved although the borrower was refused")
    assert verdict.sentence.startswith(f"{finding.message}. ")


@pytest.mark.parametrize("status", ["cancelled", "declined", "written_off", "failed", "approved"])
@pytest.mark.parametrize("payouts", [0, 1])
def test_told_201_and_not_disbursed_fails(plan: Plan, status: str, payouts: int) -> None:
    """The borrower counts on money that is not coming, or is called back."""
    op = subject(plan)
    balance_fen = payouts * op.amount_fen
    row = entry(op, status=status, disbursements=payouts, ledger_balance_fen=balance_fen)
    verdict = judged(plan, row)
    (finding,) = verdict.findings

    assert codes(verdict) == {"corrupt": "fail"}
    assert finding.message == (
        "1 of 1,450 loans was booked with another status or payout than the borrower was told"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"principal_fen": 1, "ledger_balance_fen": 1}, "another amount than asked for"),
        ({"account_id": "account-x"}, "another account than the borrower's"),
    ],
)
def test_a_corrupt_loan_says_what_differs(plan: Plan, changes: dict[str, Any], told: str) -> None:
    """And how many loans do."""
    verdict = judged(plan, entry(subject(plan), **changes))
    (finding,) = [one for one in verdict.findings if one.code == "corrupt"]

    assert finding.message == f"1 of 1,450 loans was booked with {told}"


@pytest.mark.parametrize(
    ("status", "payouts"),
    [("disbursed", 1), ("declined", 0), ("cancelled", 0), ("approved", 0), ("repaid", 1)],
)
def test_told_202_and_not_under_review_fails(plan: Plan, status: str, payouts: int) -> None:
    """No target declares that it decides its reviews while a run lasts."""
    op = subject(plan)
    balance_fen = payouts * op.amount_fen
    row = entry(op, status=status, disbursements=payouts, ledger_balance_fen=balance_fen)

    assert codes(judged(plan, row, **REFERRED)) == {"corrupt": "fail"}


def test_repaid_by_nobody_fails(plan: Plan) -> None:
    """Paid out and called repaid, with nothing owed any more; no run repays."""
    row = entry(subject(plan), status="repaid", ledger_balance_fen=0)

    assert codes(judged(plan, row)) == {"corrupt": "fail", "unbalanced": "fail"}


def test_all_loans_repaid_by_nobody_fail(plan: Plan) -> None:
    """Also where no loan is otherwise."""
    rows = [
        replace(e, status="repaid", ledger_balance_fen=0) for e in ledger(operations(plan)).entries
    ]
    reading = ledger(operations(plan), entries=tuple(rows))
    verdict = judge(plan, facts(plan, ledger=reading))

    assert codes(verdict) == {"corrupt": "fail", "unbalanced": "fail"}
    assert verdict.reconciliation.corrupt == len(plan.arrivals)


def test_a_loan_listed_again_with_two_payouts_fails(plan: Plan) -> None:
    """A listing ordered by last change: what it says last of a loan counts, not what first."""
    row = entry(subject(plan))
    again = replace(row, cursor=99_999, disbursements=2, ledger_balance_fen=2 * row.principal_fen)

    assert codes(judged(plan, row, again)) == {"duplicated": "fail"}


@pytest.mark.parametrize("rows", [2, 3])
def test_one_row_for_each_payout_never_passes(plan: Plan, rows: int) -> None:
    """It can't be told from a listing that repeats itself, so that nothing is decided."""
    row = entry(subject(plan))
    verdict = judged(plan, *(replace(row, cursor=row.cursor) for _ in range(rows)))

    assert (codes(verdict), verdict.exit_code) == (INCONCLUSIVE, 3)
    (finding,) = verdict.findings
    assert finding.evidence["repeated"] == [row.idempotency_key]
    assert "it has 1 loan more than once" in finding.message


def test_a_loan_shared_by_two_borrowers_fails(plan: Plan) -> None:
    """One of them will not get theirs."""
    row = entry(subject(plan), loan_id=f"loan-{INDEX + 1}")
    verdict = judged(plan, row)

    assert codes(verdict) == {"corrupt": "fail"}
    assert verdict.reconciliation.corrupt == 2


def test_negative_payouts_fail(plan: Plan) -> None:
    """The ledger took money from a borrower who was told of a loan."""
    assert codes(judged(plan, entry(subject(plan), disbursements=-1))) == {
        "corrupt": "fail",
        "unbalanced": "fail",
    }


@pytest.mark.parametrize("told", [FAILED, DECLINED, UNKNOWN], ids=["failed", "declined", "unknown"])
def test_what_is_wrong_whatever_was_told_fails(plan: Plan, told: dict[str, Any]) -> None:
    """Two payouts, another account or principal: no answer makes them right."""
    op = subject(plan)
    twice = judged(plan, entry(op, disbursements=2), **told)
    ended = entry(op, status="declined", **RESERVED)
    account = judged(plan, replace(ended, account_id=builders.account_of(3)), **told)
    principal = judged(plan, replace(ended, principal_fen=op.amount_fen + 1), **told)

    assert codes(twice)["duplicated"] == "fail"
    assert codes(account) == codes(principal) == {"corrupt": "fail"}


@pytest.mark.parametrize("status", ["disbursed", "under_review"])
def test_a_hidden_loan_of_a_refused_borrower_fails(plan: Plan, status: str) -> None:
    """The listing leaves it out, the question for its key shows it."""
    op = subject(plan)
    shown = {op.key: (KeyedLoan("hidden", status, op.amount_fen),)}
    verdict = judged(plan, by_key=shown, **FAILED)

    assert codes(verdict) == {"phantom": "fail", **INCONCLUSIVE}


def test_a_hidden_loan_that_was_told_is_inconclusive(plan: Plan) -> None:
    """It is as it was told; the listing that lacks it is not to be trusted."""
    op = subject(plan)
    shown = {op.key: (KeyedLoan(f"loan-{INDEX}", "disbursed", op.amount_fen),)}
    verdict = judged(plan, by_key=shown)

    assert (codes(verdict), verdict.exit_code) == (INCONCLUSIVE, 3)
    assert verdict.reconciliation.lost == 0


@pytest.mark.parametrize("told", [{}, FAILED, UNKNOWN], ids=["approved", "failed", "unknown"])
def test_no_clear_answer_by_key_is_inconclusive(plan: Plan, told: dict[str, Any]) -> None:
    """Whatever was told, what the listing lacks may be hidden."""
    verdict = judged(plan, by_key={subject(plan).key: None}, **told)

    assert codes(verdict) == INCONCLUSIVE


def without_answers(plan: Plan, failing: int, asked: int) -> Facts:
    """A run of which some requests were refused, and some of those were asked for by key."""
    ops = tuple(
        replace(op, outcome=Outcome.FAILED) if op.arrival % 100 == 99 else op
        for op in operations(plan)
    )
    keys = [op.key for op in ops if op.outcome is Outcome.FAILED]
    assert len(keys) == failing
    return facts(plan, ops, ledger=ledger(ops, by_key=dict.fromkeys(keys[:asked], ())))


def test_keys_that_nobody_asked_for_are_inconclusive(plan: Plan) -> None:
    """Nothing passes without evidence."""
    verdict = judge(plan, without_answers(plan, 14, 0))

    assert codes(verdict)["ledger_incomplete"] == "inconclusive"
    assert "no one asked for their keys" in verdict.findings[-1].message


def test_an_acknowledged_key_that_nobody_asked_for_is_inconclusive(plan: Plan) -> None:
    """Absent from the listing, and no answer by key: neither lost nor fine."""
    assert codes(judged(plan)) == INCONCLUSIVE


def test_a_sample_of_keys_bounds_what_is_hidden(plan: Plan) -> None:
    """Ten of 14 were asked, none has a loan: rule of three, 26 % of the other four at most."""
    verdict = judge(plan, without_answers(plan, 14, 10))
    (finding,) = [f for f in verdict.findings if f.code == "ledger_sampled"]

    assert finding.verdict == "note"
    assert finding.evidence["share_max"] == pytest.approx(1 - 0.05**0.1)
    assert (finding.evidence["asked"], finding.evidence["unasked"]) == (10, 4)
    assert finding.evidence["loans_max"] == 2
    assert "at most 26 % (2)" in finding.message


@pytest.fixture
def mixed() -> Plan:
    """A run with borrowers who must be declined."""
    return plan_of(population="mixed")


def must_decline(plan: Plan, name: str) -> Operation:
    """A request, after the warm-up, of a borrower of a class that must be declined."""
    return next(
        o for o in operations(plan) if o.account_class == name and o.intended_ns > builders.ZERO_NS
    )


DECLINED_CLASSES = ("low_score", "blocked_region", "overdue", "isolated")


@pytest.mark.parametrize("name", DECLINED_CLASSES)
@pytest.mark.parametrize(
    ("status", "payouts"), [("disbursed", 1), ("under_review", 0), ("approved", 0)]
)
def test_lending_to_whoever_must_be_declined_fails_whatever_was_told(
    mixed: Plan, name: str, status: str, payouts: int
) -> None:
    """The answer was lost on the way: nobody was told, and the loan stands."""
    op = must_decline(mixed, name)
    row = entry(
        op,
        status=status,
        disbursements=payouts,
        ledger_balance_fen=payouts * op.amount_fen,
    )
    ops = changed(operations(mixed), op.arrival, outcome=Outcome.INDETERMINATE, decline=None)
    reading = ledger(ops, entries=(*ledger(ops).entries, row))
    verdict = judge(mixed, facts(mixed, ops, ledger=reading))

    assert (codes(verdict), verdict.exit_code) == ({"invariant_violated": "fail"}, 1)
    (finding,) = verdict.findings
    assert finding.evidence["wrongly_approved"] == 1
    assert finding.evidence["examples"] == [op.key]
    assert f"1 of 1,261 loans went to borrowers who must be declined ({name})" in finding.message
    assert "1 of 1,261 loans went to borrowers who must be declined" in verdict.sentence


def test_a_hidden_loan_for_whoever_must_be_declined_fails(mixed: Plan) -> None:
    """Only the question for its key shows it."""
    op = must_decline(mixed, "overdue")
    ops = changed(operations(mixed), op.arrival, outcome=Outcome.INDETERMINATE, decline=None)
    shown = {**ledger(ops).by_key, op.key: (KeyedLoan("hidden", "disbursed", op.amount_fen),)}
    verdict = judge(mixed, facts(mixed, ops, ledger=ledger(ops, by_key=shown)))

    assert codes(verdict) == {"invariant_violated": "fail", **INCONCLUSIVE}
    told = {finding.code: finding.message for finding in verdict.findings}
    said = "it lacks loans of 1 request that the target knows by key"
    assert said in told["ledger_incomplete"]


def test_a_loan_on_the_account_of_whoever_must_be_declined_fails(mixed: Plan) -> None:
    """Under a key that nobody used, and still theirs to owe."""
    op = must_decline(mixed, "isolated")
    row = entry(op, idempotency_key="nobody's", status="disbursed")
    full = ledger(operations(mixed))
    verdict = judge(mixed, facts(mixed, ledger=replace(full, entries=(*full.entries, row))))

    assert codes(verdict) == {"orphan": "fail", "invariant_violated": "fail"}


@pytest.mark.parametrize("outcome", [Outcome.APPROVED, Outcome.REFERRED])
def test_telling_whoever_must_be_declined_of_a_loan_fails(mixed: Plan, outcome: Outcome) -> None:
    """A fault must not open the door."""
    op = must_decline(mixed, "overdue")
    ops = changed(operations(mixed), op.arrival, outcome=outcome, decline=None)

    assert codes(judge(mixed, facts(mixed, ops))) == {"invariant_violated": "fail"}


def test_a_declined_row_of_whoever_must_be_declined_is_right(mixed: Plan) -> None:
    """The target keeps what it declined: nothing was lent."""
    op = must_decline(mixed, "overdue")
    ops = operations(mixed)
    rows = (*ledger(ops).entries, entry(op, status="declined", **RESERVED))
    verdict = judge(mixed, facts(mixed, ops, ledger=ledger(ops, entries=rows)))

    assert codes(verdict) == {}


APPROVED_A: dict[str, Any] = {"outcome": Outcome.APPROVED, "loan_id": "a"}
APPROVED_B: dict[str, Any] = {"outcome": Outcome.APPROVED, "loan_id": "b"}
REFERRED_A: dict[str, Any] = {"outcome": Outcome.REFERRED, "loan_id": "a"}
WRONGLY: dict[str, Any] = {"outcome": Outcome.FAILED, "decline": Decline.CREDIT}


@pytest.mark.parametrize(
    ("first", "again", "unstable"),
    [
        (APPROVED_A, APPROVED_B, True),
        (APPROVED_A, REFERRED_A, True),
        (APPROVED_A, DECLINED, True),
        (WRONGLY, APPROVED_A, True),
        (DECLINED, REFERRED_A, True),
        (APPROVED_A, APPROVED_A, False),
        (DECLINED, WRONGLY, False),
        (FAILED, APPROVED_A, False),
        (UNKNOWN, APPROVED_A, False),
        (APPROVED_A, UNKNOWN, False),
    ],
)
def test_a_repeated_request_gets_the_same_decision(
    plan: Plan, first: dict[str, Any], again: dict[str, Any], unstable: bool
) -> None:
    """Another loan, or 201, 202 and a decline in turn; a failure in between is no decision."""
    known = facts(plan)
    op = subject(plan)
    tried = [builders.attempt(op, attempt=n, **one) for n, one in enumerate((first, again), 1)]
    attempts = (*(a for a in builders.rows(known.attempts) if a.arrival != INDEX), *tried)
    verdict = judge(plan, builders.with_rows(known, attempts=attempts))

    assert ("replay_unstable" in codes(verdict)) is unstable
