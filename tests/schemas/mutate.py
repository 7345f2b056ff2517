"""Documents made wrong, one place at a time, by a walk over the schema and the document together.

Each mutation is wrong by the words of the schema at its place; whether the schema as a whole then
refuses the document is what the tests ask.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jsonschema_rs

from tests.schemas.make import path_of

Put = Callable[[Any], Any]
"""Gives the whole document with another value at one place."""
_VALUES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 7.5,
    "string": "text",
    "array": [[]],
    "object": {"a": {}},
}
"""One of each type."""
_GONE = object()


@dataclass(frozen=True, slots=True)
class Mutation:
    """A wrong document; ``place`` is where in the schema, ``what`` is wrong with it there."""

    place: str
    what: str
    document: Any


@dataclass(frozen=True, slots=True)
class _Here:
    """A place in the schema, and how to put another value there."""

    place: str
    put: Put

    def wrong(self, what: str, value: Any) -> Mutation:
        return Mutation(self.place, what, self.put(value))

    def inside(self, name: str | int, container: Any) -> "_Here":
        """The same one step further in."""

        def put(value: Any) -> Any:
            copy = container.copy()
            if value is _GONE:
                del copy[name]
            else:
                copy[name] = value
            return self.put(copy)

        return replace(self, place=f"{self.place}.{name}", put=put)


@cache
def validator(text: str) -> Any:
    """Of a schema as text, with formats."""
    return jsonschema_rs.Draft202012Validator(json.loads(text), validate_formats=True)


def strict(schema: Any) -> Any:
    """The same schema, but for fields that it does not name: our tests take none."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(part) for name, part in schema.items()}
    if "properties" in closed and closed.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def published(name: str) -> dict[str, Any]:
    """A schema as its file has it."""
    return dict(json.loads(path_of(name).read_text(encoding="utf-8")))


def held_strictly(name: str) -> Any:
    """A validator by a published schema that also refuses fields that it does not name."""
    return validator(json.dumps(strict(published(name))))


def mutations(schema: dict[str, Any], document: Any) -> Iterator[Mutation]:
    """Every wrong document that differs from a right one in one place."""
    yield from _Walk(schema).at(schema, document, _Here("", lambda value: value))


@dataclass(frozen=True, slots=True)
class _Walk:
    schema: dict[str, Any]

    def at(self, part: dict[str, Any], value: Any, here: _Here) -> Iterator[Mutation]:
        part = self._resolved(part)
        choices = part.get("anyOf", part.get("oneOf"))
        known = [self._resolved(one) for one in choices] if choices else [part]
        yield from _wrong_types(known, here)
        part = next(one for one in known if len(known) == 1 or self._fits(one, value))
        if "enum" in part or "const" in part:
            yield from _other_word(part, here)
        elif isinstance(value, bool) or value is None:
            return
        elif isinstance(value, int | float):
            yield from _out_of_bounds(part, here)
        elif isinstance(value, str):
            yield from _misspelt(part, here)
        elif isinstance(value, list):
            yield from self._list(part, value, here)
        elif isinstance(value, dict):
            yield from self._object(part, value, here)

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            part = {"of": name, **self.schema["$defs"][name]}
        return part

    def _fits(self, part: dict[str, Any], value: Any) -> bool:
        whole = {**part, "$defs": self.schema["$defs"]}
        return bool(validator(json.dumps(whole)).is_valid(value))

    def _list(self, part: dict[str, Any], value: list[Any], here: _Here) -> Iterator[Mutation]:
        for number, inner in enumerate(part.get("prefixItems", ())):
            yield from self.at(inner, value[number], here.inside(number, value))
        if "minItems" in part:
            yield here.wrong("an entry less", value[: part["minItems"] - 1])
        if "maxItems" in part:
            yield here.wrong("an entry more", [*value, *value[-1:], 0])
        for number, one in enumerate(value if "items" in part else ()):
            inside = replace(here.inside(number, value), place=f"{here.place}[]")
            yield from self.at(part["items"], one, inside)

    def _object(
        self, part: dict[str, Any], value: dict[str, Any], here: _Here
    ) -> Iterator[Mutation]:
        known, kind = part.get("properties", {}), part.get("of", here.place)
        for name in part.get("required", ()):
            gone = replace(here.inside(name, value), place=f"{kind}.{name}")
            yield gone.wrong("left out", _GONE)
        if known:
            yield here.wrong("a field more", {**value, "no_such_field": 1})
        if "propertyNames" in part:
            some = next(iter(value.values()), None)
            yield here.wrong("another key", {**value, "no such key": some})
        for name, one in value.items():
            inside = here.inside(name, value)
            if name in known:
                inside = replace(inside, place=f"{kind}.{name}")
                yield from self.at(known[name], one, inside)
            elif isinstance(part.get("additionalProperties"), dict):
                inside = replace(inside, place=f"{here.place}{{}}")
                yield from self.at(part["additionalProperties"], one, inside)


def _wrong_types(known: list[dict[str, Any]], here: _Here) -> Iterator[Mutation]:
    """A value of each type that is none of those allowed; of a place without any, nothing."""
    allowed = {one.get("type") for one in known}
    if None in allowed:
        return
    if "number" in allowed:
        allowed.add("integer")
    for kind, value in _VALUES.items():
        if kind not in allowed:
            yield here.wrong(f"a value of type {kind}", value)


def _other_word(part: dict[str, Any], here: _Here) -> Iterator[Mutation]:
    number = part.get("type") == "integer"
    yield here.wrong("an unknown value", 99 if number else "no_such_word")
    if "const" in part and not number:
        yield here.wrong("another version", f"{part['const']}0")


def _out_of_bounds(part: dict[str, Any], here: _Here) -> Iterator[Mutation]:
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in part:
            beyond = part[bound] + step * max(1, abs(part[bound]))
            yield here.wrong(f"beyond its {bound}", beyond)
        excluded = f"exclusive{bound.capitalize()}"
        if excluded in part:
            yield here.wrong(f"at its {excluded}", part[excluded])


def _misspelt(part: dict[str, Any], here: _Here) -> Iterator[Mutation]:
    if "minLength" in part:
        yield here.wrong("empty", "")
    if "format" in part or "pattern" in part:
        is_text = re.search(part.get("pattern", "^$"), "no such form")  # then of any words
        yield here.wrong("of no such form", "\n" if is_text else "no such form")
    if part.get("format") == "date-time":
        yield here.wrong("no date", "2026-13-45T08:00:00.000Z")
        yield here.wrong("of no time zone", "2026-12-24T08:00:00.000")
    if part.get("format") == "uri":
        yield here.wrong("no address", "http://")
