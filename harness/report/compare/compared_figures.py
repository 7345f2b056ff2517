"""The figures of a run that are compared, each with its unit and its interval. Larger is worse.

A comparison shows a run by them, and so does the page of a history.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from harness.core import numbers
from harness.report import words
from harness.verdict import series
from harness.verdict.catalogue import LOANS, MONEY
from harness.verdict.measure.intervals import clopper_pearson
from harness.verdict.types import Judgement, Severity, Verdict

RELATIVE_LEAST = 0.10
"""Of the baseline's median: what differs by less is no reason to act, however sure it is."""


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one run with its 95 % interval; ends are None where there is no interval.

    A recovery that outlasted its run is ``censored``, without a ``value``; ``low`` then is how long
    it surely took.
    """

    value: numbers.Figure | None
    low: numbers.Figure | None = None
    high: numbers.Figure | None = None
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
    seed: numbers.Whole
    verdict: Judgement
    label: str
    left_out: str
    figures: dict[str, Value | None]
    money: dict[str, numbers.Count]
    ledger_read: bool

    @property
    def wrong(self) -> str:
        """What is wrong with the money, in words; empty where nothing is."""
        return ", ".join(f"{count} {name}" for name, count in self.money.items())


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared. ``least`` is the smallest shift worth a word, in its unit.

    ``meaning`` is for a chart, ``heading`` for a table; ``write`` writes a value, ``write_shift``
    the difference of two.
    """

    name: str
    heading: str
    meaning: str
    least: float
    read: Callable[[Verdict], Value | None]
    write: Callable[[float | None], str]
    write_shift: Callable[[float], str]

    def told(self, value: Value) -> tuple[str, str]:
        """How a value and its interval are written; without one that is empty."""
        if value.value is None:
            surely = value.low is not None and value.low > 0
            return (f"more than {self.write(value.low)}" if surely else words.NOT_SEEN), ""
        open_ = value.low is None and value.high is None
        between = "" if open_ else words.interval(value.low, value.high, self.write)
        return self.write(value.value), between

    def worth(self, usual: float) -> float:
        """The smallest shift worth a word, where ``usual`` is the median of the baseline."""
        return max(self.least, RELATIVE_LEAST * usual) if math.isfinite(usual) else self.least


def _failed_share(verdict: Verdict) -> Value | None:
    seen = verdict.borrow
    if seen.failed_share is None:
        return None
    return Value(seen.failed_share, seen.failed_share_low, seen.failed_share_high)


def _recovery(verdict: Verdict) -> Value | None:
    run = series.run_of(1, verdict.seed, verdict.exit_code, "", verdict)
    if run.censored:
        return Value(None, run.recovery_low_s, censored=True)
    if run.recovery_s is None:
        return None
    return Value(run.recovery_s, run.recovery_low_s, run.recovery_high_s)


def _lost_service(verdict: Verdict) -> Value | None:
    """Its interval is that of the share of failures, as it is their number over the rate."""
    seen, rate = verdict.borrow, verdict.load.rate_asked
    if seen.lost_service_seconds is None or rate <= 0:
        return None
    low, high = (
        None if share is None else share * seen.window.operations / rate
        for share in (seen.failed_share_low, seen.failed_share_high)
    )
    return Value(seen.lost_service_seconds, low, high)


def _wait(verdict: Verdict) -> Value | None:
    """Where there was no fault, the long phase after the baseline; else the baseline alone."""
    found = verdict.borrow.latency_ms
    size = found.get("observation_p99", found.get("baseline_p99"))
    return None if size is None else Value(size)


def _unknown_share(verdict: Verdict) -> Value | None:
    seen = verdict.borrow
    if seen.operations <= 0:
        return None
    part = min(max(seen.indeterminate, 0), seen.operations)
    return Value(part / seen.operations, *clopper_pearson(part, seen.operations))


def _signed(write: Callable[[float | None], str]) -> Callable[[float], str]:
    return lambda shift: f"{'+' if shift >= 0 else chr(0x2212)}{write(abs(shift))}"


FIGURES = (
    Figure(
        "failed_share", "Failed", "failed share, from the fault on",
        0.005, _failed_share, words.share, words.points,
    ),
    Figure(
        "recovery_s", "Recovered after", "recovered after the heal",
        0.25, _recovery, words.from_heal(words.seconds), _signed(words.seconds),
    ),
    Figure(
        "lost_service_s", "Lost service", "lost service",
        0.25, _lost_service, words.seconds, _signed(words.seconds),
    ),
    Figure(
        "wait_ms_p99", "Wait (p99)", "99th percentile of the wait, without a fault",
        10.0, _wait, words.milliseconds, _signed(words.milliseconds),
    ),
    Figure(
        "indeterminate_share", "Outcome unknown", "share with an unknown outcome",
        0.005, _unknown_share, words.share, words.points,
    ),
)  # fmt: skip


def money_of(verdict: Verdict) -> dict[str, int]:
    """What is wrong with the money of a run: each kind of which there is any; findings are counted
    where no loan is.

    It is shown and never compared: one is too many, and fewer than before still are.
    """
    failing = Counter(f.code for f in verdict.findings if f.verdict is Severity.FAIL)
    counted = {name: getattr(verdict.reconciliation, name) for name in LOANS}
    found = {name: counted.get(name) or failing[name] for name in MONEY}
    return {name: count for name, count in found.items() if count}
