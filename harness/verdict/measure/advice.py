"""How many requests suffice to decide on a share: advice that holds in nine of ten repeats.

Pure. A rule says with how many failures at most a number of requests passes; the advice is the
least number that passes so often if the share of failures stays the one seen.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import bdtr, bdtrik

from harness.history.columns import Floats, Ints
from harness.verdict.measure.intervals import CONFIDENCE, Share

CHANCE_MIN = 0.9
"""In so many repeats the advice must suffice."""
UNSEEN_SHARE = 0.001
"""Assumed where no failure was seen, which does not show that none fails."""
REQUESTS_MAX = 30_000
"""More are no advice: ten minutes at 50/s."""

_BLOCK = 1024

Most = Callable[[Ints], Ints]
"""For each number of requests, shape (n,), with how many failures at most it passes (-1: never)."""


@cache
def bounded(limit: float, tail: float = (1 - CONFIDENCE) / 2) -> Most:
    """The upper end of the exact interval lies below ``limit``; ``tail`` is the chance beyond it.

    The end lies below the limit where so few failures are that rare at the limit (Clopper and
    Pearson 1934).
    """

    def most(requests: Ints) -> Ints:
        part: Floats = np.floor(bdtrik(tail, requests, limit))
        part = np.where(np.isnan(part), -1.0, part) + 1
        for _ in range(2):  # the inverse is rounded, and may be one too high
            part = np.where((part >= 0) & (bdtr(part, requests, limit) >= tail), part - 1, part)
        return part.astype(np.int64)

    return most


@cache
def within(limit: float, least: int) -> Most:
    """The observed share meets the limit on at least ``least`` requests, or is bounded by it."""

    def most(requests: Ints) -> Ints:
        part: Ints = np.floor(limit * requests + 1e-9).astype(np.int64)
        few = requests < least
        part[few] = np.minimum(part[few], bounded(limit)(requests[few]))
        return part

    return most


@cache
def requests_enough(seen: Share, limit: float, most: Most) -> int | None:
    """The least number of requests that passes ``most`` in `CHANCE_MIN` of repeats.

    None where no number does: the share seen is at the limit or above, or all too close to it.
    """
    share = assumed_share(seen, limit)
    if share >= limit > 0:
        return None
    for block in range(seen.whole // _BLOCK, REQUESTS_MAX // _BLOCK + 1):
        requests, part = _block(most, block)
        passes = np.where(part < 0, 0.0, bdtr(np.maximum(part, 0.0), requests, share))
        passes[(requests <= seen.whole) | (requests > REQUESTS_MAX)] = 0.0
        if (found := np.flatnonzero(passes >= CHANCE_MIN)).size:
            return int(requests[found[0]])
    return None


@cache
def _block(most: Most, number: int) -> tuple[Ints, Ints]:
    """`_BLOCK` numbers of requests, and with how many failures at most each passes: it is asked
    for again and again where a run has many faults.
    """
    requests = np.arange(number * _BLOCK + 1, (number + 1) * _BLOCK + 1, dtype=np.int64)
    return requests, most(requests)


def assumed_share(seen: Share, limit: float) -> float:
    """The share of failures that advice is for: the one seen, `UNSEEN_SHARE` where none was.

    A limit as small as that is asked of a service of which nothing fails.
    """
    if seen.part:
        return seen.part / seen.whole
    return UNSEEN_SHARE if limit > UNSEEN_SHARE else 0.0


def advise(
    seen: Share,
    limit: float,
    most: Most,
    of: str = "requests",
    *,
    did: str = "fail",
    rate: float | None = None,
) -> str:
    """In words how many of ``of`` suffice if so many ``did``; at a ``rate``, how long they take."""
    enough, share = requests_enough(seen, limit, most), 100 * assumed_share(seen, limit)
    if enough is None and share >= 100 * limit:
        return no_help(of)
    if enough is None:
        return f"not even {REQUESTS_MAX:,} {of} suffice in 9 of 10 runs, if {share:.2g} % {did}"
    length = f" ({math.ceil(10 * enough / rate) / 10:.1f} s at {rate:g}/s)" if rate else ""
    return f"{enough:,} {of}{length} suffice in 9 of 10 runs, if {share:.2g} % {did}"


class NoHelp(str):
    """Advice, or a reason around it, by which more requests do not help."""

    __slots__ = ()


class TooClose(str):
    """A reason why a recovery was not measured: the next fault came so soon."""

    __slots__ = ()


def no_help(of: str = "requests") -> str:
    """In words that the share is at its limit or above, so that it decides nothing to ask more."""
    return NoHelp(f"more {of} will not help")


def advised(before: str, advice: str, after: str = "") -> str:
    """A reason around an advice: whether more requests help is still known of it."""
    return type(advice)(f"{before}{advice}{after}")
