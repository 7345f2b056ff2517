"""Our own contract as a target: the paths, fields and statuses of `docs/contract.md`.

Beside it, `classification.py` and `refusals.py` have what a borrower's answers mean, and
`contract_ledger.py` has the audit calls and the tables of the reference service.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import TypeAdapter

from harness.core.errors import HarnessError
from harness.core.http_messages import Reply
from harness.core.http_times import lifetime_s
from harness.core.rows import comparable
from harness.history.events import Step
from harness.history.ledger_facts import KeyedLoan
from harness.plan.population import AccountClass
from harness.target.classification import (
    Answer,
    Classification,
    GroundTruth,
    judge_borrow,
    judge_credit_line,
    judge_log_in,
)
from harness.target.contract_ledger import ContractLedger
from harness.target.interface import LoanRequest, NewAccount, OpenedSession, Request

ACCOUNTS = "/v1/admin/accounts"
SESSIONS = "/v1/sessions"
CREDIT_LINE = "/v1/credit-line"
LOANS = "/v1/loans"

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


@dataclass(frozen=True, slots=True)
class Contract:
    """A lending service that speaks the contract; without a ``url``, its steps alone."""

    url: str = ""
    admin_token: str = field(default="", repr=False)
    database_url: str | None = field(default=None, repr=False)
    """Only where the database is ours."""
    health: ClassVar[tuple[str, ...]] = ("/readyz", "/healthz")
    """Whether it can serve; where it does not tell, whether its process lives."""

    @property
    def ledger(self) -> ContractLedger:
        """The audit calls, and SQL where the database is ours."""
        return ContractLedger(self.url, self.admin_token, self.database_url)

    # --- set-up ----------------------------------------------------------------------------------

    def create_accounts(self, accounts: Sequence[NewAccount]) -> Request:
        """The admin call."""
        rows = [
            {
                "phone": account.phone,
                "password": account.password,
                "limit_fen": account.account_class.limit_fen,
                "score": 700,
                "flags": [],
                "region": "open",
                **_SHAPES[account.account_class],
            }
            for account in accounts
        ]
        headers = {"X-Admin-Token": self.admin_token}
        return Request("POST", ACCOUNTS, {"accounts": rows}, headers, expects=HTTPStatus.CREATED)

    def account_ids(self, reply: Reply) -> Mapping[str, str]:
        """Account ids by phone.

        Raises:
            HarnessError: one is no string.
        """
        shown = {str(row["phone"]): row["account_id"] for row in reply.json()["accounts"]}
        return {phone: _identifier(ACCOUNTS, "account_id", given) for phone, given in shown.items()}

    def session(self, reply: Reply) -> OpenedSession:
        """Any answer with a token opens one."""
        told = reply.json()
        return OpenedSession(str(told["token"]), lifetime_s(told.get("expires_at"), reply.headers))

    def grants(self, reply: Reply) -> bool:
        """By its status alone.

        Raises:
            HarnessError: the loan has an identifier that is no string.
        """
        if reply.status not in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
            return False
        _identifier(LOANS, "loan_id", Answer.of(reply).payload.get("loan_id", ""))
        return True

    # --- the steps of a borrower -----------------------------------------------------------------

    def log_in(self, phone: str, password: str) -> Request:
        """Phone and password."""
        body = {"phone": phone, "password": password}
        return Request("POST", SESSIONS, body, expects=HTTPStatus.CREATED)

    def credit_line(self, token: str) -> Request:
        """A read, in a session."""
        return Request("GET", CREDIT_LINE, headers=_bearer(token))

    def borrow(self, token: str, loan: LoanRequest) -> Request:
        """The one request that moves money."""
        body = {"amount_fen": loan.amount_fen, "term_days": loan.term_days, "method": loan.method}
        headers = {**_bearer(token), "Idempotency-Key": loan.key}
        return Request("POST", LOANS, body, headers, expects=HTTPStatus.CREATED)

    def classify(self, step: Step, answer: Answer, truth: GroundTruth) -> Classification:
        """By the tables of `docs/contract.md`."""
        return _JUDGES[step](answer, truth)

    # --- by key ----------------------------------------------------------------------------------

    def find_by_key(self, token: str, key: str) -> Request:
        """A listing for one key, in a session of the borrower."""
        return Request("GET", LOANS, headers=_bearer(token), query={"idempotency_key": key})

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """What was listed."""
        if reply.status != HTTPStatus.OK:
            raise ValueError(f"status {reply.status} is no listing")
        return _LISTED.validate_json(reply.json_bytes).loans


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _identifier(path: str, name: str, given: Any) -> str:
    """An identifier as it is compared.

    Raises:
        HarnessError: it is no string.
    """
    if not isinstance(given, str):
        raise HarnessError(
            f'POST {path}: {name} is {json.dumps(given)}, a string was expected, as "1001":'
            " identifiers are strings in every call"
        )
    return comparable(given)
