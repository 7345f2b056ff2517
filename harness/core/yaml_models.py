"""YAML as plain data with the line and column of everything in it, checked by pydantic models.

No value is guessed at. Stricter than YAML: every key is a word and stands once, nothing refers to
anything else, and only plain decimal numbers, true, false and nothing are other than text. All
mistakes are reported at once. A message shows what stands there, as far as one line has room for
it, and says what would be valid.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

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
    """Tell everything that is wrong with a file, in its order, as a UsageError."""
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
        """The data of a node; None where it is wrong, and a problem is noted."""
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
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, "a key must be one word")
                continue
            name = str(key.value)
            if name in found:
                first = self._document.keys[(*path, name)][0]
                self._wrong(key, f"{name} stands here again; it is in line {first} already")
                continue
            self._document.keys[(*path, name)] = _place(key)
            found[name] = self.read(value, (*path, name))
        return found

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


# --- models --------------------------------------------------------------------------------------

_LETTERS_MAX = 60
"""Of a value in a message."""


class Section(BaseModel):
    """A mapping in which every key is known."""

    model_config = ConfigDict(extra="forbid")
    HINTS: ClassVar[Mapping[str, str]] = {}
    """By key: what it is, where it is missing or something else stands there."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """All keys, as the file spells them."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def unknown(cls, key: str) -> str:
        """The message for a key that is none of them."""
        return f"{key!r} is not known here{choices(key, cls.known_keys())}"


_Model = TypeVar("_Model", bound=Section)


def checked(model: type[_Model], document: Document) -> _Model | None:
    """The document as its model; None where it cannot be, which its problems tell."""
    if document.data is None and document.problems:  # it is no YAML
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        document.problems += [_problem(detail, model, document) for detail in details]
        return None


def wrong(text: str) -> PydanticCustomError:
    """What a validator raises for a value that cannot be; ``text`` says what would be valid. The
    message begins with the key.
    """
    # Braces in the text itself would be taken for places to fill in.
    return PydanticCustomError("value", "{text}", {"text": text})


def shown(value: Any) -> str:
    """A value as its writer may know it again."""
    if isinstance(value, dict | list):
        return "what stands here"
    words = {True: "true", False: "false", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    if not isinstance(value, str):
        return f"{value}"
    return repr(value if len(value) <= _LETTERS_MAX else value[:_LETTERS_MAX] + "…")


def choices(word: str, known: Iterable[str]) -> str:
    """What may have been meant by a word that is not known, or all there is."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else f"; valid are: {', '.join(words)}"


def one_of(*words: Any) -> Callable[[Any], Any]:
    """A reader that takes these values alone."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or value not in words:
            raise wrong(f"{shown(value)} must be {' or '.join(str(word) for word in words)}")
        return value

    return read


VersionOne = Annotated[Literal[1], BeforeValidator(one_of(1)), WithJsonSchema({"const": 1})]
"""Of a format of which there is no other version yet."""
VERSION_HINT = "begin with `version: 1`"


def _problem(detail: ErrorDetails, model: type[Section], document: Document) -> Problem:
    path, text = detail["loc"], detail["msg"]
    name = next((part for part in reversed(path) if isinstance(part, str)), "the file")
    place = document.place(path)
    match detail["type"]:
        case "extra_forbidden":
            place = document.keys.get(path, place)
            text = _at(model, path[:-1]).unknown(name)
        case "missing":
            text = f"{name} is missing{_hint(model, path)}"
        case "list_type" | "tuple_type":
            text = f"{name} must be a list{_hint(model, path)}"
        case "model_type" | "dict_type":
            text = _no_section(detail, model)
        case _:
            text = f"{name}: {text}"
    return Problem(*place, text)


def _no_section(detail: ErrorDetails, model: type[Section]) -> str:
    path = detail["loc"]
    section = _at(model, path)
    is_model = isinstance(section, type) and issubclass(section, Section)
    known = ", ".join(section.known_keys()) if is_model else _hint(model, path).removeprefix(": ")
    name = str(path[-1]) if path else "the file"
    if path and isinstance(path[-1], int):
        name = f"each of {path[-2]}"
    if detail["input"] is None:
        return f"{name} has nothing in it: leave it out, or give it some of {known}"
    return f"{name} must be a section with keys: {known}"


def _hint(model: type[Section], path: Path) -> str:
    hint = _at(model, path[:-1]).HINTS.get(path[-1])
    return f": {hint}" if hint else ""


def _at(model: Any, path: Path) -> Any:
    """The section at a place, or the type of what stands there instead."""
    for name in path:
        if args := get_args(model):  # of a list or a mapping: what is in it
            model = args[-1]
        else:
            fields = zip(model.known_keys(), model.model_fields.values(), strict=True)
            model = dict(fields)[name].annotation
    return model
