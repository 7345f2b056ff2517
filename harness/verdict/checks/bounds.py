"""The rules by which a limit is met, missed or left open, each with its reason.

Three rules. A *bound* passes when the upper end of its interval meets the limit and fails when the
lower end breaks it. A *share* passes when the observed share meets its limit, on enough operations;
it fails only when the lower end breaks the limit; else it is not decided. (To ask the upper end of
a share, too, would leave a run of 500 requests without a single failure undecided at 0.5 %: the
bound is 0.74 %. The price is that a pass says "no evidence of more than the limit", not "surely
less".) Each stretch outside the faults is held against such a limit by itself, too
(`harness.verdict.checks.calms`). A *count* of what happened in this run has no interval and is
compared as it is.
"""

from dataclasses import dataclass, replace

from harness.verdict.measure.advice import advise, advised, no_help, within
from harness.verdict.measure.baseline import THETA
from harness.verdict.measure.intervals import Share, events_to_bound
from harness.verdict.reasons import COUNTED, OVER, WITHIN
from harness.verdict.types import Judgement, ObjectiveResult

OPERATIONS_MIN = events_to_bound(THETA)
"""Without a failure, so many bound the share by that of an impairment; fewer show nothing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An objective that was set: its name and its value in the unit of its field."""

    name: str
    value: float

    def unknown(self, reason: str, low: float | None = None) -> ObjectiveResult:
        """Nothing was measured, so nothing is decided."""
        return ObjectiveResult(
            self.name, self.value, None, low, None, Judgement.INCONCLUSIVE, reason
        )

    def missed(
        self, observed: float | None, low: float | None, high: float | None, reason: str
    ) -> ObjectiveResult:
        """The limit is surely broken."""
        return ObjectiveResult(self.name, self.value, observed, low, high, Judgement.FAIL, reason)

    def open(
        self, observed: float | None, low: float | None, high: float | None, reason: str
    ) -> ObjectiveResult:
        """The evidence allows either."""
        return ObjectiveResult(
            self.name, self.value, observed, low, high, Judgement.INCONCLUSIVE, reason
        )

    def met(
        self, observed: float | None, low: float | None = None, high: float | None = None
    ) -> ObjectiveResult:
        """The limit holds."""
        return ObjectiveResult(self.name, self.value, observed, low, high, Judgement.PASS)


def by_bound(
    limit: Limit, observed: float, low: float | None, high: float | None, unsure: str = ""
) -> ObjectiveResult:
    """Judge both ends of an interval; ``unsure`` is a reason why it may not be passed."""
    if low is not None and low > limit.value:
        return limit.missed(observed, low, high, OVER)
    if high is None:
        return limit.open(observed, low, high, "the upper end of its interval is open")
    if high > limit.value:
        return limit.open(observed, low, high, WITHIN)
    if unsure:
        return limit.open(observed, low, high, unsure)
    return limit.met(observed, low, high)


def by_share(limit: Limit, share: Share, of: str = "operations") -> ObjectiveResult:
    """Judge a share of ``of``; nothing is decided by none of them, or by too few."""
    return replace(_by_share(limit, share, of), part=share.part, whole=share.whole)


def _by_share(limit: Limit, share: Share, of: str) -> ObjectiveResult:
    observed, low, high = share.observed, share.low, share.high
    if observed is None or low is None or high is None:
        return limit.unknown(f"there were no {of} to take it of")
    if low > limit.value:
        return limit.missed(observed, low, high, OVER)
    if observed > limit.value:
        few = "it is over the limit, but so few are within chance: "
        return limit.open(observed, low, high, advised(few, no_help(of), " to meet it"))
    if share.whole < OPERATIONS_MIN and high > limit.value:
        enough = advise(share, limit.value, within(limit.value, OPERATIONS_MIN), of)
        few = f"1 {of[:-1]} is" if share.whole == 1 else f"{share.whole:,} {of} are"
        return limit.open(observed, low, high, advised(f"{few} too few: ", enough))
    return limit.met(observed, low, high)


def by_count(limit: Limit, observed: float) -> ObjectiveResult:
    """Judge what was counted in this run."""
    if observed > limit.value:
        return limit.missed(observed, None, None, COUNTED)
    return limit.met(observed)
