"""The doors of the house: what enters through one needs no edit elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stack.layouts import LOCAL_PARTS
from harness.stack.state import StackSettings

ROOT = Path(__file__).parent.parent
PARTS = "harness/stack/parts/"
NAMES = {name for part in LOCAL_PARTS for name in (part.group, *part.names(StackSettings()))}
PROTOCOLS = {"postgres"}
"""What is spoken on a link, which a part may be called, too."""
CONSTANTS = {"TOXIPROXY", "BUREAU"}
MATCHES = {"startswith", "endswith", "removeprefix", "removesuffix", "fullmatch", "match"}
SOURCES = sorted(p for p in (ROOT / "harness").rglob("*.py") if PARTS not in p.as_posix())


def names_compared(text: str) -> Iterator[str]:
    """Names of parts that something is compared with, or matched against."""
    for node in ast.walk(ast.parse(text)):
        compared: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            compared = node.args if node.func.attr in MATCHES else []
        for each in compared:
            for one in (each, *getattr(each, "elts", ())):
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    known = NAMES - PROTOCOLS
                    yield from [one.value] * (one.value in known or one.value == "replica-")
                elif isinstance(one, ast.Name | ast.Attribute):
                    name = one.id if isinstance(one, ast.Name) else one.attr
                    yield from [name] * (name in CONSTANTS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_decided_by_the_name_of_a_part(path: Path) -> None:
    """What others have to know of a part is in the layout that it makes."""
    assert list(names_compared(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "planted",
    [
        'if name == "replicas": pass',
        'found = name in ("toxiproxy", "bureau")',
        "if TOXIPROXY != name: pass",
        'name.startswith("replica-")',
        'match name:\n    case "bureau":\n        pass',
    ],
)
def test_a_decision_by_name_would_be_found(planted: str) -> None:
    """Each way to write one."""
    assert list(names_compared(planted))
