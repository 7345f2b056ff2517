"""Stretches of impaired borrowing, found from the answers alone."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.measure import edges
from harness.measure.baseline import THETA, Baseline
from harness.measure.evidence import Evidence, met
from harness.measure.intervals import Share
from harness.measure.samples import Samples, Timeline
from harness.measure.segments import Part, segments, split
from harness.plan import Plan
from harness.verdict import Episode

HEALTHY_SHARE = 0.002
IMPAIRED_SHARE = 0.10
"""With these two, a stretch counts as impaired from 2.6 % of failures on."""
UNSTEADY_SHARE_MAX = 0.01
"""No larger share is taken for normal where the baseline is not steady."""
SLOW_HEALTHY_SHARE = 0.02
"""With `IMPAIRED_SHARE`, a stretch counts as slow from 5 % of slow answers on."""
OUTAGE_SHARE_MIN = 0.95
OUTAGE_LOW_MIN = 0.78
"""An outage is observed to fail nearly all, and surely fails most: a second at 50/s can show it."""
SLOW_FACTOR = 1.5
SLOW_MS_MIN = 100.0
"""Nobody feels a wait below a tenth of a second, however fast the baseline was."""
RECOVERED_PART = 0.5
"""A mild brownout is over when half of it is: at 5 % of failures it would never have been."""
ONSET_REACH_SECONDS = 10.0

Class = str
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Requests:
    """The n operations that one search looks at: when they came, which were bad, the evidence.

    ``times_s`` are planned starts, rising; the three belong together by index.
    """

    times_s: Floats
    bad: Bools
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Trouble:
    """One part of an impaired stretch, or neighbours of one class, with its edges."""

    class_: Class
    onset: edges.Instant
    recovery: edges.Instant
    confirmed: bool


def slow_limit_ms(baseline: Baseline) -> float | None:
    """Answers that took longer are slow; None when too few were answered before to say."""
    if baseline.wait_ms_p95 is None:
        return None
    return max(SLOW_FACTOR * baseline.wait_ms_p95, SLOW_MS_MIN)


def overdue_s(plan: Plan, baseline: Baseline) -> float:
    """A request under way for so long, in s, is in trouble already: no fault that comes then made
    it so. Without a baseline to tell by, that is as long as a request may take.
    """
    limit_ms = slow_limit_ms(baseline)
    longest_s = plan.settings.request_timeout_s
    return longest_s if limit_ms is None else min(limit_ms / 1e3, longest_s)


def healthy_share(baseline: Baseline) -> float:
    """The share of failures that is taken for normal.

    A hundred good requests do not show that none in a hundred fails, so the estimate is Jeffreys':
    half a failure more among one request more. A bad baseline must not hide an outage.
    """
    failed = baseline.failed
    share = (failed.part + 0.5) / (failed.whole + 1)
    return max(HEALTHY_SHARE, min(share, UNSTEADY_SHARE_MAX) if baseline.reasons else share)


def episodes_of(samples: Samples, timeline: Timeline, baseline: Baseline) -> list[Episode]:
    """Outage, degraded and slow episodes in order of their onset.

    Troubles that go over into each other, an outage into a brownout, are episodes of their own:
    the one's end is the other's onset.
    """
    end_s = timeline.load_end_s
    if end_s is None or end_s <= 0 or not len(samples.times_s):
        return []
    failing = Requests(samples.times_s, samples.failed, samples.evidence)
    found = [
        _episode(trouble, samples) for trouble in _impaired(failing, end_s, healthy_share(baseline))
    ]
    limit_ms = slow_limit_ms(baseline)
    if limit_ms is not None:
        late = late_answers(samples, limit_ms)
        found += [_episode(trouble, samples) for trouble in _slow(late, end_s)]
    return sorted(found, key=lambda episode: episode.onset_s)


def late_answers(samples: Samples, limit_ms: float) -> Requests:
    """The answered operations; bad is an answer later than ``limit_ms`` after the planned start.

    Lateness is felt from the planned start, so that is also what its edges are dated by.
    """
    answered = samples.answered
    times_s = samples.times_s[answered]
    late = samples.wait_s[answered] > limit_ms / 1e3
    return Requests(times_s, late, Evidence.at(times_s))


def _impaired(requests: Requests, end_s: float, healthy: float) -> list[Trouble]:
    times_s, bad = requests.times_s, requests.bad
    groups = [
        group
        for stretch in segments(times_s, bad, end_s, healthy, IMPAIRED_SHARE)
        for group in split(times_s, bad, stretch, healthy, IMPAIRED_SHARE)
    ]
    return [
        trouble
        for group, around in zip(groups, _around(groups, end_s), strict=True)
        for trouble in _troubles(requests, group, around)
    ]


def _slow(requests: Requests, end_s: float) -> list[Trouble]:
    times_s, bad = requests.times_s, requests.bad
    stretches = segments(times_s, bad, end_s, SLOW_HEALTHY_SHARE, IMPAIRED_SHARE)
    # From late answer to late answer: in an outage beside it nothing was answered at all.
    late_s = [times_s[bad & (times_s >= low) & (times_s < high)] for low, high in stretches]
    groups = [
        [Part(float(at[0]), float(at[-1]), out=False, median_s=float(np.median(at)))]
        for at in late_s
        if len(at)
    ]
    return [
        replace(trouble, class_="slow")
        for group, around in zip(groups, _around(groups, end_s), strict=True)
        for trouble in _troubles(requests, group, around)
    ]


def _around(groups: list[list[Part]], end_s: float) -> list[tuple[float, float]]:
    """For each group, from the end of the one before it to the begin of the next."""
    stops_s = [0.0, *(group[-1].stop_s for group in groups)]
    starts_s = [*(group[0].start_s for group in groups), end_s]
    return list(zip(stops_s[:-1], starts_s[1:], strict=True))


def _troubles(requests: Requests, group: list[Part], around: tuple[float, float]) -> list[Trouble]:
    """The adjoining troubles of one group, which lies alone between the two times ``around``."""
    times_s, bad = requests.times_s, requests.bad
    core = (times_s >= group[0].start_s) & (times_s <= group[-1].stop_s)
    seen = met(requests.evidence, times_s, bad, core)
    begins, ends = np.argsort(seen.begin_s, kind="stable"), np.argsort(seen.end_s, kind="stable")
    begin_s, begin_bad = seen.begin_s[begins], bad[begins]
    end_s, end_bad = seen.end_s[ends], bad[ends]

    reach_s = max(around[0], group[0].start_s - ONSET_REACH_SECONDS, 0.0)
    onset = edges.onset(begin_s, begin_bad, reach_s, group[0].middle_s)
    inner = [
        edges.change(*((begin_s, begin_bad) if after.out else (end_s, end_bad)), *between)
        for before, after in itertools.pairwise(group)
        for between in [(before.middle_s, after.middle_s)]
    ]
    # The share of failures falls from where it was worst, so that is where its fall is watched.
    worst = max(group, key=lambda part: (part.out, part.start_s))
    tail = (end_s >= worst.middle_s) & (end_s < around[1])
    at_worst = bad[(times_s >= worst.start_s) & (times_s <= worst.stop_s)]
    theta = min(THETA, RECOVERED_PART * float(at_worst.mean()))
    over = edges.recovery(end_s[tail], end_bad[tail], theta)
    confirmed = False
    if over.at_s is not None:
        alone = times_s < around[1]
        confirmed = edges.lasts(times_s[alone], bad[alone], over.at_s, over.high_s, THETA)
    elif (failures_s := end_s[tail & end_bad]).size:
        over = edges.Instant(None, float(failures_s[-1]), None)  # it lasted until then, at least
    starts, stops = [onset, *inner], [*inner, over]
    found = [
        Trouble(_class(requests, start, stop), start, stop, confirmed)
        for start, stop in zip(starts, stops, strict=True)
    ]
    return _merged(found)


def _class(requests: Requests, onset: edges.Instant, recovery: edges.Instant) -> Class:
    """``outage`` if nearly all failed, in the part that surely lies inside; else ``degraded``."""
    inside = requests.times_s >= (onset.high_s or 0.0)
    if recovery.low_s is not None:
        inside &= requests.times_s <= recovery.low_s
    share = Share(int(requests.bad[inside].sum()), int(inside.sum()))
    nearly_all = (share.observed or 0.0) >= OUTAGE_SHARE_MIN
    return "outage" if nearly_all and (share.low or 0.0) > OUTAGE_LOW_MIN else "degraded"


def _merged(troubles: list[Trouble]) -> list[Trouble]:
    """Neighbours of one class as one trouble."""
    merged = troubles[:1]
    for trouble in troubles[1:]:
        last = merged[-1]
        if trouble.class_ == last.class_:
            merged[-1] = replace(trouble, onset=last.onset)
        else:
            merged.append(trouble)
    return merged


def _episode(trouble: Trouble, samples: Samples) -> Episode:
    onset, recovery = trouble.onset, trouble.recovery
    assert onset.at_s is not None  # noqa: S101  # for the type checker; an onset is always found
    stop_s = np.inf if recovery.at_s is None else recovery.at_s
    times_s, down_s = samples.times_s, samples.evidence.down_last_s
    # A journey that was under way at the onset, and failed then, is a failure of this episode.
    failed_s = np.where(np.isnan(down_s), times_s, down_s)
    failed = samples.failed & (failed_s >= onset.at_s) & (failed_s <= stop_s)
    inside = (times_s >= onset.at_s) & (times_s <= stop_s)
    kept = samples.operations
    return Episode(
        class_=trouble.class_,
        onset_s=onset.at_s,
        onset_s_low=onset.low_s,
        onset_s_high=onset.high_s,
        recovered_s=recovery.at_s,
        recovered_s_low=recovery.low_s,
        recovered_s_high=recovery.high_s,
        confirmed=trouble.confirmed,
        failed=int(failed.sum()),
        operations=int((inside | failed).sum()),
        affected_borrowers=len(
            {kept[at].borrower for at in np.flatnonzero(failed)} if kept else ()
        ),
        in_flight=int(((times_s < onset.at_s) & (samples.ended_s > onset.at_s)).sum()),
        queued=_queued(samples, onset.at_s, stop_s) if trouble.class_ == "outage" else 0,
    )


def answering_again_s(samples: Samples, stop_s: float) -> float | None:
    """End of the first good answer to an operation planned from ``stop_s`` on; None for none."""
    ends_s = samples.ended_s[samples.answered & (samples.times_s >= stop_s)]
    return float(ends_s.min()) if len(ends_s) else None


def _queued(samples: Samples, onset_s: float, stop_s: float) -> int:
    """Operations planned while nothing was answered yet that were answered well, if late.

    They waited in a queue, and make new requests succeed before the service answers again.
    """
    answering_s = answering_again_s(samples, stop_s)
    if answering_s is None:
        return 0
    late = answering_s - samples.times_s > SLOW_MS_MIN / 1e3
    waited = (samples.times_s >= onset_s) & late & (samples.ended_s >= answering_s)
    return int((samples.answered & waited).sum())


def impaired(episodes: list[Episode]) -> list[Episode]:
    """Those in which borrowers failed; a slow episode is none of them."""
    return [episode for episode in episodes if episode.class_ in ("outage", "degraded")]


def open_ended(episode: Episode) -> bool:
    """Whether nothing bounds when it was over: to the end it failed, or too little came after."""
    return episode.recovered_s is None or episode.recovered_s_high is None


def last_stretch(stretches: list[Episode]) -> list[Episode]:
    """Of one or more impaired stretches the last one: episodes of which each goes over into the
    next.
    """
    last = [stretches[-1]]
    for before in reversed(stretches[:-1]):
        if before.recovered_s is None or before.recovered_s < last[0].onset_s:
            break
        last.insert(0, before)
    return last


def flaps_of(episodes: list[Episode]) -> int:
    """How often borrowing was impaired again after it had been well in between."""
    stretches = impaired(episodes)
    fresh = [
        after
        for before, after in itertools.pairwise(stretches)
        if before.recovered_s is None or after.onset_s > before.recovered_s
    ]
    return len(fresh)


def overlaps(episode: Episode, start_s: float, end_s: float) -> bool:
    """Whether an episode may have begun before ``end_s`` and ended after ``start_s``."""
    begins_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
    ends_s = episode.recovered_s
    if ends_s is not None and episode.recovered_s_high is not None:
        ends_s = episode.recovered_s_high
    return begins_s <= end_s and (ends_s is None or ends_s >= start_s)
