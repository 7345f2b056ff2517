"""Edges that were dated under several readings of when requests met the service, put together.

Nobody knows where on the way of a request a service decides, so every reading counts: the interval
of an edge holds those of all of them. Only where one reading explains an edge, and another cannot,
is the other one given up.
"""

import itertools
from collections.abc import Sequence

from harness.verdict.measure.recovery_instant import Instant

UNLIKELIER_MAX = 5.0
"""A reading is given up when the data is so much unlikelier under it than under the best one, as a
difference of log-likelihoods."""
MIXED_MAX = 0
"""The best reading explains an edge if so many requests near it, at most, came out as they should
on its other side: a stray failure is none of a reading's faults."""


def together(readings: Sequence[Sequence[Instant]]) -> list[Instant]:
    """Each of the edges of one stretch, given all of them under each reading.

    A service mostly keeps to one rule, so a reading that one edge contradicts is given up for the
    others, too, unless it explains another one better than any that is left. A reading that makes
    up more edges than the others is asked for the first and the last one only, and only where none
    explains them.
    """
    fewest = min(len(reading) for reading in readings)
    plain = [reading for reading in readings if len(reading) == fewest]
    fits = [sum(edge.fit for edge in reading) for reading in plain]
    best = plain[fits.index(max(fits))]
    clean = best[0].clean and best[-1].clean
    likely = [not clean or fit >= max(fits) - UNLIKELIER_MAX for fit in fits]
    others = [] if clean else [reading for reading in readings if len(reading) > fewest]
    first, last = [other[0] for other in others], [other[-1] for other in others]
    beside = [first, *([] for _ in range(fewest - 2)), last][:fewest]
    same = zip(*plain, strict=True)
    return [_edge(edges, likely, more) for edges, more in zip(same, beside, strict=True)]


def _edge(
    readings: Sequence[Instant], likely: Sequence[bool], beside: Sequence[Instant]
) -> Instant:
    """The point lies midway between the first and the last of the readings that are left.

    Those of them that find none leave that end of the interval open.
    """
    best = max(readings, key=lambda one: one.fit)
    own = [not best.clean or one.fit >= best.fit - UNLIKELIER_MAX for one in readings]
    both = [one and other for one, other in zip(own, likely, strict=True)]
    kept = list(itertools.compress(readings, both if any(both) else own))
    if not best.clean:
        kept += [one for one in beside if one.at_s is not None and one.low_s is not None]
    points = [one.at_s for one in kept if one.at_s is not None]
    lows = [one.low_s for one in kept if one.low_s is not None]
    highs = [one.high_s for one in kept if one.high_s is not None]
    return Instant(
        (min(points) + max(points)) / 2 if points else None,
        min(lows) if len(lows) == len(kept) else None,
        max(highs) if len(highs) == len(kept) else None,
    )
