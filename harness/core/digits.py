"""Numbers as people write them: the digits 0 to 9, and no more of them than a number may have.

Python's own `int` and `float` also take the digits of every script, underscores, ``nan`` and
``inf``, and thousands of digits, which it cannot show again.
"""

import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})")
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


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return found
