"""JSON Schemas made from the types of the documents, with what these types do not say.

The types give the shape, most bounds and units; `known` gives the words, the enumerations that are
plain text in the code, and the bounds of what is checked elsewhere.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from harness.apps.cli.diagnosing import DoctorDocument
from harness.apps.cli.explaining import ExplainDocument
from harness.apps.cli.game_days import GameDayDocument
from harness.apps.cli.gating import GateSelftestDocument
from harness.apps.cli.heal_command import HealDocument
from harness.apps.cli.outcome_text import RunDocument
from harness.apps.cli.stacks import DownDocument, StatusDocument, UpDocument
from harness.apps.cli.stored import ReportDocument
from harness.apps.gameday.day_record import Record
from harness.apps.gameday.session_store import SCHEMA as SESSION_SCHEMA
from harness.apps.gameday.session_store import Event
from harness.apps.gameday.verify import VerificationDocument
from harness.plan.objectives import Objectives
from harness.plan.plan import Plan
from harness.plan.stop_conditions import StopConditions
from harness.report.compare.comparison_text import ComparisonDocument
from harness.run.preview import PreviewDocument
from harness.run.shrink import Shrunk
from harness.verdict.series import Series
from harness.verdict.types import Verdict
from tests.schemas.known import FORMATS, KEYS, MORE, NAMES, TEXTS, plain, text_of
from tests.schemas.words import WORDS

DOCS = Path(__file__).parents[2] / "docs"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A line of ``session.jsonl``: the first one has the schema, each of the others an event."""

    event: Event
    schema: str = SESSION_SCHEMA


PUBLISHED: dict[str, Any] = {
    "verdict": Verdict,
    "plan": Plan,
    "run": RunDocument,
    "series": Series,
    "shrink": Shrunk,
    "preview": PreviewDocument,
    "comparison": ComparisonDocument,
    "gate_selftest": GateSelftestDocument,
    "gameday": GameDayDocument,
    "session": SessionLine,
    "record": Record,
    "verification": VerificationDocument,
    "report": ReportDocument,
    "explain": ExplainDocument,
    "up": UpDocument,
    "down": DownDocument,
    "status": StatusDocument,
    "heal": HealDocument,
    "doctor": DoctorDocument,
}
"""The types of all documents, by the name in their ``schema``."""


def path_of(name: str) -> Path:
    """Where a schema is published; programs point to that of the verdict where it always was."""
    folder = DOCS if name == "verdict" else DOCS / "schemas"
    return folder / f"{name}.schema.json"


def schema_text(name: str) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


class _AsWritten(GenerateJsonSchema):
    """What is written has every field, whatever may be left out where it is read."""

    def field_is_required(self, *_: Any, **__: Any) -> bool:
        return True

    def field_title_should_be_set(self, *_: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> dict[str, Any]:
        made = super().tagged_union_schema(schema)
        made.pop("discriminator", None)  # a word of OpenAPI: strict validators refuse it
        return made


def schema_of(name: str) -> dict[str, Any]:
    """The schema of one document, complete.

    Raises:
        ValueError: a property has no description, or a number no bounds.
    """
    document = PUBLISHED[name]
    types = _types(document)
    version = next(f.default for f in dataclasses.fields(document) if f.name == "schema")
    root = types.pop(document.__name__)
    root["properties"]["schema"]["const"] = version
    for kind in PUBLISHED_VERSIONS.keys() & types.keys():  # documents of their own, too
        types[kind]["properties"]["schema"]["const"] = PUBLISHED_VERSIONS[kind]
    if name == "session":
        root = _lines(root)
        types["Event"]["required"] = ["what", "at_utc"]  # what says nothing is left out there
    if name == "preview":  # only what is set stands there
        for field, kind in (("objectives", Objectives), ("stop", StopConditions)):
            known = _types(kind)[kind.__name__]["properties"]
            said = text_of(document.__name__, field, "", WORDS)
            part = {"description": said, "type": "object", "properties": known}
            root["properties"][field] = part
    if name == "plan":
        root["properties"]["arrivals"] |= {"items": False, "maxItems": 0}
        del types["Arrival"]  # each has a line of its own, in another file
    root.pop("title", None)
    whole = {"$schema": DIALECT, "title": version, **root, "$defs": dict(sorted(types.items()))}
    if wrong := list(_wrong("", whole)):
        raise ValueError("; ".join(wrong))
    return whole


PUBLISHED_VERSIONS = {
    document.__name__: next(f.default for f in dataclasses.fields(document) if f.name == "schema")
    for document in PUBLISHED.values()
}


def _types(document: Any) -> dict[str, Any]:
    """A schema for it and for each type in it, by their names."""
    # Of a list: then its documents take the configuration, which dataclasses have none of.
    adapter = TypeAdapter(list[document], config=ConfigDict(use_attribute_docstrings=True))
    made = adapter.json_schema(mode="serialization", schema_generator=_AsWritten)
    for kind, part in made["$defs"].items():
        if "properties" in part:
            _complete(kind, part)
    return dict(made["$defs"])


def _lines(both: dict[str, Any]) -> dict[str, Any]:
    """One of two kinds of lines."""
    known = both["properties"]
    lines = [
        {"type": "object", "required": [name], "properties": {name: known[name]}}
        for name in ("schema", "event")
    ]
    return {"description": both["description"], "type": "object", "oneOf": lines}


def _complete(kind: str, part: dict[str, Any]) -> None:
    """What the types do not say of the properties of one of them."""
    part.pop("title", None)
    part["description"] = plain(part["description"])
    part["properties"] = {
        name.rstrip("_"): _property(kind, name.rstrip("_"), body)
        for name, body in sorted(part["properties"].items(), key=lambda pair: pair[0] != "schema")
    }
    part["required"] = list(part["properties"])


def _property(kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    place = f"{kind}.{name}"
    if name.endswith(("_utc", "_url")):
        _into(body, "string", FORMATS[name[-4:]])
    _into(body, "string", {"minLength": 1} if name in NAMES else {})
    _into(body, "string", TEXTS.get(place, {}))
    for what in ("integer", "number"):
        _into(body, what, MORE.get(place, {}) if "enum" not in body else {})
    if place in KEYS:
        body["propertyNames"] = {"enum": list(KEYS[place])}
    units = list(dict.fromkeys(_units(body)))
    if not units and name not in _EXIT_CODES and _has_number(body):
        raise ValueError(f"{place} has no unit")
    said = text_of(kind, name, body.pop("description", ""), WORDS)
    said = " ".join([said, *(f"{unit[0].upper()}{unit[1:]}." for unit in units)])
    return {"description": said, **body} if said.strip(". ") else body


_EXIT_CODES = ("exit_code", "said_exit_code", "last_exit")


def _has_number(body: Any) -> bool:
    if isinstance(body, list):
        return any(map(_has_number, body))
    if not isinstance(body, dict):
        return False
    return body.get("type") in ("number", "integer") or any(map(_has_number, body.values()))


def _into(body: Any, kind: str, more: dict[str, Any]) -> None:
    """Add to every part that is of this type."""
    if isinstance(body, dict) and more:
        if body.get("type") == kind and "const" not in body:
            body.update(more)
        for name, inner in body.items():
            if name not in ("propertyNames", "enum"):
                _into(inner, kind, more)
    elif isinstance(body, list):
        for inner in body:
            _into(inner, kind, more)


def _units(body: Any) -> list[str]:
    """Take the units out of it: they go into the description."""
    if isinstance(body, list):
        return [unit for inner in body for unit in _units(inner)]
    if not isinstance(body, dict):
        return []
    own = [body.pop("unit")] if isinstance(body.get("unit"), str) else []
    return own + [unit for inner in body.values() for unit in _units(inner)]


def _wrong(place: str, part: Any) -> list[str]:
    """Properties without a description, and numbers without bounds."""
    found: list[str] = []
    if isinstance(part, list):
        return [text for n, inner in enumerate(part) for text in _wrong(f"{place}[{n}]", inner)]
    if not isinstance(part, dict):
        return found
    if part.get("type") in ("number", "integer") and not {"const", "enum"} & part.keys():
        bounds = {key for key in part if key.lower().endswith("imum")}
        if len(bounds) < 2:  # one for each end
            found.append(f"{place} has no bounds")
    for name, body in part.get("properties", {}).items():
        if "description" not in body:
            found.append(f"{place}.{name} has no description")
    for name, inner in part.items():
        found += _wrong(f"{place}.{name}", inner)
    return found
