"""Why a borrower is declined."""

from enum import StrEnum


class Decline(StrEnum):
    """The three business causes of "cannot borrow"; none of them is an availability failure."""

    CREDIT = "credit"
    POLICY = "policy"
    BEHAVIOUR = "behaviour"
