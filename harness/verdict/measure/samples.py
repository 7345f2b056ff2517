"""The operations of a run as arrays, and the instants that everything else refers to."""

from dataclasses import dataclass, field

import numpy as np

from harness.history.columns import Bools, Floats, Operations, seconds
from harness.history.events import ANSWERED, Clock, FaultFact, Outcome
from harness.history.reader import Facts
from harness.plan.plan import DEFAULT_OBJECTIVES_WITH_FAULT, Plan
from harness.verdict.measure.evidence import Evidence, evidence_of
from harness.verdict.measure.own_delay import own_delays_s

JUST_BEFORE_SECONDS = 1.0
"""How answers were doing when a fault came is told by those of so long before."""


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

    def overdue_at(self, at_s: float, overdue_s: float) -> float:
        """For how long, in s, a request is under way at an instant until something held it up.

        That is ``overdue_s``, or what the answers of the last second took, if that is longer: a
        service that was slow just before a fault has more under way for the fault to hit.
        """
        last = (self.ended_s < at_s) & (self.ended_s >= at_s - JUST_BEFORE_SECONDS) & self.answered
        if not last.any():
            return overdue_s
        return max(overdue_s, float(np.percentile(self.wait_s[last], 95, method="higher")))


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
    """Injection and heal (never: infinity) of each fault that borrowers may notice. One that nobody
    is to notice accounts for nothing."""

    @property
    def shadow_end_s(self) -> float | None:
        """Until when an impairment may be the fault's doing; None without a fault."""
        if self.injected_s is None:
            return None
        if self.healed_s is None:
            return self.load_end_s
        return self.healed_s + self.allowed_s

    def outside(self, samples: Samples, overdue_s: float, allowed_s: float | None = None) -> Bools:
        """Which requests no fault can have touched, shape (n,).

        What was under way when a fault came met it, unless it was overdue by then: see
        `Samples.overdue_at`. A fault is over ``allowed_s`` seconds after its heal, by default once
        borrowing must be as before.
        """
        allowed_s = self.allowed_s if allowed_s is None else allowed_s
        outside = np.ones(len(samples.times_s), dtype=bool)
        for start_s, healed_s in self.faults_s:
            overdue = samples.times_s < start_s - samples.overdue_at(start_s, overdue_s)
            before = (samples.times_s < start_s) & (samples.ended_s < start_s)
            outside &= before | overdue | (samples.times_s > healed_s + allowed_s)
        return outside

    def undisturbed(self, times_s: Floats) -> Bools:
        """Which instants lie before each fault, or after all that is allowed for it."""
        away = [
            (times_s < at_s) | (times_s > end_s + self.allowed_s) for at_s, end_s in self.faults_s
        ]
        return np.all(away, axis=0) if away else np.ones(len(times_s), dtype=bool)


def samples_of(facts: Facts, own_s_max: float = np.inf) -> Samples:
    """Operations after the warm-up as arrays.

    Where more than ``own_s_max`` of a wait was the load generator's doing, that is taken off it.
    """
    clock = facts.status.clock
    clock = clock or Clock(0, 0, 0)
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
    load_end_s = clock.seconds(ended_ns)
    injected = [f for f in facts.faults if f.inject_called_ns is not None]
    starts = [clock.seconds(f.inject_called_ns) for f in injected if f.inject_called_ns is not None]
    heals = [healed_ns(f) for f in injected]
    known = [clock.seconds(at_ns) for at_ns in heals if at_ns is not None]
    all_healed = bool(known) and len(known) == len(heals)
    faults_s = tuple(
        (start_s, np.inf if at_ns is None else clock.seconds(at_ns))
        for fault, start_s, at_ns in zip(injected, starts, heals, strict=True)
        if fault.expects_impact
    )
    healed_s = max(known) if all_healed else None
    return Timeline(load_end_s, min(starts, default=None), healed_s, allowed_s, faults_s)
