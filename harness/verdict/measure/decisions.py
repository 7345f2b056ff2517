"""The mix of decisions before the fault and from it on.

A target that declines everybody while its database is away, or sends all to manual review, fails
nobody by status code. So the share of each kind of decision is compared, of answered operations
only: whoever failed or was refused against the truth got no decision, and an outage must not look
like a change of mind.
"""

import math
from collections import Counter

from scipy.special import ndtri

from harness.history.columns import Bools, Operations
from harness.history.events import GRANTED, Outcome
from harness.plan.decline import Decline
from harness.verdict.measure.intervals import CONFIDENCE, Share, differ
from harness.verdict.measure.samples import MeasuredRun
from harness.verdict.types import DecisionShare

KINDS = ("approved", "referred", *(f"declined_{cause}" for cause in Decline))


def decisions_of(run: MeasuredRun) -> list[DecisionShare]:
    """One entry for each of `KINDS`: its share of answered operations on both sides.

    Before is what was over before anything was injected, after is what was planned in the window
    that every share refers to. The test takes operations for independent draws. Borrowers of each
    class in fact come in turn, which scatters less, so ``p`` and the interval err on the safe side.
    """
    operations = run.samples.operations
    first, second = _counted(operations, run.before), _counted(operations, run.in_window)
    return [
        _share(kind, Share(first[kind], first.total()), Share(second[kind], second.total()))
        for kind in KINDS
    ]


def _counted(operations: Operations, inside: Bools) -> Counter[str]:
    """How often each kind was decided; where nothing was, it is not counted."""
    outcome, decline = operations.outcome, operations.decline
    declined = outcome.are(Outcome.DECLINED)
    decided = {str(kind): outcome.are(kind) for kind in GRANTED}
    decided |= {f"declined_{cause}": declined & decline.are(cause) for cause in Decline}
    return Counter({kind: int((mask & inside).sum()) for kind, mask in decided.items()})


def _share(kind: str, before: Share, after: Share) -> DecisionShare:
    if before.observed is None or after.observed is None:
        return DecisionShare(kind, before.observed, after.observed, None, None, None, None)
    low, high = newcombe(before, after)
    return DecisionShare(
        kind=kind,
        before=before.observed,
        after=after.observed,
        shift=after.observed - before.observed,
        shift_low=low,
        shift_high=high,
        p=differ(before, after),
    )


def newcombe(before: Share, after: Share) -> tuple[float, float]:
    """95 % interval of the difference of two independent shares, after minus before, in -1..1.

    Newcombe's hybrid of two Wilson score intervals (Statistics in Medicine 17, 1998, 873-890,
    method 10), which holds its level at the shares near 0 that decisions have, and never leaves
    -1..1. Neither share may be of nothing.
    """
    (low_1, high_1), (low_2, high_2) = wilson(before), wilson(after)
    p_1, p_2 = before.part / before.whole, after.part / after.whole
    shift = p_2 - p_1
    low = shift - math.hypot(p_2 - low_2, high_1 - p_1)
    high = shift + math.hypot(high_2 - p_2, p_1 - low_1)
    return max(-1.0, low), min(1.0, high)


def wilson(share: Share) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927), in 0..1; the share may not be of nothing."""
    z = float(ndtri((1 + CONFIDENCE) / 2))
    n, p = share.whole, share.part / share.whole
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
