"""Figures without their last bits, and how finely each is written. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

DIGITS = 10
"""Far more than any figure of a run is known to, and far fewer than differ between machines."""
_FINEST = 10
"""As many decimals as any figure of a verdict has."""


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


def places_beside(
    limit: float | None,
    values: Iterable[float | None],
    least: int,
    as_written: Callable[[float, int], float] = round,
) -> int:
    """The least number of decimals, ``least`` or more, that leaves each value on its side of the
    limit. ``as_written`` is a value with so many decimals; without a limit, ``least`` will do.
    """
    if limit is None:
        return least
    edge: float = rounded(limit)  # 0.7 % is 100 x 0.007, which is a little more than 0.7
    known = [value for value in map(rounded, values) if value is not None and value != edge]

    def hides(places: int) -> bool:
        written = [as_written(value, places) for value in known]
        pairs = zip(written, known, strict=True)
        return any(shown == edge or (shown > edge) != (value > edge) for shown, value in pairs)

    return next((places for places in range(least, _FINEST) if not hides(places)), _FINEST)
