"""What borrowers call: log-in, credit line, loans, repayments."""

import hashlib
import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from target_service import borrowing, passwords, problems, schemas
from target_service import repository_accounts as accounts
from target_service.answers import RequestFacts, facts_of, json_response
from target_service.borrowing import Answer, BorrowRequest, Caller, Terms
from target_service.database import Database, Transaction
from target_service.problems import ProblemError
from target_service.scoring import Scoring
from target_service.settings import Settings

DEADLINE_MS_MIN, DEADLINE_MS_MAX = 50, 10_000
TOKEN_BYTES = 32
# Sent with a replayed decline too, which is stored without its headers.
RETRY_AFTER_OF_CODE = {
    problems.TOO_MANY_LOANS.code: str(problems.TOO_MANY_LOANS.retry_after_seconds)
}

_bearer = HTTPBearer(auto_error=False, description="The token of POST /v1/sessions")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
Key = Annotated[str | None, Header(description="A UUID that stands for one intended change")]
DeadlineMs = Annotated[
    str | None,
    Header(
        alias="X-Request-Deadline-Ms",
        description="Milliseconds the caller will wait; at most 10000 count",
    ),
]


def deadline_seconds(header: str | None, default_ms: int) -> float:
    """How long a handler may take; the caller's word, else the setting.

    Raises:
        ProblemError: when the header is not a whole number of milliseconds.
    """
    if header is None:
        return default_ms / 1000
    if not (header.isascii() and header.isdigit()):
        raise ProblemError(problems.INVALID_HEADER, "X-Request-Deadline-Ms must be a whole number")
    return min(max(int(header), DEADLINE_MS_MIN), DEADLINE_MS_MAX) / 1000


def token_hash(bearer: HTTPAuthorizationCredentials | None) -> bytes:
    """What the database knows of a token: a leaked table opens no session."""
    if bearer is None:
        raise ProblemError(problems.TOKEN_MISSING)
    return hashlib.sha256(bearer.credentials.encode()).digest()


def canonical_key(key: str | None) -> str:
    """The idempotency key in its one spelling."""
    if key is None:
        raise ProblemError(problems.KEY_MISSING)
    try:
        return str(uuid.UUID(key))
    except ValueError:
        raise ProblemError(problems.KEY_MISSING, "Idempotency-Key is not a UUID") from None


def borrower_router(settings: Settings, database: Database, scoring: Scoring | None) -> APIRouter:
    """The borrower's calls on one database, and on one credit bureau if there is one."""
    router = APIRouter(prefix="/v1", responses={"default": {"model": schemas.ProblemBody}})
    _add_logging_in(router, settings, database, scoring)
    _add_credit_line(router, settings, database, scoring)
    _add_borrowing(router, settings, database, scoring)
    _add_finding_loans(router, settings, database)
    _add_repaying(router, settings, database)
    return router


def _add_logging_in(
    router: APIRouter, settings: Settings, database: Database, scoring: Scoring | None
) -> None:
    # An unknown phone costs as much time as a wrong password, or the difference would tell
    # which phones have an account.
    decoy = passwords.hash_password(secrets.token_hex(), settings.password_cost)

    @router.post("/sessions", status_code=201, responses={201: {"model": schemas.SessionOpened}})
    async def log_in(
        request: Request, body: schemas.LogIn, deadline_ms: DeadlineMs = None
    ) -> Response:
        """Opens a session."""
        facts = facts_of(request)

        async def work(transaction: Transaction) -> tuple[str, str, datetime] | None:
            found = await accounts.find_credentials(transaction, body.phone)
            account_id, stored = found or ("", decoy)
            matches = await passwords.password_matches_async(body.password, stored)
            if found is None or not matches:
                return None
            token = secrets.token_urlsafe(TOKEN_BYTES)
            digest = hashlib.sha256(token.encode()).digest()
            expires_at = datetime.now(UTC) + timedelta(hours=settings.session_hours)
            await accounts.insert_session(transaction, digest, account_id, expires_at)
            return token, account_id, expires_at

        opened = await database.run(work, deadline_seconds(deadline_ms, settings.deadline_ms))
        if opened is None:
            raise ProblemError(problems.INVALID_CREDENTIALS)
        token, facts.account_id, expires_at = opened
        if scoring is not None:
            scoring.remember(hashlib.sha256(token.encode()).digest(), facts.account_id)
        answer = {
            "token": token,
            "account_id": facts.account_id,
            "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
        }
        return json_response(201, answer)


def _add_credit_line(
    router: APIRouter, settings: Settings, database: Database, scoring: Scoring | None
) -> None:
    @router.get("/credit-line", responses={200: {"model": schemas.CreditLineAnswer}})
    async def credit_line(
        request: Request, bearer: Bearer, deadline_ms: DeadlineMs = None
    ) -> Response:
        """How much the borrower may still borrow."""
        digest = token_hash(bearer)
        line = await database.run(
            lambda transaction: accounts.read_credit_line(transaction, digest),
            deadline_seconds(deadline_ms, settings.deadline_ms),
        )
        if line is None:
            raise ProblemError(problems.TOKEN_INVALID)
        facts_of(request).account_id = line.account_id
        if scoring is not None:
            scoring.remember(digest, line.account_id)
        answer = {
            "limit_fen": line.limit_fen,
            "used_fen": line.used_fen,
            "available_fen": line.limit_fen - line.used_fen,
            "tier": line.tier,
        }
        return json_response(200, answer)


def _add_borrowing(
    router: APIRouter, settings: Settings, database: Database, scoring: Scoring | None
) -> None:
    terms = Terms(settings.review_above_fen, settings.score_max_age_s)

    @router.post(
        "/loans",
        status_code=201,
        responses={201: {"model": schemas.LoanDisbursed}, 202: {"model": schemas.LoanUnderReview}},
    )
    async def borrow(
        request: Request,
        body: schemas.Borrow,
        bearer: Bearer,
        idempotency_key: Key = None,
        deadline_ms: DeadlineMs = None,
    ) -> Response:
        """Borrows; repeat with the same key until there is a definite answer."""
        facts = facts_of(request)
        facts.amount_fen = body.amount_fen
        facts.idempotency_key = idempotency_key
        caller = Caller(token_hash(bearer), canonical_key(idempotency_key), facts.trace_id)
        wanted = BorrowRequest(body.amount_fen, body.term_days, body.method)
        seconds = deadline_seconds(deadline_ms, settings.deadline_ms)
        asked = None
        if scoring is not None:
            # Before a connection is taken: whoever waits for a third party must hold nothing.
            started = time.monotonic()
            asked = await scoring.ask(caller.token_hash, seconds)
            facts.bureau_tries = asked.tries
            seconds -= time.monotonic() - started
        answer = await database.run(
            lambda transaction: borrowing.borrow(transaction, caller, wanted, terms, asked), seconds
        )
        facts.score_source = answer.score_source
        return _keyed_response(facts, answer)


def _add_finding_loans(router: APIRouter, settings: Settings, database: Database) -> None:
    @router.get("/loans", responses={200: {"model": schemas.LoansFound}})
    async def find_loans(
        request: Request,
        bearer: Bearer,
        idempotency_key: Annotated[str, Query()],
        deadline_ms: DeadlineMs = None,
    ) -> Response:
        """What became of a borrow."""
        facts = facts_of(request)
        facts.idempotency_key = idempotency_key
        digest, key = token_hash(bearer), canonical_key(idempotency_key)
        found = await database.run(
            lambda transaction: accounts.find_loans(transaction, digest, key),
            deadline_seconds(deadline_ms, settings.deadline_ms),
        )
        if found is None:
            raise ProblemError(problems.TOKEN_INVALID)
        facts.account_id, loans = found
        answer = {
            "loans": [
                {
                    "loan_id": loan.loan_id,
                    "status": loan.status,
                    "principal_fen": loan.principal_fen,
                }
                for loan in loans
            ]
        }
        return json_response(200, answer)


def _add_repaying(router: APIRouter, settings: Settings, database: Database) -> None:
    @router.post(
        "/loans/{loan_id}/repayments", status_code=201, responses={201: {"model": schemas.Receipt}}
    )
    async def repay(
        *,
        request: Request,
        loan_id: uuid.UUID,
        body: schemas.Repay,
        bearer: Bearer,
        idempotency_key: Key = None,
        deadline_ms: DeadlineMs = None,
    ) -> Response:
        """Repays principal."""
        facts = facts_of(request)
        facts.amount_fen, facts.loan_id = body.amount_fen, str(loan_id)
        facts.idempotency_key = idempotency_key
        caller = Caller(token_hash(bearer), canonical_key(idempotency_key), facts.trace_id)
        answer = await database.run(
            lambda transaction: borrowing.repay(transaction, caller, loan_id, body.amount_fen),
            deadline_seconds(deadline_ms, settings.deadline_ms),
        )
        return _keyed_response(facts, answer)


def _keyed_response(facts: RequestFacts, answer: Answer) -> Response:
    facts.account_id = answer.account_id
    facts.loan_id = answer.loan_id or facts.loan_id
    headers: dict[str, str] = {}
    if "code" in answer.body:
        facts.note_problem(answer.body)
        code: Any = answer.body["code"]
        if code in RETRY_AFTER_OF_CODE:
            headers["Retry-After"] = RETRY_AFTER_OF_CODE[code]
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return json_response(answer.status, answer.body, headers)
