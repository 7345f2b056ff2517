"""The recovery of each group of overlapping faults, and of the run as a whole.

A fault that is still in place at a heal inside its group puts off no deadline by being there. It
has to be shown that borrowers suffer from it: by its nature, or by what the run shows of it.
"""

from dataclasses import dataclass, replace

import numpy as np

from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE, Baseline, overdue_s
from harness.verdict.measure.episodes import episodes_of, impaired, last_stretch, overlaps
from harness.verdict.measure.intervals import Share, differ, more_in_first, upper_bound
from harness.verdict.measure.overlapping_faults import (
    FaultGroup,
    FaultSpan,
    groups_of,
    planned_near,
    spans_of,
)
from harness.verdict.measure.recovery_interval import recovery_of
from harness.verdict.measure.samples import MeasuredRun
from harness.verdict.measure.took_effect import ENOUGH, FAILED_P_MAX, Impact
from harness.verdict.types import Episode, LatencyRecovery, Recovery

ABOUT_AS_MUCH = 0.8
"""A fault explains failures of which it made so large a part by itself, or ..."""
ABOUT_AS_MUCH_BY_CHANCE = 0.5
"""... this part, where the difference may be chance."""
CHANGED_BY = 0.2
"""By so much at least the share of failures falls where a heal visibly changed it."""
CHANGED_P_MAX = 0.001
BEGAN_WITHIN_SECONDS = 1.0
"""After its injection; what begins later may have been this fault's, after all."""
STEADY_WITHIN = 0.1
"""So much may the share of failures differ between two parts of a steady time."""


@dataclass(frozen=True, slots=True)
class InnerHeal:
    """A heal while others were at work, and the recovery that counts from it.

    ``others`` were at work before borrowing was well again. ``cause`` is the one of them that it is
    put down to that it was not yet, and ``why``; both empty where nothing shows that.
    """

    fault: str
    recovery: Recovery
    others: tuple[str, ...]
    cause: str = ""
    why: str = ""

    def undecided(self, allowed_s: float) -> bool:
        """Whether borrowing may have taken longer than allowed to recover from it."""
        seen = self.recovery
        if self.cause or (seen.from_heal_s is None and not seen.censored):
            return False
        high_s = seen.from_heal_s_high
        return seen.censored or not seen.confirmed or high_s is None or high_s > allowed_s


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


@dataclass(frozen=True, slots=True)
class _Watched:
    """What was seen of borrowing while a recovery could be watched."""

    run: MeasuredRun
    baseline: Baseline
    episodes: list[Episode]

    def since(self, injected_s: float, healed_s: float | None, until_s: float | None) -> "_Watched":
        """The same of these faults; nothing that came from the next one, at ``until_s``, on."""
        samples, episodes = self.run.samples, self.episodes
        timeline = replace(self.run.timeline, injected_s=injected_s, healed_s=healed_s)
        if until_s is not None:
            timeline = timeline.until(until_s)
            samples = samples.seen_before(until_s, overdue_s(self.run.plan, self.baseline))
            episodes = episodes_of(samples, timeline, self.baseline)
        run = replace(self.run, samples=samples, timeline=timeline)
        return _Watched(run, self.baseline, episodes)

    def recovery(self, next_faults: tuple[str, ...]) -> Recovery:
        """From the heal on; ``next_faults`` ended the time in which it could be watched."""
        run = self.run
        found = recovery_of(run.samples, run.timeline, self.baseline, self.episodes)
        return replace(found, next_faults=list(next_faults)) if found.censored else found


def recoveries_of(
    run: MeasuredRun, baseline: Baseline, episodes: list[Episode]
) -> list[GroupRecovery]:
    """Each group of overlapping faults from its own last heal, up to the next group's injection.
    A fault that no one is to notice ends nothing.

    What was still impaired when the next group began has not recovered: the next heal may be what
    cured it. Nothing that came later is looked at, so that it makes no heal before it look better.
    """
    groups, whole = groups_of(spans_of(run)), _Watched(run, baseline, episodes)
    found = []
    for group in groups:
        after = _next(group, groups)
        ended_by = after.names if after else ()
        seen = whole.since(group.injected_s, group.healed_s, after.injected_s if after else None)
        last_s = max(span.until_s for span in group.spans)
        inner = tuple(
            _InnerHeal(span, [other for other in group.spans if other != span], seen).found()
            for span in group.spans
            if group.has_deadline and span.until_s < last_s
        )
        found.append(GroupRecovery(group, seen.recovery(ended_by), ended_by, inner))
    return found


def _next(group: FaultGroup, groups: list[FaultGroup]) -> FaultGroup | None:
    """The first group injected after the heal of this one that may keep it from recovering."""
    if group.healed_s is None:
        return None
    later = (other for other in groups if other.injected_s >= group.healed_s)
    return next((o for o in later if o is not group and o.has_deadline >= group.has_deadline), None)


def judged_of(found: list[GroupRecovery]) -> list[GroupRecovery]:
    """Those with a deadline; where none has one (no one was to notice any fault), all of them."""
    return [one for one in found if one.group.has_deadline] or found


def slowest_of(found: list[GroupRecovery], allowed_s: float) -> Recovery:
    """The recovery that a run is judged by: of several groups the one that decides.

    That is one which surely took longer than allowed, else one whose end no one saw, else the
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


# --- heals while other faults of the group were still at work ------------------------------------


class _InnerHeal:
    """The heal of ``own``, and the others of its group."""

    def __init__(self, own: FaultSpan, others: list[FaultSpan], watch: _Watched) -> None:
        self.own, self.others, self.watch = own, others, watch
        self.samples, self.allowed_s = watch.run.samples, watch.run.timeline.allowed_s
        self.at_s = own.until_s
        self.spans = spans_of(watch.run)
        self.end_s = watch.run.timeline.load_end_s or self.at_s
        self.late_s = overdue_s(watch.run.plan, watch.baseline)
        self.reach_s = watch.run.plan.settings.request_timeout_s

    def found(self) -> InnerHeal:
        in_place = [o for o in self.others if o.start_s <= self.at_s < o.until_s]
        for other in sorted(in_place, key=lambda o: -o.until_s):
            if why := self._explained_by(other):
                seen = self._recovery()
                return InnerHeal(self.own.name, seen, (other.name,), other.name, why)
        recovery = self._on_its_own()
        longest_s = recovery.from_heal_s
        well_s = self.end_s if longest_s is None else self.at_s + max(0.0, longest_s)
        met = [o.name for o in self.others if o.start_s < well_s and o.until_s > self.at_s]
        return InnerHeal(self.own.name, recovery, tuple(met))

    def _on_its_own(self) -> Recovery:
        """As if the others touched nothing: up to the next that stops all lending, or to the next
        of any kind where borrowing was well again for good before that.
        """
        later = sorted((o for o in self.others if o.start_s > self.at_s), key=lambda o: o.start_s)
        for other in later:
            if other.start_s >= self.end_s:
                break
            seen = self._recovery(other)
            if other.stops_lending or (seen.confirmed and not seen.censored):
                return seen
        return self._recovery()

    def _recovery(self, next_one: FaultSpan | None = None) -> Recovery:
        """Counted from this heal; nothing is looked at from the next one's injection on."""
        until_s = next_one.start_s if next_one else None
        seen = self.watch.since(self.own.start_s, self.at_s, until_s)
        return seen.recovery((next_one.name,) if next_one else ())

    # --- what shows that another fault is the cause ----------------------------------------------

    def _explained_by(self, other: FaultSpan) -> str:
        """Why what borrowers had after this heal was the other's doing; empty where none shows."""
        if other.stops_lending:
            return "which leaves no one served while it is in place"
        if began := self._began_with(other):
            return began
        alone = self._alone(other)
        if alone.whole >= ENOUGH:  # it shows by itself what the other does
            return self._as_much_alone(other, alone)
        return self._changed_level(other)

    def _began_with(self, other: FaultSpan) -> str:
        """Under this fault borrowing was well, up to the other's injection and no longer."""
        well = self._between(self.own.start_s, other.start_s - self.late_s)
        if upper_bound(well.part, well.whole) > RECOVERED_BELOW_SHARE:
            return ""
        met = [e for e in impaired(self.watch.episodes) if overlaps(e, self.at_s, self.at_s)]
        if not met:
            return ""
        at_least_s = other.start_s - self.late_s
        at_most_s = other.start_s + BEGAN_WITHIN_SECONDS
        thirds = [at for t in self._thirds(other) for at in (t.start_s, t.until_s)]
        if any(at_least_s <= at_s <= at_most_s for at_s in thirds):
            return ""
        # Of the whole stretch, in which one episode goes over into the next.
        before = [e for e in impaired(self.watch.episodes) if e.onset_s <= met[0].onset_s]
        if not at_least_s <= last_stretch(before)[0].onset_s <= at_most_s:
            return ""
        return f"with which it began: {well.part} of {well.whole} requests had failed before"

    def _alone(self, other: FaultSpan) -> Share:
        """What failed under the other alone, before this fault came.

        The later half of that time counts: what breaks at an injection is soon over. What was
        overdue when this fault came had met the other.
        """
        times_s = self.samples.times_s
        before = (times_s >= other.start_s) & (times_s < self.own.start_s - self.late_s)
        for third in self._thirds(other):
            before &= ~planned_near(self.samples, third, self.reach_s)
        if not before.any():
            return Share(0, 0)
        first_s, last_s = times_s[before][[0, -1]]
        return Share.of(self.samples.failed, before & (times_s >= (first_s + last_s) / 2))

    def _as_much_alone(self, other: FaultSpan, alone: Share) -> str:
        """It alone made about as many requests fail."""
        stop_s = min([other.until_s, self.end_s, *self._changes_s(other)])
        skipped_s = min(self.allowed_s, (stop_s - self.at_s) / 2)
        after = self._between(self.at_s + skipped_s, stop_s)
        had, has = alone.observed or 0.0, after.observed or 0.0
        if after.whole < ENOUGH or has < RECOVERED_BELOW_SHARE:
            return ""
        by_chance = more_in_first(after, alone) >= FAILED_P_MAX
        if had < (ABOUT_AS_MUCH_BY_CHANCE if by_chance else ABOUT_AS_MUCH) * has:
            return ""
        return (
            f"under which alone {100 * had:.0f} % of the requests had failed,"
            f" and {100 * has:.0f} % failed then"
        )

    def _changed_level(self, other: FaultSpan) -> str:
        """Fewer failed from this heal on, and as many all the time up to the other's heal.

        Only where nothing but that heal can have ended it, and where it ends nothing but that
        fault: another heal on the same link or process may cure what this fault left behind.
        """
        if other.target == self.own.target or other.until_s > self.end_s or self._changes_s(other):
            return ""
        begin_s = max(self.own.start_s, other.start_s)
        before = self._between((begin_s + self.at_s) / 2, self.at_s)
        lasts_s = other.until_s - self.at_s
        from_s = self.at_s + min(self.allowed_s, lasts_s / 3)
        middle_s = (from_s + other.until_s) / 2
        parts = self._between(from_s, middle_s), self._between(middle_s, other.until_s)
        after = self._between(from_s, other.until_s)
        if min(before.whole, *(part.whole for part in parts)) < ENOUGH:
            return ""
        had, has = before.observed or 0.0, after.observed or 0.0
        one, two = (part.observed or 0.0 for part in parts)
        changed = had - has >= CHANGED_BY and more_in_first(before, after) < CHANGED_P_MAX
        steady = abs(one - two) <= STEADY_WITHIN or differ(*parts) >= FAILED_P_MAX
        if not changed or not steady or min(one, two) < RECOVERED_BELOW_SHARE:
            return ""
        return (
            f"{100 * has:.0f} % of the requests failed after it instead of {100 * had:.0f} %,"
            " up to that one's heal"
        )

    def _thirds(self, other: FaultSpan) -> list[FaultSpan]:
        """All the faults of the run but these two, tolerated ones too."""
        return [span for span in self.spans if span.name not in (self.own.name, other.name)]

    def _changes_s(self, other: FaultSpan) -> list[float]:
        """When any third fault came or went after this heal, while the other was in place."""
        return [
            at_s
            for third in self._thirds(other)
            for at_s in (third.start_s, third.until_s)
            if self.at_s < at_s <= other.until_s
        ]

    def _between(self, start_s: float, stop_s: float) -> Share:
        times_s = self.samples.times_s
        return Share.of(self.samples.failed, (times_s >= start_s) & (times_s < stop_s))
