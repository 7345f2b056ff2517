"""A disk that fills up while the load lasts is seen, and since when."""

import errno
import os
import threading
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.run.room_watch import DATABASE_BYTES_MIN, places_of, room_watched


def test_too_little_room_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not while there is enough."""
    told: list[tuple[OSError, int]] = []
    seen = threading.Event()
    full = threading.Event()

    def statvfs(_: Path) -> Any:
        seen.set()
        blocks = 0 if full.is_set() else 1000
        values = {"f_bfree": blocks, "f_bavail": blocks, "f_blocks": 2000, "f_frsize": 4096}
        return SimpleNamespace(**values, f_flag=0, f_files=9, f_ffree=9)

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr("harness.run.room_watch.LOOK_SECONDS", 0.01)
    heard = threading.Event()

    def short(error: OSError, since_ns: int) -> None:
        told.append((error, since_ns))
        heard.set()

    began_ns = monotonic_ns()
    with room_watched({tmp_path: 4096}, short):
        assert seen.wait(5)
        assert told == []
        filled_ns = monotonic_ns()
        full.set()
        assert heard.wait(5)

    ((error, since_ns),) = told
    assert (error.errno, error.filename) == (errno.ENOSPC, str(tmp_path))
    assert began_ns <= since_ns <= filled_ns + 1_000_000_000


def test_the_disk_of_a_target_is_not_ours_to_watch(tmp_path: Path) -> None:
    """The database of our own stack is: it may lie elsewhere than the run."""
    own = cast("Any", SimpleNamespace(data_dir=tmp_path / "data"))
    theirs = cast("Any", SimpleNamespace(data_dir=None))

    assert places_of(tmp_path, own)[tmp_path / "data"] == DATABASE_BYTES_MIN
    assert list(places_of(tmp_path, theirs)) == [tmp_path]
