"""What had been seen of a run at an instant: nothing that came later is looked at."""

from dataclasses import replace

import numpy as np

from harness.verdict.measure.samples import Samples, Timeline


def until(timeline: Timeline, end_s: float) -> Timeline:
    """The same, as if the load had ended then."""
    healed_s = timeline.healed_s
    allowed_s = (
        timeline.allowed_s if healed_s is None else min(timeline.allowed_s, end_s - healed_s)
    )
    return replace(timeline, load_end_s=end_s, allowed_s=allowed_s)


def seen_before(samples: Samples, end_s: float, late_s: float) -> Samples:
    """What had been seen of borrowing when a fault was injected at ``end_s``.

    What was under way then met that fault, unless it was overdue already, as with ``late_s`` in
    `Samples.overdue_at`.
    """
    over = samples.ended_s < end_s  # never of one without an end
    overdue = samples.times_s < end_s - samples.overdue_at(end_s, late_s)
    before = (samples.times_s < end_s) & (over | overdue)
    seen = samples.evidence.kept(before)
    return Samples(
        operations=samples.operations.take(before),
        times_s=samples.times_s[before],
        ended_s=samples.ended_s[before],
        wait_s=samples.wait_s[before],
        failed=samples.failed[before],
        indeterminate=samples.indeterminate[before],
        evidence=replace(
            seen,
            down_first_s=np.minimum(seen.down_first_s, end_s),
            down_last_s=np.minimum(seen.down_last_s, end_s),
        ),
        own_s=np.broadcast_to(samples.own_s, before.shape)[before],
    )
