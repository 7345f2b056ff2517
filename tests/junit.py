"""JUnit XML held against what its readers check: the schema beside this file, and its own sums."""

from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import xmlschema


@cache
def _schema() -> xmlschema.XMLSchema10:
    return xmlschema.XMLSchema10(Path(__file__).with_suffix(".xsd"))


def problems(text: str) -> list[str]:
    """Where a file is not valid, or does not count its own cases rightly."""
    root = ET.fromstring(text)  # noqa: S314  # our own
    found = [f"{error.path}: {error.reason}" for error in _schema().iter_errors(root)]
    for suite in root.iter("testsuite"):
        for tag, name in (("failure", "failures"), ("error", "errors"), (".", "tests")):
            count = sum(case.find(tag) is not None for case in suite.findall("testcase"))
            if suite.get(name) != str(count):
                found.append(f"{name} is not {count}")
    return found


def parsed(path: Path) -> ET.Element:
    """The file as a reader sees it, which is valid."""
    text = path.read_text(encoding="utf-8")
    assert problems(text) == []
    return ET.fromstring(text)  # noqa: S314  # our own
