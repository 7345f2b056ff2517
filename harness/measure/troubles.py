"""The troubles of one impaired stretch: what each is called, and when it began and was over."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from harness.measure import edges
from harness.measure.baseline import THETA
from harness.measure.evidence import met
from harness.measure.naming import Class, class_of
from harness.measure.search import Found, Requests

RECOVERED_PART = 0.5
"""A mild brownout is over when half of it is: at 5 % of failures it would never have been."""
ONSET_REACH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One part of an impaired stretch, or neighbours of one class, with its edges."""

    class_: Class
    onset: edges.Instant
    recovery: edges.Instant
    confirmed: bool


def troubles_of(requests: Requests, found: Found, load_end_s: float) -> list[Trouble]:
    """The adjoining troubles of one stretch; ``load_end_s`` is when the load ended."""
    group, around = found.parts, found.around
    times_s, bad = requests.times_s, requests.bad
    core = (times_s >= group[0].start_s) & (times_s <= group[-1].stop_s)
    seen = met(requests.evidence, times_s, bad, core)
    begins, ends = np.argsort(seen.begin_s, kind="stable"), np.argsort(seen.end_s, kind="stable")
    begin_s, begin_bad = seen.begin_s[begins], bad[begins]
    end_s, end_bad = seen.end_s[ends], bad[ends]

    reach_s = max(around[0], group[0].start_s - ONSET_REACH_SECONDS, 0.0)
    onset = edges.onset(begin_s, begin_bad, reach_s, group[0].middle_s, first=reach_s <= 0)
    if onset.low_s is None and (onset.at_s or 0.0) <= begin_s[0]:
        onset = replace(onset, at_s=float(times_s[0]))
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
    if around[1] >= load_end_s:  # else it was over before the next one, however short that was
        over = edges.to_the_end(over, confirmed=confirmed)
    starts, stops = [onset, *inner], [*inner, over]
    parts = [
        Trouble(class_of(seen, bad, start, stop), start, stop, confirmed)
        for start, stop in zip(starts, stops, strict=True)
    ]
    return _merged(parts)


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
