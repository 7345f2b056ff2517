"""The recovery of each group of overlapping faults, and of the run as a whole."""

from dataclasses import dataclass, replace

import numpy as np

from harness.measure.baseline import Baseline
from harness.measure.episodes import episodes_of, overdue_s
from harness.measure.evidence import Evidence
from harness.measure.impact import Impact, Run
from harness.measure.recovery import recovery_of
from harness.measure.samples import Samples, Timeline
from harness.measure.together import Group, groups_of, spans_of
from harness.verdict import Episode, LatencyRecovery, Recovery


@dataclass(frozen=True, slots=True)
class GroupRecovery:
    """Faults that recover as one, and their recovery; ``ended_by`` names the next ones, which ended
    the time in which it could be watched (none: the load did).
    """

    group: Group
    recovery: Recovery
    ended_by: tuple[str, ...]


def recoveries_of(run: Run, baseline: Baseline, episodes: list[Episode]) -> list[GroupRecovery]:
    """Each group of overlapping faults from its own last heal, up to the next group's injection.
    A fault that nobody is to notice ends nothing.

    What was still impaired when the next group began has not recovered: the next heal may be what
    cured it. Nothing that came later is looked at, so that it makes no heal before it look better.
    """
    groups = groups_of(spans_of(run.plan, run.facts))
    late_s = overdue_s(run.plan, baseline)
    found = []
    for group in groups:
        after = _next(group, groups)
        own, seen, own_episodes = _own(run.timeline, group), run.samples, episodes
        if after is not None:
            own = _until(own, after.injected_s)
            seen = _seen_before(seen, after.injected_s, late_s)
            own_episodes = episodes_of(seen, own, baseline)
        recovery = recovery_of(seen, own, baseline, own_episodes)
        ended_by = () if after is None else after.names
        if recovery.censored:
            recovery = replace(recovery, next_faults=list(ended_by))
        found.append(GroupRecovery(group, recovery, ended_by))
    return found


def _next(group: Group, groups: list[Group]) -> Group | None:
    """The first group injected after the heal of this one that may keep it from recovering."""
    if group.healed_s is None:
        return None
    later = (other for other in groups if other.injected_s >= group.healed_s)
    return next((o for o in later if o is not group and o.has_deadline >= group.has_deadline), None)


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


def _seen_before(samples: Samples, end_s: float, late_s: float) -> Samples:
    """What had been seen of borrowing when a fault was injected at ``end_s``.

    What was under way then met that fault, unless it was overdue already: an answer that takes
    longer than ``late_s`` is late.
    """
    over = samples.ended_s < end_s  # never of one without an end
    before = (samples.times_s < end_s) & (over | (samples.times_s < end_s - late_s))
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
            np.minimum(seen.down_first_s[before], end_s),
            np.minimum(seen.down_last_s[before], end_s),
            seen.down_step[before],
        ),
    )
