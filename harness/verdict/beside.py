"""How finely a figure is written beside a limit: never so that its side of it is hidden. Pure."""

from collections.abc import Callable, Iterable

from harness.verdict.rounding import rounded

_FINEST = 10
"""As many decimals as any figure of a verdict has."""


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
