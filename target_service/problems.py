"""Every refusal and failure the service can answer with, as problem+json (RFC 9457)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """Why a borrower did not get what they asked for; only the last is the service's fault."""

    RISK_DECLINE = "risk_decline"
    REGULATORY_DECLINE = "regulatory_decline"
    BEHAVIOUR_DECLINE = "behaviour_decline"
    CLIENT_ERROR = "client_error"
    AVAILABILITY = "availability"


class Applied(StrEnum):
    """Whether the request may have changed anything."""

    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal or failure. ``retry_after_seconds`` becomes the header Retry-After."""

    status: int
    code: str
    category: Category
    title: str
    retryable: bool = False
    outcome: Applied = Applied.NOT_APPLIED
    retry_after_seconds: int | None = None

    def body(self, trace_id: str, detail: str = "") -> dict[str, Any]:
        """The JSON object that is sent, and stored for replays when it is a decline."""
        return {
            "type": f"urn:lending:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": detail or self.title,
            "code": self.code,
            "category": self.category.value,
            "retryable": self.retryable,
            "outcome": self.outcome.value,
            "trace_id": trace_id,
        }


class ProblemError(Exception):
    """Ends a request with ``problem``. ``detail`` is for people and holds no secrets."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.code}: {detail or problem.title}")
        self.problem = problem
        self.detail = detail


def _decline(status: int, code: str, category: Category, title: str) -> Problem:
    return Problem(status, code, category, title)


def _client_error(status: int, code: str, title: str) -> Problem:
    return Problem(status, code, Category.CLIENT_ERROR, title)


def _unavailable(code: str, title: str, status: int = 503) -> Problem:
    return Problem(
        status, code, Category.AVAILABILITY, title, retryable=True, retry_after_seconds=1
    )


def _in_doubt(status: int, code: str, title: str) -> Problem:
    return Problem(
        status, code, Category.AVAILABILITY, title, retryable=True, outcome=Applied.UNKNOWN
    )


SCORE_BELOW_MINIMUM = _decline(
    403, "score_below_minimum", Category.RISK_DECLINE, "The credit score is below the minimum"
)
CREDIT_LIMIT_EXCEEDED = _decline(
    422, "credit_limit_exceeded", Category.RISK_DECLINE, "The amount exceeds the available credit"
)
POLICY_REGION_CLOSED = _decline(
    451, "policy_region_closed", Category.REGULATORY_DECLINE, "Lending is closed in this region"
)
OVERDUE_BALANCE = _decline(
    403, "overdue_balance", Category.BEHAVIOUR_DECLINE, "An earlier loan is overdue"
)
RISK_ISOLATION = _decline(
    403, "risk_isolation", Category.BEHAVIOUR_DECLINE, "The account is in risk isolation"
)
TOO_MANY_LOANS = Problem(
    429,
    "too_many_loans",
    Category.BEHAVIOUR_DECLINE,
    "Too many loans in too short a time",
    retry_after_seconds=3600,
)

INVALID_CREDENTIALS = _client_error(401, "invalid_credentials", "Phone or password is wrong")
TOKEN_MISSING = _client_error(401, "token_missing", "Log in first and send the bearer token")
TOKEN_INVALID = _client_error(401, "token_invalid", "The token is unknown, expired or revoked")
ADMIN_TOKEN_WRONG = _client_error(403, "admin_token_wrong", "X-Admin-Token is missing or wrong")
ADMIN_DISABLED = _client_error(
    403, "admin_disabled", "Admin calls are off: the service was started without an admin token"
)
LOAN_NOT_FOUND = _client_error(404, "loan_not_found", "This account has no such loan")
NOT_FOUND = _client_error(404, "not_found", "There is nothing at this path")
METHOD_NOT_ALLOWED = _client_error(405, "method_not_allowed", "The path has no such method")
MALFORMED = _client_error(400, "malformed_request", "The request cannot be read")
INVALID_REQUEST = _client_error(422, "invalid_request", "The request has wrong or missing values")
INVALID_HEADER = _client_error(400, "invalid_header", "A request header cannot be used")
KEY_MISSING = _client_error(
    400, "idempotency_key_missing", "The header Idempotency-Key with a UUID is required"
)
KEY_REUSE_MISMATCH = _client_error(
    422, "key_reuse_mismatch", "This Idempotency-Key was used for a different request"
)
OVERPAYMENT = _client_error(422, "overpayment", "The amount exceeds what is outstanding")
IN_PROGRESS = Problem(
    409,
    "in_progress",
    Category.CLIENT_ERROR,
    "A request with this Idempotency-Key is still being processed",
    retryable=True,
    outcome=Applied.UNKNOWN,
)

DATABASE_UNAVAILABLE = _unavailable("db_unavailable", "The database cannot be reached")
DATABASE_REFUSED = _unavailable("db_error", "The database refused the work; nothing was applied")
POOL_TIMEOUT = _unavailable("pool_timeout", "No database connection became free in time")
OVERLOADED = _unavailable("overloaded", "Too many requests are waiting already")
READ_ONLY = _unavailable("read_only", "The database accepts no changes at the moment")
LOCK_TIMEOUT = _unavailable("lock_timeout", "A row or table stayed locked for too long")
STATEMENT_TIMEOUT = _unavailable(
    "statement_timeout", "A statement took too long; nothing was applied"
)
DEADLINE_BEFORE_COMMIT = _unavailable(
    "deadline_exceeded_before_commit", "No answer in time; nothing was applied"
)
BUREAU_UNAVAILABLE = _unavailable(
    "bureau_unavailable", "The credit bureau gave no score; nothing was applied"
)
AUDIT_NOT_SETTLED = _unavailable(
    "audit_not_settled", "Transactions that may add loans to this listing are still running"
)
DEADLINE_EXCEEDED = _in_doubt(
    504, "deadline_exceeded", "No answer in time; repeat with the same Idempotency-Key"
)
COMMIT_UNKNOWN = _in_doubt(
    503, "commit_unknown", "It is not known whether the request was applied; repeat it"
)
BUREAU_NOT_TOLD = _in_doubt(
    503, "bureau_not_told", "The accounts are open, the credit bureau does not know all; repeat it"
)
INTERNAL = _in_doubt(500, "internal", "The service made a mistake")
