"""The least error that any estimator can have, for a hard outage at a given rate of arrivals.

An edge from "all succeed" to "all fail" is known only to lie between the last arrival before it and
the first one after it. Which instant of that gap it was, nothing can tell: so the best estimate is
the gap's middle, and its error is uniform within half the gap. A longer gap is likelier to hold the
edge, in proportion to its length g; with g's density f, in units of the mean gap 1/rate,

    P(|error| <= x) = integral of g f(g) min(1, 2 x / g) dg.

Poisson arrivals: f = exp(-g), so that 2|error| is exponential: median ln 2 / 2 = 0.347, 95th
percentile ln 20 / 2 = 1.498. Jittered arrivals, one in every slot of 1/rate at a uniform place in
it: a gap is 1 + u - v with u, v uniform, so f is triangular on (0, 2); with y = 2x

    P(|error| <= y/2) = y - y^3/6                    for y <= 1
                      = y^3/6 - y^2 + 2 y - 1/3      for 1 <= y <= 2,

hence the median 0.262 and the 95th percentile 0.665. The slots themselves add no knowledge: given
the arrivals, every instant of the gap is as likely as any other. The length of an outage has two
such errors, independent of each other but for outages as short as a gap.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Spacing = Literal["poisson", "jittered"]
SPACINGS: tuple[Spacing, ...] = ("poisson", "jittered")
_STEP = 1e-3  # of the grid, in mean gaps
_REACH = 20.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Median and 95th percentile of the absolute error, in seconds."""

    median_s: float
    p95_s: float


def share_within(error: NDArray[np.float64], spacing: Spacing) -> NDArray[np.float64]:
    """P(|error| <= x) of one edge, for an array of x in mean gaps."""
    y = 2 * np.asarray(error, dtype=float)
    if spacing == "poisson":
        return np.asarray(1 - np.exp(-y))
    y = np.clip(y, 0, 2)
    return np.asarray(np.where(y <= 1, y - y**3 / 6, y**3 / 6 - y**2 + 2 * y - 1 / 3))


def edge_limit(rate: float, spacing: Spacing) -> Limit:
    """For the instant of one edge, at ``rate`` arrivals a second."""
    grid = np.arange(0, _REACH, _STEP)
    return _limit(grid, share_within(grid, spacing), rate)


def length_limit(rate: float, spacing: Spacing) -> Limit:
    """For the length of an outage: the difference of two edges' errors, numerically."""
    grid = np.arange(0, _REACH, _STEP)
    half = np.diff(share_within(grid, spacing)) / 2
    density = np.concatenate((half[::-1], half))
    both = fftconvolve(density, density)  # a thousand times as fast as the sum itself
    middle = len(both) // 2
    within = both[middle] + 2 * np.cumsum(both[middle + 1 :])
    return _limit(grid[1 : len(within) + 1], within[: len(grid) - 1], rate)


def _limit(grid: NDArray[np.float64], share: NDArray[np.float64], rate: float) -> Limit:
    median, p95 = (float(np.interp(level, share, grid)) / rate for level in (0.5, 0.95))
    return Limit(median, p95)


def ideal_misses(count: int, spacing: Spacing, slack: float) -> float:
    """How often an estimator without any fault of its own is off by more than ``slack`` allows.

    That is, in which share of experiments with ``count`` edges the median or the 95th percentile of
    the errors exceeds ``slack`` times its limit by chance alone. By 2,000 made-up experiments,
    always the same ones.
    """
    grid = np.arange(0, _REACH, _STEP)
    chance = np.random.default_rng(0)
    errors = np.interp(chance.random((2000, count)), share_within(grid, spacing), grid)
    limit = edge_limit(1, spacing)
    median, p95 = np.quantile(errors, (0.5, 0.95), axis=1)
    return float(np.mean((median > slack * limit.median_s) | (p95 > slack * limit.p95_s)))
