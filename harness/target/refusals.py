"""What a 4xx or 5xx says, by its status and its category: one rule for all steps of a borrower.

Pure. `docs/contract.md` shows the table, and a test holds the page to it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from harness.plan.decline import Decline

DECLINE_OF_CATEGORY = {
    "risk_decline": Decline.CREDIT,
    "regulatory_decline": Decline.POLICY,
    "behaviour_decline": Decline.BEHAVIOUR,
}


class Refusal(StrEnum):
    """What kind of answer a 4xx or 5xx is."""

    DECLINE = "decline"
    """A business decline that names its cause: untrue of whoever need not be declined for it."""
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
