"""Whether one handful of runs is larger than another, and by how much. Pure.

Ranks only: of five runs no one knows the distribution, and a recovery that outlasted its run has no
size, but a rank it has. Infinity stands for it: larger than any number, and tied with its like.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from harness.history.columns import Floats

CONFIDENCE = 0.95
RUNS_LEAST = 5
"""In each sample: with 5 against 4 even the clearest order has p = 0.016, too much for five figures
at once."""
RUNS_MOST = 1_000
"""In each sample; more are no advice."""
_BOTH_CHANCE = 0.95
"""Of order and of size, each: then both hold in nine of ten repeats at least."""
_ORDERS_MAX = 20_000
"""Orders that are gone through one by one where values are tied; 8 against 8 have 12,870."""
_COUNTED_MAX = 50
"""Runs in a sample up to which the distribution of U is counted rather than approximated."""


@dataclass(frozen=True, slots=True)
class TwoSamples:
    """The first sample against the second.

    ``p`` is the two-sided chance of such an order of alike runs (Mann-Whitney). ``larger`` is how
    often a run of the first is larger than one of the second, ties by half, and ``shift`` by how
    much in the unit of the values: infinite where it has no size. Intervals are of 95 %.
    """

    p: float
    larger: float
    larger_low: float
    larger_high: float
    shift: float
    shift_low: float
    shift_high: float


def smallest_p(first: int, second: int) -> float:
    """The least two-sided p that so many runs can give: 0.008 of 5 against 5."""
    return min(1.0, 2 / math.comb(first + second, first)) if first and second else 1.0


def against(first: Sequence[float], second: Sequence[float]) -> TwoSamples:
    """Compare two samples of at least one value each; infinity is allowed, NaN is not.

    Sources: Mann and Whitney 1947; interval of the effect size by method 5 of Newcombe 2006
    (Statistics in Medicine 25, 559); shift and its interval by Hodges and Lehmann 1963 and Moses.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    differences = _differences(x, y)
    larger = float(((differences > 0) + 0.5 * (differences == 0)).mean())
    low, high = _larger_interval(larger, len(x), len(y))
    left_out, shift_low, shift_high = _left_out(len(x), len(y)), -math.inf, math.inf
    if left_out is not None:
        shift_low, shift_high = float(differences[left_out]), float(differences[-1 - left_out])
    return TwoSamples(
        p=_chance(x, y),
        larger=larger,
        larger_low=low,
        larger_high=high,
        shift=_middle(differences),
        shift_low=shift_low,
        shift_high=shift_high,
    )


def runs_enough(seen: TwoSamples, runs: tuple[int, int], chance: float, worth: float) -> int | None:
    """In each sample, how many runs suffice in nine of ten repeats for a p below ``chance`` and a
    shift beyond ``worth``, if order and shift are those of ``seen``, from so many ``runs``.

    None where no number does, or more than `RUNS_MOST`. Sources: Noether 1987 (JASA 82, 645) for
    the order; the interval of the shift narrows with the root of the number.
    """
    beyond = abs(seen.shift) - worth
    apart = abs(seen.larger - 0.5)
    if beyond <= 0 or apart <= 0:
        return None
    both = float(ndtri(_BOTH_CHANCE))
    order = (both - float(ndtri(chance / 2))) ** 2 / (6 * apart**2)
    size = 0.0
    if math.isfinite(beyond):
        spread = (seen.shift_high - seen.shift_low) / (2 * float(ndtri((1 + CONFIDENCE) / 2)))
        usual = 2 * runs[0] * runs[1] / (runs[0] + runs[1])  # in each, if both had as many
        size = usual * (both * spread / beyond) ** 2
    if max(order, size) > RUNS_MOST:
        return None
    return max(math.ceil(max(order, size)), RUNS_LEAST)


def holm(chances: Sequence[float]) -> list[float]:
    """The same p-values corrected for their number, in their order (Holm 1979).

    Below 0.05 after it: at most one false claim in twenty comparisons, over all figures together,
    whether they depend on each other or not.
    """
    order = sorted(range(len(chances)), key=lambda index: chances[index])
    corrected, largest = [1.0] * len(chances), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(chances) - place) * chances[index]))
        corrected[index] = largest
    return corrected


def _differences(x: Floats, y: Floats) -> Floats:
    """All pairwise differences in order; two that are beyond measure are tied."""
    with np.errstate(invalid="ignore"):
        found = np.subtract.outer(x, y).ravel()
    return np.sort(np.where(np.isnan(found), 0.0, found))


def _middle(ordered: Floats) -> float:
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if math.isinf(low) and math.isinf(high) and low != high:
        return 0.0  # half of the runs of both sides are beyond measure
    return float((low + high) / 2)


def _chance(x: Floats, y: Floats) -> float:
    """Two-sided p: exact as far as it can be counted, else the normal approximation with ties."""
    # Here, because it takes a second to import, and most commands have no need of it.
    from scipy.stats import PermutationMethod, mannwhitneyu  # noqa: PLC0415

    # Ranks, as infinity must not meet any arithmetic.
    _, ranks = np.unique(np.concatenate((x, y)), return_inverse=True)
    ranks = ranks.astype(float)
    if ranks.min() == ranks.max():
        return 1.0
    if len(np.unique(ranks)) == len(ranks) and max(len(x), len(y)) <= _COUNTED_MAX:
        how = "exact"
    elif math.comb(len(ranks), len(x)) <= _ORDERS_MAX:
        how = PermutationMethod(n_resamples=_ORDERS_MAX)  # as many as there are: all of them
    else:
        how = "asymptotic"
    return float(mannwhitneyu(ranks[: len(x)], ranks[len(x) :], method=how).pvalue)


def _larger_interval(larger: float, n: int, m: int) -> tuple[float, float]:
    """Newcombe's method 5: the values from which the observed one is not too far off."""
    z = float(ndtri((1 + CONFIDENCE) / 2))
    spare = (n + m) / 2 - 1

    def too_far(value: float) -> float:
        spread = 1 + spare * (1 - value) / (2 - value) + spare * value / (1 + value)
        return abs(larger - value) - z * math.sqrt(value * (1 - value) * spread / (n * m))

    inside = 1e-9  # at 0 and at 1 itself nothing varies, and nothing is too far off
    low = 0.0 if larger <= 0 else float(brentq(too_far, 0.0, min(larger, 1 - inside)))
    high = 1.0 if larger >= 1 else float(brentq(too_far, max(larger, inside), 1.0))
    return low, high


def _left_out(n: int, m: int) -> int | None:
    """How many differences chance allows to leave out at each side: the most pairs at one side of
    which U is below with at most 2.5 %; None if even none is.
    """
    tail = (1 - CONFIDENCE) / 2
    if max(n, m) > _COUNTED_MAX:
        spread = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, math.floor(n * m / 2 + float(ndtri(tail)) * spread - 0.5))
    counts = _orders_by_u(n, m)
    allowed, below, whole = 0, 0, sum(counts)
    for count in counts:
        below += count
        if below > tail * whole:
            break
        allowed += 1
    return allowed - 1 if allowed else None


def _orders_by_u(n: int, m: int) -> list[int]:
    """How many orders of n and m values give each U: coefficients of the Gaussian binomial."""
    counts = [1] + [0] * (n * m)
    for j in range(1, n + 1):
        for index in range(n * m, m + j - 1, -1):  # times 1 - q^(m + j)
            counts[index] -= counts[index - m - j]
        for index in range(j, n * m + 1):  # over 1 - q^j
            counts[index] += counts[index - j]
    return counts
