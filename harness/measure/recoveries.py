"""The recovery of each group of overlapping faults, and of the run as a whole."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from harness.measure.baseline import Baseline
from harness.measure.episodes import impaired
from harness.measure.evidence import Evidence
from harness.measure.impact import Impact, Run
from harness.measure.recovery import recovery_of
from harness.measure.samples import Samples, Timeline
from harness.measure.together import Group, groups_of, joined_by, spans_of
from harness.verdict import Episode, LatencyRecovery, Recovery


@dataclass(frozen=True, slots=True)
class GroupRecovery:
    """Faults that recover as one, and their recovery."""

    group: Group
    recovery: Recovery


def recoveries_of(run: Run, baseline: Baseline, episodes: list[Episode]) -> list[GroupRecovery]:
    """Each group of overlapping faults from its own last heal, up to the next group's injection.

    What was still impaired when the next group began is one group with it: nobody knows when it
    would have recovered.
    """
    samples, timeline = run.samples, run.timeline
    reach_s = run.plan.settings.request_timeout_s
    groups = groups_of(spans_of(run.plan, run.facts))
    pairs = itertools.pairwise(groups)
    groups = joined_by(groups, [_still_impaired(one, two, episodes, reach_s) for one, two in pairs])
    found = []
    for group, after in itertools.zip_longest(groups, groups[1:]):
        own, seen, own_episodes = _own(timeline, group), samples, episodes
        if after is not None:
            own, seen = _until(own, after.injected_s), _planned_before(samples, after.injected_s)
            own_episodes = [
                e
                for e in episodes
                if e.recovered_s is not None
                and e.onset_s < after.injected_s
                and e.recovered_s <= after.injected_s
            ]
        found.append(GroupRecovery(group, recovery_of(seen, own, baseline, own_episodes)))
    return found


def slowest_of(found: list[GroupRecovery]) -> Recovery:
    """The recovery that a run is judged by: of several groups the one that took longest."""
    if not found:
        return Recovery()

    def length(one: GroupRecovery) -> tuple[bool, float]:
        seen = one.recovery
        return seen.censored, -np.inf if seen.from_heal_s is None else seen.from_heal_s

    def latency_length(seen: LatencyRecovery) -> tuple[bool, float]:
        return seen.censored, -np.inf if seen.from_heal_s is None else seen.from_heal_s

    slowest = max(reversed(found), key=length)
    latencies = [one.recovery.latency for one in reversed(found) if one.recovery.latency]
    return replace(
        slowest.recovery,
        faults=list(slowest.group.names),
        latency=max(latencies, key=latency_length, default=None),
    )


def with_recovery(impact: Impact, recoveries: list[GroupRecovery]) -> Impact:
    """The same, with when borrowing was well again after the last heal of its group."""
    for one in recoveries:
        if impact.fault.name in one.group.names:
            fault = replace(
                impact.fault,
                recovers_with=list(one.group.names),
                recovered_s=one.recovery.from_heal_s,
            )
            return replace(impact, fault=fault)
    return impact


def _still_impaired(group: Group, after: Group, episodes: list[Episode], reach_s: float) -> bool:
    """Whether borrowing, impaired under a group of faults, was so without a break at the next.

    A request that meets the next one may have been planned ``reach_s`` before its injection.
    """
    for episode in impaired(episodes):
        before_next = episode.onset_s < after.injected_s - reach_s
        goes_on = episode.recovered_s is None or episode.recovered_s > after.injected_s
        if before_next and goes_on and episode.onset_s >= group.injected_s - reach_s:
            return True
    return False


def _own(timeline: Timeline, group: Group) -> Timeline:
    return replace(timeline, injected_s=group.injected_s, healed_s=group.healed_s)


def _until(timeline: Timeline, end_s: float) -> Timeline:
    """The same, as if the load had ended then."""
    healed_s = timeline.healed_s
    allowed_s = (
        timeline.allowed_s if healed_s is None else min(timeline.allowed_s, end_s - healed_s)
    )
    return replace(timeline, load_end_s=end_s, allowed_s=allowed_s)


def _planned_before(samples: Samples, end_s: float) -> Samples:
    before = samples.times_s < end_s
    seen = samples.evidence
    return Samples(
        operations=tuple(o for o, kept in zip(samples.operations, before, strict=True) if kept),
        times_s=samples.times_s[before],
        ended_s=samples.ended_s[before],
        wait_s=samples.wait_s[before],
        failed=samples.failed[before],
        indeterminate=samples.indeterminate[before],
        evidence=Evidence(
            seen.up_s[before],
            seen.down_first_s[before],
            seen.down_last_s[before],
            seen.down_step[before],
        ),
    )
