"""What a fault tells of itself while the run lasts."""

import time
from pathlib import Path

import pytest

from harness.faults import fault_walk as walk_module
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from tests.faults.test_timeline import PLANNED, Breakable, Place


class Unhurried(Breakable):
    """Its orders take a while to be confirmed."""

    def inject(self) -> None:
        """Break, and look long."""
        super().inject()
        time.sleep(0.05)

    def heal(self) -> int:
        """Heal, and look long."""
        at_ns = super().heal()
        time.sleep(0.05)
        return at_ns


def test_the_instants_that_are_told_are_those_of_the_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live page has them from here, the report from the facts: they must not differ."""
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: Unhurried())
    facts: list[FaultFact] = []
    told: list[tuple[str, str, int]] = []
    walked = FaultTimeline(
        Place(tmp_path),  # type: ignore[arg-type]
        (PLANNED,),
        facts.append,
        lambda *said: told.append(said),
    )
    walked.start(time.monotonic_ns())
    deadline = time.monotonic() + PLANNED.heal_s + 1.0
    while time.monotonic() < deadline and len(told) < 2:
        time.sleep(0.01)
    walked.finish()

    fact = facts[-1]
    assert told == [
        (PLANNED.name, "injected", fact.inject_called_ns),
        (PLANNED.name, "healed", fact.healed_ns),
    ]
