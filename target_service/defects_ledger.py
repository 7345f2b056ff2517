"""Planted defects of what the ledger shows: status, reservation, shared ids, late and hidden rows.

The service tells borrowers one thing and its ledger another, while every invariant that it checks
of itself holds; see `target_service.defects`.
"""

import asyncio
import uuid
import zlib
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from target_service import application, borrowing, repository
from target_service import repository_accounts as accounts
from target_service import repository_audit as audit
from target_service.answers import facts_of
from target_service.borrowing import Answer, BorrowRequest, Caller
from target_service.database import Database, Transaction, Work
from target_service.defects_tools import (
    Defect,
    changed,
    replace_attribute,
    reserve,
    reword,
    tell,
    upon_commit,
)
from target_service.problems import Applied, Category, ProblemError
from target_service.repository import Decided, NewLoan
from target_service.repository_audit import AuditedLoan

ONE_IN = 5
SHORT_IDS = 4096
LATE_SECONDS = 8.0
AT_ONCE_SECONDS = 0.3
TRY_AGAIN_SECONDS = 0.5
TRIES = 40
JOB_SECONDS = 5.0


def _is_chosen(text: str) -> bool:
    return zlib.crc32(text.encode()) % ONE_IN == 0


# --- status --------------------------------------------------------------------------------------


def _cancelled_after_approval() -> None:
    original = repository._insert_loan  # noqa: SLF001
    as_cancelled = changed(repository.INSERT_LOAN, "'disbursed'", "'cancelled'")

    async def insert_loan(transaction: Transaction, loan: NewLoan) -> None:
        if not (loan.disburse and _is_chosen(loan.key)):
            await original(transaction, loan)
            return
        await transaction.execute(
            as_cancelled,
            loan.columns,
        )
        given_back = {"account_id": loan.account_id, "amount_fen": loan.principal_fen}
        await transaction.execute(repository.RELEASE_CREDIT, given_back)
        upon_commit("cancelled_after_approval", "row")

    replace_attribute(repository, "_insert_loan", insert_loan)


def _repaid_without_repayment() -> None:
    original = repository._insert_loan  # noqa: SLF001

    async def insert_loan(transaction: Transaction, loan: NewLoan) -> None:
        await original(transaction, loan)
        if loan.disburse and _is_chosen(loan.key):
            await transaction.execute(repository.CLOSE_LOAN, {"loan_id": loan.loan_id})
            upon_commit("repaid_without_repayment", "row")

    replace_attribute(repository, "_insert_loan", insert_loan)


# --- reservation ---------------------------------------------------------------------------------

UPGRADE = """
    ON CONFLICT (id) DO UPDATE SET status = excluded.status,
        decided_at = excluded.decided_at, disbursed_at = excluded.disbursed_at
"""


def _reserved_apart() -> None:
    waiting: dict[str, str] = {}
    store = repository.store_decision

    async def store_decision(
        transaction: Transaction, decided: Decided, loan: NewLoan | None
    ) -> None:
        if loan is None or not loan.disburse:
            await store(transaction, decided, loan)
            return
        await reserve(transaction, decided, loan)
        await transaction.execute("COMMIT")
        waiting[loan.key] = loan.account_id
        await transaction.execute("BEGIN")
        await store(transaction, decided, loan)
        del waiting[loan.key]

    async def answer_problem(request: Request, error: ProblemError) -> Response:
        facts, problem = facts_of(request), error.problem
        account_id = waiting.pop(facts.idempotency_key or "", None)
        if account_id is not None and problem.outcome is Applied.NOT_APPLIED:
            tell("reserved_apart", "row", key=facts.idempotency_key, account_id=account_id)
        response: Response = await answer_as_before(request, error)
        return response

    replace_attribute(repository, "store_decision", store_decision)
    answer_as_before = replace_attribute(application, "answer_problem", answer_problem)
    # As a second step the loan is there already.
    repository.INSERT_LOAN += UPGRADE


def _declined_keeps_reservation() -> None:
    original = repository.store_decision

    async def store_decision(
        transaction: Transaction, decided: Decided, loan: NewLoan | None
    ) -> None:
        account_id, amount_fen = decided.applicant.account_id, decided.amount_fen
        if decided.outcome == "declined" and await repository.reserve_credit(
            transaction, account_id, amount_fen
        ):
            kept = NewLoan(
                loan_id=uuid.uuid4(),
                account_id=account_id,
                key=decided.key,
                principal_fen=amount_fen,
                term_days=30,
                rate_ppm_day=borrowing.RATE_PPM_DAY,
                method="daily",
                disburse=False,
            )
            await reserve(transaction, decided, kept)
            upon_commit("declined_keeps_reservation", "row")
        await original(transaction, decided, loan)

    replace_attribute(repository, "store_decision", store_decision)


# --- a shared loan id ----------------------------------------------------------------------------


def _short(loan_id: uuid.UUID | str) -> str:
    return str(uuid.UUID(int=uuid.UUID(str(loan_id)).int % SHORT_IDS))


def _shared_loan_id() -> None:
    store, find, listed = repository.store_decision, accounts.find_loans, audit.list_loans

    async def store_decision(
        transaction: Transaction, decided: Decided, loan: NewLoan | None
    ) -> None:
        if loan is not None:
            decided.body["loan_id"] = _short(loan.loan_id)
            # Harm once another one has the same.
            upon_commit("shared_loan_id", "row", shared=decided.body["loan_id"])
        await store(transaction, decided, loan)

    async def find_loans(
        transaction: Transaction, token_hash: bytes, key: str
    ) -> tuple[str, list[accounts.FoundLoan]] | None:
        found = await find(transaction, token_hash, key)
        if found is None:
            return None
        account_id, loans = found
        return account_id, [replace(loan, loan_id=_short(loan.loan_id)) for loan in loans]

    async def list_loans(*arguments: Any) -> list[AuditedLoan]:
        loans: list[AuditedLoan] = await listed(*arguments)
        return [replace(loan, loan_id=_short(loan.loan_id)) for loan in loans]

    replace_attribute(repository, "store_decision", store_decision)
    replace_attribute(accounts, "find_loans", find_loans)
    replace_attribute(audit, "list_loans", list_loans)


# --- late and hidden -----------------------------------------------------------------------------


def _paid_twice_later(delay_s: float) -> None:
    async def pay_again(database: Database, answer: Answer) -> None:
        params = {
            "loan_id": answer.loan_id,
            "channel_ref": f"again-{answer.loan_id}",
            "amount_fen": answer.body["principal_fen"],
        }
        await asyncio.sleep(delay_s)
        await original(
            database,
            lambda transaction: transaction.execute_durably(repository.INSERT_DISBURSEMENT, params),
            JOB_SECONDS,
        )
        tell("paid_twice_later", "payout", account_id=answer.account_id, loan_id=answer.loan_id)

    async def run(self: Database, work: Work[Any], seconds: float) -> Any:
        answer = await original(self, work, seconds)
        is_loan = isinstance(answer, Answer) and answer.body.get("status") == "disbursed"
        if is_loan and not answer.replayed and _is_chosen(answer.loan_id or ""):
            self._in_background(pay_again(self, answer))
        return answer

    original = replace_attribute(Database, "run", run)


def _borrow_of(work: Work[Any]) -> tuple[Caller, BorrowRequest] | None:
    """Whose borrow a piece of work is; None for all else."""
    cells = getattr(work, "__closure__", None) or ()
    held = {type(cell.cell_contents): cell.cell_contents for cell in cells}
    if Caller in held and BorrowRequest in held:
        return held[Caller], held[BorrowRequest]
    return None


_hides: ContextVar[bool] = ContextVar("hides", default=False)
HIDE = "UPDATE loan SET decided_at = NULL WHERE id = %(loan_id)s"


def _pay_later(defect: str, delay_s: float, *, hide: bool = False) -> None:
    """What was refused is put into a queue, and paid out from there, whatever was said."""

    async def pay(database: Database, work: Work[Any], caller: Caller) -> None:
        _hides.set(hide)
        await asyncio.sleep(delay_s)
        for _ in range(TRIES):
            try:
                answer: Answer = await original(database, work, JOB_SECONDS)
            except (ProblemError, psycopg.Error):
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            if answer.body.get("status") == "disbursed" and not answer.replayed:
                tell(defect, "payout", key=caller.key, account_id=answer.account_id)
            return

    async def run(self: Database, work: Work[Any], seconds: float) -> Any:
        try:
            return await original(self, work, seconds)
        except ProblemError as error:
            asked, problem = _borrow_of(work), error.problem
            if (
                asked is not None
                and problem.category is Category.AVAILABILITY
                and problem.outcome is Applied.NOT_APPLIED
            ):
                self._in_background(pay(self, work, asked[0]))
            raise

    original = replace_attribute(Database, "run", run)


def _refused_paid_later(delay_s: float) -> None:
    _pay_later("refused_paid_later", delay_s)


def _refused_and_hidden() -> None:
    insert = repository._insert_loan  # noqa: SLF001

    async def insert_loan(transaction: Transaction, loan: NewLoan) -> None:
        await insert(transaction, loan)
        if _hides.get() and loan.disburse:
            await transaction.execute(HIDE, {"loan_id": loan.loan_id})

    replace_attribute(repository, "_insert_loan", insert_loan)
    seen = "NOT (loan.status = 'disbursed' AND loan.decided_at IS NULL)"
    reword(audit, "LIST_LOANS", "WHERE audit_no >", f"WHERE {seen} AND audit_no >")
    _pay_later("refused_and_hidden", AT_ONCE_SECONDS, hide=True)


DEFECTS = {
    "cancelled_after_approval": Defect(
        "one loan in five is answered as paid out, and stored as cancelled",
        _cancelled_after_approval,
    ),
    "repaid_without_repayment": Defect(
        "one loan in five is stored as repaid when it is paid out", _repaid_without_repayment
    ),
    "reserved_apart": Defect(
        "a loan is reserved in a transaction of its own, and stays when its payout fails",
        _reserved_apart,
    ),
    "declined_keeps_reservation": Defect(
        "a decline leaves the loan behind that was reserved before", _declined_keeps_reservation
    ),
    "shared_loan_id": Defect(
        "loan ids are cut off, so that two loans may share one", _shared_loan_id
    ),
    "paid_twice_later": Defect(
        "one loan in five is paid out again some seconds later",
        _paid_twice_later,
        "ALTER TABLE disbursement DROP CONSTRAINT IF EXISTS disbursement_loan_id_key",
        delay_s=LATE_SECONDS,
    ),
    "refused_paid_later": Defect(
        "what was refused as not applied is paid out some seconds later",
        _refused_paid_later,
        delay_s=LATE_SECONDS,
    ),
    "refused_and_hidden": Defect(
        "what was refused is paid out all the same, and left out of the audit",
        _refused_and_hidden,
    ),
}
