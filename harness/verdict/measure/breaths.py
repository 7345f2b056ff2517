"""Short outages that one stretch by share holds together: each a row of failures, well in between.

Too few fail in each of them to be a part of its own, so at low rates several of them look like one
brownout. What tells them from one is what is left of the stretch without them.
"""

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.evidence_rows import rows_of
from harness.verdict.measure.intervals import Share, differ
from harness.verdict.measure.known import outside_of
from harness.verdict.measure.noise import ALPHA, penalty, ratio
from harness.verdict.measure.segments import OUT_SHARE, PART_SHARE, Part


def told_apart(
    times_s: Floats, bad: Bools, groups: list[list[Part]], ways: list[Ints]
) -> list[list[Part]]:
    """The stretches, but those that are nothing but rows of failures as a stretch for each row.

    ``ways`` are the `orders` in which the requests may have met the service.
    """
    within = [(times_s >= group[0].start_s) & (times_s <= group[-1].stop_s) for group in groups]
    outside = outside_of(times_s, groups)
    ranks = [np.argsort(order) for order in ways]
    found: list[list[Part]] = []
    for group, inside in zip(groups, within, strict=True):
        apart = (_of_rows(times_s, bad, (inside, outside), order, ranks) for order in ways)
        found += next((parts for parts in apart if parts), [group])
    return found


def _of_rows(
    times_s: Floats, bad: Bools, where: tuple[Bools, Bools], order: Ints, ranks: list[Ints]
) -> list[list[Part]]:
    """One stretch as its rows; none where they leave out more failures than come by chance.

    ``where`` says who is inside the stretch, and who is outside of all of them.
    """
    inside, outside = where
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
    begin, joined = 0, list[Ints]()
    for first, stop in zip(starts, stops, strict=True):
        row = order[first:stop]
        if joined and not _is_breath(joined[-1], row, times_s, bad, ranks):
            joined[-1] = order[begin:stop]
        else:
            begin = first
            joined.append(row)
    if len(joined) == 1 < len(starts):
        return []  # one trouble after all, with its parts as they were
    return [_part(times_s[row], bad[row]) for row in joined]


def _is_breath(before: Ints, after: Ints, times_s: Floats, bad: Bools, ranks: list[Ints]) -> bool:
    """Whether what is between two rows is one: an outage may let a few pass.

    Only who came between them in every order counts. Who waited for the end of an outage was sent
    in it, and answered after it.
    """
    between = np.ones(len(bad), dtype=bool)
    for rank in ranks:
        between &= (rank > rank[before].max()) & (rank < rank[after].min())
    gain = -ratio(int(bad[between].sum()), int(between.sum()), PART_SHARE, OUT_SHARE)
    apart = times_s[before].max() < times_s[after].min()
    return bool(apart and gain > 2 * penalty(len(bad)))


def _part(times_s: Floats, bad: Bools) -> list[Part]:
    at_s = times_s[bad]
    begin_s, end_s = float(at_s.min()), float(at_s.max())
    return [Part(begin_s, end_s, out=True, median_s=float(np.median(at_s)))]
