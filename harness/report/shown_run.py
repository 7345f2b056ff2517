"""One run beside others, as a comparison and the page of a history show it."""

import math
from dataclasses import dataclass

from harness.core.numbers import Count, Figure, Whole
from harness.verdict.types import Judgement


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one run with its 95 % interval; ends are None where there is no interval.

    A recovery that outlasted its run is ``censored``, without a ``value``; ``low`` then is how long
    it surely took.
    """

    value: Figure | None
    low: Figure | None = None
    high: Figure | None = None
    censored: bool = False

    @property
    def size(self) -> float:
        """The value; infinite where it was beyond measure."""
        return math.inf if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run as it stands in a comparison; ``left_out`` says why its figures do not count."""

    run_id: str
    zero_utc: str | None
    seed: Whole
    verdict: Judgement
    label: str
    left_out: str
    figures: dict[str, Value | None]
    money: dict[str, Count]
    ledger_read: bool

    @property
    def wrong(self) -> str:
        """What is wrong with the money, in words; empty where nothing is."""
        return ", ".join(f"{count} {name}" for name, count in self.money.items())
