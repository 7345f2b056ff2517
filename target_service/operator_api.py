"""What operators and machines call: health, opening accounts, the audit."""

import hmac
import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from target_service import VERSION, passwords, problems, schemas
from target_service import repository_accounts as accounts
from target_service import repository_audit as audit
from target_service.answers import facts_of, json_response, problem_response
from target_service.database import Database, Transaction
from target_service.problems import ProblemError
from target_service.scoring import Scoring
from target_service.settings import Settings

READY_SECONDS = 1.0
ADMIN_SECONDS = 30.0
SETTLE_SECONDS = 2.0
LISTING_LIMIT_MAX = 10_000
NDJSON = "application/x-ndjson"

# These calls read or write much more than a borrow does and may take longer.
ALLOW_LONG_STATEMENTS = f"SET LOCAL statement_timeout = '{int(ADMIN_SECONDS)}s'"
ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


def health_router(settings: Settings, database: Database) -> APIRouter:
    """Whether the process lives, and whether it can lend."""
    router = APIRouter()
    started_at = datetime.now(UTC)
    identity = {
        "instance": settings.instance,
        "stack_id": settings.stack_id,
        "version": VERSION,
    }

    @router.get("/healthz", responses={200: {"model": schemas.Health}})
    async def healthz() -> Response:
        """The process answers; the database is not asked."""
        return json_response(200, {"status": "ok", **identity})

    @router.get(
        "/readyz",
        responses={200: {"model": schemas.Health}, 503: {"model": schemas.ProblemBody}},
    )
    async def readyz(request: Request) -> Response:
        """The database takes a write from this replica."""
        try:
            await database.run(
                lambda transaction: accounts.see_instance(
                    transaction, settings.instance, VERSION, started_at
                ),
                READY_SECONDS,
            )
        except ProblemError as error:
            return problem_response(facts_of(request), error.problem, error.detail, **identity)
        return json_response(200, {"status": "ready", **identity})

    return router


def admin_router(settings: Settings, database: Database, scoring: Scoring | None) -> APIRouter:
    """Calls for operators, each with the admin token."""

    def require_admin(
        x_admin_token: Annotated[str | None, Header(description="LENDING_ADMIN_TOKEN")] = None,
    ) -> None:
        if settings.admin_token is None:
            raise ProblemError(problems.ADMIN_DISABLED)
        given = (x_admin_token or "").encode()
        if not hmac.compare_digest(given, settings.admin_token.encode()):
            raise ProblemError(problems.ADMIN_TOKEN_WRONG)

    router = APIRouter(
        prefix="/v1/admin",
        dependencies=[Depends(require_admin)],
        responses={"default": {"model": schemas.ProblemBody}},
    )
    _add_account_calls(router, settings, database, scoring)
    _add_audit_calls(router, database)
    return router


def _add_account_calls(
    router: APIRouter, settings: Settings, database: Database, scoring: Scoring | None
) -> None:
    @router.post("/accounts", status_code=201, responses={201: {"model": schemas.AccountsOpened}})
    async def open_accounts(body: schemas.OpenAccounts) -> Response:
        """Opens up to 1000 accounts; those whose phone is known stay as they are.

        The credit bureau, where there is one, gets those that it does not know yet.
        """
        phones = [account.phone for account in body.accounts]

        async def find(transaction: Transaction) -> dict[str, str]:
            return await accounts.find_phones(transaction, phones)

        known = await database.run(find, ADMIN_SECONDS)
        missing = {
            account.phone: account for account in body.accounts if account.phone not in known
        }
        if missing:
            new = await _hashed(list(missing.values()), settings.password_cost)

            async def insert(transaction: Transaction) -> dict[str, str]:
                await transaction.execute("BEGIN")
                await transaction.execute(ALLOW_LONG_STATEMENTS)
                await accounts.insert_accounts(transaction, new)
                ids = await accounts.find_phones(transaction, phones)
                await transaction.commit()
                return ids

            known = await database.run(insert, ADMIN_SECONDS)
        if scoring is not None:
            ids = list(known.values())
            scores = await database.run(
                lambda transaction: accounts.read_scores(transaction, ids), ADMIN_SECONDS
            )
            await scoring.register(scores)
        answer = [{"phone": phone, "account_id": known[phone]} for phone in phones]
        return json_response(201, {"accounts": answer})


async def _hashed(
    wanted: list[schemas.AccountToOpen], password_cost: int
) -> list[accounts.NewAccount]:
    hashes = await passwords.hash_passwords([account.password for account in wanted], password_cost)
    return [
        accounts.NewAccount(
            phone=account.phone,
            password_hash=password_hash,
            limit_fen=account.limit_fen,
            score=account.score,
            flags=account.flags,
            region=account.region,
        )
        for account, password_hash in zip(wanted, hashes, strict=True)
    ]


def _add_audit_calls(router: APIRouter, database: Database) -> None:
    @router.get("/audit/loans", responses={200: {"content": {NDJSON: {}}}})
    async def list_loans(
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        limit: Annotated[int, Query(ge=1, le=LISTING_LIMIT_MAX)] = 1000,
    ) -> Response:
        """Loans in a stable order, one JSON object a line; an empty body is the end."""

        async def work(transaction: Transaction) -> list[audit.AuditedLoan]:
            until = await audit.settled_audit_no(transaction, SETTLE_SECONDS)
            await transaction.execute("BEGIN")
            await transaction.execute(ALLOW_LONG_STATEMENTS)
            loans = await audit.list_loans(transaction, after, until, limit)
            await transaction.execute("ROLLBACK")
            return loans

        loans = await database.run(work, ADMIN_SECONDS)
        lines = [_line(loan) for loan in loans]
        return Response("".join(lines), media_type=NDJSON)

    @router.get("/audit/invariants", responses={200: {"model": schemas.InvariantsChecked}})
    async def check_invariants() -> Response:
        """Checks every rule about money on one snapshot."""

        async def work(transaction: Transaction) -> list[audit.Violation]:
            await transaction.execute("BEGIN")
            await transaction.execute(ONE_SNAPSHOT)
            await transaction.execute(ALLOW_LONG_STATEMENTS)
            violations = await audit.find_violations(transaction)
            await transaction.execute("ROLLBACK")
            return violations

        found = await database.run(work, ADMIN_SECONDS)
        violations = [
            {"invariant": violation.invariant, "detail": violation.detail} for violation in found
        ]
        return json_response(200, {"ok": not violations, "violations": violations})


def _line(loan: audit.AuditedLoan) -> str:
    members = {
        "cursor": loan.cursor,
        "loan_id": loan.loan_id,
        "account_id": loan.account_id,
        "idempotency_key": loan.idempotency_key,
        "principal_fen": loan.principal_fen,
        "status": loan.status,
        "disbursements": loan.disbursements,
        "ledger_balance_fen": loan.ledger_balance_fen,
        "created_at": loan.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(members, separators=(",", ":")) + "\n"
