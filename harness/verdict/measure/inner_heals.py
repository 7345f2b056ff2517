"""Heals while other faults of their group were still at work: did borrowing recover from each?

A fault that is still in place puts off no deadline by being there. It has to be shown that it is
what borrowers suffer from: by its nature, or by what the run shows of it.
"""

from dataclasses import dataclass, replace

from harness.verdict.measure.baseline import THETA, Baseline, overdue_s
from harness.verdict.measure.cut import seen_before, until
from harness.verdict.measure.episodes import episodes_of, impaired, last_stretch, overlaps
from harness.verdict.measure.intervals import Share, differ, more_in_first, upper_bound
from harness.verdict.measure.recovery import recovery_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.measure.together import FaultGroup, FaultSpan, Mask, planned_near, spans_of
from harness.verdict.measure.took_effect import ENOUGH, FAILED_P_MAX, MeasuredRun
from harness.verdict.types import Episode, Recovery

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
class HealWatch:
    """What was seen of borrowing up to the end of the time in which a group could be watched."""

    run: MeasuredRun
    samples: Samples
    timeline: Timeline
    baseline: Baseline
    episodes: list[Episode]


def inner_heals_of(group: FaultGroup, watch: HealWatch) -> list[InnerHeal]:
    """Every heal before the last one of a group of faults that borrowers may notice."""
    last_s = max(span.until_s for span in group.spans)
    return [
        _InnerHeal(span, [other for other in group.spans if other != span], watch).found()
        for span in group.spans
        if group.has_deadline and span.until_s < last_s
    ]


class _InnerHeal:
    """The heal of ``own``, and the others of its group."""

    def __init__(self, own: FaultSpan, others: list[FaultSpan], watch: HealWatch) -> None:
        self.own, self.others, self.watch = own, others, watch
        self.at_s = own.until_s
        self.spans = spans_of(watch.run.plan, watch.run.facts)
        self.end_s = watch.timeline.load_end_s or self.at_s
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
        watch = self.watch
        own = replace(watch.timeline, injected_s=self.own.start_s, healed_s=self.at_s)
        seen, episodes = watch.samples, watch.episodes
        if next_one is not None:
            own = until(own, next_one.start_s)
            seen = seen_before(seen, next_one.start_s, self.late_s)
            episodes = episodes_of(seen, own, watch.baseline)
        found = recovery_of(seen, own, watch.baseline, episodes)
        if found.censored and next_one is not None:
            found = replace(found, next_faults=[next_one.name])
        return found

    # --- what shows that another fault is the cause ----------------------------------------------

    def _explained_by(self, other: FaultSpan) -> str:
        """Why what borrowers had after this heal was the other's doing; empty where none shows."""
        if other.stops_lending:
            return "which leaves nobody served while it is in place"
        if began := self._began_with(other):
            return began
        alone = self._alone(other)
        if alone.whole >= ENOUGH:  # it shows by itself what the other does
            return self._as_much_alone(other, alone)
        return self._changed_level(other)

    def _began_with(self, other: FaultSpan) -> str:
        """Under this fault borrowing was well, up to the other's injection and no longer."""
        well = self._between(self.own.start_s, other.start_s - self.late_s)
        if upper_bound(well.part, well.whole) > THETA:
            return ""
        met = [e for e in impaired(self.watch.episodes) if overlaps(e, self.at_s, self.at_s)]
        if not met:
            return ""
        at_most_s = other.start_s + BEGAN_WITHIN_SECONDS
        at_least_s = other.start_s - self.late_s
        thirds = [at for t in self._thirds(other) for at in (t.start_s, t.until_s)]
        if any(at_least_s <= at_s <= at_most_s for at_s in thirds):
            return ""
        if not at_least_s <= self._onset_s(met[0]) <= at_most_s:
            return ""
        return f"with which it began: {well.part} of {well.whole} requests had failed before"

    def _onset_s(self, episode: Episode) -> float:
        """Of the whole stretch, in which one episode goes over into the next."""
        before = [e for e in impaired(self.watch.episodes) if e.onset_s <= episode.onset_s]
        return last_stretch(before)[0].onset_s

    def _alone(self, other: FaultSpan) -> Share:
        """What failed under the other alone, before this fault came.

        The later half of that time counts: what breaks at an injection is soon over. What was
        overdue when this fault came had met the other.
        """
        times_s = self.watch.samples.times_s
        before = (times_s >= other.start_s) & (times_s < self.own.start_s - self.late_s)
        for third in self._thirds(other):
            before &= ~planned_near(self.watch.samples, third, self.reach_s)
        if not before.any():
            return Share(0, 0)
        first_s, last_s = times_s[before][[0, -1]]
        return self._share(before & (times_s >= (first_s + last_s) / 2))

    def _as_much_alone(self, other: FaultSpan, alone: Share) -> str:
        """It alone made about as many requests fail."""
        stop_s = min([other.until_s, self.end_s, *self._changes_s(other)])
        skipped_s = min(self.watch.timeline.allowed_s, (stop_s - self.at_s) / 2)
        after = self._between(self.at_s + skipped_s, stop_s)
        had, has = alone.observed or 0.0, after.observed or 0.0
        if after.whole < ENOUGH or has < THETA:
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
        from_s = self.at_s + min(self.watch.timeline.allowed_s, lasts_s / 3)
        middle_s = (from_s + other.until_s) / 2
        parts = self._between(from_s, middle_s), self._between(middle_s, other.until_s)
        after = self._between(from_s, other.until_s)
        if min(before.whole, *(part.whole for part in parts)) < ENOUGH:
            return ""
        had, has = before.observed or 0.0, after.observed or 0.0
        one, two = (part.observed or 0.0 for part in parts)
        changed = had - has >= CHANGED_BY and more_in_first(before, after) < CHANGED_P_MAX
        steady = abs(one - two) <= STEADY_WITHIN or differ(*parts) >= FAILED_P_MAX
        if not changed or not steady or min(one, two) < THETA:
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
        times_s = self.watch.samples.times_s
        return self._share((times_s >= start_s) & (times_s < stop_s))

    def _share(self, these: Mask) -> Share:
        return Share(int(self.watch.samples.failed[these].sum()), int(these.sum()))
