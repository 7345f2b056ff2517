"""What every check is given, and how findings are written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.events import Facts
from harness.measure import Measured
from harness.plan import Plan
from harness.reconcile import Reconciled
from harness.verdict import Finding, ObjectiveResult, Weight

EXAMPLES_MAX = 5
LONGER_MAX, LATE_SECONDS_MAX = 1.1, 1.0
"""How much longer than planned a fault of ours may last: a busy machine's delay, no failed heal."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run, measured and reconciled, with its objectives already judged."""

    plan: Plan
    facts: Facts
    measured: Measured
    reconciled: Reconciled
    objectives: tuple[ObjectiveResult, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether the run was cut short, so that it had no chance to meet its objectives."""
        return self.facts.status.cut_short

    @property
    def damage(self) -> list[str]:
        """What of the run directory could not be read, or is not as the run left it."""
        damage = list(self.facts.damage)
        settings = self.plan.settings
        found, expected = len(self.plan.arrivals), round(settings.load_s * settings.rate)
        if found != expected:
            damage.append(f"the plan has {found} arrivals, {expected} were expected")
        return damage

    @property
    def spoilt(self) -> str:
        """Why a failure to serve decides nothing about the target; empty where it does.

        What was promised of money is never excused by it.
        """
        if self.interrupted:
            return "the run was cut short"
        if self.damage:
            return "only a part of the run can be read"
        if self.facts.status.troubles:
            return self.facts.status.troubles[0]
        return next(self._of_our_faults(), "")

    def _of_our_faults(self) -> Iterator[str]:
        """What our own faults did beyond what was planned."""
        planned_s = {fault.name: fault.heal_s - fault.inject_s for fault in self.plan.faults}
        for impact in self.measured.impacts:
            name, known_s = impact.fault.name, (impact.fault.injected_s, impact.fault.healed_s)
            if known_s[0] is None or known_s[1] is None:
                continue
            lasted_s = known_s[1] - known_s[0]
            if lasted_s > planned_s[name] * LONGER_MAX + LATE_SECONDS_MAX:
                yield f"{name} lasted {lasted_s:.1f} s instead of {planned_s[name]:.1f} s"
        for fact in self.facts.faults:
            if not fact.expects_impact and any(p.kind == "second_way" for p in fact.proofs):
                yield f"every link was cut to heal {fact.name}, which nobody was to notice"

    def unless_spoilt(self, weight: Weight) -> Weight:
        """A failure to serve decides nothing in a run that is `spoilt`."""
        return Weight.INCONCLUSIVE if self.spoilt and weight is Weight.FAIL else weight


Check = Callable[[Case], Iterable[Finding]]


def fail(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that something which must hold does not."""
    return Finding(code, Weight.FAIL, message, evidence)


def inconclusive(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that the evidence is not good enough."""
    return Finding(code, Weight.INCONCLUSIVE, message, evidence)


def note(code: str, message: str, **evidence: Any) -> Finding:
    """A finding that changes nothing."""
    return Finding(code, Weight.NOTE, message, evidence)


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun in the right form."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
