"""Numbers as people write them: the digits 0 to 9, and no more of them than a number may have.

Python's own `int` and `float` also take the digits of every script, underscores, ``nan`` and
``inf``, and thousands of digits, which it cannot show again.
"""

import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}
INTEGER_MAX = 10**18


def whole(text: str) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    return int(_match(_WHOLE, text)[0])


def decimal(text: str) -> float:
    """A number, with or without a fraction.

    Raises:
        ValueError: it is none.
    """
    return float(_match(_DECIMAL, text)[0])


def duration_s(text: str) -> float:
    """A duration in seconds, written like 500ms, 2s, 1m or 3h; without a unit it is in seconds.

    Raises:
        ValueError: it is none.
    """
    found = _match(_DURATION, text)
    return float(found[1]) * _SECONDS[found[2]]


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return found
