"""A wait of ours ends when one session of somebody else has stood in its way for too long."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.faults import foreign_sessions
from harness.faults.foreign_sessions import LockGuard
from tests.stack.test_state import a_stack

HELD_SECONDS = 1.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rule in a tenth of the time."""
    monkeypatch.setattr(foreign_sessions, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(foreign_sessions, "HELD_SECONDS_MAX", HELD_SECONDS)
    monkeypatch.setattr(foreign_sessions, "SEEN_SECONDS_MAX", 0.3)


def ended_after_s(
    monkeypatch: pytest.MonkeyPatch, folder: Path, seen: Iterator[set[str]]
) -> tuple[float, str]:
    """How long a wait of three times that length lasted, and what ended it."""
    monkeypatch.setattr(foreign_sessions.LockWatch, "look", lambda _: next(seen))
    began_s = time.monotonic()
    place: Any = a_stack(folder)
    with LockGuard(place) as check:
        while (passed_s := time.monotonic() - began_s) < 3 * HELD_SECONDS:
            try:
                check()
            except HarnessError as error:
                return passed_s, str(error)
            time.sleep(0.02)
    return passed_s, ""


def test_a_lock_that_stays_ends_the_wait_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where the service is seen to wait for it only now and then, between its tries."""

    def now_and_then() -> Iterator[set[str]]:
        while True:
            yield from [{"session 7 (psql)"}] * 3
            yield from [set[str]()] * 4

    passed_s, told = ended_after_s(monkeypatch, tmp_path, now_and_then())

    assert told == "session 7 (psql)"
    assert HELD_SECONDS <= passed_s < 3 * HELD_SECONDS


def test_locks_that_come_and_go_end_no_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of another transaction, or of one that is over."""

    def brief() -> Iterator[set[str]]:
        yield from [{"session 7 (psql)"}] * 5
        number = 8
        while True:
            yield {f"session {number} (psql)"}
            number += 1

    passed_s, told = ended_after_s(monkeypatch, tmp_path, brief())

    assert (passed_s >= 3 * HELD_SECONDS, told) == (True, "")


def test_whoever_interrupts_is_heard_first(tmp_path: Path) -> None:
    """The one hook of a long wait serves both."""
    place: Any = a_stack(tmp_path)
    asked: list[str] = []
    with LockGuard(place, lambda: asked.append("interrupt")) as check:
        check()

    assert asked == ["interrupt"]
