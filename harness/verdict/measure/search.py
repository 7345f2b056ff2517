"""Which requests of a run belong to impaired stretches: the search, before any edge is dated.

A stretch is impaired by its share of failures, or by failures in a row where it is too short for
that. Either way it is compared with everything outside stretches, the baseline too: what a steady
share of failures shows by chance somewhere in a run is no stretch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.breaths import told_apart
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.evidence_rows import orders, rows_of
from harness.verdict.measure.known import Window, outside_of, with_known
from harness.verdict.measure.noise import NOISE_SHARE_MAX, ROW_MIN, impaired_share
from harness.verdict.measure.segments import Part, segments, split, whole
from harness.verdict.measure.standing_out import Contrast


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
    """What is known of the run beforehand: where a trouble may begin, and end."""


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
    groups: list[list[Part]], end_s: float, healthy: float, usual: float = 0.0
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


def by_share(
    requests: RequestCounts, end_s: float, healthy: float
) -> tuple[list[list[Part]], float]:
    """Stretches at the least noise with which each of them stands out, and that noise.

    With too little noise the search takes scattered failures, or the whole run, for a stretch. One
    of late answers is not split: an outage inside it, in which nothing was answered, is no breath.
    """
    times_s, bad = requests.times_s, requests.bad
    best: tuple[list[list[Part]], float] = [], healthy
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


def _by_rows(
    requests: RequestCounts, groups: list[list[Part]], ways: list[Ints]
) -> list[list[Part]]:
    """Failures in a row beside the stretches that are known, as stretches of their own."""
    times_s, bad = requests.times_s, requests.bad
    outside = outside_of(times_s, groups)
    found: list[list[Part]] = []
    for order in ways:
        for row in rows_of(order, bad, outside):
            if row.tells:
                outside[row.places] = False
                at_s = times_s[row.places]
                begin_s, end_s = float(at_s.min()), float(at_s.max())
                found.append([Part(begin_s, end_s, out=True, median_s=float(np.median(at_s)))])
    return found
