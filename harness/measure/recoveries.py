"""The recovery of each group of overlapping faults, and of the run as a whole."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.measure.baseline import Baseline
from harness.measure.episodes import impaired
from harness.measure.evidence import Evidence
from harness.measure.impact import Impact, Run
from harness.measure.recovery import recovery_of
from harness.measure.samples import Samples, Timeline
from harness.measure.together import Group, groups_of, spans_of
from harness.verdict import Episode, LatencyRecovery, Recovery


@dataclass(frozen=True, slots=True)
class GroupRecovery:
    """Faults that recover as one, and their recovery.

    ``until_s`` is how long it was watched: until the next fault, or to the end of the load.
    ``is_last`` says that no other fault came.
    """

    group: Group
    recovery: Recovery
    until_s: float | None
    is_last: bool


def recoveries_of(run: Run, baseline: Baseline, episodes: list[Episode]) -> list[GroupRecovery]:
    """Each group of overlapping faults from its own last heal, up to the next group's injection.

    What was still impaired when the next group began has not recovered: the next heal may be what
    cured it.
    """
    reach_s = run.plan.settings.request_timeout_s
    groups = groups_of(spans_of(run.plan, run.facts))
    found = []
    for group, after in itertools.zip_longest(groups, groups[1:]):
        own, seen, own_episodes = _own(run.timeline, group), run.samples, episodes
        if after is not None:
            own, seen = _until(own, after.injected_s), _planned_before(seen, after.injected_s)
            own_episodes = list(_cut(episodes, group, after, reach_s))
        recovery = recovery_of(seen, own, baseline, own_episodes)
        if after is not None and recovery.censored:
            recovery = replace(recovery, next_faults=list(after.names))
        found.append(GroupRecovery(group, recovery, own.load_end_s, after is None))
    return found


def _cut(episodes: list[Episode], group: Group, after: Group, reach_s: float) -> Iterator[Episode]:
    """Episodes as they were known when the next group began; what that one caused is left out.

    A request that meets it may have been planned ``reach_s`` before its injection, but what was
    impaired at the heal before it, and without a break since, is not its doing. Where an outage
    and a brownout go over into each other nothing is over: how bad it was has changed.
    """
    injected_s = after.injected_s
    since_s = injected_s - reach_s
    if group.healed_s is not None:
        since_s = max(since_s, group.healed_s)
    alive_s = {
        episode.onset_s
        for episode in impaired(episodes)
        if episode.recovered_s is None or episode.recovered_s > injected_s
    }
    began_s: dict[float, float] = {}  # of the whole stretch, by where its next part would begin
    for episode in episodes:
        is_impaired, end_s, onset_s = episode.class_ != "slow", episode.recovered_s, episode.onset_s
        if is_impaired:
            onset_s = began_s.get(onset_s, onset_s)
            if end_s is not None:
                began_s[end_s] = onset_s
        goes_over = is_impaired and end_s in alive_s
        if end_s is not None and end_s <= injected_s and not goes_over:
            yield episode
        elif onset_s < since_s and episode.onset_s <= injected_s:
            low_s = episode.recovered_s_low
            low_s = injected_s if low_s is None else min(low_s, injected_s)
            open_ended = replace(episode, recovered_s=None, recovered_s_low=low_s)
            yield replace(open_ended, recovered_s_high=None, confirmed=False)


def judged_of(found: list[GroupRecovery]) -> list[GroupRecovery]:
    """Those with a deadline; where none has one (nobody was to notice any fault), all of them."""
    return [one for one in found if one.group.has_deadline] or found


def slowest_of(found: list[GroupRecovery], allowed_s: float) -> Recovery:
    """The recovery that a run is judged by: of several groups the one that decides.

    That is one which surely took longer than allowed, else one whose end nobody saw, else the
    slowest.
    """

    def length(seen: Recovery | LatencyRecovery) -> tuple[bool, bool, float]:
        low_s, at_s = seen.from_heal_s_low, seen.from_heal_s
        low_s = at_s if low_s is None else low_s
        longest_s = low_s if at_s is None else at_s
        late = low_s is not None and low_s > allowed_s
        return late, seen.censored, -np.inf if longest_s is None else longest_s

    if not found:
        return Recovery()
    slowest = max(reversed(found), key=lambda one: length(one.recovery))
    latencies = [one.recovery.latency for one in reversed(found) if one.recovery.latency]
    return replace(
        slowest.recovery,
        faults=list(slowest.group.names),
        latency=max(latencies, key=length, default=None),
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
