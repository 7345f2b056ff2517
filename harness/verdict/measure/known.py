"""Troubles that begin when something is known to have happened: a baseline ended, a fault came.

A search over all stretches of a run has to pay for each of them. Of a stretch that was known before
anybody looked, one exact test says whether more failed in it than elsewhere, so that less is enough
to find a trouble that begins or ends there. What begins as the baseline ends may be found by chance
in half of `ALPHA` of all runs, and with faults in half as many more. What the search finds by
chance is mostly the same, so that all together stay below `ALPHA`.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import betaln

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.noise import (
    ALPHA,
    HEALTHY_SHARE,
    NOISE_SHARE_MAX,
    ROW_MIN,
    gain,
    impaired_share,
    ratio,
)
from harness.verdict.measure.segments import Part

Window = tuple[float, float]
"""From one instant to another (infinity: to the end of the run), in seconds."""
Groups = list[list[Part]]


def windows_of(times_s: Floats, before: int, faults_s: Iterable[Window]) -> tuple[Window, ...]:
    """What is known beforehand: from the end of the baseline on, and from each fault and heal on.

    ``times_s`` are planned starts, rising; ``before`` of them are the baseline's. ``faults_s`` are
    injections and heals (never: infinity).
    """
    begins_s = times_s[before:].tolist()[:1]
    first: list[Window] = [(at_s, np.inf) for at_s in begins_s]
    windows: set[Window] = set()
    for injected_s, healed_s in faults_s:
        windows |= {(injected_s, healed_s), (healed_s, np.inf)}
        # A fault that comes at the end of the baseline begins no stretch of its own.
        if begins_s and np.searchsorted(times_s, injected_s) > before + ROW_MIN:
            windows.add((injected_s, np.inf))
    return (*first, *sorted(window for window in windows if window[0] < np.inf))


def with_known(times_s: Floats, bad: Bools, windows: tuple[Window, ...], groups: Groups) -> Groups:
    """``groups``, stretches that were found, and what of the windows is impaired beside them."""
    spans = [np.searchsorted(times_s, window).tolist() for window in windows]
    while True:
        left = outside_of(times_s, groups)
        # Up to each place, so that no window has to be counted through.
        counts = [np.concatenate([[0], np.cumsum(one)]) for one in (bad & left, left)]
        chances = [
            _chance(counts, first, stop) * part
            for (first, stop), part in zip(spans, _parts(len(spans)), strict=True)
        ]
        if min(chances, default=1.0) > ALPHA / 2:
            return groups
        first, stop = spans[int(np.argmin(chances))]
        if stop == len(bad):
            first = _begin(bad, left, first)
        beside = _beside(times_s, bad & left, groups, (first, stop))
        if not beside:
            return groups
        groups = groups + beside


def _parts(count: int) -> list[int]:
    """Into how many parts what may be false is divided for each window: the first, which is
    compared with the baseline alone, is found as in a run without a fault; the others share one.
    """
    return [1, *[2 * (count - 1)] * (count - 1)][:count]


def outside_of(times_s: Floats, groups: Groups) -> Bools:
    """Which requests lie in none of these stretches."""
    outside = np.ones(len(times_s), dtype=bool)
    for group in groups:
        outside &= (times_s < group[0].start_s) | (times_s > group[-1].stop_s)
    return outside


def _chance(counts: list[Ints], first: int, stop: int) -> float:
    """The exact chance (Fisher, one-sided) of as many failures of a window among all that is left;
    1 where they are too few, or nearer to what is elsewhere than to an impaired share.

    ``counts``: failures, and requests, that are left before each place, shape (n + 1,) each.
    """
    failed, whole = (int(one[-1]) for one in counts)
    part, count = (int(one[max(first, stop)] - one[first]) for one in counts)
    noise = (failed - part + 0.5) / (whole - count + 1)
    noise = min(max(noise, HEALTHY_SHARE), NOISE_SHARE_MAX)
    if part < ROW_MIN or ratio(part, count, noise, impaired_share(noise)) <= 0:
        return 1.0
    return _at_least(part, whole, failed, count)


def _at_least(part: int, whole: int, failed: int, count: int) -> float:
    """The chance that of ``count`` requests drawn from ``whole``, of which so many failed, ``part``
    or more did (hypergeometric).

    Not by `scipy.stats`, which takes longer to import than a command may take.
    """
    number = np.arange(part, min(failed, count) + 1, dtype=float)

    def ways(of: float, these: Floats) -> Floats:
        """The logarithm of how many ways there are to choose ``these`` of so many."""
        return np.asarray(-betaln(these + 1.0, of - these + 1.0) - np.log(of + 1.0))

    inside, beside = ways(failed, number), ways(whole - failed, count - number)
    return float(min(1.0, np.exp(inside + beside - ways(whole, np.array(float(count)))).sum()))


def _begin(bad: Bools, left: Bools, first: int) -> int:
    """The failure from which on, to the end, the most stands out against what was before."""
    failed, whole = np.cumsum(bad & left), np.cumsum(left)
    places = np.flatnonzero(bad & left)
    places = places[places >= first][: 1 - ROW_MIN]
    inside = failed[-1] - failed[places] + 1, whole[-1] - whole[places] + 1
    gains = gain(
        (inside[0].astype(float), inside[1].astype(float)), (int(failed[-1]), int(whole[-1]))
    )
    return int(places[gains.argmax()])


def _beside(times_s: Floats, bad: Bools, groups: Groups, span: tuple[int, int]) -> Groups:
    """The stretches into which the groups part the failures, ``bad``, of a span of requests."""
    places = np.flatnonzero(bad)
    at_s = times_s[places[(places >= span[0]) & (places < span[1])]]
    passed = np.searchsorted(sorted(group[-1].stop_s for group in groups), at_s)
    pieces = (at_s[passed == number] for number in range(len(groups) + 1))
    return [
        [Part(float(piece[0]), float(piece[-1]), out=False, median_s=float(np.median(piece)))]
        for piece in pieces
        if len(piece) >= ROW_MIN
    ]
