"""Whether the stretches that a search came upon stand out from everything outside of them.

If the failures of a run are shuffled over its requests, its best stretch has two shares of failures
that are likelier than one by `penalty` in one run of a hundred: a stretch has to win by as much.

Such a search has to pay for all stretches of a run. Of one that was known before anyone looked (a
baseline ended, a fault came) one exact test says whether more failed in it than elsewhere, so that
less is enough to find an impairment that begins or ends there. What begins as the baseline ends may
be found by chance in half of `ALPHA` of all runs, and with faults in half as many more. What the
search finds by chance is mostly the same, so that all together stay below `ALPHA`.
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
    endless_gain_min,
    gain,
    gain_min,
    impaired_share,
    ratio,
)
from harness.verdict.measure.segments import Part

CUTS_MAX = 200
"""Places at which a stretch may be cut; of more failures, so many are tried."""
Window = tuple[float, float]
"""From one instant to another (infinity: to the end of the run), in seconds."""
Groups = list[list[Part]]


class Contrast:
    """The requests of a run, by planned start, against the stretches that a search found in it."""

    def __init__(self, times_s: Floats, bad: Bools, groups: Groups) -> None:
        self._times_s, self._groups = times_s, groups
        self._parts = [part for group in groups for part in group]
        self._failed = np.concatenate(([0], np.cumsum(bad)))
        self._places = np.flatnonzero(bad)
        self._spans = [self._span(part) for part in self._parts]
        self._clusters = self._clustered()
        inside = sum(self._failed[stop] - self._failed[first] for first, stop in self._clusters)
        requests = sum(stop - first for first, stop in self._clusters)
        self._outside = int(self._failed[-1] - inside), len(bad) - requests

    def kept(self) -> Groups:
        """What stands out of each part, in groups of adjoining parts."""
        found = [self._best_of(number) for number in range(len(self._clusters))]
        bests = iter([self._cut(part, [b for b in found if b]) for part in self._parts])
        kept: Groups = [[]]
        for group in self._groups:
            kept.append([])
            for part, best in zip(group, bests, strict=False):
                if best is None or best.start_s > part.start_s:
                    kept.append([])
                if best is not None:
                    kept[-1].append(best)
                    if best.stop_s < part.stop_s:
                        kept.append([])
        return [group for group in kept if group]

    def _clustered(self) -> list[tuple[int, int]]:
        """Parts as spans of requests, as one where they do not stand out against what is between.

        With too little noise a search leaves out what is well by chance, here and there.
        """
        clusters: list[tuple[int, int]] = []
        for number, span in enumerate(self._spans):
            if clusters and not self._apart(self._spans[number - 1], span):
                clusters[-1] = clusters[-1][0], span[1]
            else:
                clusters.append(span)
        return clusters

    def _apart(self, before: tuple[int, int], after: tuple[int, int]) -> bool:
        """Whether the gap between two parts is one: adjoining parts have none."""
        if after[0] <= before[1]:
            return True
        counts = [
            (self._failed[stop] - self._failed[at], stop - at) for at, stop in (before, after)
        ]
        inside = tuple(np.array([float(sum(both))]) for both in zip(*counts, strict=True))
        whole = int(self._failed[after[1]] - self._failed[before[0]]), after[1] - before[0]
        found = gain((inside[0], inside[1]), whole)
        return bool(found[0] >= gain_min(len(self._times_s)))

    def _span(self, part: Part) -> tuple[int, int]:
        first, stop = np.searchsorted(self._times_s, [part.start_s, part.stop_s])
        return int(first), int(stop) + 1  # it ends with a request

    def _best_of(self, number: int) -> tuple[int, int] | None:
        """From which request to which one a cluster stands out; None where it does not.

        The stretch that stands out the most may reach beyond it, up to its neighbours: then
        scattered failures were left out. Or it is smaller: then strays far from it were taken in,
        or several impairments with what was between them.
        """
        (first, stop), requests = self._clusters[number], len(self._times_s)
        both = (
            int(self._outside[0] + self._failed[stop] - self._failed[first]),
            self._outside[1] + stop - first,
        )
        if self._gains([first], [stop], both)[0] >= gain_min(requests):
            return first, stop
        last = number == len(self._clusters) - 1
        since = self._clusters[number - 1][1] if number else 0
        until = requests if last else self._clusters[number + 1][0]
        places = self._places[(self._places >= since) & (self._places < until)]
        if len(places) > CUTS_MAX:
            places = places[np.linspace(0, len(places) - 1, CUTS_MAX).astype(np.int64)]
        if last:
            gains = self._gains(places, np.full(len(places), requests), both)
            if gains.max() >= endless_gain_min(requests):
                return int(places[gains.argmax()]), requests
        begin, end = np.triu_indices(len(places))
        gains = self._gains(places[begin], places[end] + 1, both)
        best = int(gains.argmax())
        if gains[best] < gain_min(requests):
            return None
        return int(places[begin[best]]), int(places[end[best]]) + 1

    def _gains(
        self, first: Ints | list[int], stop: Ints | list[int], both: tuple[int, int]
    ) -> Floats:
        failed = self._failed[stop] - self._failed[first]
        return gain((failed.astype(float), np.subtract(stop, first).astype(float)), both)

    def _cut(self, part: Part, kept: list[tuple[int, int]]) -> Part | None:
        """What of a part lies within one of these spans; None where nothing does."""
        first, stop = self._span(part)
        for begin, end in kept:
            if begin <= first and stop <= end:
                return part
            inside = (self._places >= max(first, begin)) & (self._places < min(stop, end))
            if inside.any():
                return Part.of(self._times_s[self._places[inside]], out=part.out)
        return None


# --- what was known beforehand -------------------------------------------------------------------


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
    # The first one, which is compared with the baseline alone, may be false as in a run without a
    # fault; the others share another such part of what may be.
    others = len(spans) - 1
    parts = [1, *[2 * others] * others][: len(spans)]
    while True:
        left = outside_of(times_s, groups)
        # Up to each place, so that no window has to be counted through.
        counts = [np.concatenate([[0], np.cumsum(one)]) for one in (bad & left, left)]
        chances = [
            _chance(counts, first, stop) * part
            for (first, stop), part in zip(spans, parts, strict=True)
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
    return [[Part.of(piece, out=False)] for piece in pieces if len(piece) >= ROW_MIN]
