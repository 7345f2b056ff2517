"""A game day ends in a record, whatever else becomes of it."""

from pathlib import Path

import pytest

from harness.apps.cli import game_days
from harness.apps.gameday import render_record
from harness.apps.gameday.day_plan import read_plan
from harness.apps.gameday.session_store import PLAN_FILE, SESSION_FILE, read_session
from harness.core.errors import HarnessError
from tests.full_disk import files_end_at
from tests.gameday.stored_days import small_day


def tell_end(day: Path) -> bool:
    """What `lendchaos gameday` does when a day is over."""
    return game_days._tell_end(read_plan(day / PLAN_FILE, scenarios=False), read_session(day))


def test_a_day_that_was_closed_has_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files are named after the session; one that is only paused has none yet."""
    day = small_day(tmp_path / "day")
    tell_end(day)

    assert (day / "record.json").exists()
    assert str(day / "record.html") in capsys.readouterr().out

    paused = small_day(tmp_path / "paused")
    path = paused / SESSION_FILE
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    tell_end(paused)

    assert not (paused / "record.json").exists()


def test_a_page_that_the_disk_does_not_take_leaves_no_older_one(day: Path) -> None:
    """Beside a newer ``record.json`` it would show what was before."""
    assert (day / "record.html").exists()
    with files_end_at(60_000), pytest.raises(HarnessError, match="nothing can be written into"):
        render_record.write(day, lambda _: None)

    assert not (day / "record.html").exists()


def test_a_record_that_cannot_be_written_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, with what tries again."""
    day = small_day(tmp_path / "day")
    with files_end_at(60_000):
        assert not tell_end(day)

    said = capsys.readouterr().err
    assert "error: no record was written: nothing can be written into" in said
    assert f"`lendchaos gameday record {day}` tries again" in said
