"""Failures that come by chance: what a steady share of them may look like, and what it may not.

Pure functions of counts. A run without any trouble shows something that one of them calls a
stretch in `ALPHA` of all cases at most.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

ALPHA = 0.01
"""Chance in one run of a false stretch by its share, and of one by failures in a row."""
NOISE_SHARE_MAX = 0.20
"""A larger share of failures is never noise, however steady it is."""
IMPAIRED_SHARE = 0.10
"""With a noise of 0.2 %, a stretch counts as impaired from 2.6 % of failures on."""
ODDS_MIN = 3.0
"""An impaired share lies above the noise: its odds are so many times as high."""
ROW_MIN = 5
"""So many failures in a row can be a stretch."""

Floats = NDArray[np.float64]


def impaired_share(noise: float) -> float:
    """The share of failures that an impaired stretch is taken to have, above this noise."""
    odds = ODDS_MIN * noise / (1 - noise)
    return max(IMPAIRED_SHARE, odds / (1 + odds))


def penalty(requests: int) -> float:
    """What a change from well to impaired costs, or back, as a logarithm of likelihood."""
    return math.log(requests / ALPHA)


def ratio(failed: float, whole: float, noise: float, impaired: float) -> float:
    """Log-likelihood ratio of the share ``impaired`` against ``noise``."""
    return failed * math.log(impaired / noise) + (whole - failed) * math.log(
        (1 - impaired) / (1 - noise)
    )


def stands_out(inside: tuple[int, int], outside: tuple[int, int], requests: int) -> bool:
    """Whether the failures of a stretch, (failed, whole), are no part of what is ``outside`` it.

    The likelihood of two shares is set against that of one, `NOISE_SHARE_MAX` at most, for both
    together. If the failures are shuffled over the ``requests`` of the run, the best of all its
    stretches wins by as much as `penalty` in one of a hundred shuffles.
    """
    failed, whole = inside[0] + outside[0], inside[1] + outside[1]
    if inside[0] * whole <= failed * inside[1] and failed <= NOISE_SHARE_MAX * whole:
        return False
    noise, apart = min(failed / whole, NOISE_SHARE_MAX), inside[0] / inside[1]
    around = min(outside[0] / outside[1], NOISE_SHARE_MAX) if outside[1] else 0.0
    if apart <= noise:
        return False
    gain = _log(*inside, apart) + _log(*outside, around) - _log(failed, whole, noise)
    return gain >= penalty(requests)


def _log(failed: int, whole: int, share: float) -> float:
    """Log-likelihood of a share."""
    return float(xlogy(failed, share) + xlog1py(whole - failed, -share))


def row_chance(length: int, requests: int, share: float) -> float:
    """Chance of ``length`` failures or more in a row anywhere in so many requests.

    It is the mean number of such rows, which a first one makes an upper bound of the chance; at
    1 % the two differ by less than a hundredth of it.
    """
    if requests < length:
        return 0.0
    return float(min(1.0, share**length * (1 + (requests - length) * (1 - share))))


def row_needed(requests: int, share: float) -> int:
    """How many failures in a row are hardly chance, at this share of failures; `ROW_MIN` at least.

    More than there are requests where no number would do.
    """
    length = ROW_MIN
    while length <= requests and row_chance(length, requests, share) > ALPHA:
        length += 1
    return length
