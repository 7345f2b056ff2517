"""Where borrowing was impaired: a penalised two-state segmentation of the answers alone.

A Viterbi path over bins of `BIN_SECONDS` between "healthy" (share of failures ``healthy``) and
"impaired" (``impaired``); each change of state costs ``log(events / ALPHA)``, so that a run without
an impairment shows none. It handles onset, end and flapping at once, and needs no fault of ours.
"""

import math

import numpy as np
from numpy.typing import NDArray

BIN_SECONDS = 0.1
ALPHA = 0.01
"""Chance of a false alarm in one run, by design; in simulated clean runs there were none."""


def segments(
    times_s: NDArray[np.float64],
    bad: NDArray[np.bool_],
    end_s: float,
    healthy: float,
    impaired: float,
) -> list[tuple[float, float]]:
    """Start and end, in seconds, of every impaired stretch.

    ``times_s`` are the planned starts, rising, from 0 to ``end_s``; ``bad`` says which failed.
    """
    if not bad.any():
        return []
    bins = max(1, math.ceil(end_s / BIN_SECONDS))
    place = np.minimum((times_s / BIN_SECONDS).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    bad_count = np.bincount(place, weights=bad, minlength=bins)
    evidence = bad_count * math.log(impaired / healthy) + (count - bad_count) * math.log(
        (1 - impaired) / (1 - healthy)
    )
    state = _path(evidence.tolist(), math.log(len(times_s) / ALPHA))
    change = np.diff(np.concatenate(([0], state, [0])))
    starts = np.flatnonzero(change == 1) * BIN_SECONDS
    ends = np.minimum(np.flatnonzero(change == -1) * BIN_SECONDS, end_s)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _path(evidence: list[float], penalty: float) -> NDArray[np.int64]:
    """The likeliest state of every bin, 1 for impaired."""
    healthy, impaired = 0.0, -penalty
    came: list[tuple[bool, bool]] = []  # for each bin: healthy from impaired, impaired from healthy
    for step in evidence:
        ended = impaired - penalty > healthy
        began = healthy - penalty > impaired
        came.append((ended, began))
        healthy, impaired = (
            impaired - penalty if ended else healthy,
            (healthy - penalty if began else impaired) + step,
        )
    state = np.zeros(len(evidence), dtype=np.int64)
    now = impaired > healthy
    for index in range(len(evidence) - 1, -1, -1):
        state[index] = now
        ended, began = came[index]
        now = (not began) if now else ended
    return state
