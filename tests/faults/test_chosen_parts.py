"""Which processes a role means is decided at the injection, and looked at where it was drawn."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.faults import Kill
from harness.faults import fault_walk as walk_module
from harness.faults.timeline import FaultTimeline
from harness.history.events import Proof
from harness.plan.fault import PlannedFault
from tests.builders import planned_fault
from tests.faults import test_timeline
from tests.faults.test_guarded import having, returning
from tests.faults.test_timeline import Breakable, Place, walk


@pytest.mark.parametrize(
    ("target", "parts", "error"),
    [
        ("replicas", ("replica-1", "replica-2"), None),
        ("replica", ("replica-2",), "injection: replica-2 not at work: a look"),
    ],
)
def test_what_was_drawn_is_looked_at(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    parts: tuple[str, ...],
    error: str | None,
) -> None:
    """All that a name may mean was looked at before the load; right after another fault of them it
    may not be at work yet, and that is no reason to leave this one out.
    """

    def resolved(planned: PlannedFault, *_: object) -> PlannedFault:
        return replace(planned, parts=parts)

    planned = planned_fault("1-kill", Kill(target), 0.0, 0.2)
    monkeypatch.setattr(test_timeline, "PLANNED", planned)
    monkeypatch.setattr(walk_module, "resolved", resolved)
    injector = Breakable(well_after=99)
    fact = walk(injector, tmp_path, monkeypatch, heal_s=0.2)

    assert fact is not None
    assert fact.error == error
    assert (fact.inject_returned_ns is None) is (error is not None)


def test_what_the_injector_before_did_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is made for the parts that were drawn; a mistake of both is told once."""
    kind = having(ready=returning(Proof("healed", holds=True, text="well")))
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: made.pop(0))
    monkeypatch.setattr(walk_module, "resolved", lambda one, *_: replace(one, parts=("replica-1",)))
    for after in (having(), having(ready=type(kind._own).ready)):
        made = [kind, after]
        place: Any = Place(tmp_path)
        planned = planned_fault("1-kill", Kill("replica"), 0.0, 0.1)
        walked = FaultTimeline(place, (planned,), lambda _: None, lambda *_: None)
        walked.check()
        walked.start(time.monotonic_ns())
        time.sleep(0.3)
        walked.finish()

        assert made == []
        (told,) = walked.errors
        assert (
            'Own.ready returned a value of type Proof; it must return Proof("canary"' in told.text
        )
