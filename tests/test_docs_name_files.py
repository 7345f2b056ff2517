"""The files that documentation names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NAMED = re.compile(r"`((?:[\w*]+/)*[\w*]+\.py)`")
OF_USERS = {"x.py", "a/baseline.py", "queue.py", "requests.py", "my_lender.py", "file.py"}
"""What a user calls a file of their own, or had better not."""


def missing(text: str) -> list[str]:
    """The Python files that a text names in code letters and that the repository does not have."""
    names = {*NAMED.findall(text)} - OF_USERS
    folders = ("harness", "target_service", "scenarios", "examples", "benchmarks", "tests")
    return sorted(
        name
        for name in names
        if not list(ROOT.glob(name))
        and not any(list((ROOT / folder).glob(f"**/{name}")) for folder in folders)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """A reader who looks for it finds it."""
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_file_that_is_not_there_is_found() -> None:
    """The check can fail: with a folder, by its name alone, and by a pattern."""
    text = "`run/conductor.py`, `nobody.py`, `verdict/nothing*.py`, `catalogue*.py`"

    assert missing(text) == ["nobody.py", "verdict/nothing*.py"]
