"""The command line, and a small game day with its record."""

import shutil
from pathlib import Path

import pytest

from harness.apps.gameday import render_record
from tests.cli.conftest import lendchaos
from tests.gameday.stored_days import small_day

__all__ = ["lendchaos"]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small day with its record; not to be changed."""
    folder = small_day(tmp_path_factory.mktemp("recorded") / "day")
    (folder / "logs").mkdir()
    (folder / "logs" / "cut-1.log").write_text("locust says nothing\n")
    render_record.write(folder, lambda _: None)
    return folder


@pytest.fixture
def day(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    copy = tmp_path / "day"
    shutil.copytree(recorded, copy, symlinks=True)
    return copy
