"""Whether the stretches that a search came upon stand out from everything outside of them.

If the failures of a run are shuffled over its requests, its best stretch has two shares of failures
that are likelier than one by `penalty` in one run of a hundred: a stretch has to win by as much.
"""

from dataclasses import replace

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.noise import endless_gain_min, gain, gain_min
from harness.verdict.measure.segments import Part

CUTS_MAX = 200
"""Places at which a stretch may be cut; of more failures, so many are tried."""


class Contrast:
    """The requests of a run, by planned start, against the stretches that a search found in it."""

    def __init__(self, times_s: Floats, bad: Bools, groups: list[list[Part]]) -> None:
        self._times_s, self._groups = times_s, groups
        self._parts = [part for group in groups for part in group]
        self._failed = np.concatenate(([0], np.cumsum(bad)))
        self._places = np.flatnonzero(bad)
        self._spans = [self._span(part) for part in self._parts]
        self._clusters = self._clustered()
        inside = sum(self._failed[stop] - self._failed[first] for first, stop in self._clusters)
        requests = sum(stop - first for first, stop in self._clusters)
        self._outside = int(self._failed[-1] - inside), len(bad) - requests

    def kept(self) -> list[list[Part]]:
        """What stands out of each part, in groups of adjoining parts."""
        found = [self._best_of(number) for number in range(len(self._clusters))]
        bests = iter([self._cut(part, [b for b in found if b]) for part in self._parts])
        kept: list[list[Part]] = [[]]
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
        or several troubles with what was between them.
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
                at_s = self._times_s[self._places[inside]]
                median_s = float(np.median(at_s))
                return replace(
                    part, start_s=at_s[0].item(), stop_s=at_s[-1].item(), median_s=median_s
                )
        return None
