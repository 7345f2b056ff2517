"""Who borrows: synthetic borrowers with a known ground truth, and how many of each kind.

Pure. All money is integer fen.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.core.numbers import Count
from harness.plan.decline import Decline

LIMIT_FEN = 100_000_000_000
"""Credit limit of most borrowers: never binds, so that no decline comes from the load itself."""
PHONE_DIGITS, PHONE_INDEX_DIGITS_MIN = 15, 5
BORROWERS, TRIALS = "19", "18"
"""What phones begin with: of those who borrow in the load, and of those tried out before it."""


class AccountClass(StrEnum):
    """Kinds of synthetic borrower, each with a known ground truth."""

    GOOD = "good"
    LOW_SCORE = "low_score"
    BLOCKED_REGION = "blocked_region"
    OVERDUE = "overdue"
    ISOLATED = "isolated"
    NEAR_LIMIT = "near_limit"
    """Borrows twice at the same moment, and only there: one loan at most may be granted."""

    @property
    def expected_decline(self) -> Decline | None:
        """The business cause for which this borrower must be declined; None for none."""
        return _EXPECTED_DECLINE.get(self)

    @property
    def possible_decline(self) -> Decline | None:
        """A cause for which this borrower may rightly be declined, or be served."""
        return Decline.CREDIT if self is AccountClass.NEAR_LIMIT else None


_EXPECTED_DECLINE = {
    AccountClass.LOW_SCORE: Decline.CREDIT,
    AccountClass.BLOCKED_REGION: Decline.POLICY,
    AccountClass.OVERDUE: Decline.BEHAVIOUR,
    AccountClass.ISOLATED: Decline.BEHAVIOUR,
}

POPULATIONS: dict[str, dict[AccountClass, float]] = {
    "good": {AccountClass.GOOD: 1.0},
    "mixed": {
        AccountClass.GOOD: 0.88,
        AccountClass.LOW_SCORE: 0.03,
        AccountClass.BLOCKED_REGION: 0.03,
        AccountClass.OVERDUE: 0.03,
        AccountClass.ISOLATED: 0.03,
    },
}
"""Shares of the borrowers who arrive again and again."""


@dataclass(frozen=True, slots=True)
class PlannedBorrower:
    """A synthetic borrower; ``index`` is its place in the plan, ``phone`` is fresh for every
    run.
    """

    index: Count
    phone: str
    account_class: AccountClass


def borrowers_of(
    population: str, count: int, near_limit: int, chance: random.Random, run: uuid.UUID
) -> tuple[PlannedBorrower, ...]:
    """About ``count`` borrowers of a population, and behind them ``near_limit`` near theirs."""
    classes: list[AccountClass] = []
    for account_class, share in POPULATIONS[population].items():
        classes += [account_class] * max(1, round(share * count))
    chance.shuffle(classes)
    classes += [AccountClass.NEAR_LIMIT] * near_limit
    # 15 digits, the longest number there is: as a rule eight of the run's own, five of the
    # borrower's.
    width = max(PHONE_INDEX_DIGITS_MIN, len(str(len(classes) - 1)))
    own = PHONE_DIGITS - len(BORROWERS) - width
    prefix = f"{BORROWERS}{run.int % 10**own:0{own}d}"
    return tuple(PlannedBorrower(i, f"{prefix}{i:0{width}d}", c) for i, c in enumerate(classes))


def trials_of(
    borrowers: Sequence[PlannedBorrower], classes: Iterable[AccountClass]
) -> list[PlannedBorrower]:
    """Throw-away borrowers of these classes, whose phones no borrower of any run has."""
    prefix = TRIALS + borrowers[0].phone[len(BORROWERS) : -PHONE_INDEX_DIGITS_MIN]
    return [
        PlannedBorrower(i, f"{prefix}{i:0{PHONE_INDEX_DIGITS_MIN}d}", c)
        for i, c in enumerate(classes)
    ]


def pair_starts(arrivals: int, pairs: int, chance: random.Random) -> list[int]:
    """Where pairs of neighbouring arrivals begin: spread evenly over the load, none overlapping.

    There have to be five arrivals for each pair at least.
    """
    stride = arrivals / pairs if pairs else 0.0
    return [int((number + 0.8 * chance.random()) * stride) for number in range(pairs)]


def turns_of(
    borrowers: Sequence[PlannedBorrower], block: int, chance: random.Random
) -> Iterator[int]:
    """Whose turn it is, round after round without an end, for all but those near their limit.

    Within every ``block`` of borrowers the order is another one each round: otherwise an
    impairment that comes round with a whole number of seconds would meet the same borrowers every
    time, and look as if it shut them out.
    """
    everybody = [b.index for b in borrowers if b.account_class is not AccountClass.NEAR_LIMIT]
    while True:
        for start in range(0, len(everybody), block):
            part = everybody[start : start + block]
            chance.shuffle(part)
            yield from part
