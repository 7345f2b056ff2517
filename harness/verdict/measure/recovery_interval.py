"""From the last heal to borrowing as before, and to answers as quick as before."""

from dataclasses import replace

import numpy as np

from harness.history.columns import Bools, Floats
from harness.history.events import GRANTED
from harness.verdict.measure import change_point
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE, Baseline, slow_limit_ms
from harness.verdict.measure.episodes import (
    answering_again_s,
    followed,
    impaired,
    last_stretch,
    late_answers,
    overlaps,
    planned_in,
    slow_episodes_of,
)
from harness.verdict.measure.evidence import ARRIVAL, END, met
from harness.verdict.measure.outside_stretches import recovered_below
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.measure.search import RequestCounts
from harness.verdict.types import Crossing, Episode, LatencyRecovery, Recovery

RECOVERED_BELOW_SHARES = (0.5, RECOVERED_BELOW_SHARE, 0.01)
"""Half of the service, recovered, and strictly recovered."""


def recovery_of(
    samples: Samples, timeline: Timeline, baseline: Baseline, episodes: list[Episode]
) -> Recovery:
    """From the last heal and the first injection to borrowing as before.

    Without an impairment under the fault there is nothing to recover from, and the numbers are
    None. ``confirmed`` says whether enough went well after heal and recovery to be sure of that.
    """
    injected_s, healed_s = timeline.injected_s, timeline.healed_s
    shadow_end_s, load_end_s = timeline.shadow_end_s, timeline.load_end_s
    if injected_s is None or shadow_end_s is None or load_end_s is None:
        return Recovery()
    after_injection = samples.failed & (samples.times_s >= injected_s)
    first_failure_s = _first(samples.times_s[after_injection], injected_s)
    if healed_s is None:
        return Recovery(first_failure_s=first_failure_s)
    ours = [e for e in impaired(episodes) if overlaps(e, injected_s, shadow_end_s)]
    ours = followed(ours, episodes)  # what went over into something worse has not recovered
    granted = ~samples.failed & (samples.times_s >= healed_s)
    lent = samples.operations.outcome.are(*GRANTED)
    last = ours[-1] if ours else None
    recovered_s = None if last is None else last.recovered_s
    impact = samples.failed & planned_in(samples, ours)
    failing = RequestCounts(samples.times_s, samples.failed, samples.evidence)
    # Where nothing was impaired, a share of failures below the usual limit has to show that.
    below_share = (
        recovered_below(samples, impaired(episodes), baseline) if last else RECOVERED_BELOW_SHARE
    )
    lasts = _lasts(failing, impaired(episodes), healed_s, last, below_share)
    return Recovery(
        from_heal_s=_minus(recovered_s, healed_s),
        from_heal_s_low=_minus(last.recovered_s_low, healed_s) if last else None,
        from_heal_s_high=_minus(last.recovered_s_high, healed_s) if last else None,
        from_injection_s=_minus(recovered_s, injected_s),
        first_failure_s=first_failure_s,
        first_success_s=_first(samples.times_s[granted & lent], healed_s),
        confirmed=lasts and (last is None or last.confirmed),
        crossings=_crossings(samples, baseline, ours, healed_s) if ours else [],
        censored=last is not None and recovered_s is None,
        observed_s=load_end_s - healed_s,
        answering_again_s=_answering(samples, ours, healed_s),
        last_failure_start_s=_last(samples.times_s[impact], healed_s),
        last_impact_end_s=_last(samples.ended_s[impact], healed_s),
        latency=_latency(samples, timeline, baseline),
    )


def _lasts(
    requests: RequestCounts,
    episodes: list[Episode],
    healed_s: float,
    last: Episode | None,
    below_share: float,
) -> bool:
    """Whether so much went well after both heal and recovery, up to the next of these episodes,
    that surely fewer than ``below_share`` fail for good. What went well while a fault was at work
    says nothing about its heal.
    """
    since_s = latest_s = healed_s
    if last is not None and last.recovered_s is not None:
        since_s = max(healed_s, last.recovered_s)
        latest_s = max(since_s, last.recovered_s_high or since_s)
    until_s = min((e.onset_s for e in episodes if e.onset_s > since_s), default=np.inf)
    alone = requests.times_s < until_s
    return change_point.lasts(
        requests.times_s[alone], requests.bad[alone], since_s, latest_s, below_share
    )


def _answering(samples: Samples, ours: list[Episode], healed_s: float) -> float | None:
    """First good answer after the last outage, whenever its request was sent."""
    ends_s = [e.recovered_s for e in ours if e.class_ == "outage" and e.recovered_s is not None]
    return _minus(answering_again_s(samples, ends_s[-1]), healed_s) if ends_s else None


def _crossings(
    samples: Samples, baseline: Baseline, ours: list[Episode], healed_s: float
) -> list[Crossing]:
    """The same recovery at other shares of failures: how gradual it was."""
    worst = max(last_stretch(ours), key=lambda e: (e.class_ == "outage", e.onset_s))
    end_s = worst.onset_s if worst.recovered_s is None else worst.recovered_s
    core = samples.between(worst.onset_s, end_s)
    parts = (END / 2, ARRIVAL, END) if samples.evidence.takes_time else (END / 2,)
    falls = [_fall(samples, core, (worst.onset_s + end_s) / 2, (part, part)) for part in parts]
    times_s, failed = falls[0]
    normal_high = 1.0 if baseline.failed.high is None else baseline.failed.high
    found = []
    for below_share in RECOVERED_BELOW_SHARES:
        at = _widest([change_point.recovery(*fall, below_share) for fall in falls])
        after = failed[times_s > at.at_s] if at.at_s is not None else failed[:0]
        lasts = change_point.confirmed(after, below_share)
        at = change_point.to_the_end(at, confirmed=lasts)
        found.append(
            Crossing(
                failed_share=below_share,
                from_heal_s=_minus(at.at_s, healed_s),
                from_heal_s_low=_minus(at.low_s, healed_s),
                from_heal_s_high=_minus(at.high_s, healed_s),
                confirmed=lasts,
                # As for the baseline as a whole: its own share must be surely below half of it.
                resolvable=normal_high < below_share / 2,
            )
        )
    return found


def _fall(
    samples: Samples, core: Bools, since_s: float, parts: tuple[float, float]
) -> tuple[Floats, Bools]:
    """When the requests from ``since_s`` on met the service, and which failed, in that order.

    ``core`` and ``parts`` are those of `met`. Shape (m,) each.
    """
    at_s = met(samples.evidence, samples.times_s, samples.failed, core, parts).end_s
    order = np.argsort(at_s, kind="stable")
    tail = order[at_s[order] >= since_s]
    return at_s[tail], samples.failed[tail]


def _widest(readings: list[change_point.Instant]) -> change_point.Instant:
    """The first reading, with an interval that holds those of all."""
    lows_s, highs_s = [one.low_s for one in readings], [one.high_s for one in readings]
    return replace(
        readings[0],
        low_s=None if None in lows_s else min(end for end in lows_s if end is not None),
        high_s=None if None in highs_s else max(end for end in highs_s if end is not None),
    )


def _latency(samples: Samples, timeline: Timeline, baseline: Baseline) -> LatencyRecovery | None:
    """From the last heal to answers as quick as before, of those that are answered at all.

    What waited in the queue of an outage counts: answers are as quick as before once it is gone.
    """
    injected_s, healed_s = timeline.injected_s, timeline.healed_s
    shadow_end_s, limit_ms = timeline.shadow_end_s, slow_limit_ms(baseline)
    if injected_s is None or healed_s is None or shadow_end_s is None or limit_ms is None:
        return None
    all_slow = slow_episodes_of(samples, timeline, baseline, [])
    slow = [e for e in all_slow if overlaps(e, injected_s, shadow_end_s)]
    last, late = slow[-1] if slow else None, late_answers(samples, limit_ms)
    lasts = _lasts(late, all_slow, healed_s, last, RECOVERED_BELOW_SHARE)
    if last is None:
        return LatencyRecovery(limit_ms=limit_ms, confirmed=lasts)
    return LatencyRecovery(
        limit_ms=limit_ms,
        from_heal_s=_minus(last.recovered_s, healed_s),
        from_heal_s_low=_minus(last.recovered_s_low, healed_s),
        from_heal_s_high=_minus(last.recovered_s_high, healed_s),
        confirmed=lasts and last.confirmed,
        censored=last.recovered_s is None,
    )


def _last(times_s: Floats, origin_s: float) -> float | None:
    known_s = times_s[~np.isnan(times_s)]
    return float(known_s.max() - origin_s) if len(known_s) else None


def _first(times_s: Floats, origin_s: float) -> float | None:
    return float(times_s[0] - origin_s) if len(times_s) else None


def _minus(at_s: float | None, origin_s: float) -> float | None:
    return None if at_s is None else at_s - origin_s
