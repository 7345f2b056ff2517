"""The guardian heals what is late without waiting for anything but the heal itself."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.faults import Partition
from harness.faults.heal import guardian
from harness.faults.heal.guardian import heal_what_is_late
from harness.faults.heal.healing import HealResult
from harness.history.journal import Journal, OpenFault
from tests.builders import planned_fault

PAST_NS = 6_000_000_000
"""More than the margin beyond a planned heal."""


def late(journal: Journal, name: str) -> None:
    """Announce a fault whose deadline has passed."""
    journal.intend(planned_fault(name, Partition("edge"), 0.0, 1.0), time.monotonic_ns() - PAST_NS)


def test_what_gets_late_is_healed_while_another_is_still_being_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A canary may be silent for many seconds; nobody else's fault lasts longer for it."""
    journal = Journal(tmp_path, "stack-1", "run-1", "deadline")
    second_begun, results = threading.Event(), []

    def heal(_stack: Any, by: str, faults: list[OpenFault], **_: Any) -> list[HealResult]:
        (fault,) = faults
        healed_ns = time.monotonic_ns()
        journal.write("healed", fault=fault.name, healed_ns=healed_ns)
        if fault.name == "1-partition":
            late(journal, "2-partition")
            results.append(second_begun.wait(10.0))  # as long as its canary is silent
        else:
            second_begun.set()
        return [HealResult(fault.name, by, 1, 0, healed_ns, healed_ns)]

    monkeypatch.setattr(guardian, "heal_all", heal)
    late(journal, "1-partition")
    stack: Any = SimpleNamespace(state_dir=tmp_path, stack_id="stack-1")

    assert heal_what_is_late(stack)
    assert results == [True]


def test_what_cannot_be_healed_is_tried_once_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who called comes again."""
    tries: list[str] = []

    def fail(_stack: Any, by: str, faults: list[OpenFault], **_: Any) -> list[HealResult]:
        tries.append(faults[0].name)
        return [HealResult(faults[0].name, by, 3, 0, error="no")]

    monkeypatch.setattr(guardian, "heal_all", fail)
    monkeypatch.setattr(guardian, "AGAIN_SECONDS", 0.1)
    late(Journal(tmp_path, "stack-1", "run-1"), "1-partition")
    stack: Any = SimpleNamespace(state_dir=tmp_path, stack_id="stack-1")

    assert not heal_what_is_late(stack)
    assert tries == ["1-partition"]
