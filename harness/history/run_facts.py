"""Fact: what a run may touch, and what of ours went wrong in it; parts of `events`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.core.numbers import Nanoseconds


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What a run may touch, in words: ``touched`` by each fault, by its name, and what nothing
    touches.
    """

    touched: dict[str, tuple[str, ...]] = field(default_factory=dict)
    untouched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something of ours that went wrong: a reason not to trust what was measured meanwhile.

    ``begin_ns`` and ``end_ns`` are None where they are not known: then it may have been so from the
    very begin, or to the very end.
    """

    text: str
    begin_ns: Nanoseconds | None = None
    end_ns: Nanoseconds | None = None


def troubles_of(told: Iterable[Any]) -> tuple[Trouble, ...]:
    """Troubles, some of which may be told by their fields, or by their words alone."""
    return tuple(
        one
        if isinstance(one, Trouble)
        else Trouble(**one if isinstance(one, dict) else {"text": one})
        for one in told
    )
