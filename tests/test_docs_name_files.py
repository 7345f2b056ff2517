"""The files that documentation names are there, and so is all that it links to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMED = re.compile(r"`((?:[\w*]+/)*[\w*]+\.py)`")
LINK = re.compile(r"\]\(([^)\s#:]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
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


def anchors(text: str) -> set[str]:
    """What a link to a heading of a page ends in."""
    letters = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in letters}


def broken(page: Path, text: str) -> list[str]:
    """Links of a page to files that are not there, or to headings that they do not have."""
    found = []
    for name, anchor in LINK.findall(text):
        target = page.parent / name if name else page
        if not target.exists():
            found.append(name)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            found.append(f"{name}#{anchor}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """A reader who looks for it finds it."""
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_file_that_is_not_there_is_found() -> None:
    """The check can fail: with a folder, by its name alone, and by a pattern."""
    text = "`run/conductor.py`, `nobody.py`, `verdict/nothing*.py`, `catalogue*.py`"

    assert missing(text) == ["nobody.py", "verdict/nothing*.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where it names one."""
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found() -> None:
    """A file and a heading that are not there; links to other sites are not followed."""
    text = "[a](docs/faults.md#proof) [b](docs/none.md) [c](docs/faults.md#none) [d](http://x/y)"

    assert broken(ROOT / "README.md", text) == ["docs/none.md", "docs/faults.md#none"]


def test_the_index_has_every_page() -> None:
    """Each page of the documentation is linked from docs/README.md."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {name for name, _ in LINK.findall(index)}

    assert sorted({p.name for p in (ROOT / "docs").glob("*.md")} - {"README.md"} - linked) == []
