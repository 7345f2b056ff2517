"""What one answer means, judged against what the borrower was entitled to.

Pure: status, body and ground truth go in, the outcome fields of an `harness.events.Attempt` come
out. A lender whose API has another shape judges its answers in an own subclass of the borrower.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.events import Decline, Outcome
from harness.http_times import lifetime_s, retry_after_s

_DECLINE_OF_CATEGORY = {
    "risk_decline": Decline.CREDIT,
    "regulatory_decline": Decline.POLICY,
    "behaviour_decline": Decline.BEHAVIOUR,
}
INVALID_ANSWER = "invalid_answer"
CREDIT_LINE_TOO_LOW = "credit_line_too_low"
REDIRECT = "redirect"
"""The code of a 3xx: it is never followed, since that would be another request, maybe elsewhere."""
_CONFLICTS = (408, 409, 425)
"""The request may be under way: a gateway that repeats it by itself makes the second one answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request, or why nothing did.

    ``error`` names a transport failure and excludes a ``status``; ``sent`` says whether any byte of
    the request may have left.
    """

    status: int | None = None
    body: bytes = b""
    error: str | None = None
    sent: bool = True
    replayed: bool = False
    connection_reused: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""

    @property
    def payload(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one when it is none."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


@dataclass(frozen=True, slots=True)
class Judged:
    """What one answer came to. ``may_retry``: trying again with the same key could help."""

    outcome: Outcome
    code: str | None = None
    decline: Decline | None = None
    false_declined: bool = False
    invalid_answer: bool = False
    loan_id: str | None = None
    token: str | None = None
    """Of a log-in: the session it opened."""
    lifetime_s: float | None = None
    """Of a log-in: how long from its answer on the session surely lives; None if it is not told."""
    may_retry: bool = False


def judge_log_in(answer: Answer) -> Judged:
    """A borrower with valid credentials must get a session."""
    token = answer.payload.get("token")
    if answer.status == 201 and isinstance(token, str) and _fits_header(token):  # noqa: PLR2004
        lives_s = lifetime_s(answer.payload.get("expires_at"), answer.headers)
        return Judged(Outcome.OK, token=token, lifetime_s=lives_s)
    return _failed_step(answer, denials=(401, 404))


def judge_credit_line(answer: Answer, least_fen: int = 0) -> Judged:
    """A logged-in borrower must get their limit, as three integers.

    ``least_fen`` is what must be left of it whatever became of this run's requests: to be shown
    less is to be refused, as no borrower asks for more than they are shown.
    """
    payload = answer.payload
    fields = {name: payload.get(name) for name in ("limit_fen", "used_fen", "available_fen")}
    if answer.status == 200 and all(_is_integer(value) for value in fields.values()):  # noqa: PLR2004
        if min(payload["limit_fen"], payload["available_fen"]) >= least_fen:
            return Judged(Outcome.OK)
        return Judged(Outcome.FAILED, code=CREDIT_LINE_TOO_LOW, false_declined=True)
    return _failed_step(answer, denials=(401, 403, 404))


def _failed_step(answer: Answer, denials: tuple[int, ...]) -> Judged:
    """A step before the borrow moves no money, so nothing about it is indeterminate."""
    if answer.status is None:
        return Judged(Outcome.FAILED, code=answer.error)
    if 300 <= answer.status < 400:  # noqa: PLR2004  # HTTP's words
        return Judged(Outcome.FAILED, code=REDIRECT)
    if answer.status < 400:  # noqa: PLR2004  # HTTP's words
        return Judged(Outcome.FAILED, code=INVALID_ANSWER, invalid_answer=True)
    asked = answer.status in (429, 503) and retry_after_s(answer.headers) is not None
    return Judged(
        Outcome.FAILED,
        code=_code(answer.payload),
        false_declined=answer.status in denials,
        may_retry=asked,
    )


def judge_borrow(
    answer: Answer,
    expected_decline: Decline | None,
    amount_fen: int,
    possible_decline: Decline | None = None,
) -> Judged:
    """Approved, referred, rightly declined, failed, or nobody knows until the ledger is read.

    ``possible_decline`` is a cause for which a decline is as right as a loan.
    """
    status = answer.status
    if status is None:
        outcome = Outcome.INDETERMINATE if answer.sent else Outcome.FAILED
        return Judged(outcome, code=answer.error, may_retry=True)
    payload = answer.payload
    if 300 <= status < 400:  # noqa: PLR2004  # HTTP's words
        return Judged(Outcome.INDETERMINATE, code=REDIRECT, may_retry=True)
    if status < 400:  # noqa: PLR2004  # HTTP's words
        return _judge_acceptance(status, payload, amount_fen)
    decline = _decline(status, payload)
    if decline is None:
        return _judge_failure(status, payload)
    if decline in (expected_decline, possible_decline):
        return Judged(Outcome.DECLINED, code=_code(payload), decline=decline)
    return Judged(Outcome.FAILED, code=_code(payload), decline=decline, false_declined=True)


def _judge_failure(status: int, payload: dict[str, Any]) -> Judged:
    """A 4xx or 5xx that is no decline: surely not applied, or nobody knows."""
    if status < 500 and status not in _CONFLICTS:  # noqa: PLR2004  # HTTP's words
        return Judged(
            Outcome.FAILED,
            code=_code(payload),
            false_declined=status in (401, 404),
            may_retry=status == 429 or payload.get("category") == "availability",  # noqa: PLR2004
        )
    # A 504 comes from a gateway, which cannot know what its server did.
    surely_not = status not in (*_CONFLICTS, 504) and payload.get("outcome") == "not_applied"
    outcome = Outcome.FAILED if surely_not else Outcome.INDETERMINATE
    return Judged(outcome, code=_code(payload), may_retry=True)


def _decline(status: int, payload: dict[str, Any]) -> Decline | None:
    """The cause of a business decline; a server's error and a request time-out are none."""
    category = payload.get("category")
    if status >= 500 or status == 408 or not isinstance(category, str):  # noqa: PLR2004
        return None
    return _DECLINE_OF_CATEGORY.get(category)


def _judge_acceptance(status: int, payload: dict[str, Any], amount_fen: int) -> Judged:
    loan_id = payload.get("loan_id")
    if isinstance(loan_id, str) and loan_id:
        principal = payload.get("principal_fen")
        paid_out = payload.get("status") == "disbursed" and _is_integer(principal)
        if status == 201 and paid_out and principal == amount_fen:  # noqa: PLR2004
            return Judged(Outcome.APPROVED, loan_id=loan_id)
        if status == 202 and payload.get("status") == "under_review":  # noqa: PLR2004
            return Judged(Outcome.REFERRED, loan_id=loan_id)
    else:
        loan_id = None
    return Judged(
        Outcome.INDETERMINATE,
        code=INVALID_ANSWER,
        invalid_answer=True,
        loan_id=loan_id,
        may_retry=True,
    )


def _fits_header(token: str) -> bool:
    """A line break in a token would begin another header."""
    return bool(token) and token.isascii() and token.isprintable()


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _code(payload: dict[str, Any]) -> str | None:
    code = payload.get("code")
    return code if isinstance(code, str) else None
