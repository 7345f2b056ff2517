"""The impairments of one impaired stretch: what each is called, and when it began and was over.

No one knows where on the way of a request a service decides, so every reading of that counts: the
interval of an edge holds those of all of them. Only where one reading explains an edge, and another
cannot, is the other one given up.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.history.columns import Bools, Floats
from harness.verdict.measure import change_point
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE, recovered_share
from harness.verdict.measure.change_point import Instant
from harness.verdict.measure.evidence import ARRIVED, USUAL, Met, met
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.noise import impaired_share, ratio
from harness.verdict.measure.search import ImpairedStretch, RequestCounts
from harness.verdict.measure.segments import Part, parts_of

ONSET_REACH_SECONDS = 10.0
UNLIKELIER_MAX = 5.0
"""A reading is given up when the data is so much unlikelier under it than under the best one, as a
difference of log-likelihoods."""
MIXED_MAX = 0
"""The best reading explains an edge if so many requests near it, at most, came out as they should
on its other side: a stray failure is none of a reading's faults."""
OUTAGE_SHARE_MIN = 0.95
OUTAGE_LOW_MIN = 0.78
"""An outage is observed to fail nearly all, and surely fails most: a second at 50/s can show it."""
OUTAGE_FAILED_MIN = 5
"""So many requests in a row that failed, and none between them that did not, are an outage too."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """One part of an impaired stretch, or neighbours of one class, with its edges."""

    class_: str
    onset: Instant
    recovery: Instant
    confirmed: bool


class _Run:
    """All requests of a run, and which of them date a stretch: those around it.

    So the cost of many stretches is that of the run, and not of the run for each of them.
    """

    def __init__(self, requests: RequestCounts) -> None:
        self._all = requests
        self._reach_s = first_s, last_s = requests.evidence.reach_s(requests.times_s)
        # From each request on none comes before, and up to each none after.
        self._from_s = np.minimum.accumulate(first_s[::-1])[::-1]
        self._until_s = np.maximum.accumulate(last_s)
        self.first_s, self.count = float(requests.times_s[0]), len(requests.times_s)
        self.parts_of_the_way = requests.evidence.parts_of_the_way

    def near(self, found: ImpairedStretch) -> RequestCounts:
        """What may have met the service between the neighbours of a stretch, or was of its own."""
        times_s, evidence = self._all.times_s, self._all.evidence
        ends_s = found.parts[0].start_s, found.parts[-1].stop_s, *found.around
        begin, stop, *around = np.searchsorted(times_s, ends_s).clip(0, self.count - 1).tolist()
        these = np.r_[begin : stop + 1, around]
        margin_s = float(evidence.takes_s[:, USUAL].max())
        low_s = min(found.around[0], float(self._reach_s[0][these].min())) - margin_s
        high_s = max(found.around[1], float(self._reach_s[1][these].max())) + margin_s
        first = np.searchsorted(self._until_s, low_s, side="left")
        last = np.searchsorted(self._from_s, high_s, side="right")
        near = slice(int(first), int(last))
        own, bad = evidence.kept(near), self._all.bad[near]
        inside = slice(begin - near.start, stop + 1 - near.start)
        hung = np.flatnonzero(bad[inside] & own.hung[inside])
        if len(hung) and not self._all.late:
            own = own.slower(float(np.nanmin(own.down_first_s[inside][hung, ARRIVED])))
        return RequestCounts(times_s[near], bad, own, self._all.late)


class _Reading:
    """The edges of one stretch, if the service decides at these parts of the way of a request: of
    a good one, and of a failed one.

    All its instants are of the time in which requests met the service.
    """

    def __init__(
        self, run: _Run, requests: RequestCounts, found: ImpairedStretch, parts: tuple[float, float]
    ) -> None:
        times_s, self._bad = requests.times_s, requests.bad
        self._first_s = run.first_s
        self._is_first = found.around[0] <= 0
        core = (times_s >= found.parts[0].start_s) & (times_s <= found.parts[-1].stop_s)
        self._seen = seen = met(requests.evidence, times_s, self._bad, core, parts)
        # What is before the begin, or after the end, holds no failure of a neighbour.
        before = self._bad & (times_s <= found.around[0])
        after = self._bad & (times_s >= found.around[1])
        none, these = np.full(len(seen.well_s), -1), seen.begins & ~before
        begin_s = np.concatenate([seen.begin_s[these], seen.well_s])
        begins = np.argsort(begin_s, kind="stable")
        self._begins = begin_s[begins], np.concatenate([self._bad[these], none > 0])[begins]
        self._ends = _ordered(seen.end_s[~after], self._bad[~after])
        self._hung = change_point.Hung(
            np.concatenate([seen.hung_step[these], none])[begins],
            np.concatenate([seen.sent_s[these], seen.well_s])[begins],
            seen.way_s,
        )
        self._usual_s = float(requests.evidence.takes_s[:, USUAL].max())
        # A smaller share is as good as none: see `recovered_share`.
        self._usual_share = found.usual if found.usual > RECOVERED_BELOW_SHARE / 2 else 0.0
        self._parts = found.parts
        self._shares = found.healthy, impaired_share(found.healthy)
        # Else they are in the right time already, or there is but one.
        if len(run.parts_of_the_way) > 1 and not requests.late:
            own = core | ~self._bad
            middle_s = np.median(seen.begin_s[core & self._bad])
            latest_s = np.minimum(seen.latest_s, middle_s)
            own_s = np.where(seen.begin_s < middle_s, latest_s, seen.end_s)[own]
            own_s, own_bad = _ordered(own_s, self._bad[own])
            self._parts = parts_of(own_s, own_bad, run.count, *self._shares)
        # A neighbour ends or begins with a failure, which met the service later than planned.
        self.around = [
            float(met_s[at]) if times_s[at] == planned_s else planned_s
            for planned_s, met_s in zip(found.around, (seen.begin_s, seen.end_s), strict=True)
            for at in [min(int(np.searchsorted(times_s, planned_s)), len(times_s) - 1)]
        ]
        self.onset = self._onset()
        self.inner = [self._change(*pair) for pair in itertools.pairwise(self._parts)]
        self.over = self._over()
        self.edges = [self.onset, *self.inner, self.over]

    def _onset(self) -> Instant:
        first = self._parts[0]
        before_s = 0.0 if self._is_first else self.around[0]
        reach_s = max(before_s, first.start_s - ONSET_REACH_SECONDS, 0.0)
        low_s = min(reach_s, first.middle_s)
        begin_s, begin_bad = self._begins
        between = low_s, first.middle_s
        # What was there from the first request on is likelier that than healthy, up to its middle.
        begun = begin_bad[begin_s < first.middle_s]
        likelier = ratio(int(begun.sum()), len(begun), *self._shares) > 0
        open_low = reach_s <= 0 and likelier
        onset = change_point.onset(
            begin_s, begin_bad, *between, first=open_low, hung=self._hung, usual=self._usual_share
        )
        if onset.low_s is None and (onset.at_s or 0.0) <= begin_s[0]:
            return replace(onset, at_s=self._first_s)
        sure = self._begins[1] & (self._hung.step < 0)
        return replace(onset, clean=self._clean(begin_s, sure, ~begin_bad, onset.at_s))

    def _clean(self, met_s: Floats, before: Bools, after: Bools, at_s: float | None) -> bool:
        """Whether next to none of these requests met the service just before or after an edge."""
        if at_s is None:
            return False
        since_s = met_s - at_s
        wrong = (before & (since_s < 0)) | (after & (since_s > 0))
        return int((wrong & (np.abs(since_s) < self._usual_s)).sum()) <= MIXED_MAX

    def _change(self, before: Part, after: Part) -> Instant:
        events = self._begins if after.out else self._ends
        return change_point.change(events[0], events[1], (before.middle_s, after.middle_s))

    def _over(self) -> Instant:
        # The share of failures falls from where it was worst, so that is where its fall is watched.
        worst = max(self._parts, key=lambda part: (part.out, part.start_s))
        end_s, end_bad = self._ends
        tail = (end_s >= worst.middle_s) & (end_s < self.around[1])
        at_worst = end_bad[(end_s >= worst.start_s) & (end_s <= worst.stop_s)]
        # By this reading nobody may have come to an end in it, or none of those who failed.
        worst_share = float(at_worst.mean()) if at_worst.any() else 1.0
        below_share = recovered_share(self._usual_share, worst_share)
        over = change_point.recovery(
            end_s[tail],
            end_bad[tail],
            below_share,
            steady=self._usual_share > RECOVERED_BELOW_SHARE,
        )
        over = replace(over, clean=self._clean(end_s, ~end_bad, end_bad, over.at_s))
        # Requests that were never answered contradict no reading of the recovery: see `Met.end_s`.
        return replace(over, fit=0.0) if (self._hung.step >= 0).any() else over

    def lasts(self, over: Instant) -> bool:
        """Whether what came after this recovery shows that it is for good."""
        if over.at_s is None:
            return False
        end_s, end_bad = self._ends
        alone, below_share = end_s < self.around[1], recovered_share(self._usual_share)
        return change_point.lasts(end_s[alone], end_bad[alone], over.at_s, over.high_s, below_share)

    def classes(self, dated: list[Instant], ends: "tuple[_Reading, _Reading]") -> list[str]:
        """What each part between the edges ``dated`` is called.

        Where no reading explains the edges a service may follow several rules. Those count then
        that are inside by the first and the last of the readings, ``ends``.
        """
        own = [_class_of(self._seen, self._bad, *two) for two in itertools.pairwise(self.edges)]
        if self.onset.clean and self.over.clean:
            return own
        seen = ends[0]._seen, ends[1]._seen  # noqa: SLF001  # of its own kind
        both = zip(own, itertools.pairwise(dated), strict=True)
        return [_surely(seen, self._bad, *two) or class_ for class_, two in both]


def _ordered(at_s: Floats, bad: Bools) -> tuple[Floats, Bools]:
    order = np.argsort(at_s, kind="stable")
    return at_s[order], bad[order]


def impairments_of(
    requests: RequestCounts, stretches: Sequence[ImpairedStretch], load_end_s: float
) -> list[Impairment]:
    """The impairments of all stretches of a run; ``load_end_s`` is when the load ended."""
    if not stretches:
        return []
    run = _Run(requests)
    return [impairment for found in stretches for impairment in _adjoining(run, found, load_end_s)]


def _adjoining(run: _Run, found: ImpairedStretch, load_end_s: float) -> list[Impairment]:
    """The adjoining impairments of one stretch."""
    requests = run.near(found)
    readings = [_Reading(run, requests, found, parts) for parts in run.parts_of_the_way]
    # A wrong reading makes up parts in which some failed and some did not.
    fewest = min(len(reading.edges) for reading in readings)
    plain = [reading for reading in readings if len(reading.edges) == fewest]
    best = max(plain, key=lambda one: sum(edge.fit for edge in one.edges))
    dates = [reading.edges for reading in readings]
    # How long a late answer took, or one of a service that was slow by then, says nothing of when
    # it was decided: no reading fits better.
    if requests.late or requests.evidence.slowed:
        dates = [[replace(edge, fit=0.0) for edge in one] for one in dates]
    dated = _together(dates)
    confirmed = best.lasts(dated[-1])
    if found.around[1] >= load_end_s:
        dated[-1] = change_point.to_the_end(dated[-1], confirmed=confirmed)
    else:  # it was over before the next one, however short that was
        dated[-1] = change_point.over_by(dated[-1], max(one.around[1] for one in readings))
    dated = change_point.in_order(dated)
    classes = best.classes(dated, (readings[0], readings[-1]))
    both = zip(classes, itertools.pairwise(dated), strict=True)
    return _merged([Impairment(class_, *edges, confirmed) for class_, edges in both])


def _merged(impairments: list[Impairment]) -> list[Impairment]:
    """Neighbours of one class as one impairment."""
    merged = impairments[:1]
    for impairment in impairments[1:]:
        last = merged[-1]
        if impairment.class_ == last.class_:
            merged[-1] = replace(impairment, onset=last.onset)
        else:
            merged.append(impairment)
    return merged


# --- one edge of several readings ----------------------------------------------------------------


def _together(readings: Sequence[Sequence[Instant]]) -> list[Instant]:
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


# --- what an impairment is called -----------------------------------------------------------------


def _class_of(seen: Met, bad: Bools, onset: Instant, recovery: Instant) -> str:
    """``outage`` or ``degraded``, by when each request met the service and not by when it was due.

    ``seen`` and ``bad`` are of shape (n,) and belong together by index. A request due inside that
    met the service after the recovery tells nothing of what was inside, nor does one that had
    succeeded before the onset at the step that fails. So it is enough if one of the two readings
    of when that was makes an outage of it.
    """
    readings = (seen.begin_s, seen.end_s)
    sure = (Share.of(bad, _between(at_s, onset.high_s, recovery.low_s)) for at_s in readings)
    out = any(map(_nearly, sure)) or any(_all(at_s, bad, onset, recovery) for at_s in readings)
    return "outage" if out else "degraded"


def _surely(seen: tuple[Met, Met], bad: Bools, onset: Instant, recovery: Instant) -> str | None:
    """The class by those alone that met the service inside whatever it decides by; else None.

    ``seen`` is when each request did at the earliest and at the latest. Fewer than
    `OUTAGE_FAILED_MIN` of them tell nothing.
    """
    first_s = np.minimum(seen[0].begin_s, seen[0].end_s)
    last_s = np.maximum(seen[1].begin_s, seen[1].end_s)
    low_s = -np.inf if onset.high_s is None else onset.high_s
    high_s = np.inf if recovery.low_s is None else recovery.low_s
    inside = bad[(first_s >= low_s) & (last_s <= high_s)]
    share = Share(int(inside.sum()), len(inside))
    if share.whole < OUTAGE_FAILED_MIN:
        return None
    return "outage" if _nearly(share) or inside.all() else "degraded"


def _nearly(failed: Share) -> bool:
    return (failed.observed or 0.0) >= OUTAGE_SHARE_MIN and (failed.low or 0.0) > OUTAGE_LOW_MIN


def _all(at_s: Floats, bad: Bools, onset: Instant, recovery: Instant) -> bool:
    """Whether all failed from the first failure to the last one: with few requests, the part that
    surely lies inside holds too few of them.
    """
    inside = _between(at_s, onset.at_s, recovery.at_s)
    failed_s = at_s[inside & bad]
    if len(failed_s) < OUTAGE_FAILED_MIN:
        return False
    return bool(bad[_between(at_s, float(failed_s.min()), float(failed_s.max()))].all())


def _between(at_s: Floats, low_s: float | None, high_s: float | None) -> Bools:
    """None leaves an end open."""
    low_s, high_s = -np.inf if low_s is None else low_s, np.inf if high_s is None else high_s
    return (at_s >= low_s) & (at_s <= high_s)
