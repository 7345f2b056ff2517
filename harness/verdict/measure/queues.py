"""Requests that waited in a queue while nothing was answered, and were answered well in the end."""

import numpy as np

from harness.history.columns import Bools
from harness.verdict.measure.baseline import SLOW_MS_MIN
from harness.verdict.measure.samples import Samples


def answering_again_s(samples: Samples, stop_s: float) -> float | None:
    """End of the first good answer to an operation planned from ``stop_s`` on; None for none."""
    ends_s = samples.ended_s[samples.answered & (samples.times_s >= stop_s)]
    return float(ends_s.min()) if len(ends_s) else None


def queued(samples: Samples, onset_s: float, stop_s: float) -> Bools:
    """Operations planned while nothing was answered yet that were answered well, if late; (n,).

    They waited in a queue, and make new requests succeed before the service answers again.
    """
    answering_s = answering_again_s(samples, stop_s)
    if answering_s is None:
        return np.zeros(len(samples.times_s), dtype=bool)
    late = answering_s - samples.times_s > SLOW_MS_MIN / 1e3
    waited = (samples.times_s >= onset_s) & late & (samples.ended_s >= answering_s)
    return np.asarray(samples.answered & waited)
