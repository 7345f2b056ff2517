"""All SQL about accounts, sessions and what a borrower may read."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from target_service.database import Transaction
from target_service.rules import tier_of

FIND_CREDENTIALS = """
    SELECT id, password_hash FROM account WHERE phone = %(phone)s AND status <> 'closed'
"""
INSERT_SESSION = """
    INSERT INTO session (token_hash, account_id, expires_at)
    VALUES (%(token_hash)s, %(account_id)s, %(expires_at)s)
"""
READ_CREDIT_LINE = """
    SELECT session.account_id, limit_fen::bigint, used_fen::bigint, risk_tier
    FROM session JOIN account ON account.id = session.account_id
        JOIN credit_line ON credit_line.account_id = session.account_id
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
"""
# A migration may make money columns numeric; the casts keep JSON numbers whole then.
# The outer join tells "no loan" (one row of nulls) from "no session" (no row).
FIND_LOANS = """
    SELECT session.account_id, loan.id, loan.status, loan.principal_fen::bigint
    FROM session LEFT JOIN loan
        ON loan.account_id = session.account_id AND loan.idem_key = %(key)s
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
"""
SEE_INSTANCE = """
    INSERT INTO app_instance (instance, version, started_at, seen_at)
    VALUES (%(instance)s, %(version)s, %(started_at)s, now())
    ON CONFLICT (instance) DO UPDATE SET version = excluded.version,
        started_at = excluded.started_at, seen_at = excluded.seen_at
"""
FIND_ACCOUNT = """
    SELECT account_id FROM session
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
"""
READ_SCORES = """
    SELECT DISTINCT ON (account_id) account_id, score FROM credit_score
    WHERE account_id = ANY(%(ids)s::uuid[]) ORDER BY account_id, effective_at DESC
"""
FIND_PHONES = "SELECT phone, id FROM account WHERE phone = ANY(%(phones)s)"
# Two identical requests at once: the second waits for the first and then inserts nothing.
INSERT_ACCOUNTS = """
    INSERT INTO account (id, phone, password_hash, home_bucket, region, risk_tier)
    SELECT * FROM unnest(%(ids)s::uuid[], %(phones)s::text[], %(hashes)s::text[],
        %(buckets)s::smallint[], %(regions)s::text[], %(tiers)s::text[])
    ON CONFLICT (phone) DO NOTHING RETURNING id
"""
INSERT_CREDIT_LINES = """
    INSERT INTO credit_line (account_id, limit_fen)
    SELECT * FROM unnest(%(ids)s::uuid[], %(limits)s::bigint[])
"""
INSERT_SCORES = """
    INSERT INTO credit_score (account_id, score, tier, reason)
    SELECT id, score, tier, 'opening' FROM unnest(%(ids)s::uuid[], %(scores)s::integer[],
        %(tiers)s::text[]) AS new (id, score, tier)
"""
INSERT_FLAGS = """
    INSERT INTO risk_flag (account_id, kind)
    SELECT * FROM unnest(%(ids)s::uuid[], %(kinds)s::text[])
"""
INSERT_LEDGER_ACCOUNTS = """
    INSERT INTO ledger_account (kind, owner_account_id)
    SELECT 'loans_receivable', unnest(%(ids)s::uuid[])
"""

BUCKETS = 64


@dataclass(frozen=True, slots=True)
class CreditLine:
    """How much one account may borrow; ``used_fen`` includes loans under review."""

    account_id: str
    limit_fen: int
    used_fen: int
    tier: str


@dataclass(frozen=True, slots=True)
class FoundLoan:
    """A loan as its borrower sees it."""

    loan_id: str
    status: str
    principal_fen: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be opened; money in fen."""

    phone: str
    password_hash: str
    limit_fen: int
    score: int
    flags: tuple[str, ...]
    region: str

    @property
    def tier(self) -> str:
        """The risk tier, A (best) to D, that goes with the score."""
        return tier_of(self.score)


async def find_credentials(transaction: Transaction, phone: str) -> tuple[str, str] | None:
    """Account id and password hash of a phone number."""
    cursor = await transaction.execute(FIND_CREDENTIALS, {"phone": phone})
    row = await cursor.fetchone()
    return None if row is None else (str(row[0]), row[1])


async def insert_session(
    transaction: Transaction, token_hash: bytes, account_id: str, expires_at: datetime
) -> None:
    """Stores a session, durable when this returns."""
    await transaction.execute_durably(
        INSERT_SESSION,
        {"token_hash": token_hash, "account_id": account_id, "expires_at": expires_at},
    )


async def read_credit_line(transaction: Transaction, token_hash: bytes) -> CreditLine | None:
    """The credit line of the session's account; None without a valid session."""
    cursor = await transaction.execute(READ_CREDIT_LINE, {"token_hash": token_hash})
    row = await cursor.fetchone()
    if row is None:
        return None
    account_id, limit_fen, used_fen, tier = row
    return CreditLine(str(account_id), limit_fen, used_fen, tier)


async def find_loans(
    transaction: Transaction, token_hash: bytes, key: str
) -> tuple[str, list[FoundLoan]] | None:
    """The session's account and its loans with this key; None without a valid session."""
    cursor = await transaction.execute(FIND_LOANS, {"token_hash": token_hash, "key": key})
    rows = await cursor.fetchall()
    if not rows:
        return None
    loans = [
        FoundLoan(str(loan_id), status, principal_fen)
        for _, loan_id, status, principal_fen in rows
        if loan_id is not None
    ]
    return str(rows[0][0]), loans


async def see_instance(
    transaction: Transaction, instance: str, version: str, started_at: datetime
) -> None:
    """Writes that this replica is alive: the proof that the database takes changes."""
    await transaction.execute_durably(
        SEE_INSTANCE, {"instance": instance, "version": version, "started_at": started_at}
    )


async def find_account(transaction: Transaction, token_hash: bytes) -> str | None:
    """The session's account; None without a valid session."""
    cursor = await transaction.execute(FIND_ACCOUNT, {"token_hash": token_hash})
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def read_scores(transaction: Transaction, account_ids: list[str]) -> dict[str, int]:
    """The newest score on file of each of these accounts."""
    cursor = await transaction.execute(READ_SCORES, {"ids": account_ids})
    return {str(account_id): score for account_id, score in await cursor.fetchall()}


async def find_phones(transaction: Transaction, phones: list[str]) -> dict[str, str]:
    """Account ids of those phones that have an account."""
    cursor = await transaction.execute(FIND_PHONES, {"phones": phones})
    return {phone: str(account_id) for phone, account_id in await cursor.fetchall()}


async def insert_accounts(transaction: Transaction, accounts: list[NewAccount]) -> None:
    """Opens accounts with credit line, score, flags and ledger account; known phones are left."""
    ids = [uuid.uuid4() for _ in accounts]
    cursor = await transaction.execute(
        INSERT_ACCOUNTS,
        {
            "ids": ids,
            "phones": [account.phone for account in accounts],
            "hashes": [account.password_hash for account in accounts],
            "buckets": [account_id.int % BUCKETS for account_id in ids],
            "regions": [account.region for account in accounts],
            "tiers": [account.tier for account in accounts],
        },
    )
    inserted = {row[0] for row in await cursor.fetchall()}
    new = [pair for pair in zip(ids, accounts, strict=True) if pair[0] in inserted]
    await _insert_details(transaction, new)


async def _insert_details(
    transaction: Transaction, new: list[tuple[uuid.UUID, NewAccount]]
) -> None:
    flags = [(account_id, flag) for account_id, account in new for flag in set(account.flags)]
    params: dict[str, Any] = {
        "ids": [account_id for account_id, _ in new],
        "limits": [account.limit_fen for _, account in new],
        "scores": [account.score for _, account in new],
        "tiers": [account.tier for _, account in new],
    }
    async with transaction.pipeline():
        await transaction.execute(INSERT_CREDIT_LINES, params)
        await transaction.execute(INSERT_SCORES, params)
        await transaction.execute(INSERT_LEDGER_ACCOUNTS, params)
        await transaction.execute(
            INSERT_FLAGS,
            {"ids": [flag[0] for flag in flags], "kinds": [flag[1] for flag in flags]},
        )
