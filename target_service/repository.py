"""All SQL of the borrowing and log-in paths, one function for each step of a transaction.

Money is integer fen. Every function runs on the caller's connection and leaves BEGIN and COMMIT
to the caller, except that reads outside a transaction are single statements.
"""

import math
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.types.json import Jsonb

from target_service.database import Row, Transaction, sole_row
from target_service.rules import Applicant, Policy, tier_of


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What an Idempotency-Key was answered with the first time."""

    request_fp: bytes
    state: str
    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first round trip of a borrow learns."""

    key_is_new: bool
    applicant: Applicant | None
    policy: Policy


@dataclass(frozen=True, slots=True)
class NewLoan:
    """A loan about to be stored. ``disburse`` is false for one that waits for review.

    ``queue`` is where it waits.
    """

    loan_id: uuid.UUID
    account_id: str
    key: str
    principal_fen: int
    term_days: int
    rate_ppm_day: int
    method: str
    disburse: bool
    queue: str = "large_amount"

    @property
    def columns(self) -> dict[str, Any]:
        """What `INSERT_LOAN` takes."""
        return {
            "loan_id": self.loan_id,
            "account_id": self.account_id,
            "key": self.key,
            "principal_fen": self.principal_fen,
            "term_days": self.term_days,
            "rate_ppm_day": self.rate_ppm_day,
            "method": self.method,
            "disburse": self.disburse,
        }


CLAIM_KEY = """
    INSERT INTO idempotency_key (account_id, key, request_fp, state)
    SELECT account_id, %(key)s, %(request_fp)s, 'in_progress' FROM session
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
    ON CONFLICT DO NOTHING RETURNING account_id
"""
# Whoever changes an account's status or flags locks its row first; the share lock makes the
# decision hold until this transaction ends.
READ_APPLICANT = """
    SELECT account.id, account.status, account.region, filed.score,
        ARRAY(SELECT kind FROM risk_flag WHERE account_id = account.id AND closed_at IS NULL),
        extract(epoch FROM now() - filed.effective_at)::float
    FROM session JOIN account ON account.id = session.account_id
        LEFT JOIN LATERAL (SELECT score, effective_at FROM credit_score
            WHERE account_id = account.id ORDER BY effective_at DESC LIMIT 1) AS filed ON true
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
    FOR SHARE OF account
"""
READ_POLICIES = """
    SELECT id, rule FROM policy
    WHERE effective_from <= now() AND (effective_to IS NULL OR effective_to > now())
    ORDER BY id FOR SHARE
"""
# Answering from a plain read could acknowledge a loan that only an isolated primary knows. A
# write has to be confirmed by the standby like the loan itself.
COUNT_REPLAY = """
    UPDATE idempotency_key SET replays = replays + 1
    WHERE account_id = %(account_id)s AND key = %(key)s
    RETURNING request_fp, state, response_code, response_body
"""
RESERVE_CREDIT = """
    UPDATE credit_line SET used_fen = used_fen + %(amount_fen)s, version = version + 1
    WHERE account_id = %(account_id)s AND used_fen + %(amount_fen)s <= limit_fen
    RETURNING used_fen
"""
INSERT_LOAN = """
    INSERT INTO loan (id, account_id, idem_key, principal_fen, term_days, rate_ppm_day, method,
        status, decided_at, disbursed_at)
    VALUES (%(loan_id)s, %(account_id)s, %(key)s, %(principal_fen)s, %(term_days)s,
        %(rate_ppm_day)s, %(method)s,
        CASE WHEN %(disburse)s THEN 'disbursed' ELSE 'under_review' END,
        CASE WHEN %(disburse)s THEN now() END, CASE WHEN %(disburse)s THEN now() END)
"""
INSERT_DECISION = """
    INSERT INTO decision (account_id, loan_id, outcome, code, detail, policy_version, score)
    VALUES (%(account_id)s, %(loan_id)s, %(outcome)s, %(code)s, %(detail)s, %(policy_version)s,
        %(score)s)
"""
FILE_SCORE = """
    INSERT INTO credit_score (account_id, score, tier, reason)
    VALUES (%(account_id)s, %(score)s, %(tier)s, 'bureau') ON CONFLICT DO NOTHING
"""
INSERT_DISBURSEMENT = """
    INSERT INTO disbursement (loan_id, channel_ref, amount_fen, status)
    VALUES (%(loan_id)s, %(channel_ref)s, %(amount_fen)s, 'paid_out')
"""
INSERT_REVIEW = """
    INSERT INTO review_task (loan_id, queue, due_at)
    VALUES (%(loan_id)s, %(queue)s, now() + interval '1 day')
"""
INSERT_LEDGER_TXN = """
    INSERT INTO ledger_txn (id, kind, ref_type, ref_id)
    VALUES (%(txn_id)s, %(kind)s, %(ref_type)s, %(ref_id)s)
"""
INSERT_LEDGER_ENTRIES = """
    INSERT INTO ledger_entry (txn_id, line, ledger_account_id, amount_fen)
    SELECT %(txn_id)s, CASE kind WHEN 'loans_receivable' THEN 1 ELSE 2 END, id,
        CASE kind WHEN 'loans_receivable' THEN %(amount_fen)s::bigint
        ELSE -%(amount_fen)s::bigint END
    FROM ledger_account
    WHERE (kind = 'loans_receivable' AND owner_account_id = %(account_id)s)
        OR (kind = 'cash_clearing' AND owner_account_id IS NULL)
"""
INSERT_OUTBOX = "INSERT INTO outbox (topic, payload) VALUES (%(topic)s, %(payload)s)"
STORE_ANSWER = """
    UPDATE idempotency_key SET state = 'done', response_code = %(status)s,
        response_body = %(body)s, loan_id = %(loan_id)s
    WHERE account_id = %(account_id)s AND key = %(key)s
"""
LOCK_LOAN = """
    SELECT principal_fen FROM loan WHERE id = %(loan_id)s AND account_id = %(account_id)s
        AND status IN ('disbursed', 'repaid')
    FOR UPDATE
"""
# A statement of its own: its snapshot is taken after the lock was had, so it sees repayments
# that were stored while this transaction waited for the lock.
SUM_REPAID = """
    SELECT coalesce(sum(amount_fen), 0)::bigint FROM repayment WHERE loan_id = %(loan_id)s
"""
INSERT_REPAYMENT = """
    INSERT INTO repayment (id, loan_id, idem_key, amount_fen)
    VALUES (%(repayment_id)s, %(loan_id)s, %(key)s, %(amount_fen)s) RETURNING receipt_no
"""
RELEASE_CREDIT = """
    UPDATE credit_line SET used_fen = used_fen - %(amount_fen)s, version = version + 1
    WHERE account_id = %(account_id)s
"""
CLOSE_LOAN = "UPDATE loan SET status = 'repaid' WHERE id = %(loan_id)s"


async def open_borrow(
    transaction: Transaction, token_hash: bytes, key: str, request_fp: bytes
) -> Opening:
    """Begins, claims the key and reads who is asking, in one round trip.

    A concurrent request with the same key makes this wait until that one ends.
    """
    params = {"token_hash": token_hash, "key": key, "request_fp": request_fp}
    async with transaction.pipeline():
        await transaction.execute("BEGIN")
        claimed = await transaction.execute(CLAIM_KEY, params)
        applicant = await transaction.execute(READ_APPLICANT, {"token_hash": token_hash})
        policies = await transaction.execute(READ_POLICIES)
    row = await applicant.fetchone()
    return Opening(
        key_is_new=await claimed.fetchone() is not None,
        applicant=None if row is None else _applicant(row),
        policy=Policy.merge([(version, rule) for version, rule in await policies.fetchall()]),
    )


def _applicant(row: Row) -> Applicant:
    account_id, status, region, score, flags, age_s = row
    return Applicant(
        account_id=str(account_id),
        status=status,
        region=region,
        score=score or 0,
        flags=frozenset(flags),
        score_age_s=math.inf if age_s is None else age_s,
    )


async def claim_key(
    transaction: Transaction, token_hash: bytes, key: str, request_fp: bytes
) -> tuple[bool, str | None]:
    """Begins and claims the key: whether it is new, and the account the token belongs to."""
    params = {"token_hash": token_hash, "key": key, "request_fp": request_fp}
    async with transaction.pipeline():
        await transaction.execute("BEGIN")
        claimed = await transaction.execute(CLAIM_KEY, params)
        applicant = await transaction.execute(READ_APPLICANT, {"token_hash": token_hash})
    row = await applicant.fetchone()
    return await claimed.fetchone() is not None, None if row is None else str(row[0])


async def count_replay(transaction: Transaction, account_id: str, key: str) -> StoredAnswer:
    """The stored answer to a key; the read is a write, see the statement."""
    cursor = await transaction.execute(COUNT_REPLAY, {"account_id": account_id, "key": key})
    request_fp, state, status, body = await sole_row(cursor)
    return StoredAnswer(bytes(request_fp), state, status or 0, body or {})


async def reserve_credit(transaction: Transaction, account_id: str, amount_fen: int) -> bool:
    """Takes ``amount_fen`` from the credit line if that much is left.

    The row stays locked until the end, which puts concurrent borrows of one account in line.
    """
    params = {"account_id": account_id, "amount_fen": amount_fen}
    cursor = await transaction.execute(RESERVE_CREDIT, params)
    return await cursor.fetchone() is not None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision to be stored together with the answer it leads to."""

    applicant: Applicant
    key: str
    outcome: Literal["approved", "referred", "declined"]
    code: str
    policy_version: int
    amount_fen: int
    status: int
    body: dict[str, Any]


async def store_decision(transaction: Transaction, decided: Decided, loan: NewLoan | None) -> None:
    """Stores the decision, the loan with its money if there is one, and the answer."""
    loan_id = None if loan is None else loan.loan_id
    applicant = decided.applicant
    detail: dict[str, Any] = {"amount_fen": decided.amount_fen}
    if applicant.score_source is not None:
        detail["score_source"] = applicant.score_source.value
    async with transaction.pipeline():
        if loan is not None:
            await _insert_loan(transaction, loan)
        await transaction.execute(
            INSERT_DECISION,
            {
                "account_id": applicant.account_id,
                "loan_id": loan_id,
                "outcome": decided.outcome,
                "code": decided.code,
                "detail": Jsonb(detail),
                "policy_version": decided.policy_version,
                "score": applicant.score,
            },
        )
        await store_answer(
            transaction,
            account_id=applicant.account_id,
            key=decided.key,
            status=decided.status,
            body=decided.body,
            loan_id=loan_id,
        )
        if applicant.score_is_news:
            score = {"score": applicant.score, "tier": tier_of(applicant.score)}
            await transaction.execute(FILE_SCORE, {"account_id": applicant.account_id, **score})


async def _insert_loan(transaction: Transaction, loan: NewLoan) -> None:
    await transaction.execute(
        INSERT_LOAN,
        loan.columns,
    )
    if not loan.disburse:
        await transaction.execute(INSERT_REVIEW, {"loan_id": loan.loan_id, "queue": loan.queue})
        return
    await transaction.execute(
        INSERT_DISBURSEMENT,
        {
            "loan_id": loan.loan_id,
            "channel_ref": f"payout-{loan.loan_id}",
            "amount_fen": loan.principal_fen,
        },
    )
    await _book(
        transaction,
        kind="disburse",
        ref_type="loan",
        ref_id=loan.loan_id,
        account_id=loan.account_id,
        amount_fen=loan.principal_fen,
    )
    payload = {"loan_id": str(loan.loan_id), "amount_fen": loan.principal_fen}
    await transaction.execute(INSERT_OUTBOX, {"topic": "loan.disbursed", "payload": Jsonb(payload)})


async def _book(
    transaction: Transaction,
    *,
    kind: Literal["disburse", "repay"],
    ref_type: Literal["loan", "repayment"],
    ref_id: uuid.UUID,
    account_id: str,
    amount_fen: int,
) -> None:
    """Books ``amount_fen`` to loans receivable (negative when repaid) against cash."""
    txn_id = uuid.uuid4()
    await transaction.execute(
        INSERT_LEDGER_TXN,
        {"txn_id": txn_id, "kind": kind, "ref_type": ref_type, "ref_id": ref_id},
    )
    await transaction.execute(
        INSERT_LEDGER_ENTRIES,
        {"txn_id": txn_id, "account_id": account_id, "amount_fen": amount_fen},
    )


async def store_answer(
    transaction: Transaction,
    *,
    account_id: str,
    key: str,
    status: int,
    body: dict[str, Any],
    loan_id: uuid.UUID | None,
) -> None:
    """Keeps the answer for replays of the same key."""
    await transaction.execute(
        STORE_ANSWER,
        {
            "account_id": account_id,
            "key": key,
            "status": status,
            "body": Jsonb(body),
            "loan_id": loan_id,
        },
    )


async def lock_outstanding(
    transaction: Transaction, account_id: str, loan_id: uuid.UUID
) -> int | None:
    """What is still owed on a loan, in fen, with its row locked; None if there is no such loan."""
    params = {"account_id": account_id, "loan_id": loan_id}
    async with transaction.pipeline():
        locked = await transaction.execute(LOCK_LOAN, params)
        repaid = await transaction.execute(SUM_REPAID, params)
    row, total = await locked.fetchone(), await sole_row(repaid)
    return None if row is None else int(row[0]) - int(total[0])


async def insert_repayment(
    transaction: Transaction, account_id: str, loan_id: uuid.UUID, key: str, amount_fen: int
) -> int:
    """Stores a repayment, books it and gives the credit back; returns the receipt number."""
    repayment_id = uuid.uuid4()
    async with transaction.pipeline():
        cursor = await transaction.execute(
            INSERT_REPAYMENT,
            {
                "repayment_id": repayment_id,
                "loan_id": loan_id,
                "key": key,
                "amount_fen": amount_fen,
            },
        )
        await _book(
            transaction,
            kind="repay",
            ref_type="repayment",
            ref_id=repayment_id,
            account_id=account_id,
            amount_fen=-amount_fen,
        )
        await transaction.execute(
            RELEASE_CREDIT, {"account_id": account_id, "amount_fen": amount_fen}
        )
    row = await sole_row(cursor)
    return int(row[0])


async def close_loan(transaction: Transaction, loan_id: uuid.UUID) -> None:
    """Marks a loan as fully repaid."""
    await transaction.execute(CLOSE_LOAN, {"loan_id": loan_id})
