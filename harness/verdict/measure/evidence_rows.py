"""Failures in a row: an outage too short for its share of failures to show."""

from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.noise import ALPHA, HEALTHY_SHARE, ROW_MIN, row_chance


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """``length`` failures with no success between them; ``places`` are their indices.

    ``chance`` is how often a run has so many in a row anywhere, by chance alone.
    """

    places: Ints
    chance: float

    @property
    def length(self) -> int:
        """How many failed."""
        return len(self.places)

    @property
    def tells(self) -> bool:
        """Whether it is a stretch, and not too few to call."""
        return self.length >= ROW_MIN and self.chance <= ALPHA


def orders(times_s: Floats, bad: Bools, evidence: Evidence) -> list[Ints]:
    """The orders in which requests may have met the service, by their last attempt of all.

    There are two where a request is under way for a while: a service decides at its arrival or at
    its end. A request that never met it is placed by its planned start, ``times_s``.
    """
    found = []
    for reading in (0, 1)[: 1 + evidence.takes_time]:
        up_s = evidence.up_s[..., reading]
        last_up_s = np.where(np.isnan(up_s), -np.inf, up_s).max(axis=1)
        at_s = np.where(bad, evidence.down_last_s[:, reading], last_up_s)
        found.append(np.argsort(np.where(np.isfinite(at_s), at_s, times_s), kind="stable"))
    return found


def rows_of(order: Ints, bad: Bools, outside: Bools) -> list[EvidenceRow]:
    """Every two failures or more in a row, none of them in a known stretch: all are ``outside``.

    A row is held against the share of failures of all that is outside. Other rows of `ROW_MIN` are
    left out of it: they may be troubles, too, and are no part of what comes by chance.
    """
    failed = (bad & outside)[order]
    change = np.diff(np.concatenate(([0], failed, [0])))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    lengths = ends - starts
    within = int(lengths[lengths >= ROW_MIN].sum())
    rest = Share(int(failed.sum()) - within, int(outside.sum()) - within)
    return [
        EvidenceRow(order[start:end], _chance(end - start, rest, len(bad)))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        if end - start > 1
    ]


def _chance(length: int, rest: Share, requests: int) -> float:
    own = length if length >= ROW_MIN else 0
    share = (rest.part + own + 0.5) / (rest.whole + own + 1)
    return row_chance(length, requests, max(share, HEALTHY_SHARE))
