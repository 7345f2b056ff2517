"""Stretches of slow answers: search only; what they are dated by is the wait that was felt."""

import numpy as np

from harness.measure.evidence import Evidence
from harness.measure.samples import Samples
from harness.measure.search import IMPAIRED_SHARE, Found, Requests, apart
from harness.measure.segments import Part, segments

SLOW_HEALTHY_SHARE = 0.02
"""With `IMPAIRED_SHARE`, a stretch counts as slow from 5 % of slow answers on."""


def late_answers(samples: Samples, limit_ms: float) -> Requests:
    """The answered operations; bad is an answer that took the target longer than ``limit_ms``.

    Lateness is felt from the planned start, so that is what its edges are dated by. But what a load
    machine that stutters adds to a wait makes no target slow.
    """
    answered = samples.answered
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
