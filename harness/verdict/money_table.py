"""The money table: what a borrower was told, against one row of the ledger. Pure and total.

`docs/money.md` shows it, and a test holds the page to it. What is wrong whatever was told (a second
loan, another amount) is found beside it, by `harness.verdict.reconcile`.
"""

from enum import StrEnum
from typing import NamedTuple

from harness.verdict.told import GRANTED, Told

RESERVED = ("under_review", "approved")
"""Not paid out yet, but taken from the borrower's limit."""
_PAID = frozenset({("disbursed", 1)})
_REPAID = frozenset({("repaid", 1)})
_UNDER_REVIEW = frozenset({("under_review", 0)})
_PROMISED = frozenset({("approved", 0)})
_ENDED = frozenset({("declined", 0), ("cancelled", 0)})


class Money(StrEnum):
    """What one request came to; from right to worst."""

    RIGHT = "right"
    CORRUPT = "corrupt"
    LOST = "lost"
    PHANTOM = "phantom"


class MoneyRow(NamedTuple):
    """What the ledger says of one loan; ``status`` None for a ledger without a status column."""

    status: str | None
    payouts: int

    @property
    def committed(self) -> bool:
        """Whether money was paid out, or is reserved to be."""
        return self.payouts > 0 or (self.payouts == 0 and self.status in RESERVED)


def judged(
    told: Told, row: MoneyRow | None, *, decides_reviews: bool = False, repaid: bool = False
) -> Money:
    """Judge one row, or that there is none (None), by what the borrower was told.

    ``decides_reviews`` is for a target that decides its reviews during the run, ``repaid`` for a
    loan that the run itself repaid. More than one payout counts as one here.
    """
    if row is None:
        return Money.LOST if told in GRANTED else Money.RIGHT
    right = _right_rows(told, decides_reviews=decides_reviews, repaid=repaid)
    payouts = min(row.payouts, 1)
    as_listed = any(payouts == paid and row.status in (status, None) for status, paid in right)
    if as_listed:
        return Money.RIGHT
    if row.committed and told in (Told.DECLINED, Told.REFUSED, Told.NEVER_SENT):
        return Money.PHANTOM
    return Money.CORRUPT


def _right_rows(told: Told, *, decides_reviews: bool, repaid: bool) -> frozenset[tuple[str, int]]:
    """Status and payouts of every row that agrees with what was told."""
    paid = _PAID | (_REPAID if repaid else frozenset())
    referred = _UNDER_REVIEW | (_ENDED | _PROMISED | paid if decides_reviews else frozenset())
    match told:
        case Told.APPROVED:
            return paid
        case Told.REFERRED:
            return referred
        case Told.DECLINED | Told.REFUSED:
            return _ENDED
        case Told.NEVER_SENT:
            return frozenset()
        case Told.UNKNOWN:
            return paid | referred | _ENDED | _PROMISED
