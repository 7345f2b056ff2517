"""Short outages that one stretch by share holds together: each a row of failures, well in between.

Too few fail in each of them to be a part of its own, so at low rates several of them look like one
brownout. What tells them from one is what is left of the stretch without them.
"""

import numpy as np
from numpy.typing import NDArray

from harness.measure.intervals import Share, differ
from harness.measure.known import outside_of
from harness.measure.noise import ALPHA, penalty, ratio
from harness.measure.rows import rows_of
from harness.measure.segments import OUT_SHARE, PART_SHARE, Part

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Spans = list[tuple[int, int]]


def told_apart(
    times_s: Floats, bad: Bools, groups: list[list[Part]], ways: list[NDArray[np.int64]]
) -> list[list[Part]]:
    """The stretches, but those that are nothing but rows of failures as a stretch for each row.

    ``ways`` are the `orders` in which the requests may have met the service.
    """
    within = [(times_s >= group[0].start_s) & (times_s <= group[-1].stop_s) for group in groups]
    outside = outside_of(times_s, groups)
    found: list[list[Part]] = []
    for group, inside in zip(groups, within, strict=True):
        apart = (_of_rows(times_s, bad, order, inside, outside) for order in ways)
        found += next((parts for parts in apart if parts), [group])
    return found


def _of_rows(
    times_s: Floats, bad: Bools, order: NDArray[np.int64], inside: Bools, outside: Bools
) -> list[list[Part]]:
    """One stretch as its rows; none where they leave out more failures than come by chance."""
    rows = [row.places for row in rows_of(order, bad, inside | outside) if row.tells]
    in_rows = np.zeros(len(bad), dtype=bool)
    in_rows[np.concatenate([np.empty(0, dtype=np.int64), *rows])] = True
    rest, others = (
        Share(int(bad[these].sum()), int(these.sum()))
        for these in (inside & ~in_rows, outside & ~in_rows)
    )
    if differ(rest, others) <= ALPHA:
        return []
    order = order[inside[order]]
    change = np.diff(np.concatenate(([0], in_rows[order], [0])))
    starts, stops = np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist()
    at_s, failed = times_s[order], bad[order]
    joined = _joined(list(zip(starts, stops, strict=True)), at_s, failed, penalty(len(bad)))
    return [_part(at_s[first:stop], failed[first:stop]) for first, stop in joined]


def _joined(spans: Spans, times_s: Floats, bad: Bools, cost: float) -> Spans:
    """Rows as one where what is between them is no breath: an outage may let a few pass."""
    joined = spans[:1]
    for first, stop in spans[1:]:
        begin, end = joined[-1]
        between = slice(end, first)
        breath = -ratio(int(bad[between].sum()), first - end, PART_SHARE, OUT_SHARE) > 2 * cost
        if breath and times_s[begin:end].max() < times_s[first:stop].min():
            joined.append((first, stop))
        else:
            joined[-1] = begin, stop
    return joined


def _part(times_s: Floats, bad: Bools) -> list[Part]:
    at_s = times_s[bad]
    begin_s, end_s = float(at_s.min()), float(at_s.max())
    return [Part(begin_s, end_s, out=True, median_s=float(np.median(at_s)))]
