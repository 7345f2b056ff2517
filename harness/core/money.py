"""Money as the harness counts it, in whole minor units, and as lenders and people write it.

A minor unit is the smallest part of a currency: a cent of a euro, a fen of a yuan, a yen.
"""

from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Annotated, Any

from annotated_types import Ge, Le  # as in `harness.core.numbers`

from harness.core.numbers import Unit

Places = Annotated[int, Ge(0), Le(6), Unit("decimal places")]
MINOR_MAX = 10**18


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: its ISO 4217 ``code``, and how many decimal ``places`` its minor unit stands for.

    ``word`` is what people call it in reports; empty: its code.
    """

    code: str
    places: Places = 2
    word: str = ""

    def text(self, minor: int) -> str:
        """An amount for people, like "1,234.50 EUR"."""
        return f"{self.number(minor)} {self.word or self.code}"

    def number(self, minor: int) -> str:
        """The same without the currency, like "1,234.50"."""
        return f"{Decimal(minor).scaleb(-self.places):,.{self.places}f}"

    def decimal(self, minor: int) -> str:
        """An amount as lenders take decimals, like "1234.50"."""
        return f"{Decimal(minor).scaleb(-self.places):.{self.places}f}"

    def minor(self, shown: Any) -> int:
        """A decimal amount (text, a number or a `Decimal`) in minor units.

        ValueError where it is no amount of money, or is finer than a minor unit.
        """
        if isinstance(shown, bool) or not isinstance(shown, str | int | float | Decimal):
            raise ValueError(f"{shown!r} is no amount of money")  # noqa: TRY004  # read or it is not
        try:
            exact = Decimal(str(shown).strip()).scaleb(self.places)
            minor = int(exact)
        except (DecimalException, ValueError, OverflowError) as error:
            raise ValueError(f"{shown!r} is no amount of money") from error
        if minor != exact or abs(minor) > MINOR_MAX:
            raise ValueError(f"{shown!r} is no amount with at most {self.places} decimals")
        return minor


def whole_minor(shown: Any) -> int:
    """An amount that is written in whole minor units already; ValueError where it is none.

    A `Decimal`, a float or a text of a whole number is one, too: databases and JSON write them so.
    """
    return Currency("", 0).minor(shown)


YUAN = Currency("CNY", 2, "yuan")
