"""The walk of a fault when something else goes wrong: it is healed all the same."""

import errno
import time
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.events import FaultFact, Proof
from harness.fault_specs import Partition
from harness.faults import timeline as timeline_module
from harness.faults.timeline import FaultTimeline
from harness.faults.undo import UndoFile
from harness.plan import PlannedFault

PLANNED = PlannedFault("1-partition", Partition("edge"), 0.0, 0.2)


class Breakable:
    """An injector that counts its heals and fails where it is told to."""

    def __init__(self, *, inject_fails: bool = False, heals_that_fail: int = 0) -> None:
        self.heals = 0
        self.cleaned = False
        self._inject_fails = inject_fails
        self._heals_that_fail = heals_that_fail

    def ready(self) -> Proof:
        """Well."""
        return Proof("canary", holds=True, text="well")

    def inject(self) -> None:
        """Break, or fail to."""
        if self._inject_fails:
            raise HarnessError("cannot")

    def read_back(self) -> Proof:
        """In place."""
        return Proof("control_plane", holds=True, text="in place")

    def canary(self) -> Proof:
        """Broken."""
        return Proof("canary", holds=True, text="broken")

    def heal(self) -> int:
        """Heal, after as many failures as were asked for."""
        self.heals += 1
        if self.heals <= self._heals_that_fail:
            raise OSError(errno.EIO, "not now")
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """Well again."""
        return Proof("healed", holds=True, text="well again")

    def clean_up(self) -> None:
        """Remember it."""
        self.cleaned = True


class Place:
    """All that a timeline needs of a stack."""

    stack_id = "stack-1"

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir


def walk(
    injector: Breakable, folder: Path, monkeypatch: pytest.MonkeyPatch, *, full_disk: bool = False
) -> FaultFact | None:
    """Walk one fault to its end; the last fact that could be written down."""
    monkeypatch.setattr(timeline_module, "injector_for", lambda *_: injector)
    written: list[FaultFact] = []

    def record(fact: FaultFact) -> None:
        if full_disk:
            raise OSError(errno.ENOSPC, "no space left on device")
        written.append(fact)

    place = Place(folder)
    walked = FaultTimeline(place, (PLANNED,), record, lambda *_: None)  # type: ignore[arg-type]
    walked.start(time.monotonic_ns())
    time.sleep(0.3)
    walked.finish()
    return written[-1] if written else None


def test_a_full_disk_does_not_keep_a_fault_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be written down, so nothing is proven; but everything is healed."""
    injector = Breakable()

    assert walk(injector, tmp_path, monkeypatch, full_disk=True) is None
    assert (injector.heals, injector.cleaned) == (1, True)
    assert UndoFile(tmp_path).left_over("stack-1") == []


def test_a_failed_injection_is_healed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have failed half-way."""
    injector = Breakable(inject_fails=True)
    fact = walk(injector, tmp_path, monkeypatch)

    assert injector.heals == 1
    assert fact is not None
    assert fact.error == "injection: cannot"


def test_a_failed_heal_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong the first time."""
    injector = Breakable(heals_that_fail=2)
    fact = walk(injector, tmp_path, monkeypatch)

    assert injector.heals == 3
    assert fact is not None
    assert fact.heal_returned_ns is not None


def test_a_fault_that_cannot_be_healed_is_left_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the undo file, and the run says that it was never shown to be healed."""
    injector = Breakable(heals_that_fail=99)
    fact = walk(injector, tmp_path, monkeypatch)

    assert fact is not None
    assert fact.heal_returned_ns is None
    assert [left.name for left in UndoFile(tmp_path).left_over("stack-1")] == ["1-partition"]
