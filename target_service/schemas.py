"""The shapes of requests and answers; the OpenAPI document is generated from them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# More than any loan, and far from where a sum of bigint could overflow.
AMOUNT_FEN_MAX = 10**12

AmountFen = Annotated[int, Field(gt=0, le=AMOUNT_FEN_MAX, strict=True, description="Integer fen")]
Phone = Annotated[str, Field(min_length=3, max_length=32, pattern=r"^[+0-9A-Za-z-]+$")]
Password = Annotated[str, Field(min_length=1, max_length=256)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogIn(_Request):
    """Who logs in."""

    phone: Phone
    password: Password


class Borrow(_Request):
    """How much to borrow, for how long, repaid how."""

    amount_fen: AmountFen
    term_days: Annotated[int, Field(ge=1, le=3650, strict=True)]
    method: Literal["daily", "equal_instalment"]


class Repay(_Request):
    """How much principal to repay."""

    amount_fen: AmountFen


class AccountToOpen(_Request):
    """An account as an operator opens it."""

    phone: Phone
    password: Password
    limit_fen: Annotated[int, Field(ge=0, le=AMOUNT_FEN_MAX, strict=True)]
    score: Annotated[int, Field(ge=0, le=1000, strict=True)]
    flags: tuple[Literal["overdue", "risk_isolation", "velocity"], ...] = ()
    region: Literal["open", "closed"] = "open"


class OpenAccounts(_Request):
    """Accounts to open; known phones are left as they are."""

    accounts: Annotated[list[AccountToOpen], Field(max_length=1000)]


class SessionOpened(BaseModel):
    """The bearer token of a log-in."""

    token: str
    account_id: str
    expires_at: str


class CreditLineAnswer(BaseModel):
    """How much may be borrowed, in fen."""

    limit_fen: int
    used_fen: int
    available_fen: int
    tier: str


class LoanDisbursed(BaseModel):
    """The money has been paid out."""

    loan_id: str
    status: Literal["disbursed"]
    principal_fen: int


class LoanUnderReview(BaseModel):
    """A person will decide; the amount is reserved."""

    loan_id: str
    status: Literal["under_review"]


class LoanFound(BaseModel):
    """One loan of the borrower."""

    loan_id: str
    status: str
    principal_fen: int


class LoansFound(BaseModel):
    """The loans with one idempotency key: one or none."""

    loans: list[LoanFound]


class Receipt(BaseModel):
    """A repayment that was taken."""

    receipt_no: int
    outstanding_fen: int


class AccountOpened(BaseModel):
    """The id of an account that exists now."""

    phone: str
    account_id: str


class AccountsOpened(BaseModel):
    """Accounts in the order of the request."""

    accounts: list[AccountOpened]


class ViolationFound(BaseModel):
    """One broken rule."""

    invariant: str
    detail: str


class InvariantsChecked(BaseModel):
    """Whether every rule about money holds, and where not."""

    ok: bool
    violations: list[ViolationFound]


class Health(BaseModel):
    """Which process answered."""

    status: str
    instance: str
    stack_id: str
    version: str


class ProblemBody(BaseModel):
    """A refusal or failure, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    category: Literal[
        "risk_decline", "regulatory_decline", "behaviour_decline", "client_error", "availability"
    ]
    retryable: bool
    outcome: Literal["not_applied", "unknown"]
    trace_id: str
