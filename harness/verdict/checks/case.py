"""What every check is given, and how findings are written."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.checks.invalidated_stretches import (
    Stretch,
    counted_as_served,
    invalidated_stretches,
)
from harness.verdict.checks.objective_results import judge_objectives
from harness.verdict.measure.measurement import Measured, measure
from harness.verdict.measure.samples import samples_of
from harness.verdict.reconcile import Reconciled
from harness.verdict.types import Finding, ObjectiveResult, Severity
from harness.verdict.units import plural

EXAMPLES_MAX = 5
SEND_LAG_MS_MAX = 100.0
"""Onset and recovery are dated by planned starts, so a late start moves them by at most its lag.
A tenth of a second is one bin of the search for episodes, and small against recovery limits of
seconds and their intervals of some tenths. A machine that runs target, database and load together
on two cores stays below it; a stricter limit would call most such runs unfaithful for nothing."""
EVER = (-math.inf, math.inf)
LATENCY_DISTORTION_MAX = 0.2
"""With an objective on latency, to which every lag adds: the part of its limit that may be lag."""


@dataclass(frozen=True)
class Case:
    """One run, measured and reconciled, with its objectives already judged."""

    plan: Plan
    facts: Facts
    measured: Measured
    reconciled: Reconciled
    objectives: tuple[ObjectiveResult, ...] = ()

    @cached_property
    def stretches(self) -> list[Stretch]:
        """When the harness or its surroundings may have made requests fail."""
        return invalidated_stretches(self.plan, self.facts, self.measured)

    @cached_property
    def invalidated_by(self) -> str:
        """Why no failure to serve in the whole run decides anything about the target; empty where
        some may.
        """
        if self.facts.status.cut_short:
            return "the run was cut short"
        if self.facts.damage:
            return "only a part of the run can be read"
        everything = (s.text for s in self.stretches if (s.begin_s, s.end_s) == EVER)
        return next(everything, "")

    @property
    def send_lag_ms_max(self) -> float:
        """How late one arrival in a hundred may be sent."""
        limit_ms = self.plan.objectives.latency_ms_p99_max
        if limit_ms is None:
            return SEND_LAG_MS_MAX
        return min(SEND_LAG_MS_MAX, LATENCY_DISTORTION_MAX * limit_ms)

    @property
    def sent_late(self) -> str:
        """That arrivals were sent late, in words; empty where they were not."""
        lag_ms, limit_ms = self.measured.load.send_lag_ms_p99, self.send_lag_ms_max
        if lag_ms is None or lag_ms <= limit_ms:
            return ""
        late = f"one in a hundred arrivals was sent more than {lag_ms:.0f} ms late"
        return f"{late} (limit {limit_ms:g} ms)"

    @cached_property
    def held_up(self) -> str:
        """That the load held some borrowers up, in words; empty where it held up no one for long.

        As few as one in a hundred may be all that a limit on the wait is missed by.
        """
        own_ms = samples_of(self.facts).own_s * 1e3
        long_ms = own_ms[own_ms > self.send_lag_ms_max]
        if not len(long_ms):
            return ""
        waited = f"{plural(len(long_ms), 'borrower')} waited up to {long_ms.max():.0f} ms"
        return f"{waited} for the load itself, not for the target"

    @cached_property
    def without_ours(self) -> "Case":
        """The same run with everything counted as served that may have been our doing; itself where
        nothing was.
        """
        return self.without(self.stretches)

    def without(self, stretches: list[Stretch]) -> "Case":
        """The same run with everything counted as served that these stretches touched, and no wait
        longer than the target made it.
        """
        if not stretches and not self.sent_late and not self.held_up:
            return self
        facts = counted_as_served(self.plan, self.facts, stretches)
        measured = measure(self.plan, facts, 0.0 if self.sent_late else self.send_lag_ms_max / 1e3)
        objectives = tuple(judge_objectives(self.plan, facts, measured))
        return replace(self, facts=facts, measured=measured, objectives=objectives)

    def excuse(self, fails: Callable[["Case"], bool], at: tuple[float, float] = EVER) -> str:
        """Why a failure to serve decides nothing about the target; empty where it does.

        It decides if the run ``fails`` without what was ours, too. ``at`` is from when to when it
        was. What was promised of money is never excused.
        """
        if self.invalidated_by:
            return self.invalidated_by
        if self.without_ours is self or fails(self.without_ours):
            return ""
        near = [stretch.text for stretch in self.stretches if stretch.touches(*at)]
        near = near or [stretch.text for stretch in self.stretches]
        near = near or [self.sent_late or self.held_up]
        return near[0] + (f", and {plural(len(near) - 1, 'more disturbance')}" if near[1:] else "")

    def weighed(
        self, found: Finding, fails: Callable[["Case"], bool], at: tuple[float, float] = EVER
    ) -> Finding:
        """The same finding; where it fails the run and has an `excuse`, it leaves it open."""
        if found.verdict is Severity.FAIL and (why := self.excuse(fails, at)):
            message = f"{found.message}; but {why}"
            return replace(found, verdict=Severity.INCONCLUSIVE, message=message)
        return found


Check = Callable[[Case], Iterable[Finding]]


def fail(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that something which must hold does not."""
    return Finding(code, Severity.FAIL, message, evidence)


def inconclusive(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that the evidence is not good enough."""
    return Finding(code, Severity.INCONCLUSIVE, message, evidence)


def note(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that changes nothing."""
    return Finding(code, Severity.NOTE, message, evidence)
