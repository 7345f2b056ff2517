"""The lending behind a scripted target: accounts, sessions, loans, in memory and without a bug.

Answers are pairs of status and JSON body, as the borrowing contract has them. Money is integer fen.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

SCORE_MIN = 550
REVIEW_FROM_FEN = 2_000_000
"""Amounts from here on are held for manual review."""
PAGE_MAX = 1000

Answer = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class Account:
    """One borrower; ``used_fen`` includes what is under review."""

    account_id: str
    phone: str
    password: str
    limit_fen: int
    score: int
    flags: tuple[str, ...]
    region: str
    used_fen: int = 0


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as the audit lists it."""

    cursor: int
    loan_id: str
    account_id: str
    idempotency_key: str
    principal_fen: int
    status: str
    created_at: str

    @property
    def entry(self) -> dict[str, Any]:
        """The line of the audit listing."""
        paid = self.status == "disbursed"
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "disbursements": int(paid),
            "ledger_balance_fen": self.principal_fen if paid else 0,
        }


def problem(status: int, code: str, category: str, outcome: str | None = None) -> Answer:
    """An RFC 9457 body with the contract's own fields."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": code,
        "code": code,
        "category": category,
        "retryable": category == "availability",
        "trace_id": "",
    }
    if outcome is not None:
        body["outcome"] = outcome
    return status, body


UNAVAILABLE = problem(503, "scripted_outage", "availability", "not_applied")
UNAUTHORISED = problem(401, "invalid_session", "client_error")


@dataclass(slots=True)
class Lender:
    """All accounts, sessions and loans."""

    accounts: dict[str, Account] = field(default_factory=dict)
    """By phone."""
    sessions: dict[str, Account] = field(default_factory=dict)
    """By token."""
    loans: list[Loan] = field(default_factory=list)
    _answers: dict[tuple[str, str], tuple[Any, Answer]] = field(default_factory=dict)

    def register(self, rows: list[dict[str, Any]]) -> Answer:
        """Accounts of the admin call; the same ones again change nothing."""
        found = []
        for row in rows:
            account = self.accounts.get(row["phone"])
            if account is None:
                account = Account(
                    account_id=str(uuid.uuid4()),
                    phone=str(row["phone"]),
                    password=str(row["password"]),
                    limit_fen=int(row["limit_fen"]),
                    score=int(row["score"]),
                    flags=tuple(row["flags"]),
                    region=str(row["region"]),
                )
                self.accounts[account.phone] = account
            found.append({"phone": account.phone, "account_id": account.account_id})
        return 201, {"accounts": found}

    def log_in(self, account: Account | None, password: Any) -> Answer:
        """A session for phone and password."""
        if account is None or password != account.password:
            return problem(401, "invalid_credentials", "client_error")
        token = uuid.uuid4().hex
        self.sessions[token] = account
        expires = "2999-01-01T00:00:00Z"
        return 201, {"token": token, "account_id": account.account_id, "expires_at": expires}

    def credit_line(self, account: Account) -> Answer:
        """The limit and what is left of it."""
        left = account.limit_fen - account.used_fen
        line = {"limit_fen": account.limit_fen, "used_fen": account.used_fen}
        return 200, {**line, "available_fen": left, "tier": "A"}

    def borrow(
        self, account: Account, key: str, body: dict[str, Any], *, keep: bool = True
    ) -> tuple[Answer, bool]:
        """A loan, a review or a decline; and whether it repeats an answer given before.

        A loan that is not to be kept is answered like any other, and then there is none.
        """
        known = self._answers.get((account.account_id, key))
        if known is not None:
            same, answer = known
            if same != body:
                return problem(422, "key_reuse_mismatch", "client_error"), False
            return answer, True
        kept = len(self.loans)
        answer = self._decide(account, key, body.get("amount_fen"))
        if not keep:
            del self.loans[kept:]
        self._answers[account.account_id, key] = (body, answer)
        return answer, False

    def _decide(self, account: Account, key: str, amount_fen: Any) -> Answer:
        if not key or not isinstance(amount_fen, int) or amount_fen <= 0:
            return problem(400, "bad_request", "client_error")
        decline = _decline(account, amount_fen)
        if decline is not None:
            return decline
        account.used_fen += amount_fen
        held = amount_fen >= REVIEW_FROM_FEN
        loan = Loan(
            cursor=len(self.loans) + 1,
            loan_id=str(uuid.uuid4()),
            account_id=account.account_id,
            idempotency_key=key,
            principal_fen=amount_fen,
            status="under_review" if held else "disbursed",
            created_at=datetime.now(UTC).isoformat(),
        )
        self.loans.append(loan)
        if held:
            return 202, {"loan_id": loan.loan_id, "status": loan.status}
        return 201, {
            "loan_id": loan.loan_id,
            "status": loan.status,
            "principal_fen": loan.principal_fen,
        }

    def by_key(self, account: Account, key: str) -> Answer:
        """This account's loans with that key."""
        fields = ("loan_id", "status", "principal_fen")
        found = [
            {name: getattr(loan, name) for name in fields}
            for loan in self.loans
            if loan.idempotency_key == key and loan.account_id == account.account_id
        ]
        return 200, {"loans": found}

    def listing(self, after: int, limit: int) -> list[dict[str, Any]]:
        """A page of the audit; cursors count from 1 without gaps."""
        return [loan.entry for loan in self.loans[after : after + min(limit, PAGE_MAX)]]


def _decline(account: Account, amount_fen: int) -> Answer | None:
    """The business reason against this loan; None for none."""
    if account.region == "closed":
        return problem(451, "policy_region_closed", "regulatory_decline")
    if account.score < SCORE_MIN:
        return problem(403, "score_below_minimum", "risk_decline")
    if account.flags:
        return problem(403, account.flags[0], "behaviour_decline")
    if account.used_fen + amount_fen > account.limit_fen:
        return problem(422, "credit_limit_exceeded", "risk_decline")
    return None
