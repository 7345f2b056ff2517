"""What borrowers were told of each borrow, folded from its attempts. Pure."""

from enum import StrEnum

import numpy as np

from harness.history.columns import Attempts, Ints, Operations, Words, last_of_each
from harness.history.events import Outcome
from harness.plan.decline import Decline


class Told(StrEnum):
    """All that a borrower can be told, from what says least to what decides."""

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
