"""Locks between processes: who waits, who gives up, and what may be locked."""

import threading
import time
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.locks import locked, open_lock, taken


def test_one_holds_it_and_the_others_are_told(tmp_path: Path) -> None:
    """At once, or after the seconds that they have; once it is closed, it is free."""
    told: list[str] = []
    with locked(tmp_path / "lock") as first:
        with locked(tmp_path / "lock") as second:
            pass
        began_s = time.monotonic()
        with locked(tmp_path / "lock", 0.1, waiting=lambda: told.append("waiting")) as third:
            waited_s = time.monotonic() - began_s
    with locked(tmp_path / "lock") as fourth:
        pass

    assert (first, second, third, fourth) == (True, False, False, True)
    assert (waited_s >= 0.1, told) == (True, ["waiting"])


@pytest.mark.parametrize("seconds", [None, 10.0])
def test_a_lock_that_is_given_back_is_taken(seconds: float | None, tmp_path: Path) -> None:
    """By who waits for it, within its time or however long it takes."""
    holder = open_lock(tmp_path / "lock")
    assert taken(holder)
    threading.Timer(0.1, holder.close).start()
    with locked(tmp_path / "lock", seconds) as is_ours:
        assert is_ours
        assert holder.closed


def test_several_share_it_and_nobody_has_it_alone(tmp_path: Path) -> None:
    """Who only looks whether it is free disturbs nobody else who does."""
    path = tmp_path / "lock"
    with open_lock(path) as one, open_lock(path) as other, open_lock(path) as alone:
        assert taken(one, shared=True)
        assert taken(other, shared=True)
        assert not taken(alone)


def test_a_link_is_not_locked(tmp_path: Path) -> None:
    """A checkout may bring one along: it would make a file elsewhere."""
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(HarnessError, match="lock cannot be locked: it is a link"):
        open_lock(tmp_path / "lock")

    assert not (tmp_path / "elsewhere").exists()
