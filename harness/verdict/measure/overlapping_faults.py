"""Faults that overlap: when each was at work alone, when with others, and what recovers as one.

Which of several faults made a request fail cannot be known while they are at work together. What
can be told apart is told apart: requests that only one of them can have touched are its own.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools
from harness.verdict.measure.samples import MeasuredRun, Samples, healed_ns


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """When one fault was at work, seconds after zero; to infinity if it was never healed.

    ``stops_lending`` says that no one can be served while it is.
    """

    name: str
    start_s: float
    until_s: float
    expects_impact: bool = True
    target: str = ""
    stops_lending: bool = False


@dataclass(frozen=True, slots=True)
class FaultGroup:
    """One or more faults of which each was injected before the one before it was healed.

    One that no one is to notice is in no group with others, and puts off no recovery from them.
    """

    spans: tuple[FaultSpan, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Its faults in the order of their injections."""
        return tuple(span.name for span in self.spans)

    @property
    def injected_s(self) -> float:
        """The first injection."""
        return self.spans[0].start_s

    @property
    def healed_s(self) -> float | None:
        """The last heal, None if one of them was never healed."""
        last_s = max(span.until_s for span in self.spans)
        return last_s if last_s < np.inf else None

    @property
    def has_deadline(self) -> bool:
        """Whether there is anything to recover from: not where no one is to notice them."""
        return self.spans[0].expects_impact


def spans_of(run: MeasuredRun) -> list[FaultSpan]:
    """When each planned fault that was injected was at work, in the order of the injections."""
    clock = run.facts.status.clock
    planned = {fault.name: fault for fault in run.plan.faults}
    spans = []
    for fact in run.facts.faults:
        if clock is None or fact.inject_called_ns is None or fact.name not in planned:
            continue
        own, heal_ns = planned[fact.name], healed_ns(fact)
        spans.append(
            FaultSpan(
                fact.name,
                start_s=clock.seconds(fact.inject_called_ns),
                until_s=np.inf if heal_ns is None else clock.seconds(heal_ns),
                expects_impact=fact.expects_impact,
                target=own.target,
                stops_lending=own.stops_all_lending,
            )
        )
    return sorted(spans, key=lambda span: (span.start_s, span.name))


def overlap_s(one: FaultSpan, other: FaultSpan) -> tuple[float, float] | None:
    """From when to when both were at work; None if they never were."""
    start_s, end_s = max(one.start_s, other.start_s), min(one.until_s, other.until_s)
    return (start_s, end_s) if start_s < end_s else None


def groups_of(spans: list[FaultSpan]) -> list[FaultGroup]:
    """Faults that overlap, directly or through others, in the order of their injection.

    Those that no one is to notice are on their own: their heal gives no one time to recover.
    """
    noticed = _chained([span for span in spans if span.expects_impact])
    unnoticed = _chained([span for span in spans if not span.expects_impact])
    return sorted(noticed + unnoticed, key=lambda group: (group.injected_s, group.names))


def _chained(spans: list[FaultSpan]) -> list[FaultGroup]:
    groups: list[FaultGroup] = []
    for span in spans:
        if groups and span.start_s < max(before.until_s for before in groups[-1].spans):
            groups[-1] = FaultGroup((*groups[-1].spans, span))
        else:
            groups.append(FaultGroup((span,)))
    return groups


@dataclass(frozen=True, slots=True)
class Parts:
    """Requests by what they can have met; shape (n,) each.

    ``alone``: this fault and no other. ``settled``: those of them that would have been over before
    the next fault came, however long they took; of the others only the quick ones are in ``alone``.
    ``together``: planned while another was at work, too. ``without``: planned under those others,
    at times when this fault cannot matter.
    """

    alone: Bools
    settled: Bools
    together: Bools
    without: Bools


def parts_of(samples: Samples, span: FaultSpan, others: list[FaultSpan], reach_s: float) -> Parts:
    """Split requests by which faults they can have met.

    A request under way when a fault came met it, and for ``reach_s`` seconds, the longest that one
    may take, requests after a heal may still meet what had queued up: neither counts as untouched.
    """
    touched, near, with_others = np.zeros((3, len(samples.times_s)), dtype=bool)
    for other in others:
        over_before = samples.ended_s < other.start_s  # never of one without an end
        touched |= ~over_before & (samples.times_s <= other.until_s + reach_s)
        near |= planned_near(samples, other, reach_s)
        if overlap_s(span, other) is not None:
            with_others |= planned_near(samples, other)
    theirs = with_others & ~planned_near(samples, span, reach_s)
    for other in others:
        if overlap_s(span, other) is None:
            theirs &= ~planned_near(samples, other, reach_s)
    under = planned_near(samples, span)
    alone = under & ~touched
    return Parts(alone, alone & ~near, under & with_others, theirs)


def planned_near(samples: Samples, span: FaultSpan, reach_s: float = 0.0) -> Bools:
    """Planned under a fault, or so close to it that an answer may have come under it."""
    return samples.between(span.start_s - reach_s, span.until_s + reach_s)


def alone_s(span: FaultSpan, others: list[FaultSpan], load_end_s: float) -> float:
    """For how long it was the only fault at work."""
    stop_s = min(span.until_s, load_end_s)
    ends_s = {at_s for other in others for at_s in (other.start_s, other.until_s)}
    cuts_s = {at_s for at_s in ends_s if span.start_s < at_s < stop_s}
    total = 0.0
    for left, right in itertools.pairwise(sorted({span.start_s, stop_s, *cuts_s})):
        middle_s = (left + right) / 2
        if not any(other.start_s <= middle_s <= other.until_s for other in others):
            total += right - left
    return total
