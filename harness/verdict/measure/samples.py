"""A run as it is measured: its operations as arrays, and the instants that all else refers to."""

from dataclasses import dataclass, field, replace

import numpy as np

from harness.history.columns import Bools, Floats, Operations, seconds
from harness.history.events import ANSWERED, Clock, FaultFact, Outcome
from harness.history.reader import Facts
from harness.plan.objectives import DEFAULT_OBJECTIVES_WITH_FAULT
from harness.plan.plan import Plan
from harness.verdict.measure.evidence import Evidence, evidence_of
from harness.verdict.measure.own_delay import own_delays_s

JUST_BEFORE_SECONDS = 1.0
"""How quick answers were when a fault came is taken from those of so long before."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Operations planned after the warm-up, dropped ones left out, by planned start.

    Times are seconds after zero. ``ended_s`` is NaN for an unfinished operation; ``wait_s`` is from
    the planned start to the answer, NaN without an answer that the borrower was entitled to.
    """

    operations: Operations
    times_s: Floats
    ended_s: Floats
    wait_s: Floats
    failed: Bools
    indeterminate: Bools
    evidence: Evidence
    """When each of them met the service."""
    own_s: Floats = field(default_factory=lambda: np.zeros(1))
    """How much of ``wait_s`` was the load generator's own doing; of shape (1,) if it is the same
    for all.
    """

    @property
    def served_s(self) -> Floats:
        """The wait that was the target's doing."""
        return self.wait_s - self.own_s

    @property
    def answered(self) -> Bools:
        """Which got an answer whose time is known."""
        return ~np.isnan(self.wait_s)

    def between(self, start_s: float, end_s: float) -> Bools:
        """Which were planned from one instant to another, both included."""
        return (self.times_s >= start_s) & (self.times_s <= end_s)

    def untouched_by(self, at_s: float, overdue_s: float) -> Bools:
        """Which a fault that came at an instant has not hit: they were over, or overdue by then.

        That is one under way for ``overdue_s`` seconds, or as long as the answers of the last
        second took, if that is longer: of a service that was slow just before a fault more is
        under way for the fault to hit.
        """
        last = (self.ended_s < at_s) & (self.ended_s >= at_s - JUST_BEFORE_SECONDS) & self.answered
        if last.any():
            overdue_s = max(overdue_s, float(np.percentile(self.wait_s[last], 95, method="higher")))
        over = (self.times_s < at_s) & (self.ended_s < at_s)  # never of one without an end
        return over | (self.times_s < at_s - overdue_s)

    def seen_before(self, end_s: float, overdue_s: float) -> "Samples":
        """What had been seen of borrowing when a fault was injected at ``end_s``."""
        before = self.untouched_by(end_s, overdue_s)
        seen = self.evidence.kept(before)
        return Samples(
            operations=self.operations.take(before),
            times_s=self.times_s[before],
            ended_s=self.ended_s[before],
            wait_s=self.wait_s[before],
            failed=self.failed[before],
            indeterminate=self.indeterminate[before],
            evidence=replace(
                seen,
                down_first_s=np.minimum(seen.down_first_s, end_s),
                down_last_s=np.minimum(seen.down_last_s, end_s),
            ),
            own_s=np.broadcast_to(self.own_s, before.shape)[before],
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """What really happened when, in seconds after zero; None for what did not."""

    load_end_s: float | None
    injected_s: float | None
    """The first injection, from the moment it was ordered: its effect may begin at once."""
    healed_s: float | None
    """The last heal; None when a fault that was injected was never healed."""
    allowed_s: float
    """How long after a heal borrowing may take to be as before."""
    faults_s: tuple[tuple[float, float], ...] = ()
    """Injection and heal (never: infinity) of each fault that borrowers may notice. One that no one
    is to notice accounts for nothing."""

    @property
    def shadow_end_s(self) -> float | None:
        """Until when an impairment may be the fault's doing; None without a fault."""
        if self.injected_s is None:
            return None
        if self.healed_s is None:
            return self.load_end_s
        return self.healed_s + self.allowed_s

    def until(self, end_s: float) -> "Timeline":
        """The same, as if the load had ended then."""
        allowed_s = self.allowed_s
        if self.healed_s is not None:
            allowed_s = min(allowed_s, end_s - self.healed_s)
        return replace(self, load_end_s=end_s, allowed_s=allowed_s)

    def outside(self, samples: Samples, overdue_s: float, allowed_s: float | None = None) -> Bools:
        """Which requests no fault can have touched, shape (n,); see `Samples.untouched_by`.

        A fault is over ``allowed_s`` seconds after its heal, by default once borrowing must be as
        before.
        """
        allowed_s = self.allowed_s if allowed_s is None else allowed_s
        outside = np.ones(len(samples.times_s), dtype=bool)
        for start_s, healed_s in self.faults_s:
            before = samples.untouched_by(start_s, overdue_s)
            outside &= before | (samples.times_s > healed_s + allowed_s)
        return outside

    def undisturbed(self, times_s: Floats) -> Bools:
        """Which instants lie before each fault, or after all that is allowed for it."""
        away = [
            (times_s < at_s) | (times_s > end_s + self.allowed_s) for at_s, end_s in self.faults_s
        ]
        return np.all(away, axis=0) if away else np.ones(len(times_s), dtype=bool)


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What the figures of a run are read from."""

    plan: Plan
    facts: Facts
    samples: Samples
    timeline: Timeline

    @property
    def before(self) -> Bools:
        """Which operations were over before anything was injected, shape (n,).

        What was under way at the first injection met the fault: it belongs to neither side.
        """
        samples, injected_s = self.samples, self.timeline.injected_s
        before = samples.times_s < baseline_end_s(self.plan)
        if injected_s is not None:
            before &= (samples.times_s < injected_s) & (samples.ended_s < injected_s)
        return before

    @property
    def window_s(self) -> tuple[float, float] | None:
        """The one window that shares refer to; None when the run did not come so far."""
        start_s, end_s = self.timeline.injected_s, self.timeline.load_end_s
        if start_s is None:
            start_s = baseline_end_s(self.plan)
        return None if end_s is None or start_s >= end_s else (start_s, end_s)

    @property
    def in_window(self) -> Bools:
        """Which operations were planned in that window, shape (n,)."""
        return self.samples.between(*(self.window_s or (np.inf, -np.inf)))


def samples_of(facts: Facts, own_s_max: float = np.inf) -> Samples:
    """Operations after the warm-up as arrays.

    Where more than ``own_s_max`` of a wait was the load generator's doing, that is taken off it.
    """
    clock = facts.status.clock or Clock(0, 0, 0)
    counted = (facts.operations.intended_ns >= clock.zero_ns) & ~facts.operations.dropped
    kept = facts.operations.take(counted)
    kept = kept.take(np.argsort(kept.intended_ns, kind="stable"))
    times, ended = (seconds(at_ns, clock.zero_ns) for at_ns in (kept.intended_ns, kept.ended_ns))
    own_s = own_delays_s(kept, facts.attempts)
    off_s = np.where(own_s > own_s_max, own_s, 0.0)
    return Samples(
        operations=kept,
        times_s=times,
        ended_s=ended,
        wait_s=np.where(kept.outcome.are(*ANSWERED), ended - times - off_s, np.nan),
        failed=kept.failed,
        indeterminate=kept.outcome.are(Outcome.INDETERMINATE),
        evidence=evidence_of(kept, facts.attempts, clock),
        own_s=own_s - off_s,
    )


def healed_ns(fault: FaultFact) -> int | None:
    """The instant at which a fault was healed, as the fault itself defines it."""
    return fault.healed_ns if fault.healed_ns is not None else fault.heal_returned_ns


def baseline_end_s(plan: Plan) -> float:
    """When the baseline was to end, in s after zero; 0 without one."""
    phase = plan.phase("baseline")
    return phase.end_s if phase else 0.0


def timeline_of(plan: Plan, facts: Facts) -> Timeline:
    """The instants of the run, as they were and not as they were planned."""
    clock, ended_ns = facts.status.clock, facts.status.load_ended_ns
    allowed_s = plan.objectives.recovery_seconds_max
    if allowed_s is None:
        allowed_s = DEFAULT_OBJECTIVES_WITH_FAULT.recovery_seconds_max or 0.0
    if clock is None:
        return Timeline(None, None, None, allowed_s)
    # Without a note of its end (the load process died), the load lasted to its last operation.
    if ended_ns is None:
        due_ns = facts.operations.intended_ns
        ended_ns = int(due_ns.max()) if len(due_ns) else clock.zero_ns
    spans = [
        (clock.seconds(begin_ns), np.inf if at_ns is None else clock.seconds(at_ns), fault)
        for fault in facts.faults
        for begin_ns, at_ns in [(fault.inject_called_ns, healed_ns(fault))]
        if begin_ns is not None
    ]
    last_s = max((end_s for _, end_s, _ in spans), default=np.inf)
    return Timeline(
        load_end_s=clock.seconds(ended_ns),
        injected_s=min((start_s for start_s, _, _ in spans), default=None),
        healed_s=last_s if last_s < np.inf else None,
        allowed_s=allowed_s,
        faults_s=tuple((start_s, end_s) for start_s, end_s, f in spans if f.expects_impact),
    )
