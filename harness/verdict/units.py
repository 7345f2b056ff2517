"""How figures are written: each with its unit, and never so that its side of a limit is hidden.

Pure. None becomes `NOT_MEASURED`, never a zero and never a blank.
"""

import math
from collections.abc import Callable
from functools import partial

from harness.core.money import Currency
from harness.verdict.rounding import places_beside
from harness.verdict.spans import decimals
from harness.verdict.types import ObjectiveResult

NOT_MEASURED = "not measured"
NOT_SEEN = "not seen"
"""Of an end that may have come before the load ended, and was not seen to."""
AT_ONCE = "at once"
"""Of a recovery that had come when the heal was confirmed, however long before."""
_LIMIT_DIGITS = 10
_NOUGHT = "0.0 s"
_FINEST = 10
"""Decimals, at most."""


def count(number: float | None, limit: float | None = None) -> str:
    """A whole number with separators of thousands; beside a ``limit`` on its side of it."""
    if number is None:
        return NOT_MEASURED
    places = 0 if float(number).is_integer() else places_beside(limit, [number], 1)
    return f"{number:,.{places}f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun in the right form."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def share(part: float | None, limit: float | None = None) -> str:
    """A share in 0..1 as per cent; more decimals where it is small, or its side of a ``limit``
    would be hidden. What is not none is never written as 0 %, nor what is not all as 100 %.
    """
    if part is None:
        return NOT_MEASURED
    if part in (0, 1):
        return f"{part:.0%}".replace("%", " %")
    least = 2 if min(part, 1 - part) < 0.01 else 1  # noqa: PLR2004  # below one per cent
    least = next((n for n in range(least, _FINEST) if 0 < round(100 * part, n) < 100), least)  # noqa: PLR2004
    places = places_beside(None if limit is None else 100 * limit, [100 * part], least)
    return f"{100 * part:.{places}f} %"


def money(minor: int | None, currency: Currency | None) -> str:
    """Money given in minor units, in the target's currency where that is known."""
    if minor is None:
        return NOT_MEASURED
    return f"{minor:,} minor units" if currency is None else currency.text(minor)


def seconds(duration: float | None, limit: float | None = None) -> str:
    """A duration in seconds; beside a ``limit`` on its side of it."""
    if duration is None:
        return NOT_MEASURED
    return _seconds(duration, places_beside(limit, [duration], 2 if abs(duration) < 1 else 1))


def more_than(duration: float, limit: float | None = None) -> str:
    """Of a duration that was surely longer: it is rounded down, but not to below a ``limit``."""
    places = places_beside(limit, [duration], 1, _down)
    return f"more than {_seconds(_down(duration, places), places)}"


def _down(duration: float, places: int) -> float:
    scale = 10.0**places
    return math.floor(duration * scale + 1e-6) / scale


def seconds_within(duration: float | None, low: float | None, high: float | None) -> str:
    """A duration with no more decimals than its interval is worth."""
    if duration is None or low is None or high is None:
        return seconds(duration)
    return _seconds(duration, decimals(low, high))


def seconds_beside(
    limit: float | None, value: float | None, low: float | None, high: float | None
) -> Callable[[float | None], str]:
    """How a duration and its interval are written: all with so many decimals that each is on its
    side of the ``limit``, and no more than their interval is worth otherwise.
    """
    if low is None or high is None:
        return partial(seconds, limit=limit)
    places = places_beside(limit, (value, low, high), decimals(low, high))
    return lambda one: NOT_MEASURED if one is None else _seconds(one, places)


def from_heal(write: Callable[[float | None], str]) -> Callable[[float | None], str]:
    """The same for a time from the heal on: what came no later is `AT_ONCE`, without a sign."""

    def written(after_s: float | None) -> str:
        if after_s is not None and (after_s <= 0 or write(after_s) == _NOUGHT):
            return AT_ONCE
        return write(after_s)

    return written


def _seconds(duration: float, places: int) -> str:
    written = f"{duration:,.{places}f}"
    return _NOUGHT if not float(written.replace(",", "")) else f"{written} s"


def milliseconds(duration: float | None, limit: float | None = None) -> str:
    """A duration given in milliseconds, in the unit that reads best; beside a ``limit`` on its side
    of it.
    """
    if duration is None:
        return NOT_MEASURED
    unit, least = ("ms", 1) if duration < 10 else ("ms", 0)  # noqa: PLR2004
    size = 1.0
    if duration >= 1000:  # noqa: PLR2004  # a second
        unit, least, size = "s", 2, 1000.0
    edge = None if limit is None else limit / size
    return f"{duration / size:,.{places_beside(edge, [duration / size], least)}f} {unit}"


def interval(
    low: float | None, high: float | None, write: Callable[[float], str], more: str = "more"
) -> str:
    """Both ends of an interval; the text says which end is not known."""
    if low is None and high is None:
        return NOT_MEASURED
    first, last = (None if end is None else write(end) for end in (low, high))
    if last is None:
        return f"{first} or {'later' if first == AT_ONCE else more}"
    if last == AT_ONCE:  # it cannot have been any sooner
        return AT_ONCE
    if first is None:
        return f"{last} or less"
    return f"at most {last}" if first == AT_ONCE else f"{first} to {last}"


def observed(result: ObjectiveResult) -> str:
    """What was observed of an objective, in words where its end was not seen."""
    if result.observed is None and result.low is not None:
        return NOT_SEEN
    return observed_unit(result)(result.observed)


def observed_unit(result: ObjectiveResult) -> Callable[[float | None], str]:
    """How what was observed of an objective is written: no finer than its interval, but so that it
    lies on its side of the limit; a recovery before the heal is `AT_ONCE`.
    """
    if "share" in result.id:
        return partial(share, limit=result.limit)
    if "seconds" in result.id:
        write = seconds_beside(result.limit, result.observed, result.low, result.high)
        return from_heal(write) if "recovery" in result.id else write
    return partial(milliseconds if "_ms" in result.id else count, limit=result.limit)


def limit(result: ObjectiveResult) -> str:
    """The limit of an objective as it was set: it is not rounded."""
    return limit_of(result.id, result.limit)


def limit_of(identifier: str, value: float) -> str:
    """The limit of the objective with this name."""
    if "share" in identifier:
        return f"{100 * value:.{_LIMIT_DIGITS}g} %"
    if "seconds" in identifier:
        return limit_seconds(value)
    if "_ms" not in identifier:
        return f"{value:,.{_LIMIT_DIGITS}g}"
    small = value < 1000  # noqa: PLR2004  # a second
    return f"{value:.{_LIMIT_DIGITS}g} ms" if small else limit_seconds(value / 1000)


def limit_seconds(limit_s: float) -> str:
    """A limit of time as it was set."""
    return f"{limit_s:,.{_LIMIT_DIGITS}g} s"
