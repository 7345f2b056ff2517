"""The rules by which a limit is met, missed or left open, each with its reason.

Three rules. A *bound* passes when the upper end of its interval meets the limit and fails when the
lower end breaks it. A *share* passes when the observed share meets its limit, on enough operations;
it fails only when the lower end breaks the limit; else it is not decided. (To ask the upper end of
a share, too, would leave a run of 500 requests without a single failure undecided at 0.5 %: the
bound is 0.74 %. The price is that a pass says "no evidence of more than the limit", not "surely
less".) A *count* of what happened in this run has no interval and is compared as it is.

A long baseline makes the share of all stretches outside the faults as small as one likes. So one
that is clearly worse than the others is held against the limit as if it were all there is. Where
they are alike, the whole tells more than each of them, and nothing is said of any.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from harness.history.columns import seconds
from harness.history.reader import Facts
from harness.verdict.measure.advice import advise, advised, bounded, no_help, within
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE
from harness.verdict.measure.episodes import late_answers
from harness.verdict.measure.intervals import (
    CONFIDENCE,
    Share,
    clopper_pearson,
    events_to_bound,
    more_in_first,
)
from harness.verdict.measure.measurement import Measured
from harness.verdict.measure.outside_faults import Calm
from harness.verdict.measure.samples import samples_of
from harness.verdict.reasons import COUNTED, OVER, WITHIN
from harness.verdict.types import Judgement, ObjectiveResult
from harness.verdict.units import share as written

OPERATIONS_MIN = events_to_bound(RECOVERED_BELOW_SHARE)
"""Without a failure, so many bound the share by that of an impairment; fewer show nothing."""
STANDS_OUT_P_MAX = 0.01
"""So rarely is any stretch of a run by chance that much worse than its others."""
SURELY_CONFIDENCE = 0.999
"""That a stretch is over the limit, over all stretches of a run together. It is more than for the
whole of them: many faults must not make a failure by chance likelier."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An objective that was set: its name and its value in the unit of its field."""

    name: str
    value: float

    def missed(
        self, observed: float | None, low: float | None, high: float | None, reason: str
    ) -> ObjectiveResult:
        """The limit is surely broken."""
        return ObjectiveResult(self.name, self.value, observed, low, high, Judgement.FAIL, reason)

    def open(
        self, observed: float | None, low: float | None, high: float | None, reason: str
    ) -> ObjectiveResult:
        """The evidence allows either."""
        undecided = Judgement.INCONCLUSIVE
        return ObjectiveResult(self.name, self.value, observed, low, high, undecided, reason)

    def met(
        self, observed: float | None, low: float | None = None, high: float | None = None
    ) -> ObjectiveResult:
        """The limit holds."""
        return ObjectiveResult(self.name, self.value, observed, low, high, Judgement.PASS)

    def unknown(self, reason: str, low: float | None = None) -> ObjectiveResult:
        """Nothing was measured, so nothing is decided."""
        return self.open(None, low, None, reason)


def by_bound(
    limit: Limit, observed: float, low: float | None, high: float | None, unsure: str = ""
) -> ObjectiveResult:
    """Judge both ends of an interval; ``unsure`` is a reason why it may not be passed."""
    if low is not None and low > limit.value:
        return limit.missed(observed, low, high, OVER)
    if high is None:
        unsure = "the upper end of its interval is open"
    elif high > limit.value:
        unsure = WITHIN
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
    over = observed > limit.value
    return limit.missed(observed, None, None, COUNTED) if over else limit.met(observed)


# --- each stretch before, between and after the faults, by itself --------------------------------


@dataclass(frozen=True, slots=True)
class Outlier:
    """A stretch over its limit that is worse than all others.

    ``surely`` says whether it is over the limit beyond chance, and at a time when that may be held
    against the target.
    """

    calm: Calm
    surely: bool
    reason: str


def outliers(
    calms: Sequence[Calm],
    allowed: float,
    share_of: Callable[[Calm], Share] = attrgetter("failed"),
    did: str = "failed",
) -> Iterator[Outlier]:
    """Of ``share_of`` each stretch, ``allowed`` at most; ``did`` says in words what is counted."""
    shares = [share_of(calm) for calm in calms]
    part, whole = sum(share.part for share in shares), sum(share.whole for share in shares)
    count = sum(share.whole > 0 for share in shares)
    for calm, share in zip(calms, shares, strict=True):
        others = Share(part - share.part, whole - share.whole)
        if (share.observed or 0.0) <= allowed:
            continue
        if more_in_first(share, others) * count >= STANDS_OUT_P_MAX:
            continue
        low, _ = clopper_pearson(share.part, share.whole, 1 - (1 - SURELY_CONFIDENCE) / count)
        surely = low > allowed and not calm.early
        when = ", within the time to recover," if calm.early else ""
        told = f"{calm.where}{when} {_of(share)} {did}, at other times {_of(others)}"
        if not surely and not calm.early:
            few = f"{told}; so few may be over the limit by chance: "
            told = advised(few, no_help(), " to meet it")
        yield Outlier(calm, surely, told)


def _of(share: Share) -> str:
    return f"{written(share.observed or 0.0)} of {share.whole:,}"


def failed_results(limit: Limit, calms: Sequence[Calm]) -> Iterator[ObjectiveResult]:
    """What is not met of a limit on the share that fails."""
    for one in outliers(calms, limit.value):
        judged, share = limit.missed if one.surely else limit.open, one.calm.failed
        found = judged(share.observed, share.low, share.high, one.reason)
        yield replace(found, part=share.part, whole=share.whole)


# --- how much longer a run would have to last to show that borrowing is as before ----------------


def longer(facts: Facts, measured: Measured, since_s: float) -> str:
    """How many requests after ``since_s`` suffice in nine of ten runs to show that borrowing has
    recovered.
    """
    operations, clock, limit = facts.operations, facts.status.clock, measured.recovered_below
    seen = Share(0, 0)
    if clock is not None:
        after = ~operations.dropped & (seconds(operations.intended_ns, clock.zero_ns) > since_s)
        seen = Share(int((operations.failed & after).sum()), int(after.sum()))
    enough, rate = bounded(limit, 1 - CONFIDENCE), measured.load.rate_asked
    return advise(seen, limit, enough, "requests after it", rate=rate)


def quick_for_longer(facts: Facts, measured: Measured, limit_ms: float, since_s: float) -> str:
    """How many answers after ``since_s`` suffice in nine of ten runs to show that few are late:
    fewer than `RECOVERED_BELOW_SHARE` take longer than ``limit_ms``.
    """
    late = late_answers(samples_of(facts), limit_ms)
    after = late.times_s > since_s
    seen = Share(int(late.bad[after].sum()), int(after.sum()))
    enough, rate = bounded(RECOVERED_BELOW_SHARE, 1 - CONFIDENCE), measured.load.rate_asked
    return advise(
        seen, RECOVERED_BELOW_SHARE, enough, "answers after it", did="are late", rate=rate
    )
