"""The money table: what a borrower was told, against the loans that the ledger has for it. Pure.

`docs/money.md` shows the table, and a test holds the page to it. What is wrong whatever was told (a
second loan, another amount) is found beside it, by `harness.verdict.reconcile`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from harness.history.columns import Attempts, Ints, Operations, Words, last_of_each
from harness.history.events import Outcome
from harness.history.ledger_facts import BOOKED_STATUSES, KeyedLoan, LedgerEntry
from harness.plan.decline import Decline

RESERVED = ("under_review", "approved")
"""Not paid out yet, but taken from the borrower's limit."""
_PAID = frozenset({("disbursed", 1)})
_REPAID = frozenset({("repaid", 1)})
_UNDER_REVIEW = frozenset({("under_review", 0)})
_PROMISED = frozenset({("approved", 0)})
_ENDED = frozenset({("declined", 0), ("cancelled", 0)})


class Told(StrEnum):
    """All that a borrower can hear, from what says least to what decides."""

    NEVER_SENT = "never sent"
    REFUSED = "refused"
    """Answered, or sure to have been ended, without being applied."""
    UNKNOWN = "unknown"
    """May or may not have been applied."""
    DECLINED = "declined"
    """For a business reason, rightly or wrongly."""
    REFERRED = "referred"
    APPROVED = "approved"


GRANTED = (Told.APPROVED, Told.REFERRED)
DECISIONS = (*GRANTED, Told.DECLINED)
TOLD = tuple(Told)
"""What a number stands for in a column of what was told."""
_SAYS = {
    Outcome.APPROVED: Told.APPROVED,
    Outcome.REFERRED: Told.REFERRED,
    Outcome.DECLINED: Told.DECLINED,
    Outcome.FAILED: Told.REFUSED,
}
_WEIGHT = np.array([3 if told in DECISIONS else place for place, told in enumerate(TOLD)])
"""What says more weighs more; all decisions weigh the same."""


def told_by(attempts: Attempts) -> Ints:
    """What each of these borrow attempts alone told: places in `TOLD`, shape (n,)."""
    never = attempts.outcome.are(Outcome.FAILED) & attempts.decline.are(None) & ~attempts.sent
    said = _said(attempts.outcome, attempts.decline)
    return np.where(never, TOLD.index(Told.NEVER_SENT), said)


def told_of(operations: Operations, borrows: Attempts) -> Ints:
    """What the borrower of each operation was told in the end: places in `TOLD`, shape (n,).

    ``borrows`` are their borrow attempts, in order: the last decision among them counts, without
    one any doubt. The operation's own outcome counts where it says more: one of the attempts never
    ended, or is no longer written down.
    """
    count, place = len(operations), borrows.places_in(operations)
    own = _said(operations.outcome, operations.decline)
    tried = np.bincount(place[place >= 0], minlength=count)
    # It adds nothing to what its attempts say, maybe of an earlier step.
    mute = np.isin(own, [TOLD.index(Told.REFUSED), TOLD.index(Told.DECLINED)])
    own[mute & (operations.attempts <= tried)] = TOLD.index(Told.NEVER_SENT)
    said = np.concatenate((own, told_by(borrows)))
    of = np.concatenate((np.arange(count), place))
    return said[last_of_each(of, _WEIGHT[said], count)]


def _said(outcome: Words[Outcome], decline: Words[Decline]) -> Ints:
    said = outcome.each(lambda word: TOLD.index(_SAYS.get(word or Outcome.OK, Told.UNKNOWN)))
    wrongly = outcome.are(Outcome.FAILED) & ~decline.are(None)
    return np.where(wrongly, TOLD.index(Told.DECLINED), said)


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
    """Judge one row, or that there is none (None), by what the borrower was told; total.

    ``decides_reviews`` is for a target that decides its reviews during the run, ``repaid`` for a
    loan that the run itself repaid. More than one payout counts as one here.
    """
    if row is None:
        return Money.LOST if told in GRANTED else Money.RIGHT
    paid = _PAID | (_REPAID if repaid else frozenset())
    referred = _UNDER_REVIEW | (_ENDED | _PROMISED | paid if decides_reviews else frozenset())
    right = {
        Told.APPROVED: paid,
        Told.REFERRED: referred,
        Told.DECLINED: _ENDED,
        Told.REFUSED: _ENDED,
        Told.NEVER_SENT: frozenset(),
        Told.UNKNOWN: paid | referred | _ENDED | _PROMISED,
    }
    payouts = min(row.payouts, 1)
    if any(payouts == made and row.status in (status, None) for status, made in right[told]):
        return Money.RIGHT
    if row.committed and told in (Told.DECLINED, Told.REFUSED, Told.NEVER_SENT):
        return Money.PHANTOM
    return Money.CORRUPT


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan under one key, as all its rows say together; money in fen.

    ``account_ids`` and ``principals_fen`` are of every row, in the order of listing; the last one
    counts. ``payouts_min`` is the least that any row shows. ``repeated`` tells that rows are
    identical but for cursor, time and balance. A loan that is not ``listed`` was found by its key
    alone: it has no account and no balance.
    """

    loan_id: str
    key: str
    row: MoneyRow
    principals_fen: tuple[int, ...]
    account_ids: tuple[str, ...] = ()
    payouts_min: int = 0
    balance_fen: int | None = None
    repeated: bool = False
    listed: bool = True

    @property
    def principal_fen(self) -> int:
        """The principal listed last."""
        return self.principals_fen[-1]


def loans_by_key(
    entries: Iterable[LedgerEntry], *, has_status: bool = True
) -> dict[str, list[Loan]]:
    """Merge the rows of each loan: its largest number of payouts, what else was listed last.

    A ledger without a status column (not ``has_status``) is judged by payouts alone.
    """
    rows: dict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        rows[entry.idempotency_key, entry.loan_id].append(entry)
    loans: dict[str, list[Loan]] = defaultdict(list)
    for (key, _), listed in rows.items():
        loans[key].append(_merged(listed, has_status=has_status))
    return dict(loans)


def _merged(rows: Sequence[LedgerEntry], *, has_status: bool) -> Loan:
    last = rows[-1]
    shown = Counter((r.account_id, r.principal_fen, r.status, r.disbursements) for r in rows)
    payouts = [row.disbursements for row in rows]
    return Loan(
        loan_id=last.loan_id,
        key=last.idempotency_key,
        row=MoneyRow(last.status if has_status else None, max(payouts)),
        principals_fen=tuple(row.principal_fen for row in rows),
        account_ids=tuple(row.account_id for row in rows),
        payouts_min=min(payouts),
        balance_fen=last.ledger_balance_fen,
        repeated=max(shown.values()) > 1,
    )


def found_alone(key: str, loan: KeyedLoan) -> Loan:
    """A loan that only the question for its key shows, so that its status says whether it was paid.

    The listing lacks it.
    """
    row = MoneyRow(loan.status, int(loan.status in BOOKED_STATUSES))
    return Loan(loan.loan_id, key, row, (loan.principal_fen,), listed=False)
