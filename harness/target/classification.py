"""What one answer means, judged against what the borrower was entitled to.

Pure: status, body and ground truth go in, the outcome fields of an `harness.history.events.Attempt`
come out. These are the rules of `docs/contract.md`; those of other lenders are
`harness.target.answers`, which come back to these for what a status alone says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from harness.core.http_calls import PUT_OFF
from harness.core.http_messages import Reply
from harness.core.http_times import lifetime_s, retry_after_s
from harness.history.events import Outcome
from harness.plan.decline import Decline
from harness.plan.population import AccountClass

INVALID_ANSWER = "invalid_answer"
CREDIT_LINE_TOO_LOW = "credit_line_too_low"
CREDIT_LINE_IMPOSSIBLE = "credit_line_impossible"
"""Shown more than the borrower was registered with, or less than nothing."""
REDIRECT = "redirect"
"""The code of a 3xx: it is never followed, since that would be another request, maybe elsewhere."""


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
    connection_reused: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""

    @classmethod
    def of(cls, reply: Reply) -> "Answer":
        """What came back for a request outside the load."""
        return cls(status=reply.status, body=reply.body, headers=reply.headers)

    @property
    def payload(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one when it is none."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What is true of a borrower, by which the answers to them are judged."""

    expected_decline: Decline | None = None
    """The cause for which the borrower must be declined; None for none."""
    possible_decline: Decline | None = None
    """A cause for which a decline is as right as a loan."""
    least_credit_fen: int = 0
    """What their credit line must show at least; 0 for those who must be declined."""
    most_credit_fen: int | None = None
    """What they were registered with: more is not theirs. None if it is not known."""
    amount_fen: int = 0
    """What they ask for."""

    @classmethod
    def of(
        cls, known: AccountClass, limit_fen: int, asked_fen: int, amount_fen: int
    ) -> "GroundTruth":
        """A credit line must show the limit of the borrower, less all that the run asks for.

        The credit line of one who must be declined may say so.
        """
        least_fen = max(0, limit_fen - asked_fen)
        return cls(
            expected_decline=known.expected_decline,
            possible_decline=known.possible_decline,
            least_credit_fen=least_fen if known.expected_decline is None else 0,
            most_credit_fen=limit_fen,
            amount_fen=amount_fen,
        )


NO_TRUTH = GroundTruth()
"""Of a borrower who must not be declined, and of whom nothing more is known."""


@dataclass(frozen=True, slots=True)
class Classification:
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


def judge_log_in(answer: Answer, truth: GroundTruth = NO_TRUTH) -> Classification:
    """A borrower with valid credentials must get a session, or may be declined already."""
    token = answer.payload.get("token")
    if answer.status == HTTPStatus.CREATED and isinstance(token, str) and fits_header(token):
        lives_s = lifetime_s(answer.payload.get("expires_at"), answer.headers)
        return Classification(Outcome.OK, token=token, lifetime_s=lives_s)
    return failed_step(answer, truth)


def judge_credit_line(answer: Answer, truth: GroundTruth = NO_TRUTH) -> Classification:
    """A logged-in borrower must get their limit, as three integers, or may be declined already.

    To be shown less than must be left of it, whatever became of this run's requests, is to be
    refused: no borrower asks for more than they are shown.
    """
    payload = answer.payload
    fields = {name: payload.get(name) for name in ("limit_fen", "used_fen", "available_fen")}
    if answer.status == HTTPStatus.OK and all(_is_integer(value) for value in fields.values()):
        credit_fen = payload["limit_fen"], payload["available_fen"]
        too_high = truth.most_credit_fen is not None and max(credit_fen) > truth.most_credit_fen
        if too_high or min(payload["limit_fen"], payload["used_fen"]) < 0:
            return Classification(Outcome.FAILED, code=CREDIT_LINE_IMPOSSIBLE, invalid_answer=True)
        if min(credit_fen) >= truth.least_credit_fen:
            return Classification(Outcome.OK)
        return Classification(Outcome.FAILED, code=CREDIT_LINE_TOO_LOW, false_declined=True)
    return failed_step(answer, truth)


def failed_step(answer: Answer, truth: GroundTruth) -> Classification:
    """A step before the borrow moves no money, so nothing about it is indeterminate."""
    status, payload = answer.status, answer.payload
    if status is None:
        return Classification(Outcome.FAILED, code=answer.error)
    if 300 <= status < 400:  # noqa: PLR2004  # HTTP's words
        return Classification(Outcome.FAILED, code=REDIRECT)
    if status < 400:  # noqa: PLR2004  # HTTP's words
        return Classification(Outcome.FAILED, code=INVALID_ANSWER, invalid_answer=True)
    decline = decline_of(status, payload)
    false_declined = is_false_decline(status, payload, truth.expected_decline)
    put_off = status in PUT_OFF and decline is None
    return Classification(
        Outcome.FAILED if decline is None or false_declined else Outcome.DECLINED,
        code=_code(payload),
        decline=decline,
        false_declined=false_declined,
        may_retry=put_off and retry_after_s(answer.headers) is not None,
    )


def denies_session(answer: Answer, judged: Classification) -> bool:
    """Whether an answer rejects the session, and names no cause that lies in the borrower.

    The status alone says so, whatever the rules of a lender make of it.
    """
    failed = judged.outcome in (Outcome.FAILED, Outcome.INDETERMINATE)
    return answer.status == HTTPStatus.UNAUTHORIZED and failed and judged.decline is None


def may_have_worked(answer: Answer) -> bool:
    """Whether a request that failed so may have changed something all the same."""
    if answer.status is None:
        return answer.sent
    return answer.status < 400 or not is_surely_not_applied(answer.status, answer.payload)  # noqa: PLR2004


def judge_borrow(answer: Answer, truth: GroundTruth = NO_TRUTH) -> Classification:
    """Approved, referred, rightly declined, failed, or no one knows until the ledger is read."""
    status = answer.status
    if status is None:
        outcome = Outcome.INDETERMINATE if answer.sent else Outcome.FAILED
        return Classification(outcome, code=answer.error, may_retry=True)
    payload = answer.payload
    if 300 <= status < 400:  # noqa: PLR2004  # HTTP's words
        return Classification(Outcome.INDETERMINATE, code=REDIRECT, may_retry=True)
    if status < 400:  # noqa: PLR2004  # HTTP's words
        return _judge_acceptance(status, payload, truth.amount_fen)
    rightly = truth.expected_decline, truth.possible_decline
    decline = decline_of(status, payload)
    false_declined = is_false_decline(status, payload, *rightly)
    if decline is not None:
        outcome = Outcome.FAILED if false_declined else Outcome.DECLINED
        return Classification(outcome, _code(payload), decline, false_declined)
    refused = refusal_of(status, payload)
    applied = not is_surely_not_applied(status, payload)
    return Classification(
        Outcome.INDETERMINATE if applied else Outcome.FAILED,
        code=_code(payload),
        false_declined=false_declined,
        may_retry=refused in WORTH_ANOTHER_TRY or payload.get("category") == "availability",
    )


def _judge_acceptance(status: int, payload: dict[str, Any], amount_fen: int) -> Classification:
    loan_id = payload.get("loan_id")
    if isinstance(loan_id, str) and loan_id:
        principal = payload.get("principal_fen")
        paid_out = payload.get("status") == "disbursed" and _is_integer(principal)
        if status == HTTPStatus.CREATED and paid_out and principal == amount_fen:
            return Classification(Outcome.APPROVED, loan_id=loan_id)
        if status == HTTPStatus.ACCEPTED and payload.get("status") == "under_review":
            return Classification(Outcome.REFERRED, loan_id=loan_id)
    else:
        loan_id = None
    return Classification(
        Outcome.INDETERMINATE,
        code=INVALID_ANSWER,
        invalid_answer=True,
        loan_id=loan_id,
        may_retry=True,
    )


def fits_header(token: str) -> bool:
    """Whether a token can be sent: a line break in it would begin another header."""
    return bool(token) and token.isascii() and token.isprintable()


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _code(payload: dict[str, Any]) -> str | None:
    code = payload.get("code")
    return code if isinstance(code, str) else None


# --- what a 4xx or 5xx says, by its status and its category: one rule for all steps --------------
# `docs/contract.md` shows the table, and a test holds the page to it.

DECLINE_OF_CATEGORY = {
    "risk_decline": Decline.CREDIT,
    "regulatory_decline": Decline.POLICY,
    "behaviour_decline": Decline.BEHAVIOUR,
}


class Refusal(StrEnum):
    """What kind of answer a 4xx or 5xx is."""

    DECLINE = "decline"
    """A business decline that names its cause: untrue of those who need not be declined for it."""
    UNKNOWN_BORROWER = "unknown borrower"
    """No such account, password or session: untrue of every borrower of a run."""
    TURNED_AWAY = "turned away"
    """Forbidden, locked or for legal reasons, without a cause: untrue of those who must be served.
    """
    IN_PROGRESS = "in progress"
    """The request may be under way: a gateway that repeats it by itself makes the second one
    answer."""
    TOO_MANY = "too many requests"
    REQUEST = "request"
    """Any other 4xx: the request was wrong, which says nothing of the borrower."""
    GATEWAY = "gateway"
    """A gateway waited in vain; it cannot know what its server did."""
    SERVER = "server"


_OF_STATUS = {
    **dict.fromkeys((401, 404, 410), Refusal.UNKNOWN_BORROWER),
    **dict.fromkeys((403, 423, 451), Refusal.TURNED_AWAY),
    **dict.fromkeys((408, 409, 425), Refusal.IN_PROGRESS),
    429: Refusal.TOO_MANY,
    504: Refusal.GATEWAY,
}
WORTH_ANOTHER_TRY = (Refusal.IN_PROGRESS, Refusal.TOO_MANY, Refusal.GATEWAY, Refusal.SERVER)
"""Without a decision, the same request with the same key may still get one."""


def refusal_of(status: int, payload: Mapping[str, Any]) -> Refusal:
    """What an answer with a status of 400 or more is, whatever was asked for."""
    if decline_of(status, payload) is not None:
        return Refusal.DECLINE
    other = Refusal.REQUEST if status < 500 else Refusal.SERVER  # noqa: PLR2004  # HTTP's words
    return _OF_STATUS.get(status, other)


def decline_of(status: int, payload: Mapping[str, Any]) -> Decline | None:
    """The cause of a business decline; a server's error and a request time-out are none."""
    category = payload.get("category")
    if not 400 <= status < 500 or status == 408 or not isinstance(category, str):  # noqa: PLR2004
        return None
    return DECLINE_OF_CATEGORY.get(category)


def is_false_decline(status: int, payload: Mapping[str, Any], *rightly: Decline | None) -> bool:
    """Whether an answer contradicts what is true of the borrower.

    ``rightly`` are the causes for which the borrower must be declined or may be; None is no cause.
    """
    causes = {cause for cause in rightly if cause is not None}
    match refusal_of(status, payload):
        case Refusal.DECLINE:
            return decline_of(status, payload) not in causes
        case Refusal.UNKNOWN_BORROWER:
            return True
        case Refusal.TURNED_AWAY:
            return not causes
    return False


def is_surely_not_applied(status: int, payload: Mapping[str, Any]) -> bool:
    """Whether a request that was answered so has changed nothing."""
    match refusal_of(status, payload):
        case Refusal.IN_PROGRESS | Refusal.GATEWAY:
            return False
        case Refusal.SERVER:
            return payload.get("outcome") == "not_applied"
    return True
