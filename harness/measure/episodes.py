"""Stretches of impaired borrowing, found from the answers alone, and recovery from the last."""

import numpy as np
from numpy.typing import NDArray

from harness.measure import edges
from harness.measure.baseline import THETA, Baseline
from harness.measure.intervals import clopper_pearson
from harness.measure.samples import Samples, Timeline
from harness.measure.segments import segments
from harness.verdict import Crossing, Episode, Recovery

HEALTHY_SHARE = 0.002
IMPAIRED_SHARE = 0.10
"""With these two, a stretch counts as impaired from 2.6 % of failures on."""
SLOW_HEALTHY_SHARE = 0.02
"""With `IMPAIRED_SHARE`, a stretch counts as slow from 5 % of slow answers on."""
OUTAGE_SHARE_MIN = 0.95
SLOW_FACTOR = 1.5
SLOW_MS_MIN = 100.0
"""Nobody feels a wait below a tenth of a second, however fast the baseline was."""
ONSET_REACH_SECONDS = 10.0
THETAS = (0.5, THETA, 0.01)
"""Half of the service, recovered, and strictly recovered."""


def episodes_of(samples: Samples, timeline: Timeline, baseline: Baseline) -> list[Episode]:
    """Outage, degraded and slow episodes in order of their onset."""
    end_s = timeline.load_end_s
    if end_s is None or end_s <= 0 or not len(samples.times_s):
        return []
    # A steady baseline may have a little noise of its own; a bad one must not hide an outage.
    noise = 0.0 if baseline.reasons else baseline.failed.observed or 0.0
    healthy = max(HEALTHY_SHARE, noise)
    found = [
        _episode(_class(samples, at), at, confirmed, samples)
        for *at, confirmed in _find(samples.times_s, samples.failed, end_s, healthy)
    ]
    if baseline.wait_ms_p95 is not None:
        answered = samples.answered
        limit_s = max(SLOW_FACTOR * baseline.wait_ms_p95, SLOW_MS_MIN) / 1e3
        slow = samples.wait_s[answered] > limit_s
        times_s = samples.times_s[answered]
        found += [
            _episode("slow", at, confirmed, samples)
            for *at, confirmed in _find(times_s, slow, end_s, SLOW_HEALTHY_SHARE)
        ]
    return sorted(found, key=lambda episode: episode.onset_s)


def _find(
    times_s: NDArray[np.float64], bad: NDArray[np.bool_], end_s: float, healthy: float
) -> list[tuple[edges.Instant, edges.Instant, bool]]:
    """Onset, recovery and whether it is confirmed, of every impaired stretch."""
    stretches = segments(times_s, bad, end_s, healthy, IMPAIRED_SHARE)
    found = []
    for number, (start_s, stop_s) in enumerate(stretches):
        before_s = stretches[number - 1][1] if number else 0.0
        next_s = stretches[number + 1][0] if number + 1 < len(stretches) else end_s
        middle_s = (start_s + stop_s) / 2
        onset = edges.onset(
            times_s, bad, max(before_s, start_s - ONSET_REACH_SECONDS, 0.0), middle_s
        )
        tail = (times_s >= middle_s) & (times_s <= next_s)
        recovery = edges.recovery(times_s[tail], bad[tail], THETA)
        confirmed = False
        if recovery.at_s is not None:
            after = (times_s > recovery.at_s) & (times_s <= next_s)
            confirmed = edges.confirmed(bad[after], THETA)
        found.append((onset, recovery, confirmed))
    return found


def _class(samples: Samples, at: list[edges.Instant]) -> str:
    """``outage`` if surely nearly all failed, in the part that surely lies inside."""
    onset, recovery = at
    start_s, stop_s = onset.high_s or 0.0, recovery.low_s
    inside = samples.times_s >= start_s
    if stop_s is not None:
        inside &= samples.times_s <= stop_s
    low, _ = clopper_pearson(int(samples.failed[inside].sum()), int(inside.sum()))
    return "outage" if low > OUTAGE_SHARE_MIN else "degraded"


def _episode(class_: str, at: list[edges.Instant], confirmed: bool, samples: Samples) -> Episode:
    onset, recovery = at
    assert onset.at_s is not None  # noqa: S101  # for the type checker; an onset is always found
    inside = samples.times_s >= onset.at_s
    if recovery.at_s is not None:
        inside &= samples.times_s <= recovery.at_s
    return Episode(
        class_=class_,
        onset_s=onset.at_s,
        onset_s_low=onset.low_s,
        onset_s_high=onset.high_s,
        recovered_s=recovery.at_s,
        recovered_s_low=recovery.low_s,
        recovered_s_high=recovery.high_s,
        confirmed=confirmed,
        failed=int(samples.failed[inside].sum()),
    )


def impaired(episodes: list[Episode]) -> list[Episode]:
    """Those in which borrowers failed; a slow episode is none of them."""
    return [episode for episode in episodes if episode.class_ in ("outage", "degraded")]


def recovery_of(
    samples: Samples, timeline: Timeline, baseline: Baseline, episodes: list[Episode]
) -> Recovery:
    """From the last heal and the first injection to borrowing as before.

    Without an impairment under the fault there is nothing to recover from: then the numbers are
    None, and ``confirmed`` says whether enough went well after the heal to be sure of that.
    """
    injected_s, healed_s = timeline.injected_s, timeline.healed_s
    shadow_end_s = timeline.shadow_end_s
    if injected_s is None or shadow_end_s is None:
        return Recovery()
    after_injection = samples.failed & (samples.times_s >= injected_s)
    first_failure_s = _first(samples.times_s[after_injection], injected_s)
    first_success_s = None
    if healed_s is not None:
        granted = ~samples.failed & (samples.times_s >= healed_s)
        lent = np.array(
            [o.outcome in ("approved", "referred") for o in samples.operations], dtype=bool
        )
        first_success_s = _first(samples.times_s[granted & lent], healed_s)
    ours = [e for e in impaired(episodes) if overlaps(e, injected_s, shadow_end_s)]
    if not ours or healed_s is None:
        well = False
        if not ours and healed_s is not None:
            well = edges.confirmed(samples.failed[samples.times_s > healed_s], THETA)
        return Recovery(
            first_failure_s=first_failure_s, first_success_s=first_success_s, confirmed=well
        )
    last = ours[-1]
    return Recovery(
        from_heal_s=_minus(last.recovered_s, healed_s),
        from_heal_s_low=_minus(last.recovered_s_low, healed_s),
        from_heal_s_high=_minus(last.recovered_s_high, healed_s),
        from_injection_s=_minus(last.recovered_s, injected_s),
        first_failure_s=first_failure_s,
        first_success_s=first_success_s,
        confirmed=last.confirmed,
        crossings=_crossings(samples, baseline, last, healed_s),
    )


def overlaps(episode: Episode, start_s: float, end_s: float) -> bool:
    """Whether an episode may have begun before ``end_s`` and ended after ``start_s``."""
    begins_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
    ends_s = episode.recovered_s
    if ends_s is not None and episode.recovered_s_high is not None:
        ends_s = episode.recovered_s_high
    return begins_s <= end_s and (ends_s is None or ends_s >= start_s)


def _crossings(
    samples: Samples, baseline: Baseline, episode: Episode, healed_s: float
) -> list[Crossing]:
    """The same recovery at other shares of failures: how gradual it was."""
    end_s = episode.onset_s if episode.recovered_s is None else episode.recovered_s
    tail = samples.times_s >= (episode.onset_s + end_s) / 2
    times_s, failed = samples.times_s[tail], samples.failed[tail]
    normal_high = 1.0 if baseline.failed.high is None else baseline.failed.high
    found = []
    for theta in THETAS:
        at = edges.recovery(times_s, failed, theta)
        after = failed[times_s > at.at_s] if at.at_s is not None else failed[:0]
        found.append(
            Crossing(
                failed_share=theta,
                from_heal_s=_minus(at.at_s, healed_s),
                from_heal_s_low=_minus(at.low_s, healed_s),
                from_heal_s_high=_minus(at.high_s, healed_s),
                confirmed=edges.confirmed(after, theta),
                # As for the baseline as a whole: its own share must be surely below half of it.
                resolvable=normal_high < theta / 2,
            )
        )
    return found


def _first(times_s: NDArray[np.float64], origin_s: float) -> float | None:
    return float(times_s[0] - origin_s) if len(times_s) else None


def _minus(at_s: float | None, origin_s: float) -> float | None:
    return None if at_s is None else at_s - origin_s
