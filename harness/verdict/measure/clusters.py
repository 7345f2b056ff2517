"""How much the share of failures differs between load workers: failures come in clusters.

Operations of one worker share its process and its connections, so they are not as independent as an
exact interval takes them to be. Here the worker is the unit.
"""

import math

import numpy as np
from scipy.special import stdtrit

from harness.history.columns import Ints
from harness.plan.plan import Plan
from harness.verdict.measure.counts import window_bounds
from harness.verdict.measure.intervals import CONFIDENCE
from harness.verdict.measure.samples import Samples, Timeline

RESAMPLES = 2000
WORKERS_ENOUGH = 8
"""With fewer, resampling them finds too little of their scatter: two workers have three samples."""
SEED = 20_240_229
"""Fixed, so that judging a stored run again gives the same figures, bit for bit."""


def by_worker(
    plan: Plan, samples: Samples, timeline: Timeline
) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the window's failed share, workers being what is drawn; see
    `clustered_share`.
    """
    bounds = window_bounds(plan, timeline)
    if bounds is None:
        return None, None
    inside = (samples.times_s >= bounds[0]) & (samples.times_s <= bounds[1])
    _, place = np.unique(samples.operations.worker.codes[inside], return_inverse=True)
    failed = np.bincount(place, weights=samples.failed[inside]).astype(np.int64)
    return clustered_share(failed, np.bincount(place))


def clustered_share(failed: Ints, operations: Ints) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of sum(failed)/sum(operations), both by cluster, shape (w,); None for w < 2.

    The percentile bootstrap over whole clusters (Davison and Hinkley 1997, 3.8) is too narrow with
    few of them. Below `WORKERS_ENOUGH` the interval is therefore widened to that of Student's t
    with w - 1 degrees of freedom on the linearised ratio (Cochran 1977, 6.3), which with two or
    three workers is wide, and rightly so: so few say little about the next. Workers that agree
    exactly give an interval of no width, so read it beside the exact one and take the wider.
    """
    count = len(operations)
    if count < 2:  # noqa: PLR2004  # of one nothing can be said
        return None, None
    chance = np.random.default_rng(SEED)
    chosen = chance.integers(0, count, size=(RESAMPLES, count))
    shares = failed[chosen].sum(axis=1) / operations[chosen].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(shares, [tail, 1 - tail]))
    if count < WORKERS_ENOUGH:
        whole = int(operations.sum())
        share = float(failed.sum() / whole)
        residual = failed - share * operations
        error = math.sqrt(count * float((residual**2).sum()) / (count - 1)) / whole
        reach = float(stdtrit(count - 1, 1 - tail)) * error
        low, high = min(low, share - reach), max(high, share + reach)
    return max(0.0, low), min(1.0, high)
