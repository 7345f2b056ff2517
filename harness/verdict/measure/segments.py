"""Where borrowing was impaired: a penalised two-state segmentation of the answers alone.

A Viterbi path over bins of `BIN_SECONDS` between "healthy" (share of failures ``healthy``) and
"impaired" (``impaired``); each change of state costs ``log(events / ALPHA)``, so that a run without
an impairment shows none. It handles onset, end and flapping at once, and needs no known fault.

One impaired stretch may hold several impairments end to end: an outage that turns into a brownout,
two outages with a breath between them. The same path, walked once more inside the stretch between
"in part" and "out", tells them apart.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.noise import penalty, ratio

BIN_SECONDS = 0.1
PART_SHARE = 0.30
OUT_SHARE = 0.99
"""With these two, borrowing counts as out from 78 % of failures on, else as impaired in part."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an impaired stretch, in seconds, whose share of failures is much the same."""

    start_s: float
    stop_s: float
    out: bool
    median_s: float
    """When half of its failures had come: a stray one long after them moves it little."""

    @classmethod
    def of(cls, failed_s: Floats, *, out: bool) -> "Part":
        """What failures make up, by their planned starts in s: shape (n,), one or more."""
        return cls(float(failed_s.min()), float(failed_s.max()), out, float(np.median(failed_s)))

    @property
    def middle_s(self) -> float:
        """The instant that is surely inside."""
        return min(self.median_s, (self.start_s + self.stop_s) / 2)


def segments(
    times_s: Floats, bad: Bools, end_s: float, healthy: float, impaired: float
) -> list[tuple[float, float]]:
    """Start and end, in seconds, of every impaired stretch.

    ``times_s`` are the planned starts, rising, from 0 to ``end_s``; ``bad`` says which failed.
    """
    if not bad.any():
        return []
    evidence = _evidence(times_s, bad, end_s, healthy, impaired)
    cost = penalty(len(times_s))
    runs = runs_of(_path(evidence, cost, first=-cost))
    return [(first * BIN_SECONDS, min(stop * BIN_SECONDS, end_s)) for first, stop in runs]


def runs_of(holds: Bools | Ints) -> list[tuple[int, int]]:
    """The first of each row of neighbours, of shape (n,), that hold, and the first one after it."""
    change = np.diff(np.concatenate(([0], holds, [0])))
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def whole(times_s: Floats, bad: Bools, stretch: tuple[float, float]) -> list[list[Part]]:
    """One impaired stretch as one impairment in one part, from first bad request to last."""
    at_s = times_s[bad & (times_s >= stretch[0]) & (times_s < stretch[1])]
    return [[Part.of(at_s, out=False)]] if len(at_s) else []


def split(
    times_s: Floats, bad: Bools, stretch: tuple[float, float], healthy: float, impaired: float
) -> list[list[Part]]:
    """The impairments of one impaired stretch: groups of adjoining parts, apart by healthy gaps.

    ``times_s`` and ``bad`` are those of the whole run, ``healthy`` and ``impaired`` as for
    `segments`.
    """
    inside = (times_s >= stretch[0]) & (times_s < stretch[1])
    failures = np.flatnonzero(inside & bad)
    if not len(failures):
        return []
    # From failure to failure: the good answers at either end belong to what is around it.
    within = slice(int(failures[0]), int(failures[-1]) + 1)
    cost = penalty(len(times_s))
    groups: list[list[Part]] = [[]]
    for part, count, whole in _pieces(times_s[within], bad[within], cost):
        # In part only, and no more than the stray failures of a healthy time would make of it.
        if not part.out and ratio(count, whole, healthy, impaired) <= cost:
            groups.append([])
            continue
        groups[-1].append(part)
    return [group for group in groups if group]


def parts_of(met_s: Floats, bad: Bools, whole: int, healthy: float, impaired: float) -> list[Part]:
    """The parts of one impairment, from its first failure to its last one.

    ``met_s`` rises; ``bad``, one or more, are the failures of this impairment alone. ``whole`` is
    the number of requests of the run, ``healthy`` and ``impaired`` are as for `segments`. What is
    no more than stray failures at either end is left out, unless that is all there is.
    """
    failures = np.flatnonzero(bad)
    within = slice(int(failures[0]), int(failures[-1]) + 1)
    cost = penalty(whole)
    pieces = list(_pieces(met_s[within], bad[within], cost))
    clear = [
        index
        for index, (part, failed, count) in enumerate(pieces)
        if part.out or ratio(failed, count, healthy, impaired) > cost
    ]
    kept = pieces[clear[0] : clear[-1] + 1] if clear else pieces
    return [part for part, failed, _ in kept if failed]


def _pieces(local_s: Floats, local_bad: Bools, cost: float) -> Iterator[tuple[Part, int, int]]:
    """The pieces that differ in their share of failures: how many failed, of how many."""
    if_bad, if_good = ratio(1, 1, PART_SHARE, OUT_SHARE), ratio(0, 1, PART_SHARE, OUT_SHARE)
    state = _path(np.where(local_bad, if_bad, if_good).tolist(), cost, first=0.0)
    changes = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    for first, last in itertools.pairwise(changes):
        at_s, failed = local_s[first:last], local_bad[first:last]
        median_s = float(np.median(at_s[failed])) if failed.any() else math.inf
        part = Part(float(at_s[0]), float(at_s[-1]), bool(state[first]), median_s)
        yield part, int(failed.sum()), last - first


def _evidence(
    times_s: Floats, bad: Bools, end_s: float, healthy: float, impaired: float
) -> list[float]:
    """Log-likelihood ratio of impaired against healthy, in each bin from 0 to ``end_s``."""
    bins = max(1, math.ceil(end_s / BIN_SECONDS))
    place = np.minimum((times_s / BIN_SECONDS).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    bad_count = np.bincount(place, weights=bad, minlength=bins)
    return [
        ratio(failed, whole, healthy, impaired)
        for failed, whole in zip(bad_count.tolist(), count.tolist(), strict=True)
    ]


def _path(evidence: list[float], cost: float, first: float) -> Ints:
    """The likeliest state of every bin, 1 for impaired; ``first`` is its score beforehand."""
    healthy, impaired = 0.0, first
    came: list[tuple[bool, bool]] = []  # for each bin: healthy from impaired, impaired from healthy
    for step in evidence:
        ended = impaired - cost > healthy
        began = healthy - cost > impaired
        came.append((ended, began))
        healthy, impaired = (
            impaired - cost if ended else healthy,
            (healthy - cost if began else impaired) + step,
        )
    state = np.zeros(len(evidence), dtype=np.int64)
    now = impaired > healthy
    for index in range(len(evidence) - 1, -1, -1):
        state[index] = now
        ended, began = came[index]
        now = (not began) if now else ended
    return state
