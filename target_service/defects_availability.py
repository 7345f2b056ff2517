"""Planted defects of log-in, sessions and availability; see `target_service.defects`."""

import asyncio
import time
import zlib
from datetime import UTC, datetime
from typing import Any

from psycopg.pq import TransactionStatus
from starlette.requests import Request
from starlette.responses import Response

from target_service import application, operator_api, problems, repository
from target_service import repository_accounts as accounts
from target_service.answers import RequestFacts, facts_of, json_response
from target_service.database import Database, ServiceConnection, Transaction, Work
from target_service.defects_tools import Defect, replace_attribute, reword, tell
from target_service.problems import Applied, Category, Problem, ProblemError

LOCKED_OUT_ONE_IN = 12
SLOW_SECONDS = 0.6


# --- log-in and sessions -------------------------------------------------------------------------


def _log_in_broken_for_some() -> None:
    original = accounts.find_credentials

    async def find_credentials(transaction: Transaction, phone: str) -> tuple[str, str] | None:
        if zlib.crc32(phone.encode()) % LOCKED_OUT_ONE_IN == 0:
            tell("log_in_broken_for_some", "answer", phone=phone)
            return None
        return await original(transaction, phone)

    replace_attribute(accounts, "find_credentials", find_credentials)


def _restart_loses_sessions() -> None:
    valid = "revoked_at IS NULL"
    since = f"{valid} AND session.created_at >= '{datetime.now(UTC).isoformat()}'"
    for name in ("CLAIM_KEY", "READ_APPLICANT"):
        reword(repository, name, valid, since)
    for name in ("READ_CREDIT_LINE", "FIND_LOANS"):
        reword(accounts, name, valid, since)

    async def answer_problem(request: Request, error: ProblemError) -> Response:
        if error.problem is problems.TOKEN_INVALID:
            tell("restart_loses_sessions", "answer", key=facts_of(request).idempotency_key)
        response: Response = await original(request, error)
        return response

    original = replace_attribute(application, "answer_problem", answer_problem)


# --- availability --------------------------------------------------------------------------------


def _health_green_while_dead() -> None:
    def answer_ready(_: RequestFacts, __: Problem, ___: str = "", **identity: Any) -> Response:
        tell("health_green_while_dead", "green")
        return json_response(200, {"status": "ready", **identity})

    # The readiness probe is its only user there.
    replace_attribute(operator_api, "problem_response", answer_ready)


def _pool_never_recovers() -> None:
    kept = 0

    async def give_back(self: Database, connection: ServiceConnection) -> None:
        nonlocal kept
        if connection.pgconn.transaction_status != TransactionStatus.UNKNOWN:
            await original(self, connection)
        else:
            kept += 1  # a broken one keeps its slot for ever

    async def answer_problem(request: Request, error: ProblemError) -> Response:
        if kept and error.problem in (problems.POOL_TIMEOUT, problems.OVERLOADED):
            tell("pool_never_recovers", "wait", key=facts_of(request).idempotency_key)
        response: Response = await answer_as_before(request, error)
        return response

    original = replace_attribute(Database, "_give_back", give_back)
    answer_as_before = replace_attribute(application, "answer_problem", answer_problem)


def _slow_forever_after_a_fault() -> None:
    troubled = False

    async def bounded(self: Database, work: Work[Any], seconds: float | None) -> Any:
        nonlocal troubled
        if troubled:
            tell("slow_forever_after_a_fault", "wait", seconds=SLOW_SECONDS)
            await asyncio.sleep(SLOW_SECONDS)
        try:
            return await original(self, work, seconds)
        except ProblemError as error:
            troubled = troubled or error.problem.category is Category.AVAILABILITY
            raise

    original = replace_attribute(Database, "_bounded", bounded)


def _success_status_with_error_body() -> None:
    async def answer_problem(request: Request, error: ProblemError) -> Response:
        response: Response = await original(request, error)
        if error.problem.category is Category.AVAILABILITY:
            key = facts_of(request).idempotency_key
            tell("success_status_with_error_body", "answer", key=key)
            response.status_code = 200
        return response

    original = replace_attribute(application, "answer_problem", answer_problem)


def _retry_storm() -> None:
    async def run(self: Database, work: Work[Any], seconds: float) -> Any:
        began = time.monotonic()
        try:
            return await _until_it_works(self, work, seconds)
        finally:
            waited_s = time.monotonic() - began
            if waited_s > seconds:
                tell("retry_storm", "wait", seconds=round(waited_s, 3))

    replace_attribute(Database, "run", run)


async def _until_it_works(database: Database, work: Work[Any], seconds: float) -> Any:
    while True:
        try:
            return await database._bounded(work, seconds)  # noqa: SLF001
        except ProblemError as error:
            problem = error.problem
            if problem.category is not Category.AVAILABILITY:
                raise
            if problem.outcome is Applied.UNKNOWN:
                raise
            await asyncio.sleep(0)  # at once, as often as it takes, borrower or not


DEFECTS = {
    "log_in_broken_for_some": Defect(
        "the answer to one phone in twelve is that its credentials are wrong",
        _log_in_broken_for_some,
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
