"""What a borrower was told of one borrow, folded from its attempts. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from harness.history.events import Attempt, Operation, Outcome


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


def told_by(attempt: Attempt) -> Told:
    """What one borrow attempt alone told."""
    if attempt.outcome is Outcome.FAILED and attempt.decline is None and not attempt.sent:
        return Told.NEVER_SENT
    return _in_words(attempt.outcome, declined=attempt.decline is not None)


def told_of(operation: Operation, attempts: Iterable[Attempt]) -> Told:
    """What the borrower of an operation was told in the end.

    ``attempts`` are its borrow attempts, in order: the last decision among them counts, without one
    any doubt. The operation's own outcome counts where it says more: one of the attempts never
    ended, or is no longer written down.
    """
    said = [told_by(attempt) for attempt in attempts]
    own = _in_words(operation.outcome, declined=operation.decline is not None)
    if own in (Told.REFUSED, Told.DECLINED) and operation.attempts <= len(said):
        own = Told.NEVER_SENT  # it adds nothing to what its attempts say, maybe of an earlier step
    return max(reversed([own, *said]), key=_weight)


def _in_words(outcome: Outcome, *, declined: bool) -> Told:
    match outcome:
        case Outcome.APPROVED:
            return Told.APPROVED
        case Outcome.REFERRED:
            return Told.REFERRED
        case Outcome.DECLINED:
            return Told.DECLINED
        case Outcome.FAILED:
            return Told.DECLINED if declined else Told.REFUSED
        case Outcome.INDETERMINATE | Outcome.OK:
            return Told.UNKNOWN


def _weight(told: Told) -> int:
    """What says more weighs more; all decisions weigh the same."""
    return 3 if told in DECISIONS else list(Told).index(told)
