"""Which requests of a run belong to impaired stretches: the search, before any edge is dated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.measure.evidence import Evidence
from harness.measure.segments import Part, segments, split

IMPAIRED_SHARE = 0.10
"""With these two, a stretch counts as impaired from 2.6 % of failures on."""

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
class Found:
    """One impaired stretch: its adjoining parts, and the seconds around it until the next ones.

    ``healthy`` is the share of bad ones that was taken for normal.
    """

    parts: list[Part]
    around: tuple[float, float]
    healthy: float


def impaired_stretches(requests: Requests, end_s: float, healthy: float) -> list[Found]:
    """Every stretch in which clearly more than the share ``healthy`` were bad."""
    times_s, bad = requests.times_s, requests.bad
    groups = [
        group
        for stretch in segments(times_s, bad, end_s, healthy, IMPAIRED_SHARE)
        for group in split(times_s, bad, stretch, healthy, IMPAIRED_SHARE)
    ]
    return apart(groups, end_s, healthy)


def apart(groups: list[list[Part]], end_s: float, healthy: float) -> list[Found]:
    """Each group with the seconds from the end of the one before it to the begin of the next."""
    stops_s = [0.0, *(group[-1].stop_s for group in groups)]
    starts_s = [*(group[0].start_s for group in groups), end_s]
    return [
        Found(group, (stop_s, start_s), healthy)
        for group, stop_s, start_s in zip(groups, stops_s[:-1], starts_s[1:], strict=True)
    ]
