"""Failures that come by chance: what a steady share of them may look like, and what it may not.

Pure functions of counts. A run without an impairment shows something that one of them calls a
stretch in `ALPHA` of all cases at most.
"""

import math

import numpy as np
from scipy.special import xlog1py, xlogy

from harness.history.columns import Floats

ALPHA = 0.01
"""Chance in one run of a false stretch by its share, and of one by failures in a row."""
HEALTHY_SHARE = 0.002
"""The least share of failures that is taken for noise."""
NOISE_SHARE_MAX = 0.20
"""A larger share of failures is never noise, however steady it is."""
IMPAIRED_SHARE = 0.10
"""With a noise of 0.2 %, a stretch counts as impaired from 2.6 % of failures on."""
ODDS_MIN = 3.0
"""An impaired share lies above the noise: its odds are so many times as high."""
ROW_MIN = 5
"""So many failures, in a row or not, can be a stretch."""


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


def gain_min(requests: int) -> float:
    """The least `gain` of a stretch that is not by chance.

    If the failures of a run are shuffled over its requests, the best of all its stretches gains as
    much in a quarter of `ALPHA` of all shuffles; that is what simulation shows from 60 requests on,
    with shares of failures from 0.1 to 20 %.
    """
    return math.log(requests / (ALPHA / 4))


def endless_gain_min(requests: int) -> float:
    """The same of a stretch to the end of the run: only its begin may lie anywhere.

    The best of them grows with the logarithm of the logarithm of the requests only.
    """
    return math.log(2 * math.log(requests + 1) / (ALPHA / 4))


def gain(inside: tuple[Floats, Floats], both: tuple[int, int]) -> Floats:
    """How much likelier two shares of failures are than one, as a logarithm.

    ``inside`` are the failures of some stretches and their requests, shape (n,) each, ``both`` are
    those of the stretch and of all that is outside. 0 where no more failed inside. A share outside
    is `NOISE_SHARE_MAX` at most, for what is more is no noise.
    """
    failed, whole = inside
    noise = min(both[0] / both[1], NOISE_SHARE_MAX)
    rest = both[0] - failed, both[1] - whole
    around = np.minimum(rest[0] / np.maximum(rest[1], 1), NOISE_SHARE_MAX)
    found = _log(failed, whole, failed / whole) + _log(*rest, around) - _log(*both, noise)
    return np.where(failed > noise * whole, found, 0.0)


def _log(failed: Floats | int, whole: Floats | int, share: Floats | float) -> Floats:
    """Log-likelihood of a share."""
    logs: Floats = xlogy(failed, share) + xlog1py(whole - failed, -share)
    return logs


def row_chance(length: int, requests: int, share: float) -> float:
    """Chance of ``length`` failures or more in a row anywhere in so many requests.

    It is the mean number of such rows, which a first one makes an upper bound of the chance; at
    1 % the two differ by less than a hundredth of it.
    """
    if requests < length:
        return 0.0
    return float(min(1.0, share**length * (1 + (requests - length) * (1 - share))))


def row_seen(length: int, requests: int, share: float) -> float:
    """The same chance exactly, however large it is."""
    begins = (1 - share) * share**length  # a row that begins after a success
    none = [1.0] * length + [1 - share**length]
    for at in range(length + 1, requests + 1):
        none.append(none[at - 1] - begins * none[at - length - 1])
    return 1 - none[requests]


def row_needed(requests: int, share: float) -> int:
    """How many failures in a row are hardly chance, at this share of failures; `ROW_MIN` at least.

    More than there are requests where no number would do.
    """
    length = ROW_MIN
    while length <= requests and row_chance(length, requests, share) > ALPHA:
        length += 1
    return length
