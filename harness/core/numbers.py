"""Numbers as people write them, and what those of a run can be.

Of a text: the digits 0 to 9, and no more of them than a number may have. Python's own `int` and
`float` also take the digits of every script, underscores, ``nan`` and ``inf``, and thousands of
digits, which it cannot show again.

Of a run, as types: whatever reads them refuses the rest. They are wide enough for every run that
there can be, narrow enough to be counted with. Each says its unit, for the published schemas;
neither NaN nor anything infinite is between bounds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le  # pydantic knows these, and most commands go without it

INTEGER_MAX = 10**18
_WHOLE_MAX = 1e12
NS_MAX = 2**62
"""In nanoseconds 146 years: of a machine's clock, which begins when it starts, and since 1970."""
SPAN_SECONDS_MAX = 31 * 24 * 3600.0
"""How far from its zero anything of a run can be, its faults healed late included."""


def whole(text: str) -> int:
    """A whole number; ValueError where it is none."""
    return int(_match(r"[+-]?[0-9]{1,18}", text))


def decimal(text: str) -> float:
    """A number, with or without a fraction; ValueError where it is none."""
    return float(_match(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})", text))


def decimal_text(number: float, places: int = 15) -> str:
    """A number as `decimal` reads it: never with an exponent, and without noise behind places.

    One that is no number or has more digits is written as Python does, and `decimal` refuses it.
    """
    if not abs(number) < _WHOLE_MAX:
        return str(number)
    text = f"{round(Decimal(str(number)), places):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _match(pattern: str, text: str) -> str:
    found = re.fullmatch(pattern, text.strip())
    if found is None:
        raise ValueError(text)
    return found[0]


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts, as a schema says it."""

    text: str

    def __get_pydantic_json_schema__(self, core: Any, make: Callable[[Any], Any]) -> dict[str, Any]:
        """Pydantic asks for it when it makes a schema."""
        return {**make(core), "unit": self.text}


Nanoseconds = Annotated[int, Ge(-NS_MAX), Le(NS_MAX), Unit("nanoseconds")]
"""An instant, monotonic or Unix time."""
Seconds = Annotated[float, Ge(-SPAN_SECONDS_MAX), Le(SPAN_SECONDS_MAX), Unit("seconds")]
"""A time of a run, or a length."""
Length = Annotated[float, Ge(0), Le(SPAN_SECONDS_MAX), Unit("seconds")]
"""Of time."""
Milliseconds = Annotated[float, Ge(0), Le(1000 * SPAN_SECONDS_MAX), Unit("milliseconds")]
"""A length of time."""
UnixSeconds = Annotated[float, Ge(0), Le(NS_MAX / 1e9), Unit("seconds since 1970")]
"""An instant of the wall clock."""
Share = Annotated[float, Ge(0), Le(1), Unit("a share from 0 to 1")]
Shift = Annotated[float, Ge(-1), Le(1), Unit("a difference of shares, from -1 to 1")]
PerSecond = Annotated[float, Gt(0), Le(1e6), Unit("times a second")]
Rate = Annotated[float, Ge(0), Le(1e6), Unit("arrivals a second")]
Ratio = Annotated[float, Ge(0), Le(1e18), Unit("a ratio")]
Figure = Annotated[float, Ge(-1e18), Le(1e18), Unit("in the unit of what it is")]
"""What something came to, in a unit of its own."""
Fen = Annotated[int, Ge(-(10**18)), Le(10**18), Unit("fen, a hundredth of a yuan")]
"""Money, whatever a target makes of it."""
Count = Annotated[int, Ge(0), Le(2**53), Unit("a whole number")]
"""Of things, or the place of one among them; a float holds it exactly."""
Whole = Annotated[int, Ge(-(2**62)), Le(2**62), Unit("a whole number")]
"""Of a target: it may say anything."""
Exit = Annotated[int, Ge(-64), Le(255)]
"""The code of a process; negative for the signal that ended it."""
