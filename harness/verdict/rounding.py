"""Figures without their last bits, in which one machine's arithmetic differs from another's."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

DIGITS = 10
"""Far more than any figure of a run is known to, and far fewer than differ between machines."""


def rounded(value: Any) -> Any:
    """The same value with every float in it, however deep, at `DIGITS` significant digits.

    Summing in another order, as wider vector units do, changes the sixteenth digit; a stored run
    that is judged elsewhere must still give the same verdict, byte for byte.
    """
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: rounded(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(rounded(part) for part in value)
    return value
