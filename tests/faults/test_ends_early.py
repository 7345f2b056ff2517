"""A fault that is no longer there before its time: seen, dated, and told apart from a heal."""

import time
from pathlib import Path

import pytest

from harness.faults import fault_walk as walk_module
from harness.faults.base import Gone
from harness.history.fault_facts import EndedBy
from harness.history.journal import Journal
from tests.faults.test_timeline import Breakable, walk


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often whether a fault is still there."""
    monkeypatch.setattr(walk_module, "STILL_THERE_SECONDS", 0.02)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("by", [EndedBy.NOBODY, EndedBy.WORK, EndedBy.TARGET])
def test_a_fault_that_ends_by_itself_is_over_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: EndedBy
) -> None:
    """Healed at once; it ended when the last look saw it, or when it says itself."""
    known_ns = None if by is EndedBy.NOBODY else time.monotonic_ns() + 50_000_000
    injector = Breakable(gone_after=4, gone=Gone(by, "no longer there", known_ns))
    fact = walk(injector, tmp_path, monkeypatch, heal_s=20.0)

    assert fact is not None
    told = [(proof.holds, proof.text) for proof in fact.proofs if proof.kind == "ended"]
    assert told == [(by.due, "ended early: no longer there")]
    assert (fact.ended_by, fact.healed_by, injector.heals) == (by, "", 1)
    assert fact.due_ns is not None
    assert fact.healed_ns is not None
    assert fact.heal_returned_ns is not None
    assert fact.heal_returned_ns < fact.due_ns
    *_, before_ns, last_ns, _gone_ns = injector.looked_ns[:5]
    assert fact.healed_ns == known_ns or before_ns < fact.healed_ns <= last_ns


@pytest.mark.usefixtures("impatient")
def test_a_look_that_fails_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither there nor gone: the fault lasts as planned."""
    fact = walk(Breakable(gone_after=2, gone=None), tmp_path, monkeypatch)

    assert fact is not None
    assert fact.ended_by is EndedBy.PLAN
    assert [proof.kind for proof in fact.proofs] == ["control_plane", "canary", "healed"]


@pytest.mark.usefixtures("impatient")
def test_what_somebody_else_is_just_healing_has_not_ended_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is announced in the journal before it is done, and the journal says who did it."""
    injector = Breakable(gone_after=0, gone=Gone(EndedBy.NOBODY, "no longer there"))
    other = Journal(tmp_path, "stack-1", "", "heal command")
    monkeypatch.setattr(injector, "inject", lambda: other.write("healing", fault="1-partition"))
    fact = walk(injector, tmp_path, monkeypatch)

    assert fact is not None
    assert fact.ended_by is EndedBy.PLAN
