"""What every check is given, and how findings are written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from harness.events import Facts
from harness.measure import Measured
from harness.plan import Plan
from harness.reconcile import Reconciled
from harness.verdict import Finding, ObjectiveResult, Weight

EXAMPLES_MAX = 5


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

    def unless_spoiled(self, weight: Weight) -> Weight:
        """A failure to serve decides nothing in a run that was cut short, of which only a part can
        be read, or in which our own Toxiproxy ended: that was not the target's doing.
        """
        spoiled = self.interrupted or bool(self.damage) or self.facts.status.proxy_ended
        return Weight.INCONCLUSIVE if spoiled and weight is Weight.FAIL else weight


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
