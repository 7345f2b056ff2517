"""A duration as people write it, alike on the command line, in a form, in YAML and in Python.

``200ms``, ``5s``, ``1m``, ``2h`` and sums like ``1h20m``. A number alone is a number of seconds, as
Locust has it. Only where a name speaks of milliseconds the unit must be there: 300 is then neither
300 s nor, for sure, 300 ms.
"""

import re
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

from harness.core.numbers import decimal_text

DAY_SECONDS = 24 * 3600.0
VALID = "a duration like 250ms, 10s or 2m; a number alone is seconds"
VALID_WITH_UNIT = "a duration with its unit, like 250ms, 10s or 2m"
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
_WITH_UNIT = rf"(?=\S)(?:{_NUMBER} *h *)?(?:{_NUMBER} *m *)?(?:{_NUMBER} *s *)?(?:{_NUMBER} *ms)?"
_MOST = 10**9
"""A text has no more digits than this, either."""
_UNITS = tuple(map(Decimal, ("3600", "60", "1", "0.001")))


def seconds(value: Any) -> float:
    """A duration in seconds: text, a number of seconds or a `timedelta`.

    ValueError for anything else; its message says what is valid.
    """
    return float(_seconds(value, unit=False))


def text_of(length_s: float) -> str:
    """A length in seconds as `seconds` reads it again, to the nanosecond: ``0.25s``."""
    return f"{decimal_text(length_s, 9)}s"


def milliseconds(value: Any) -> float:
    """The same in milliseconds; a text must have its unit, and a number alone is none."""
    return float(1000 * _seconds(value, unit=True))


def _seconds(value: Any, *, unit: bool) -> Decimal:
    if isinstance(value, timedelta) and value >= timedelta(0):
        return Decimal(value // timedelta(microseconds=1)) / 10**6
    is_number = isinstance(value, Real) and not isinstance(value, bool) and not unit
    if is_number and 0 <= value < _MOST:
        return Decimal(str(float(value)))
    text = value.strip() if isinstance(value, str) else ""
    if not unit and re.fullmatch(_NUMBER, text):
        return Decimal(text)
    found = re.fullmatch(_WITH_UNIT, text)
    if found is None:
        raise ValueError(f"must be {VALID_WITH_UNIT if unit else VALID}")
    numbers = zip(found.groups(), _UNITS, strict=True)
    return sum((Decimal(number) * each for number, each in numbers if number), Decimal(0))


def pattern(*, unit: bool = False) -> str:
    """What such a text is, as JSON Schema says it."""
    return f"^({_WITH_UNIT})$" if unit else f"^({_NUMBER}|{_WITH_UNIT})$"
