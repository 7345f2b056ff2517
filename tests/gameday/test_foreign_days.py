"""A session from somebody else: it harms nobody who looks at it, notes in it or records it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday.session_store import SessionStore
from harness.core.errors import UsageError
from tests.cli.conftest import Ended

DEEP = "[" * 100_000


def words_of(day: Path) -> list[tuple[str | Path, ...]]:
    """Every command on a session that changes or shows it."""
    return [
        ("gameday", "status", day),
        ("gameday", "note", day, "noted"),
        ("gameday", "action", day, "do it", "--owner", "me"),
        ("gameday", "record", day),
    ]


def test_a_session_nested_too_deeply_is_told(day: Path, lendchaos: Callable[..., Ended]) -> None:
    """As a session of another version is; of an event only that line is lost."""
    log = day / "session.jsonl"
    log.write_text(f"{log.read_text()}{DEEP}\n")
    assert "nested too deeply" in lendchaos("gameday", "status", day).stdout

    log.write_text(f"{DEEP}\n")
    for words in words_of(day):
        done = lendchaos(*words)
        assert done.exit_code == 2
        assert "it must name its schema" in " ".join(done.stderr.split())


@pytest.mark.parametrize("name", ["session.jsonl", "plan.yaml"])
def test_a_fifo_is_not_waited_for(name: str, day: Path, lendchaos: Callable[..., Ended]) -> None:
    """Nobody writes to it, ever."""
    (day / name).unlink()
    os.mkfifo(day / name)
    for words in words_of(day):
        done = lendchaos(*words)
        assert done.exit_code in (2, 3)
        assert "regular file" in done.stderr or "has no plan.yaml" in done.stderr


def test_nothing_is_written_through_a_link(day: Path, lendchaos: Callable[..., Ended]) -> None:
    """A note is appended to no file of somebody else, and the record replaces links."""
    victim = day.parent / "victim"
    for name in ("record.json", "record.html"):
        (day / name).unlink()
        (day / name).symlink_to(victim)
        (day / f"{name}.part").symlink_to(victim)
    shutil.copy(day / "session.jsonl", victim)
    before = victim.read_bytes()

    assert lendchaos("gameday", "record", day).exit_code == 0
    assert victim.read_bytes() == before
    assert not (day / "record.json").is_symlink()

    (day / "session.jsonl").unlink()
    (day / "session.jsonl").symlink_to(victim)
    for words in words_of(day):
        assert lendchaos(*words).exit_code in (2, 3)
    assert victim.read_bytes() == before


@pytest.mark.parametrize("name", ["runs", "logs"])
def test_a_session_whose_folders_lead_elsewhere_is_not_gone_on_with(name: str, day: Path) -> None:
    """Runs and logs would be written where the link leads."""
    log = day / "session.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(line for line in lines if '"closed"' not in line) + "\n")
    SessionStore.resume(day).__exit__()
    (day / name).rename(day.parent / name)
    (day / name).symlink_to(day.parent / name)
    with pytest.raises(UsageError, match="is a link"):
        SessionStore.resume(day)


def test_a_record_that_is_no_file_is_not_verified(
    day: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Nor waited for."""
    (day / "record.json").unlink()
    os.mkfifo(day / "record.json")

    assert lendchaos("gameday", "verify", day).exit_code == 2


def test_a_path_too_long_is_refused(day: Path, lendchaos: Callable[..., Ended]) -> None:
    """Whatever is to be done there."""
    for words in [*words_of(day.parent / ("x" * 300)), ("gameday", "verify", "x" * 300)]:
        assert lendchaos(*words).exit_code == 2
