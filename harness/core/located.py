"""YAML as plain data, with the line and column of everything in it. No value is guessed at.

Stricter than YAML: every key is a word and stands once, nothing refers to anything else, and only
plain decimal numbers, true, false and nothing are other than text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NoReturn

import yaml

from harness.core.errors import UsageError

Path = tuple[str | int, ...]
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_YAML = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong at a line and column, both counted from 1."""

    line: int
    column: int
    text: str


def refuse(file: PurePath, problems: Iterable[Problem]) -> NoReturn:
    """Tell everything that is wrong with a file, in its order.

    Raises:
        UsageError: always.
    """
    lines = [f"line {p.line}, column {p.column}: {p.text}" for p in sorted(set(problems))]
    many = f"{len(lines)} mistakes" if len(lines) > 1 else "a mistake"
    raise UsageError("\n  ".join([f"{file} has {many}:", *lines]))


@dataclass(slots=True)
class Document:
    """One YAML document. ``keys`` holds where each key stands, ``values`` where each value."""

    data: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Where a value stands, or the nearest thing around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (1, 1))


def parse(text: str) -> Document:
    """Read one document; what is wrong with it as YAML is in its problems."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.problems.append(Problem(line, column, f"this is no YAML: {said}"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        said = f"character {error.character!r} is not allowed in YAML"
        document.problems.append(Problem(line, column, said))
    except RecursionError:
        document.problems.append(Problem(1, 1, "it is nested too deeply"))
    else:
        if node is None:
            document.problems.append(Problem(1, 1, "it is empty: begin with `version: 1`"))
        else:
            document.data = _Reader(document).read(node, ())
    return document


class _Reader:
    """Turns the nodes of one document into data."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        """The data of a node; None where it is wrong, and a problem is told."""
        self._document.values[path] = _place(node)
        if id(node) in self._seen:
            return self._wrong(node, "references (`*name`) are not read: write it out")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, n)) for n, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, key, value in self._pairs(node):
            place = _place(key)
            if name in found:
                first = self._document.keys[(*path, name)][0]
                self._wrong(key, f"{name} stands here again; it is in line {first} already")
                continue
            self._document.keys[(*path, name)] = place
            found[name] = self.read(value, (*path, name))
        return found

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield str(key.value), key, value
            else:
                self._wrong(key, "a key must be one word")

    def _scalar(self, node: yaml.Node) -> Any:
        text, tag = str(node.value), str(node.tag)
        if tag == f"{_YAML}null":
            return None
        if tag == f"{_YAML}bool":
            return text.lower() in ("true", "yes", "on")
        if tag == f"{_YAML}int" and _INT.fullmatch(text):
            return int(text)
        if tag == f"{_YAML}float" and _FLOAT.fullmatch(text):
            return float(text)
        if not tag.startswith(_YAML):
            return self._wrong(node, f"the tag {tag} is not read: leave it out")
        return text

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self._document.problems.append(Problem(*_place(node), text))


def _place(node: yaml.Node) -> tuple[int, int]:
    mark = node.start_mark
    return mark.line + 1, mark.column + 1
