"""Our own contract as a target: the paths, fields and statuses of `docs/contract.md`.

With the audit calls, and the tables of the reference service. Beside it, `classification.py` has
what a borrower's answers mean.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from harness.core.connections import read_rows
from harness.core.errors import HarnessError
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.core.http_messages import Reply
from harness.core.http_times import lifetime_s
from harness.core.rows import comparable, reason_of
from harness.history.events import Step
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.plan.lender_profile import LenderProfile
from harness.plan.population import AccountClass
from harness.target.classification import (
    Answer,
    Classification,
    GroundTruth,
    judge_borrow,
    judge_credit_line,
    judge_log_in,
)
from harness.target.interface import Target
from harness.target.ledger import PAGE_ENTRIES, Ledger, asked, moving
from harness.target.request import (
    BorrowerAccount,
    LoanRequest,
    NewAccount,
    OpenedSession,
    Request,
)

ACCOUNTS = "/v1/admin/accounts"
SESSIONS = "/v1/sessions"
CREDIT_LINE = "/v1/credit-line"
LOANS = "/v1/loans"
LISTING = "/v1/admin/audit/loans"
INVARIANTS = "/v1/admin/audit/invariants"
_LOANS_OF_ACCOUNTS = """
SELECT l.id::text, l.account_id::text, l.idem_key, l.principal_fen, l.status,
       (SELECT count(*) FROM disbursement d WHERE d.loan_id = l.id)
FROM loan l WHERE l.account_id::text = ANY(%s)
"""

_SHAPES: dict[AccountClass, dict[str, Any]] = {
    AccountClass.GOOD: {},
    AccountClass.LOW_SCORE: {"score": 300},
    AccountClass.BLOCKED_REGION: {"region": "closed"},
    AccountClass.OVERDUE: {"flags": ["overdue"]},
    AccountClass.ISOLATED: {"flags": ["risk_isolation"]},
    AccountClass.NEAR_LIMIT: {},
}
_JUDGES = {
    Step.LOG_IN: judge_log_in,
    Step.CREDIT_LINE: judge_credit_line,
    Step.BORROW: judge_borrow,
}


@dataclass(frozen=True, slots=True)
class _Listed:
    loans: tuple[KeyedLoan, ...]


_LISTED: TypeAdapter[_Listed] = TypeAdapter(_Listed)


def _keyed(row: Any) -> Any:
    """A loan that was not asked for by the API has no key: null on the wire, empty here."""
    if isinstance(row, dict) and row.get("idempotency_key", "") is None:
        return {**row, "idempotency_key": ""}
    return row


_ENTRY: TypeAdapter[LedgerEntry] = TypeAdapter(Annotated[LedgerEntry, BeforeValidator(_keyed)])


@dataclass(frozen=True, slots=True)
class ContractLedger(Ledger):
    """The ledger of one service, asked at the service itself."""

    service_url: str
    admin_token: str = field(repr=False)
    database_url: str | None = field(default=None, repr=False)

    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """One loan a line, as `Ledger.page` says."""
        query = {"after": after, "limit": PAGE_ENTRIES}
        reply = self._get(LISTING, patience, query, seconds)
        try:
            entries = [_ENTRY.validate_json(line) for line in reply.json_bytes.splitlines()]
        except ValueError as error:
            raise HarnessError(
                f"the audit listing breaks off or is not as agreed: {reason_of(error)}"
            ) from error
        return moving(entries, after)

    def invariants(self, patience: Patience) -> tuple[bool | None, tuple[str, ...]]:
        """What the target says of them, as `Ledger.invariants` says."""
        try:
            body = self._get(INVARIANTS, patience).json()
            rows = [f"{row['invariant']}: {row['detail']}" for row in body["violations"]]
            says_ok = body["ok"]
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"the invariants call is not as agreed: {error!r}") from error
        if not isinstance(says_ok, bool):
            raise HarnessError(f"the invariants call is not as agreed: ok is {says_ok!r}")
        if not says_ok and not rows:
            rows = ["the target says that its invariants do not hold, without naming one"]
        return says_ok and not rows, tuple(rows)

    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """One row for each loan, as `Ledger.rows` says."""
        if self.database_url is None:
            return None
        found = read_rows(self.database_url, _LOANS_OF_ACCOUNTS, sorted(accounts))
        return [
            LedgerEntry(0, loan_id, account_id, key, principal_fen, disbursements, 0, "", status)
            for loan_id, account_id, key, principal_fen, status, disbursements in found
        ]

    def _get(
        self,
        path: str,
        patience: Patience,
        query: dict[str, int | str] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        request = Request("GET", path, headers={"X-Admin-Token": self.admin_token}, query=query)
        return asked(self.service_url, request, patience, seconds)


class Contract(Target):
    """A lending service that speaks the contract; without a ``url``, its steps alone.

    ``database_url`` is for where the database is ours.
    """

    ready = "/readyz"
    health = "/healthz"
    classes = tuple(AccountClass)

    def __init__(
        self, url: str = "", admin_token: str = "", database_url: str | None = None
    ) -> None:
        super().__init__(url)
        self._admin = {"X-Admin-Token": admin_token}
        self.ledger = ContractLedger(url, admin_token, database_url)

    @property
    def profile(self) -> LenderProfile:
        """That which every plan begins with."""
        return LenderProfile()

    # --- set-up ----------------------------------------------------------------------------------

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
        """One admin call for all."""
        rows = [
            {
                "phone": account.name,
                "password": account.password,
                "limit_fen": account.limit,
                "score": 700,
                "flags": [],
                "region": "open",
                **_SHAPES[account.account_class],
            }
            for account in wanted
        ]
        body = {"accounts": rows}
        return [Request("POST", ACCOUNTS, body, self._admin, expects=HTTPStatus.CREATED)]

    def account_ids(
        self,
        wanted: Sequence[NewAccount],  # noqa: ARG002
        replies: Sequence[Reply],
    ) -> Mapping[str, str]:
        """Account ids by phone; HarnessError where one is no string."""
        rows = [row for reply in replies for row in reply.json()["accounts"]]
        shown = {str(row["phone"]): row["account_id"] for row in rows}
        return {phone: _identifier(ACCOUNTS, "account_id", given) for phone, given in shown.items()}

    def session(self, reply: Reply) -> OpenedSession:
        """Any answer with a token opens one."""
        told = reply.json()
        return OpenedSession(str(told["token"]), lifetime_s(told.get("expires_at"), reply.headers))

    def grants(self, reply: Reply, ask: LoanRequest) -> bool:  # noqa: ARG002
        """By its status alone; HarnessError where the loan's identifier is no string."""
        if reply.status not in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
            return False
        _identifier(LOANS, "loan_id", Answer.of(reply).payload.get("loan_id", ""))
        return True

    # --- the steps of a borrower -----------------------------------------------------------------

    def headers(self, account: BorrowerAccount) -> Mapping[str, str]:
        """The session, once there is one."""
        return {"Authorization": f"Bearer {account.token}"} if account.token else {}

    def log_in(self, account: BorrowerAccount) -> Request:
        """Phone and password."""
        body = {"phone": account.name, "password": account.password}
        return Request("POST", SESSIONS, body, expects=HTTPStatus.CREATED)

    def credit_line(self, account: BorrowerAccount) -> Request:  # noqa: ARG002
        """A read, in a session."""
        return Request("GET", CREDIT_LINE)

    def borrow(self, ask: LoanRequest) -> Request:
        """The one request that moves money."""
        body = {"amount_fen": ask.amount, "term_days": ask.term_days, "method": ask.method}
        return Request("POST", LOANS, body, expects=HTTPStatus.CREATED, key=ask.key)

    def classify(self, step: Step, answer: Answer, truth: GroundTruth) -> Classification:
        """By the tables of `docs/contract.md`."""
        return _JUDGES[step](answer, truth)

    # --- by key ----------------------------------------------------------------------------------

    def find_by_key(self, account: BorrowerAccount, key: str) -> Request:  # noqa: ARG002
        """A listing for one key, in a session of the borrower."""
        return Request("GET", LOANS, query={"idempotency_key": key})

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """What was listed."""
        if reply.status != HTTPStatus.OK:
            raise ValueError(f"status {reply.status} is no listing")
        return _LISTED.validate_json(reply.json_bytes).loans


def _identifier(path: str, name: str, given: Any) -> str:
    """An identifier as it is compared."""
    if not isinstance(given, str):
        raise HarnessError(
            f'POST {path}: {name} is {json.dumps(given)}, a string was expected, as "1001":'
            " identifiers are strings in every call"
        )
    return comparable(given)
