"""Planted defects: honest small bugs, to see that a harness finds them. All are off by default.

``LENDING_DEFECT`` names those that are on. Each replaces a function or a statement of the service
when it starts, as a bad commit would, so that the service itself stays free of them. Where the
database's own guard would stop a bug, ``migrate`` drops that guard, as a bad migration would.
"""

import asyncio
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from starlette.requests import Request
from starlette.responses import Response

from target_service import answers, application, borrowing, operator_api, problems, repository
from target_service import repository_accounts as accounts
from target_service.answers import RequestFacts, json_response
from target_service.borrowing import Answer, BorrowRequest, Caller
from target_service.database import Database, Row, ServiceConnection, Transaction, Work
from target_service.defects_bureau import PERFECT_SCORE, bureau_fail_open
from target_service.problems import Applied, Category, Problem, ProblemError
from target_service.repository import NewLoan, Opening
from target_service.rules import Applicant, Policy
from target_service.settings import SettingsError

WRITE_BEHIND_SECONDS = 0.1
FEN_PER_YUAN = 100
LOCKED_OUT_ONE_IN = 12
RISK_DATA_MS = 200
SLOW_SECONDS = 0.6


@dataclass(frozen=True, slots=True)
class Defect:
    """One bug. ``drops`` is the statement that removes the database's guard against it."""

    says: str
    plant: Callable[[], None]
    drops: str = ""


def check(names: tuple[str, ...]) -> None:
    """Refuses names that no defect has.

    Raises:
        SettingsError: naming the valid ones.
    """
    if unknown := [name for name in names if name not in DEFECTS]:
        valid = ", ".join(DEFECTS)
        raise SettingsError(
            [f"LENDING_DEFECT does not know {', '.join(unknown)}; there are: {valid}"]
        )


def plant(names: tuple[str, ...]) -> None:
    """Puts these bugs into this process."""
    for name in names:
        DEFECTS[name].plant()


def drop_guards(names: tuple[str, ...], database_url: str) -> None:
    """Removes what the database would stop these bugs with."""
    drops = [DEFECTS[name].drops for name in names if DEFECTS[name].drops]
    if drops:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in drops:
                connection.execute(statement.encode())


def _replace(owner: Any, name: str, new: object) -> Any:
    """Puts ``new`` in the place of an existing attribute; returns what was there."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    return old


def _reword(owner: Any, name: str, old: str, new: str) -> None:
    """Changes part of a statement, which must be there."""
    statement: str = getattr(owner, name)
    if old not in statement:
        raise RuntimeError(f"{name} has changed, so this defect no longer fits it")
    setattr(owner, name, statement.replace(old, new))


# --- money ---------------------------------------------------------------------------------------


def _no_idempotency_check() -> None:
    original = repository.open_borrow

    async def open_borrow(*arguments: Any) -> Opening:
        return replace(await original(*arguments), key_is_new=True)

    _replace(repository, "open_borrow", open_borrow)


def _acknowledge_before_commit() -> None:
    due: set[ServiceConnection] = set()
    original = borrowing.borrow

    class WriteBehind(Transaction):
        async def commit(self) -> None:
            due.add(self.connection)

    async def borrow(transaction: Transaction, *arguments: Any) -> Answer:
        return await original(WriteBehind(transaction.connection), *arguments)

    async def give_back(self: Database, connection: ServiceConnection) -> None:
        if connection in due:
            due.discard(connection)
            await asyncio.sleep(WRITE_BEHIND_SECONDS)
            await connection.execute("COMMIT")
        await give_back_as_before(self, connection)

    _replace(borrowing, "borrow", borrow)
    give_back_as_before = _replace(Database, "_give_back", give_back)


READ_LEFT = "SELECT limit_fen - used_fen FROM credit_line WHERE account_id = %(account_id)s"


def _limit_check_outside_lock() -> None:
    take = "UPDATE credit_line SET used_fen = used_fen + %(amount_fen)s, version = version + 1"

    async def reserve_credit(transaction: Transaction, account_id: str, amount_fen: int) -> bool:
        params = {"account_id": account_id, "amount_fen": amount_fen}
        cursor = await transaction.execute(READ_LEFT, params)
        left = await cursor.fetchone()
        if left is None or left[0] < amount_fen:
            return False
        await transaction.execute(f"{take} WHERE account_id = %(account_id)s", params)
        return True

    _replace(repository, "reserve_credit", reserve_credit)


def _one_sided_ledger() -> None:
    receivable = "(kind = 'loans_receivable' AND owner_account_id = %(account_id)s)"
    _reword(repository, "INSERT_LEDGER_ENTRIES", receivable, "false")


def _amount_truncated() -> None:
    reserve, insert = repository.reserve_credit, repository._insert_loan  # noqa: SLF001

    def whole_yuan(amount_fen: int) -> int:
        return amount_fen // FEN_PER_YUAN * FEN_PER_YUAN

    async def reserve_credit(transaction: Transaction, account_id: str, amount_fen: int) -> bool:
        return await reserve(transaction, account_id, whole_yuan(amount_fen))

    async def insert_loan(transaction: Transaction, loan: NewLoan) -> None:
        await insert(transaction, replace(loan, principal_fen=whole_yuan(loan.principal_fen)))

    _replace(repository, "reserve_credit", reserve_credit)
    _replace(repository, "_insert_loan", insert_loan)


def _decline_answered_201() -> None:
    original = borrowing._decline  # noqa: SLF001

    async def decline(
        transaction: Transaction, *, request: BorrowRequest, **decided: Any
    ) -> Answer:
        answer = await original(transaction, request=request, **decided)
        loan_id = str(uuid.uuid4())
        body = {"loan_id": loan_id, "status": "disbursed", "principal_fen": request.amount_fen}
        return Answer(201, body, answer.account_id, loan_id)

    _replace(borrowing, "_decline", decline)


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
        return await original(transaction, caller=caller, request=request, **decided)

    _replace(borrowing, "_decline", decline)


# --- decisions -----------------------------------------------------------------------------------


def _declines_all_when_database_is_slow() -> None:
    async def answer_problem(request: Request, error: ProblemError) -> Response:
        borrows = (request.method, request.url.path) == ("POST", "/v1/loans")
        if borrows and error.problem.category is Category.AVAILABILITY:
            error = ProblemError(problems.SCORE_BELOW_MINIMUM)
        return await answers.answer_problem(request, error)

    _replace(application, "answer_problem", answer_problem)


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

    _replace(repository, "open_borrow", open_borrow)


def _nothing_against(row: Row) -> Applicant:
    account_id, status, region = row
    return Applicant(str(account_id), status, region, PERFECT_SCORE, frozenset())


# --- log-in and sessions -------------------------------------------------------------------------


def _log_in_broken_for_some() -> None:
    original = accounts.find_credentials

    async def find_credentials(transaction: Transaction, phone: str) -> tuple[str, str] | None:
        if zlib.crc32(phone.encode()) % LOCKED_OUT_ONE_IN == 0:
            return None
        return await original(transaction, phone)

    _replace(accounts, "find_credentials", find_credentials)


def _restart_loses_sessions() -> None:
    valid = "revoked_at IS NULL"
    since = f"{valid} AND session.created_at >= '{datetime.now(UTC).isoformat()}'"
    for name in ("CLAIM_KEY", "READ_APPLICANT"):
        _reword(repository, name, valid, since)
    for name in ("READ_CREDIT_LINE", "FIND_LOANS"):
        _reword(accounts, name, valid, since)


# --- availability --------------------------------------------------------------------------------


def _health_green_while_dead() -> None:
    def answer_ready(_: RequestFacts, __: Problem, ___: str = "", **identity: Any) -> Response:
        return json_response(200, {"status": "ready", **identity})

    # The readiness probe is its only user there.
    _replace(operator_api, "problem_response", answer_ready)


def _pool_never_recovers() -> None:
    async def give_back(self: Database, connection: ServiceConnection) -> None:
        if connection.pgconn.transaction_status != TransactionStatus.UNKNOWN:
            await original(self, connection)  # a broken one keeps its slot for ever

    original = _replace(Database, "_give_back", give_back)


def _slow_forever_after_a_fault() -> None:
    troubled = False

    async def bounded(self: Database, work: Work[Any], seconds: float | None) -> Any:
        nonlocal troubled
        if troubled:
            await asyncio.sleep(SLOW_SECONDS)
        try:
            return await original(self, work, seconds)
        except ProblemError as error:
            troubled = troubled or error.problem.category is Category.AVAILABILITY
            raise

    original = _replace(Database, "_bounded", bounded)


def _success_status_with_error_body() -> None:
    async def answer_problem(request: Request, error: ProblemError) -> Response:
        response = await answers.answer_problem(request, error)
        if error.problem.category is Category.AVAILABILITY:
            response.status_code = 200
        return response

    _replace(application, "answer_problem", answer_problem)


def _retry_storm() -> None:
    async def run(self: Database, work: Work[Any], seconds: float) -> Any:
        while True:
            try:
                return await self._bounded(work, seconds)
            except ProblemError as error:
                problem = error.problem
                if problem.category is not Category.AVAILABILITY:
                    raise
                if problem.outcome is Applied.UNKNOWN:
                    raise
                await asyncio.sleep(0)  # at once, as often as it takes, borrower or not

    _replace(Database, "run", run)


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
        "an unavailable database is told to borrowers as a low score",
        _declines_all_when_database_is_slow,
    ),
    "approves_all_when_risk_data_is_missing": Defect(
        "risk data that cannot be read in 0.2 s counts as nothing against the borrower",
        _approves_all_when_risk_data_is_missing,
    ),
    "bureau_fail_open": Defect("a silent bureau counts as a perfect score", bureau_fail_open),
    "log_in_broken_for_some": Defect(
        "one phone in twelve is told that its credentials are wrong", _log_in_broken_for_some
    ),
    "health_green_while_dead": Defect(
        "the readiness probe says ready without a database", _health_green_while_dead
    ),
    "pool_never_recovers": Defect(
        "a connection that broke keeps its slot in the pool", _pool_never_recovers
    ),
    "slow_forever_after_a_fault": Defect(
        "after the first failure every use of the database waits 0.6 s",
        _slow_forever_after_a_fault,
    ),
    "success_status_with_error_body": Defect(
        "failures are answered 200, with the problem in the body", _success_status_with_error_body
    ),
    "retry_storm": Defect(
        "what the database fails is tried again at once, without an end", _retry_storm
    ),
    "restart_loses_sessions": Defect(
        "a replica accepts only sessions opened since it started", _restart_loses_sessions
    ),
}
