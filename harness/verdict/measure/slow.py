"""Stretches of slow answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.history.events import Step
from harness.verdict.measure.evidence import STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.queues import answering_again_s
from harness.verdict.measure.recovery_instant import Instant, in_order
from harness.verdict.measure.samples import Samples
from harness.verdict.measure.search import RequestCounts, apart, by_share
from harness.verdict.measure.troubles import RowTrouble, troubles_of
from harness.verdict.types import Episode

SLOW_HEALTHY_SHARE = 0.02
"""Of the answers, late ones that are taken for noise at least: a stretch counts as slow from 5 % of
them on, and from more where more are late all the time."""


def slow_troubles(
    samples: Samples, end_s: float, limit_ms: float, others: Sequence[Episode]
) -> list[RowTrouble]:
    """The slow stretches of a run; ``others`` are its episodes of failures."""
    late = late_answers(samples, limit_ms)
    groups, noise = by_share(late, end_s, SLOW_HEALTHY_SHARE)
    outages = [other for other in others if other.class_ == "outage"]
    return [
        replace(trouble, class_="slow", onset=onset, recovery=recovery)
        for trouble in troubles_of(late, apart(groups, end_s, noise), end_s)
        for began in [_onset(trouble, samples, outages)]
        for over in [_recovery(trouble.onset, trouble.recovery, outages)]
        for onset, recovery in [in_order([began, over])]
    ]


def _onset(trouble: RowTrouble, samples: Samples, outages: Sequence[Episode]) -> Instant:
    """When answers became late.

    In an outage nothing is answered. What is slow after it may be so since the outage began, or
    only since the service answered again: the interval holds both.
    """
    onset, over_s = trouble.onset, trouble.recovery.at_s
    for outage in outages:
        begin_s, stop_s = outage.onset_s, outage.recovered_s
        low_s, at_s, high_s = onset.low_s, onset.at_s, onset.high_s
        if stop_s is None or low_s is None or at_s is None or high_s is None:
            continue
        if stop_s < low_s or high_s < begin_s:
            continue
        if begin_s <= at_s:
            at_s = min(max(at_s, stop_s), np.inf if over_s is None else over_s)
        again_s = answering_again_s(samples, stop_s) or stop_s
        high_s = max(high_s, again_s, outage.recovered_s_high or stop_s)
        return replace(onset, at_s=at_s, low_s=min(low_s, outage.onset_s_low or 0.0), high_s=high_s)
    return onset


def _recovery(onset: Instant, recovery: Instant, outages: Sequence[Episode]) -> Instant:
    """When answers were quick again, or when there were no more: as an outage began."""
    over_s = np.inf if recovery.at_s is None else recovery.at_s
    for outage in outages:
        stop_s = np.inf if outage.recovered_s is None else outage.recovered_s
        if (onset.at_s or 0.0) < outage.onset_s <= over_s <= stop_s:
            ends_s = recovery.low_s, outage.onset_s_low, outage.onset_s
            lows_s = [at_s for at_s in ends_s if at_s is not None]
            high_s = outage.onset_s_high if recovery.high_s is None else recovery.high_s
            return Instant(outage.onset_s, min(lows_s), high_s)
    return recovery


def late_answers(samples: Samples, limit_ms: float) -> RequestCounts:
    """The answered operations; bad is an answer that took the target longer than ``limit_ms``.

    Lateness is felt from the planned start, so that is what edges are dated by. But what a load
    machine that stutters adds to a wait makes no target slow. A late answer was due when one
    usually comes, so that it is dated like one that never came.
    """
    answered = samples.answered
    times_s, served_s = samples.times_s[answered], samples.served_s[answered]
    count, late = len(times_s), served_s > limit_ms / 1e3
    step = np.full(count, STEPS.index(Step.BORROW))
    fate = np.where(late, Fate.HUNG, Fate.GOOD)
    tries = TryTable(np.arange(count), step, times_s, times_s + served_s, fate)
    return RequestCounts(times_s, late, evidence_from(count, tries), late=True)
