"""Whether the stretches that a search came upon stand out from everything outside of them.

If the failures of a run are shuffled over its requests, its best stretch has two shares of failures
that are likelier than one by `penalty` in one run of a hundred: a stretch has to win by as much.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.measure.noise import endless_gain_min, gain, gain_min
from harness.measure.segments import Part

CUTS_MAX = 200
"""Places at which a stretch may be cut; of more failures, so many are tried."""


class Contrast:
    """The requests of a run, by planned start, against the stretches that a search found in it."""

    def __init__(
        self, times_s: NDArray[np.float64], bad: NDArray[np.bool_], groups: list[list[Part]]
    ) -> None:
        self._times_s, self._groups = times_s, groups
        self._parts = [part for group in groups for part in group]
        self._failed = np.concatenate(([0], np.cumsum(bad)))
        self._places = np.flatnonzero(bad)
        self._spans = [self._span(part) for part in self._parts]
        inside = sum(self._failed[stop] - self._failed[first] for first, stop in self._spans)
        requests = sum(stop - first for first, stop in self._spans)
        self._outside = int(self._failed[-1] - inside), len(bad) - requests

    def kept(self) -> list[list[Part]]:
        """What stands out of each part, in groups of adjoining parts."""
        bests = iter([self._best_of(number) for number in range(len(self._parts))])
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

    def _span(self, part: Part) -> tuple[int, int]:
        first, stop = np.searchsorted(self._times_s, [part.start_s, part.stop_s])
        return int(first), int(stop) + 1  # it ends with a request

    def _best_of(self, number: int) -> Part | None:
        """The part, or what of it stands out.

        The stretch that stands out the most may reach beyond the part, up to its neighbours: then
        scattered failures were left out. Or it is smaller: then strays far from it were taken in,
        or several troubles with what was between them.
        """
        part, (first, stop), requests = self._parts[number], self._spans[number], len(self._times_s)
        both = (
            int(self._outside[0] + self._failed[stop] - self._failed[first]),
            self._outside[1] + stop - first,
        )
        if self._gains([first], [stop], both)[0] >= gain_min(requests):
            return part
        last = number == len(self._parts) - 1
        since = self._spans[number - 1][1] if number else 0
        until = requests if last else self._spans[number + 1][0]
        places = self._places[(self._places >= since) & (self._places < until)]
        if len(places) > CUTS_MAX:
            places = places[np.linspace(0, len(places) - 1, CUTS_MAX).astype(np.int64)]
        if last:
            gains = self._gains(places, np.full(len(places), requests), both)
            if gains.max() >= endless_gain_min(requests):
                return self._cut(part, int(places[gains.argmax()]), requests)
        begin, end = np.triu_indices(len(places))
        gains = self._gains(places[begin], places[end] + 1, both)
        best = int(gains.argmax())
        if gains[best] < gain_min(requests):
            return None
        return self._cut(part, int(places[begin[best]]), int(places[end[best]]) + 1)

    def _gains(
        self,
        first: NDArray[np.int64] | list[int],
        stop: NDArray[np.int64] | list[int],
        both: tuple[int, int],
    ) -> NDArray[np.float64]:
        failed = self._failed[stop] - self._failed[first]
        return gain((failed.astype(float), np.subtract(stop, first).astype(float)), both)

    def _cut(self, part: Part, first: int, stop: int) -> Part | None:
        """What of a part lies between these; None where nothing does."""
        at_s = self._times_s[self._places[(self._places >= first) & (self._places < stop)]]
        at_s = at_s[(at_s >= part.start_s) & (at_s <= part.stop_s)]
        if not len(at_s):
            return None
        median_s = float(np.median(at_s))
        return replace(part, start_s=float(at_s[0]), stop_s=float(at_s[-1]), median_s=median_s)
