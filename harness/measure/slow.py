"""Stretches of slow answers, dated by the wait that was felt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.measure.edges import Instant
from harness.measure.evidence import Evidence
from harness.measure.noise import IMPAIRED_SHARE
from harness.measure.queues import answering_again_s, queued
from harness.measure.samples import Samples
from harness.measure.search import Found, Requests, apart
from harness.measure.segments import Part, segments
from harness.measure.troubles import Trouble, troubles_of

SLOW_HEALTHY_SHARE = 0.02
"""With `IMPAIRED_SHARE`, a stretch counts as slow from 5 % of slow answers on."""
Span = tuple[float, float]


def slow_troubles(
    samples: Samples, end_s: float, limit_ms: float, outages: Sequence[Span]
) -> list[Trouble]:
    """The slow stretches of a run, but for what outages, each from onset to recovery, held up.

    What waited in the queue of an outage was late because of it, and is no trouble of its own.
    """
    held_up = np.zeros(len(samples.times_s), dtype=bool)
    for outage in outages:
        held_up |= queued(samples, *outage)
    late = late_answers(samples, limit_ms, ~held_up)
    return [
        replace(trouble, class_="slow", onset=_onset(trouble, samples, outages))
        for found in slow_stretches(late, end_s)
        for trouble in troubles_of(late, found, end_s)
    ]


def _onset(trouble: Trouble, samples: Samples, outages: Sequence[Span]) -> Instant:
    """When answers became late; after an outage, at the earliest when it was over."""
    onset = trouble.onset
    for begin_s, stop_s in outages:
        again_s = answering_again_s(samples, stop_s)
        if onset.at_s is not None and again_s is not None and begin_s <= onset.at_s <= again_s:
            return replace(
                onset, at_s=again_s, low_s=stop_s, high_s=max(again_s, onset.high_s or 0)
            )
    return onset


def late_answers(
    samples: Samples, limit_ms: float, among: NDArray[np.bool_] | None = None
) -> Requests:
    """The answered operations, ``among`` these if given; bad is an answer that took the target
    longer than ``limit_ms``.

    Lateness is felt from the planned start, so that is what its edges are dated by. But what a load
    machine that stutters adds to a wait makes no target slow.
    """
    answered = samples.answered if among is None else samples.answered & among
    times_s = samples.times_s[answered]
    late = samples.served_s[answered] > limit_ms / 1e3
    return Requests(times_s, late, Evidence.at(times_s))


def slow_stretches(requests: Requests, end_s: float) -> list[Found]:
    """Every stretch in which clearly more answers than usual were late."""
    times_s, bad = requests.times_s, requests.bad
    stretches = segments(times_s, bad, end_s, SLOW_HEALTHY_SHARE, IMPAIRED_SHARE)
    # From late answer to late answer: in an outage beside it nothing was answered at all.
    late_s = [times_s[bad & (times_s >= low) & (times_s < high)] for low, high in stretches]
    groups = [
        [Part(float(at[0]), float(at[-1]), out=False, median_s=float(np.median(at)))]
        for at in late_s
        if len(at)
    ]
    return apart(groups, end_s, SLOW_HEALTHY_SHARE)
