"""The worst stretch of every length: one long outage and many short ones differ here.

After the windowed user-uptime of Hauer et al., "Meaningful Availability", NSDI 2020.
"""

import numpy as np

from harness.history.columns import Bools, Floats
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import WorstWindow

LENGTHS_S = (1.0, 5.0, 30.0, 60.0, 300.0)


def worst_windows(samples: Samples, timeline: Timeline, rate: float) -> list[WorstWindow]:
    """The worst window of each of `LENGTHS_S` that fits between zero and the end of the load.

    ``rate`` is in arrivals/s. A window with fewer than half of the operations that the rate
    promises (some were dropped) shows too little to be the worst.
    """
    end_s = timeline.load_end_s or 0.0
    found = (
        worst_window(samples.times_s, samples.failed, end_s, length_s, rate * length_s / 2)
        for length_s in LENGTHS_S
        if length_s <= end_s
    )
    return [window for window in found if window is not None]


def worst_window(
    times_s: Floats, failed: Bools, end_s: float, length_s: float, operations_min: float
) -> WorstWindow | None:
    """The window of one length with the largest share of failures; None if none has enough
    operations.

    ``times_s`` are planned starts, rising, shape (n,), in s; ``failed`` says which failed. Windows
    slide over [0, ``end_s``] and hold both their ends. What one holds changes only where an
    operation enters or leaves it, so a window at each such place and one between each two are all
    there are to try. Of equally bad ones the one with most failures counts, then the first.
    """
    last_s = end_s - length_s
    places_s = np.concatenate(([0.0, last_s], times_s, times_s - length_s))
    places_s = np.unique(places_s[(places_s >= 0) & (places_s <= last_s)])
    begins_s = np.concatenate((places_s, (places_s[1:] + places_s[:-1]) / 2))
    first = np.searchsorted(times_s, begins_s, side="left")
    behind = np.searchsorted(times_s, begins_s + length_s, side="right")
    before = np.concatenate(([0], np.cumsum(failed)))
    count, bad = behind - first, before[behind] - before[first]
    enough = (count >= operations_min) & (count > 0)
    if not enough.any():
        return None
    begins_s, count, bad = begins_s[enough], count[enough], bad[enough]
    best = np.lexsort((begins_s, -bad, -bad / count))[0]
    return WorstWindow(length_s, float(begins_s[best]), int(count[best]), int(bad[best]))
