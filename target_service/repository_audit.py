"""All SQL of the audit: every loan in a stable order, and the rules that must always hold."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from target_service import problems
from target_service.database import Transaction, sole_row
from target_service.problems import ProblemError

SETTLE_POLL_SECONDS = 0.02
DETAILS_MAX = 20

# The newest number handed out. A sequence that was left behind by a move to another cluster
# may be older than the rows.
NEWEST_AUDIT_NO = """
    SELECT greatest(last_value, (SELECT coalesce(max(audit_no), 0) FROM loan))
    FROM loan_audit_no_seq
"""
WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE relation = 'loan'::regclass AND mode = 'RowExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

# What the ledger says is owed on each loan: its payout and its repayments.
BALANCES = """
    SELECT event.loan_id, sum(entry.amount_fen)::bigint AS fen
    FROM (SELECT id AS loan_id, 'loan' AS ref_type, id AS ref_id FROM loan
          UNION ALL SELECT loan_id, 'repayment', id FROM repayment) AS event
        JOIN ledger_txn AS txn ON txn.ref_type = event.ref_type AND txn.ref_id = event.ref_id
        JOIN ledger_entry AS entry ON entry.txn_id = txn.id
        JOIN ledger_account AS account ON account.id = entry.ledger_account_id
    WHERE account.kind = 'loans_receivable'
"""
LIST_LOANS = f"""
    SELECT loan.audit_no, loan.id, loan.account_id, loan.idem_key, loan.principal_fen::bigint,
        loan.status, (SELECT count(*) FROM disbursement WHERE loan_id = loan.id),
        coalesce(balance.fen, 0), loan.created_at
    FROM loan LEFT JOIN LATERAL (
        {BALANCES} AND event.loan_id = loan.id GROUP BY event.loan_id) AS balance ON true
    WHERE audit_no > %(after)s AND audit_no <= %(until)s
    ORDER BY audit_no LIMIT %(limit)s
"""  # noqa: S608 (joined from constants of this module)

# Each query returns one text for every violation; nothing returned means that the rule holds.
INVARIANTS = {
    "one_loan_per_key": """
        SELECT format('account %%s key %%s has %%s loans', account_id, idem_key, count(*))
        FROM loan GROUP BY account_id, idem_key HAVING count(*) > 1
    """,
    "one_disbursement_per_loan": """
        SELECT format('loan %%s was paid out %%s times', loan_id, count(*))
        FROM disbursement GROUP BY loan_id HAVING count(*) > 1
    """,
    "credit_within_limit": """
        SELECT format('account %%s uses %%s of %%s fen', account_id, used_fen, limit_fen)
        FROM credit_line WHERE used_fen < 0 OR used_fen > limit_fen
    """,
    "credit_used_is_outstanding": """
        SELECT format('account %%s: %%s fen used, %%s outstanding', line.account_id,
            line.used_fen, coalesce(owed.fen, 0))
        FROM credit_line AS line LEFT JOIN (
            SELECT account_id, sum(principal_fen - coalesce(repaid.fen, 0)) AS fen
            FROM loan LEFT JOIN (SELECT loan_id, sum(amount_fen) AS fen FROM repayment
                GROUP BY loan_id) AS repaid ON repaid.loan_id = loan.id
            WHERE status IN ('under_review', 'approved', 'disbursed', 'repaid')
            GROUP BY account_id
        ) AS owed ON owed.account_id = line.account_id
        WHERE line.used_fen <> coalesce(owed.fen, 0)
    """,
    "ledger_transaction_sums_to_zero": """
        SELECT format('transaction %%s sums to %%s fen', txn_id, sum(amount_fen))
        FROM ledger_entry GROUP BY txn_id HAVING sum(amount_fen) <> 0
    """,
    "ledger_sums_to_zero": """
        SELECT format('all entries sum to %%s fen', sum(amount_fen))
        FROM ledger_entry HAVING sum(amount_fen) <> 0
    """,
    "paid_out_loan_has_its_booking": """
        SELECT format('loan %%s (%%s, %%s fen): paid out %%s, booked %%s', loan.id, loan.status,
            loan.principal_fen, coalesce(paid.amount_fen, 0), coalesce(booked.fen, 0))
        FROM loan LEFT JOIN disbursement AS paid ON paid.loan_id = loan.id
        LEFT JOIN (
            SELECT txn.ref_id, sum(entry.amount_fen) AS fen
            FROM ledger_txn AS txn JOIN ledger_entry AS entry ON entry.txn_id = txn.id
                JOIN ledger_account AS account ON account.id = entry.ledger_account_id
            WHERE txn.kind = 'disburse' AND account.kind = 'loans_receivable'
            GROUP BY txn.ref_id
        ) AS booked ON booked.ref_id = loan.id
        WHERE CASE WHEN loan.status IN ('disbursed', 'repaid')
            THEN paid.amount_fen IS DISTINCT FROM loan.principal_fen
                OR booked.fen IS DISTINCT FROM loan.principal_fen
            ELSE paid.amount_fen IS NOT NULL OR booked.fen IS NOT NULL END
    """,
    "booking_has_its_event": """
        SELECT format('booking %%s of %%s %%s refers to nothing', txn.id, txn.ref_type, txn.ref_id)
        FROM ledger_txn AS txn
        WHERE CASE txn.ref_type
            WHEN 'loan' THEN NOT EXISTS (SELECT FROM loan WHERE id = txn.ref_id)
            ELSE NOT EXISTS (SELECT FROM repayment WHERE id = txn.ref_id) END
    """,
    "loan_balance_is_principal_less_repaid": f"""
        SELECT format('loan %%s: ledger %%s fen, owed %%s', owed.loan_id,
            coalesce(balance.fen, 0), owed.fen)
        FROM (
            SELECT loan.id AS loan_id, loan.principal_fen - coalesce(sum(amount_fen), 0) AS fen
            FROM loan LEFT JOIN repayment ON repayment.loan_id = loan.id
            WHERE loan.status IN ('disbursed', 'repaid') GROUP BY loan.id
        ) AS owed LEFT JOIN ({BALANCES} GROUP BY event.loan_id) AS balance
            ON balance.loan_id = owed.loan_id
        WHERE owed.fen <> coalesce(balance.fen, 0) OR owed.fen < 0
    """,  # noqa: S608 (joined from constants of this module)
    "loan_has_its_decision": """
        SELECT format('loan %%s was never decided', loan.id) FROM loan
        WHERE NOT EXISTS (SELECT FROM decision WHERE loan_id = loan.id)
    """,
}


@dataclass(frozen=True, slots=True)
class AuditedLoan:
    """One loan as the audit tells it; the field names are those of the listing."""

    cursor: int
    loan_id: str
    account_id: str
    idempotency_key: str
    principal_fen: int
    status: str
    disbursements: int
    ledger_balance_fen: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a rule about money does not hold."""

    invariant: str
    detail: str


async def settled_audit_no(transaction: Transaction, seconds: float) -> int:
    """The newest number up to which no loan can appear any more.

    Numbers are handed out in order, but transactions commit in any order: a listing that went
    up to the newest visible number could skip a loan for good. So the newest number handed out
    is read first, and then who writes loans: every transaction that already holds such a number
    is among them. When all of those have ended, the listing is complete. Whatever else is under
    way in the database adds no loan.

    Raises:
        ProblemError: ``audit_not_settled`` when some of those still run after ``seconds``.
    """
    newest = await sole_row(await transaction.execute(NEWEST_AUDIT_NO))
    older = await _writers(transaction)
    ends_at = time.monotonic() + seconds
    while older:
        if time.monotonic() > ends_at:
            raise ProblemError(problems.AUDIT_NOT_SETTLED)
        await asyncio.sleep(SETTLE_POLL_SECONDS)
        older &= await _writers(transaction)
    return int(newest[0])


async def _writers(transaction: Transaction) -> set[str]:
    """Transactions that have written, or are about to write, loans."""
    cursor = await transaction.execute(WRITERS)
    return {str(row[0]) for row in await cursor.fetchall()}


async def list_loans(
    transaction: Transaction, after: int, until: int, limit: int
) -> list[AuditedLoan]:
    """At most ``limit`` loans numbered above ``after`` and up to ``until``, in order."""
    cursor = await transaction.execute(LIST_LOANS, {"after": after, "until": until, "limit": limit})
    return [
        AuditedLoan(number, str(loan_id), str(account_id), *rest)
        for number, loan_id, account_id, *rest in await cursor.fetchall()
    ]


async def find_violations(transaction: Transaction) -> list[Violation]:
    """Checks every rule on one snapshot; at most a few details for each broken one."""
    violations: list[Violation] = []
    for invariant, query in INVARIANTS.items():
        cursor = await transaction.execute(
            f"{query} LIMIT %(details_max)s", {"details_max": DETAILS_MAX}
        )
        violations += [Violation(invariant, row[0]) for row in await cursor.fetchall()]
    return violations
