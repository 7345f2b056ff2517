"""Which requests of a run belong to impaired stretches: the search, before any edge is dated.

A stretch is impaired by its share of failures, or by failures in a row where it is too short for
that. Either way it is compared with everything outside stretches, the baseline too: what a steady
share of failures shows by chance somewhere in a run is no stretch.

At low rates too few fail in each of several short outages for a part of its own, so that they look
like one brownout: what tells them from one is what is left of the stretch without its rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share, differ
from harness.verdict.measure.noise import (
    ALPHA,
    HEALTHY_SHARE,
    NOISE_SHARE_MAX,
    ROW_MIN,
    impaired_share,
    penalty,
    ratio,
    row_chance,
)
from harness.verdict.measure.segments import (
    OUT_SHARE,
    PART_SHARE,
    Part,
    runs_of,
    segments,
    split,
    whole,
)
from harness.verdict.measure.standing_out import Contrast, Groups, Window, outside_of, with_known


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The n operations that one search looks at: when they came, which were bad, the evidence.

    ``times_s`` are planned starts, rising; the three belong together by index.
    """

    times_s: Floats
    bad: Bools
    evidence: Evidence
    late: bool = False
    """Whether bad is an answer that came late, and not a failure."""
    windows: tuple[Window, ...] = ()
    """What is known of the run beforehand: where an impairment may begin, and end."""


@dataclass(frozen=True, slots=True)
class ImpairedStretch:
    """One impaired stretch: its adjoining parts, and the seconds around it until the next ones.

    ``healthy`` is the share of bad ones that was taken for normal, ``usual`` the one that was bad
    outside of all stretches.
    """

    parts: list[Part]
    around: tuple[float, float]
    healthy: float
    usual: float = 0.0


def impaired_stretches(
    requests: RequestCounts, end_s: float, healthy: float, usual_max: float = 0.0
) -> list[ImpairedStretch]:
    """Every stretch in which clearly more were bad than outside of all stretches.

    ``healthy`` is the share that was bad in the baseline, as far as it is to be trusted, and
    ``usual_max`` the largest that may have been bad in it.
    """
    groups, noise = by_share(requests, end_s, healthy)
    groups = with_known(requests.times_s, requests.bad, requests.windows, groups)
    ways = orders(requests.times_s, requests.bad, requests.evidence)
    if not requests.late:
        groups = told_apart(requests.times_s, requests.bad, groups, ways)
    groups += _by_rows(requests, groups, ways)
    rest = requests.bad[outside_of(requests.times_s, groups)]
    usual = min(float(rest.mean()), usual_max) if len(rest) else 0.0
    return apart(groups, end_s, noise, usual)


def apart(
    groups: Groups, end_s: float, healthy: float, usual: float = 0.0
) -> list[ImpairedStretch]:
    """Each group with the seconds from the end of the one before it to the begin of the next."""
    groups = sorted(groups, key=lambda group: group[0].start_s)
    stops_s = [0.0, *(group[-1].stop_s for group in groups)]
    starts_s = [*(group[0].start_s for group in groups), end_s]
    return [
        ImpairedStretch(group, (stop_s, start_s), healthy, usual)
        for group, stop_s, start_s in zip(groups, stops_s[:-1], starts_s[1:], strict=True)
    ]


# --- by the share of failures --------------------------------------------------------------------


def by_share(requests: RequestCounts, end_s: float, healthy: float) -> tuple[Groups, float]:
    """Stretches at the least noise with which each of them stands out, and that noise.

    With too little noise the search takes scattered failures, or the whole run, for a stretch. One
    of late answers is not split: an outage inside it, in which nothing was answered, is no breath.
    """
    times_s, bad = requests.times_s, requests.bad
    best: tuple[Groups, float] = [], healthy
    for noise in _noises(bad, healthy):
        impaired = impaired_share(noise)
        groups = [
            group
            for stretch in segments(times_s, bad, end_s, noise, impaired)
            for group in (
                whole(times_s, bad, stretch)
                if requests.late
                else split(times_s, bad, stretch, noise, impaired)
            )
        ]
        clear = Contrast(times_s, bad, groups).kept()
        kept = [group for group in clear if requests.late or _enough(times_s[bad], group)]
        if kept or not best[0]:
            best = kept, noise
        if clear == groups:
            break
    return best


def _enough(failed_s: Floats, group: list[Part]) -> bool:
    """Whether so many failed in a stretch that it can be called one, at the end of a run, too."""
    first, stop = np.searchsorted(failed_s, group[0].start_s), group[-1].stop_s
    return bool(np.searchsorted(failed_s, stop, side="right") - first >= ROW_MIN)


def _noises(bad: Bools, healthy: float) -> Iterator[float]:
    """Shares of failures to take for noise: the baseline's, and up to that of the whole run."""
    noise, most = healthy, min((bad.sum() + 0.5) / (len(bad) + 1), NOISE_SHARE_MAX)
    yield noise
    while noise < most:
        noise = min(2 * noise, most)
        yield noise


# --- by failures in a row ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """``length`` failures with no success between them; ``places`` are their indices.

    ``chance`` is how often a run has so many in a row anywhere, by chance alone.
    """

    places: Ints
    chance: float

    @property
    def length(self) -> int:
        """How many failed."""
        return len(self.places)

    @property
    def tells(self) -> bool:
        """Whether it is a stretch, and not too few to call."""
        return self.length >= ROW_MIN and self.chance <= ALPHA


def _by_rows(requests: RequestCounts, groups: Groups, ways: list[Ints]) -> Groups:
    """Failures in a row beside the stretches that are known, as stretches of their own."""
    times_s, bad = requests.times_s, requests.bad
    outside = outside_of(times_s, groups)
    found: Groups = []
    for order in ways:
        for row in rows_of(order, bad, outside):
            if row.tells:
                outside[row.places] = False
                found.append([Part.of(times_s[row.places], out=True)])
    return found


def orders(times_s: Floats, bad: Bools, evidence: Evidence) -> list[Ints]:
    """The orders in which requests may have met the service, by their last attempt of all.

    There are two where a request is under way for a while: a service decides at its arrival or at
    its end. A request that never met it is placed by its planned start, ``times_s``.
    """
    found = []
    for reading in (0, 1)[: 1 + evidence.takes_time]:
        up_s = evidence.up_s[..., reading]
        last_up_s = np.where(np.isnan(up_s), -np.inf, up_s).max(axis=1)
        at_s = np.where(bad, evidence.down_last_s[:, reading], last_up_s)
        found.append(np.argsort(np.where(np.isfinite(at_s), at_s, times_s), kind="stable"))
    return found


def rows_of(order: Ints, bad: Bools, outside: Bools) -> list[EvidenceRow]:
    """Every two failures or more in a row, none of them in a known stretch: all are ``outside``.

    A row is held against the share of failures of all that is outside. Other rows of `ROW_MIN` are
    left out of it: they may be impairments, too, and are no part of what comes by chance.
    """
    failed = (bad & outside)[order]
    runs = runs_of(failed)
    within = sum(stop - start for start, stop in runs if stop - start >= ROW_MIN)
    rest = Share(int(failed.sum()) - within, int(outside.sum()) - within)
    return [
        EvidenceRow(order[start:stop], _chance(stop - start, rest, len(bad)))
        for start, stop in runs
        if stop - start > 1
    ]


def _chance(length: int, rest: Share, requests: int) -> float:
    own = length if length >= ROW_MIN else 0
    share = (rest.part + own + 0.5) / (rest.whole + own + 1)
    return row_chance(length, requests, max(share, HEALTHY_SHARE))


# --- short outages that one stretch by share holds together --------------------------------------


def told_apart(times_s: Floats, bad: Bools, groups: Groups, ways: list[Ints]) -> Groups:
    """The stretches, but those that are nothing but rows of failures as a stretch for each row.

    ``ways`` are the `orders` in which the requests may have met the service.
    """
    within = [(times_s >= group[0].start_s) & (times_s <= group[-1].stop_s) for group in groups]
    outside = outside_of(times_s, groups)
    ranks = [np.argsort(order) for order in ways]
    found: Groups = []
    for group, inside in zip(groups, within, strict=True):
        rows = (_of_rows(times_s, bad, (inside, outside), order, ranks) for order in ways)
        found += next((parts for parts in rows if parts), [group])
    return found


def _of_rows(
    times_s: Floats, bad: Bools, where: tuple[Bools, Bools], order: Ints, ranks: list[Ints]
) -> Groups:
    """One stretch as its rows; none where they leave out more failures than come by chance.

    ``where`` says who is inside the stretch, and who is outside of all of them.
    """
    inside, outside = where
    rows = [row.places for row in rows_of(order, bad, inside | outside) if row.tells]
    in_rows = np.zeros(len(bad), dtype=bool)
    in_rows[np.concatenate([np.empty(0, dtype=np.int64), *rows])] = True
    rest, others = (Share.of(bad, these & ~in_rows) for these in (inside, outside))
    if differ(rest, others) <= ALPHA:
        return []
    order = order[inside[order]]
    runs = runs_of(in_rows[order])
    begin, joined = 0, list[Ints]()
    for first, stop in runs:
        row = order[first:stop]
        if joined and not _is_breath(joined[-1], row, times_s, bad, ranks):
            joined[-1] = order[begin:stop]
        else:
            begin = first
            joined.append(row)
    if len(joined) == 1 < len(runs):
        return []  # one trouble after all, with its parts as they were
    return [[Part.of(times_s[row][bad[row]], out=True)] for row in joined]


def _is_breath(before: Ints, after: Ints, times_s: Floats, bad: Bools, ranks: list[Ints]) -> bool:
    """Whether what is between two rows is one: an outage may let a few pass.

    Only who came between them in every order counts. Who waited for the end of an outage was sent
    in it, and answered after it.
    """
    between = np.ones(len(bad), dtype=bool)
    for rank in ranks:
        between &= (rank > rank[before].max()) & (rank < rank[after].min())
    gain = -ratio(int(bad[between].sum()), int(between.sum()), PART_SHARE, OUT_SHARE)
    later = times_s[before].max() < times_s[after].min()
    return bool(later and gain > 2 * penalty(len(bad)))
