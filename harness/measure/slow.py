"""Stretches of slow answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.events import Step
from harness.measure.edges import Instant
from harness.measure.evidence import STEPS, Fate, Tries, evidence_from
from harness.measure.queues import answering_again_s, queued
from harness.measure.samples import Samples
from harness.measure.search import Requests, apart, by_share
from harness.measure.troubles import Trouble, troubles_of

SLOW_HEALTHY_SHARE = 0.02
"""Of the answers, late ones that are taken for noise at least: a stretch counts as slow from 5 % of
them on, and from more where more are late all the time."""
Span = tuple[float, float]


def slow_troubles(
    samples: Samples, end_s: float, limit_ms: float, outages: Sequence[Span]
) -> list[Trouble]:
    """The slow stretches of a run, but for what outages, each from onset to recovery, held up.

    What waited in the queue of an outage was late because of it, and is no trouble of its own.
    """
    held_up = np.zeros(len(samples.times_s), dtype=bool)
    for begin_s, stop_s in outages:
        held_up |= queued(samples, begin_s, stop_s)
        held_up |= (samples.times_s >= begin_s) & (samples.times_s <= stop_s)
    late = late_answers(samples, limit_ms, ~held_up)
    groups, noise = by_share(late, end_s, SLOW_HEALTHY_SHARE)
    return [
        replace(trouble, class_="slow", onset=_onset(trouble, samples, outages))
        for trouble in troubles_of(late, apart(groups, end_s, noise), end_s)
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

    Lateness is felt from the planned start, so that is what edges are dated by. But what a load
    machine that stutters adds to a wait makes no target slow. A late answer was due when one
    usually comes, so that it is dated like one that never came.
    """
    answered = samples.answered if among is None else samples.answered & among
    times_s, served_s = samples.times_s[answered], samples.served_s[answered]
    count, late = len(times_s), served_s > limit_ms / 1e3
    step = np.full(count, STEPS.index(Step.BORROW))
    fate = np.where(late, Fate.HUNG, Fate.GOOD)
    tries = Tries(np.arange(count), step, times_s, times_s + served_s, fate)
    return Requests(times_s, late, evidence_from(count, tries), late=True)
