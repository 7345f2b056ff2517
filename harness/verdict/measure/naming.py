"""What a trouble is called: an outage, if nobody was served in it or next to nobody."""

import numpy as np

from harness.history.columns import Bools, Floats
from harness.verdict.measure.evidence import Met
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.recovery_instant import Instant

OUTAGE_SHARE_MIN = 0.95
OUTAGE_LOW_MIN = 0.78
"""An outage is observed to fail nearly all, and surely fails most: a second at 50/s can show it."""
OUTAGE_FAILED_MIN = 5
"""So many requests in a row that failed, and none between them that did not, are an outage too."""

Class = str


def class_of(seen: Met, bad: Bools, onset: Instant, recovery: Instant) -> Class:
    """``outage`` or ``degraded``, by when each request met the service and not by when it was due.

    ``seen`` and ``bad`` are of shape (n,) and belong together by index. A request due inside that
    met the service after the recovery tells nothing of what was inside, nor does one that had
    succeeded before the onset at the step that fails. So it is enough if one of the two readings
    of when that was makes an outage of it.
    """
    readings = (seen.begin_s, seen.end_s)
    if any(_nearly_all(at_s, bad, onset, recovery) for at_s in readings):
        return "outage"
    return "outage" if any(_all(at_s, bad, onset, recovery) for at_s in readings) else "degraded"


def surely(seen: tuple[Met, Met], bad: Bools, onset: Instant, recovery: Instant) -> Class | None:
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


def _nearly_all(at_s: Floats, bad: Bools, onset: Instant, recovery: Instant) -> bool:
    """Whether nearly all failed in the part that surely lies inside."""
    inside = _between(at_s, onset.high_s, recovery.low_s)
    return _nearly(Share(int(bad[inside].sum()), int(inside.sum())))


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
