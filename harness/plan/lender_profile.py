"""What a plan has to know of the lender that it is for: money, steps, and whom it can tell apart.

Plain data. `harness.target.interface.Target` makes it of a user's class; the default is our own
contract (`docs/contract.md`). All money is whole minor units of the ``currency``.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.core.money import YUAN, Currency
from harness.core.numbers import Fen
from harness.plan.population import LIMIT_FEN, AccountClass

REVIEW_AMOUNT_FEN = 2_500_000
"""An amount that the reference service sends to manual review."""
AMOUNT_MAX = 10**12
"""In minor units: the sum of a run's loans stays a number that every file can hold."""
_LOANS_MAX = 10_000
"""Of one borrower in a run: a limit that covers so many never binds."""
_TAIL = 100
"""The last two digits of an amount differ from loan to loan: to cut them off is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderProfile:
    """One lender, as a plan is made for it.

    ``name`` is the class that was named as target, "" for our own contract. Borrowers ask for
    ``amounts`` from the first to the second, in steps of ``unit``. A loan of ``review_from`` is
    sent to manual review (None: not known). A step that the lender lacks is left out of every
    journey. It knows borrowers of ``classes``; those of other classes become good ones.
    """

    name: str = ""
    currency: Currency = YUAN
    amounts: tuple[Fen, Fen] = (9_901, 500_000)
    unit: Fen = 1
    review_from: Fen | None = REVIEW_AMOUNT_FEN
    logs_in: bool = True
    reads_credit_line: bool = True
    classes: tuple[AccountClass, ...] = tuple(AccountClass)

    def with_amounts(self, whole: tuple[int, int] | None) -> "LenderProfile":
        """The same with other amounts, in whole units of the currency; None for its own."""
        if whole is None:
            return self
        least, most = (each * 10**self.currency.places for each in whole)
        return replace(self, amounts=(least, most))

    @property
    def near_limit(self) -> int:
        """The limit of borrowers near theirs: it covers any of their loans, and no two of them."""
        return self.most * 6 // 5

    def limit_of(self, account_class: AccountClass) -> int:
        """The credit limit that a borrower of this class is registered with."""
        if account_class is AccountClass.NEAR_LIMIT:
            return self.near_limit
        return max(LIMIT_FEN, self.most * _LOANS_MAX)

    @property
    def trial_amount(self) -> int:
        """What is asked for when the lender is tried out, before the load."""
        step, first, _ = self._steps
        return step * first

    @property
    def most(self) -> int:
        """The most that a borrower asks for, unless it is for a review."""
        return self.amounts[1] // self.unit * self.unit

    def amount(self, chance: random.Random, index: int) -> int:
        """What the ``index``-th arrival asks for."""
        step, first, last = self._steps
        tail = index % _TAIL * self.unit if step > self.unit else 0
        return step * chance.randint(first, last) - tail

    def amount_near_limit(self, chance: random.Random) -> int:
        """What a borrower near their limit asks for: one such loan is covered, two are not."""
        least = -(-self.most * 31 // (50 * self.unit))
        return self.unit * chance.randint(least, self.most // self.unit)

    @property
    def _steps(self) -> tuple[int, int, int]:
        """A coarse step, and which multiples of it leave room for the tail."""
        least, most = self.amounts
        step = _TAIL * self.unit
        first = -(-(least + (_TAIL - 1) * self.unit) // step)
        if first <= most // step:
            return step, first, most // step
        return self.unit, -(-least // self.unit), most // self.unit

    def wrong(self) -> Iterator[str]:
        """Every value that cannot be, each with what would be valid.

        After `with_amounts` it says so of the amounts that a scenario states.
        """
        least, most = self.amounts
        said = f"amounts from {self.currency.number(least)} to {self.currency.text(most)}"
        if self.unit < 1:
            yield f"unit {self.unit} must be a whole number of minor units, at least 1"
        elif not 0 < least <= most:
            yield f"{said} must be the least and the most, both more than 0"
        elif -(-least // self.unit) > most // self.unit:
            yield f"{said} have no multiple of the unit {self.currency.text(self.unit)} among them"
        elif most > AMOUNT_MAX:
            yield f"{said} must be at most {self.currency.text(AMOUNT_MAX)}"
        if self.review_from is not None and self.review_from <= most:
            review = self.currency.text(self.review_from)
            yield f"{said} must be less than {review}, from which on a loan is reviewed by hand"
        if AccountClass.GOOD not in self.classes:
            yield "classes must have 'good': someone has to be lent to"
