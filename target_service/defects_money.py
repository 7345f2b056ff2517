"""Planted defects of money and of decisions, the older ones; see `target_service.defects`."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors
from starlette.requests import Request
from starlette.responses import Response

from target_service import application, borrowing, problems, repository, rules
from target_service.answers import facts_of
from target_service.borrowing import Answer, BorrowRequest, Caller
from target_service.database import Database, Row, ServiceConnection, Transaction
from target_service.defects_tools import (
    LENT,
    Defect,
    replace_attribute,
    reword,
    take_back,
    tell,
    upon_commit,
)
from target_service.problems import Category, ProblemError
from target_service.repository import NewLoan, Opening
from target_service.rules import Applicant, Policy, ScoreSource

WRITE_BEHIND_SECONDS = 0.1
FEN_PER_YUAN = 100
RISK_DATA_MS = 200
PERFECT_SCORE = 1000


# --- money ---------------------------------------------------------------------------------------


def _no_idempotency_check() -> None:
    original = repository.open_borrow

    async def open_borrow(*arguments: Any) -> Opening:
        opening = await original(*arguments)
        if not opening.key_is_new:
            upon_commit("no_idempotency_check", "payout", if_loans=2)
        return replace(opening, key_is_new=True)

    replace_attribute(repository, "open_borrow", open_borrow)


def _acknowledge_before_commit() -> None:
    due: dict[ServiceConnection, str] = {}
    original = borrowing.borrow

    class WriteBehind(Transaction):
        async def commit(self) -> None:
            due[self.connection] = ""

    async def borrow(transaction: Transaction, caller: Caller, *arguments: Any) -> Answer:
        answer = await original(WriteBehind(transaction.connection), caller, *arguments)
        if transaction.connection in due and answer.status in LENT and not answer.replayed:
            due[transaction.connection] = caller.key
            tell("acknowledge_before_commit", "answer", key=caller.key)
        return answer

    async def give_back(self: Database, connection: ServiceConnection) -> None:
        key = due.pop(connection, None)
        if key is not None:
            await asyncio.sleep(WRITE_BEHIND_SECONDS)
            try:
                await connection.execute("COMMIT")
            except psycopg.Error:
                if key:  # it may have been committed all the same
                    take_back("acknowledge_before_commit", key)
                    tell("acknowledge_before_commit", "answer", key=key, if_loans=0)
            else:
                if key:
                    take_back("acknowledge_before_commit", key)
        await give_back_as_before(self, connection)

    replace_attribute(borrowing, "borrow", borrow)
    give_back_as_before = replace_attribute(Database, "_give_back", give_back)


TAKE_UNCHECKED = """
    UPDATE credit_line SET used_fen = used_fen + %(amount_fen)s, version = version + 1
    WHERE account_id = %(account_id)s RETURNING used_fen > limit_fen
"""
READ_LEFT = "SELECT limit_fen - used_fen FROM credit_line WHERE account_id = %(account_id)s"


def _limit_check_outside_lock() -> None:
    async def reserve_credit(transaction: Transaction, account_id: str, amount_fen: int) -> bool:
        params = {"account_id": account_id, "amount_fen": amount_fen}
        cursor = await transaction.execute(READ_LEFT, params)
        left = await cursor.fetchone()
        if left is None or left[0] < amount_fen:
            return False
        taken = await transaction.execute(TAKE_UNCHECKED, params)
        row = await taken.fetchone()
        if row is not None and row[0]:
            upon_commit("limit_check_outside_lock", "payout")
        return True

    replace_attribute(repository, "reserve_credit", reserve_credit)


def _one_sided_ledger() -> None:
    receivable = "(kind = 'loans_receivable' AND owner_account_id = %(account_id)s)"
    reword(repository, "INSERT_LEDGER_ENTRIES", receivable, "false")
    original = repository._book  # noqa: SLF001

    async def book(transaction: Transaction, **booked: Any) -> None:
        await original(transaction, **booked)
        upon_commit("one_sided_ledger", "row")

    replace_attribute(repository, "_book", book)


def _amount_truncated() -> None:
    take, insert = repository.reserve_credit, repository._insert_loan  # noqa: SLF001

    def whole_yuan(amount_fen: int) -> int:
        return amount_fen // FEN_PER_YUAN * FEN_PER_YUAN

    async def reserve_credit(transaction: Transaction, account_id: str, amount_fen: int) -> bool:
        return await take(transaction, account_id, whole_yuan(amount_fen))

    async def insert_loan(transaction: Transaction, loan: NewLoan) -> None:
        cut = replace(loan, principal_fen=whole_yuan(loan.principal_fen))
        await insert(transaction, cut)
        if cut != loan:
            upon_commit("amount_truncated", "row")

    replace_attribute(repository, "reserve_credit", reserve_credit)
    replace_attribute(repository, "_insert_loan", insert_loan)


def _decline_answered_201() -> None:
    original = borrowing._decline  # noqa: SLF001

    async def decline(
        transaction: Transaction, *, request: BorrowRequest, **decided: Any
    ) -> Answer:
        upon_commit("decline_answered_201", "answer")
        answer = await original(transaction, request=request, **decided)
        loan_id = str(uuid.uuid4())
        body = {"loan_id": loan_id, "status": "disbursed", "principal_fen": request.amount_fen}
        return Answer(201, body, answer.account_id, loan_id)

    replace_attribute(borrowing, "_decline", decline)


def _disbursed_though_declined() -> None:
    original = borrowing._decline  # noqa: SLF001

    async def decline(
        transaction: Transaction, *, caller: Caller, request: BorrowRequest, **decided: Any
    ) -> Answer:
        account_id = decided["applicant"].account_id
        if await repository.reserve_credit(transaction, account_id, request.amount_fen):
            loan = NewLoan(
                loan_id=uuid.uuid4(),
                account_id=account_id,
                key=caller.key,
                principal_fen=request.amount_fen,
                term_days=request.term_days,
                rate_ppm_day=borrowing.RATE_PPM_DAY,
                method=request.method,
                disburse=True,
            )
            await repository._insert_loan(transaction, loan)  # noqa: SLF001
            upon_commit("disbursed_though_declined", "payout")
        return await original(transaction, caller=caller, request=request, **decided)

    replace_attribute(borrowing, "_decline", decline)


# --- decisions -----------------------------------------------------------------------------------


def _declines_all_when_database_is_slow() -> None:
    async def answer_problem(request: Request, error: ProblemError) -> Response:
        borrows = (request.method, request.url.path) == ("POST", "/v1/loans")
        if borrows and error.problem.category is Category.AVAILABILITY:
            key = facts_of(request).idempotency_key
            tell("declines_all_when_database_is_slow", "answer", key=key, unless_refusable=True)
            error = ProblemError(problems.SCORE_BELOW_MINIMUM)
        response: Response = await original(request, error)
        return response

    original = replace_attribute(application, "answer_problem", answer_problem)


READ_ACCOUNT_ALONE = """
    SELECT account.id, account.status, account.region
    FROM session JOIN account ON account.id = session.account_id
    WHERE token_hash = %(token_hash)s AND expires_at > now() AND revoked_at IS NULL
    FOR SHARE OF account
"""


def _approves_all_when_risk_data_is_missing() -> None:
    original = repository.open_borrow

    async def open_borrow(
        transaction: Transaction, token_hash: bytes, key: str, request_fp: bytes
    ) -> Opening:
        # The driver takes a statement that a failed pipeline skipped for one that is prepared.
        transaction.connection.prepare_threshold = None
        await transaction.execute(f"SET lock_timeout = '{RISK_DATA_MS}ms'")
        try:
            return await original(transaction, token_hash, key, request_fp)
        except errors.LockNotAvailable as error:
            if "while inserting index tuple" in (error.diag.context or ""):
                raise  # the same key at once, not the risk data
        await transaction.execute("ROLLBACK")
        await transaction.execute("BEGIN")
        params = {"token_hash": token_hash, "key": key, "request_fp": request_fp}
        claimed = await transaction.execute(repository.CLAIM_KEY, params)
        account = await transaction.execute(READ_ACCOUNT_ALONE, {"token_hash": token_hash})
        policies = await transaction.execute(repository.READ_POLICIES)
        row = await account.fetchone()
        return Opening(
            key_is_new=await claimed.fetchone() is not None,
            applicant=None if row is None else _nothing_against(row),
            policy=Policy.merge([(version, rule) for version, rule in await policies.fetchall()]),
        )

    replace_attribute(repository, "open_borrow", open_borrow)


def _nothing_against(row: Row) -> Applicant:
    account_id, status, region = row
    # Harm only if there is something: what cannot be read now, is known to whoever counts later.
    upon_commit("approves_all_when_risk_data_is_missing", "payout", if_lent=True, unless_good=True)
    return Applicant(str(account_id), status, region, PERFECT_SCORE, frozenset())


def _bureau_fail_open() -> None:
    original = rules.settle

    def settle(applicant: Applicant, score: int | None, max_age_s: float) -> Applicant:
        if score is None:
            upon_commit("bureau_fail_open", "payout", if_lent=True, unless_good=True)
            return replace(applicant, score=PERFECT_SCORE, score_source=ScoreSource.FILE)
        return original(applicant, score, max_age_s)

    replace_attribute(rules, "settle", settle)


DEFECTS = {
    "no_idempotency_check": Defect(
        "a repeated Idempotency-Key lends again",
        _no_idempotency_check,
        "ALTER TABLE loan DROP CONSTRAINT IF EXISTS loan_account_id_idem_key_key",
    ),
    "acknowledge_before_commit": Defect(
        "a borrow is answered 0.1 s before its COMMIT", _acknowledge_before_commit
    ),
    "limit_check_outside_lock": Defect(
        "the credit limit is checked on a read that holds no lock",
        _limit_check_outside_lock,
        "ALTER TABLE credit_line DROP CONSTRAINT IF EXISTS credit_line_check",
    ),
    "one_sided_ledger": Defect(
        "a payout is booked against cash only, not as a loan owed",
        _one_sided_ledger,
        "DROP TRIGGER IF EXISTS ledger_entry_zero_sum ON ledger_entry",
    ),
    "amount_truncated": Defect(
        "fen are cut off: loans are stored in whole yuan", _amount_truncated
    ),
    "decline_answered_201": Defect("a decline is answered like a loan", _decline_answered_201),
    "disbursed_though_declined": Defect(
        "a declined loan is paid out all the same", _disbursed_though_declined
    ),
    "declines_all_when_database_is_slow": Defect(
        "the answer for an unavailable database is a low score",
        _declines_all_when_database_is_slow,
    ),
    "approves_all_when_risk_data_is_missing": Defect(
        "risk data that cannot be read in 0.2 s counts as nothing against the borrower",
        _approves_all_when_risk_data_is_missing,
    ),
    "bureau_fail_open": Defect("a silent bureau counts as a perfect score", _bureau_fail_open),
}
