"""How our own modules are started: what lies beside the user's files does not count."""

import sys
from pathlib import Path

import pytest

from harness.own_python import module_command

ROOT = Path(__file__).resolve().parent.parent


def test_the_users_folder_is_not_looked_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A ``queue.py`` there is not the standard library's."""
    monkeypatch.chdir(tmp_path)

    assert module_command("harness.cli") == [sys.executable, "-P", "-m", "harness.cli"]


def test_a_checkout_needs_no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, the current folder is where our code is found."""
    monkeypatch.chdir(ROOT)

    assert module_command("harness.cli") == [sys.executable, "-m", "harness.cli"]
