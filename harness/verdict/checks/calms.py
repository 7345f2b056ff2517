"""Each stretch before, between and after the faults against its limit, by itself.

A long baseline makes the share of all of them as small as one likes. So a stretch that is clearly
worse than the others is held against the limit as if it were all there is. Where they are alike,
the whole tells more than each of them, and nothing here says anything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.verdict.checks.bounds import Limit
from harness.verdict.measure.advice import advised, no_help
from harness.verdict.measure.intervals import Share, clopper_pearson, more_in_first
from harness.verdict.measure.outside import Calm
from harness.verdict.types import ObjectiveResult
from harness.verdict.units import share as written

STANDS_OUT_P_MAX = 0.01
"""So rarely is any stretch of a run by chance that much worse than its others."""
SURELY_CONFIDENCE = 0.999
"""That a stretch is over the limit, over all stretches of a run together. It is more than for the
whole of them: many faults must not make a failure by chance likelier."""


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
    calms: Sequence[Calm], allowed: float, share_of: Callable[[Calm], Share], did: str
) -> Iterator[Outlier]:
    """Of ``share_of`` each stretch, ``allowed`` at most; ``did`` says in words what is counted."""
    shares = [share_of(calm) for calm in calms]
    count = sum(share.whole > 0 for share in shares)
    for index, (calm, share) in enumerate(zip(calms, shares, strict=True)):
        rest = shares[:index] + shares[index + 1 :]
        others = Share(sum(one.part for one in rest), sum(one.whole for one in rest))
        if (share.observed or 0.0) <= allowed:
            continue
        if more_in_first(share, others) * count >= STANDS_OUT_P_MAX:
            continue
        low, _ = clopper_pearson(share.part, share.whole, 1 - (1 - SURELY_CONFIDENCE) / count)
        surely = low > allowed and not calm.early
        within = ", within the time to recover," if calm.early else ""
        told = f"{calm.where}{within} {_of(share)} {did}, at other times {_of(others)}"
        if not surely and not calm.early:
            told += "; so few may be over the limit by chance: "
            told = advised(told, no_help(), " to meet it")
        yield Outlier(calm, surely, told)


def failed_results(limit: Limit, calms: Sequence[Calm]) -> Iterator[ObjectiveResult]:
    """What is not met of a limit on the share that fails."""
    for one in outliers(calms, limit.value, lambda calm: calm.failed, "failed"):
        judged, share = limit.missed if one.surely else limit.open, one.calm.failed
        found = judged(share.observed, share.low, share.high, one.reason)
        yield replace(found, part=share.part, whole=share.whole)


def slow_results(
    limit: Limit,
    calms: Sequence[Calm],
    allowed: float,
    observe: Callable[[Calm], tuple[float, float, float | None]],
) -> Iterator[ObjectiveResult]:
    """What is not met of a limit in ms, which ``allowed`` of the answers may be slower than.

    ``observe`` gives the percentile of a stretch with both ends of its interval, in ms.
    """

    def slower(calm: Calm) -> Share:
        return Share(int((calm.waits_ms > limit.value).sum()), len(calm.waits_ms))

    for one in outliers(calms, allowed, slower, "took longer than the limit"):
        judged = limit.missed if one.surely else limit.open
        yield judged(*observe(one.calm), one.reason)


def _of(share: Share) -> str:
    return f"{written(share.observed or 0.0)} of {share.whole:,}"
