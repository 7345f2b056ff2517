"""The recovery of each group of overlapping faults, and of the run as a whole."""

from dataclasses import dataclass, replace

import numpy as np

from harness.verdict.measure.baseline import Baseline, overdue_s
from harness.verdict.measure.cut import seen_before, until
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.inner_heals import HealWatch, InnerHeal, inner_heals_of
from harness.verdict.measure.recovery import recovery_of
from harness.verdict.measure.samples import Timeline
from harness.verdict.measure.together import FaultGroup, groups_of, spans_of
from harness.verdict.measure.took_effect import Impact, MeasuredRun
from harness.verdict.types import Episode, LatencyRecovery, Recovery


@dataclass(frozen=True, slots=True)
class GroupRecovery:
    """Faults that recover as one, and their recovery; ``ended_by`` names the next ones, which ended
    the time in which it could be watched (none: the load did). ``inner`` are the heals before the
    last one.
    """

    group: FaultGroup
    recovery: Recovery
    ended_by: tuple[str, ...]
    inner: tuple[InnerHeal, ...] = ()


def recoveries_of(
    run: MeasuredRun, baseline: Baseline, episodes: list[Episode]
) -> list[GroupRecovery]:
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
            own = until(own, after.injected_s)
            seen = seen_before(seen, after.injected_s, late_s)
            own_episodes = episodes_of(seen, own, baseline)
        recovery = recovery_of(seen, own, baseline, own_episodes)
        ended_by = () if after is None else after.names
        if recovery.censored:
            recovery = replace(recovery, next_faults=list(ended_by))
        inner = inner_heals_of(group, HealWatch(run, seen, own, baseline, own_episodes))
        found.append(GroupRecovery(group, recovery, ended_by, tuple(inner)))
    return found


def _next(group: FaultGroup, groups: list[FaultGroup]) -> FaultGroup | None:
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


def _own(timeline: Timeline, group: FaultGroup) -> Timeline:
    return replace(timeline, injected_s=group.injected_s, healed_s=group.healed_s)
