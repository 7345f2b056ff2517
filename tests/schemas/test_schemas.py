"""Every published schema is current, takes what the program writes, and refuses the rest."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from harness.verdict.types import to_json as verdict_json
from tests.schemas import gameday_plan
from tests.schemas.documents import documents
from tests.schemas.known import KEYS, MORE, TEXTS
from tests.schemas.make import DOCS, PUBLISHED, path_of, schema_text
from tests.schemas.mutate import held_strictly, mutations, published, strict, validator
from tests.schemas.words import WORDS
from tests.verdicts import stored_of

VERSIONS = {"plan": "lendchaos.plan/2"}
"""Those that are not the first."""
FREE = {"Finding.evidence{}"}
"""Where anything may stand."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Documents of every kind."""
    return documents(tmp_path_factory.mktemp("documents"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_schema_is_current(name: str) -> None:
    """It is what the types say; ``python -m tests.schemas`` writes them all anew."""
    assert path_of(name).read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_schema_is_one(name: str) -> None:
    """By the rules of its dialect; it names its document's version and asks for it."""
    schema = published(name)
    kinds = schema.get("oneOf", [schema])

    jsonschema_rs.meta.validate(schema)
    assert (
        schema["title"]
        == kinds[0]["properties"]["schema"]["const"]
        == VERSIONS.get(name, f"lendchaos.{name}/1")
    )
    assert "schema" in kinds[0]["required"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_schema_has_no_words_of_others(name: str) -> None:
    """What its dialect has no word for, a strict validator (Ajv as it comes) takes for a slip."""
    assert words_of(published(name)) <= {
        *("$schema", "$defs", "$ref", "title", "description", "type", "const", "enum"),
        *("properties", "required", "additionalProperties", "propertyNames"),
        *("items", "prefixItems", "minItems", "maxItems", "anyOf", "oneOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "pattern", "format", "examples"),
    }


def words_of(part: Any) -> set[str]:
    """Keywords of a schema and of all in it; names of properties and types are none."""
    if isinstance(part, list):
        return {word for inner in part for word in words_of(inner)}
    if not isinstance(part, dict):
        return set()
    inside = [
        *(inner for name in ("properties", "$defs") for inner in part.get(name, {}).values()),
        *(inner for name, inner in part.items() if name not in ("properties", "$defs")),
    ]
    return {*part, *words_of(inside)}


def test_nothing_is_said_of_fields_that_are_gone() -> None:
    """Each word, enumeration and bound is of a field that some document has."""
    fields = set()
    for name, document in PUBLISHED.items():
        schema = published(name)
        parts = [(document.__name__, one) for one in schema.get("oneOf", [schema])]
        for kind, part in [*parts, *schema["$defs"].items()]:
            fields |= {f"{kind}.{field}" for field in part.get("properties", ())}
    names = {place.rpartition(".")[2] for place in fields}

    assert {*WORDS, *TEXTS, *MORE, *KEYS} - fields - names == set()


def test_no_other_schema_is_published() -> None:
    """What nothing makes any more is gone."""
    folder = path_of("run").parent

    assert {p.name for p in folder.iterdir()} == {path_of(n).name for n in PUBLISHED} - {
        path_of("verdict").name
    }


def test_the_page_lists_every_schema() -> None:
    """With its link, and no other."""
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    links = {DOCS / found for found in re.findall(r"\]\(([\w/]+\.schema\.json)\)", page)}

    assert links == {
        *(path_of(name) for name in PUBLISHED),
        *(DOCS / "resilience.schema.json", gameday_plan.PATH),
    }


def test_a_verdict_with_the_settings_of_a_history_is_one() -> None:
    """What `compare --save` keeps has a field more, which readers ignore."""
    stored = stored_of(1)
    body = {**json.loads(verdict_json(stored.verdict)), "settings": stored.settings}

    validator(json.dumps(published("verdict"))).validate(body)


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_written_is_valid(name: str, known: dict[str, list[Any]]) -> None:
    """Every document, and no field of it is unknown to its schema."""
    held = held_strictly(name)

    assert known[name]
    for document in known[name]:
        held.validate(document)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_field_more_does_not_make_it_invalid(name: str, known: dict[str, list[Any]]) -> None:
    """A version may gain fields: who validates by the schema of today takes them."""
    held = validator(json.dumps(published(name)))

    assert held.is_valid({**known[name][0], "a_later_field": 1})


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_wrong_is_refused(name: str, known: dict[str, list[Any]]) -> None:
    """One place at a time: left out, of another type, beyond its bounds, no known word."""
    held, seen, passed = held_strictly(name), set(), []
    for document in known[name]:
        for wrong in mutations(published(name), document):
            if (wrong.place, wrong.what) not in seen and wrong.place not in FREE:
                seen.add((wrong.place, wrong.what))
                if held.is_valid(wrong.document):
                    passed.append((wrong.place, wrong.what))

    assert passed == []
    assert len(seen) > 10


def test_a_lax_schema_is_found(known: dict[str, list[Any]]) -> None:
    """Where a bound, a required field or an enumeration is missing, a mutation passes."""
    lax = strict(published("verdict"))
    del lax["$defs"]["SentLoad"]["properties"]["rate_asked"]["maximum"]
    lax["$defs"]["Window"]["required"].remove("failed")
    del lax["$defs"]["Judgement"]["enum"]
    held = validator(json.dumps(lax))
    wrong = mutations(published("verdict"), known["verdict"][0])

    assert {(w.place, w.what) for w in wrong if held.is_valid(w.document)} >= {
        ("SentLoad.rate_asked", "beyond its maximum"),
        ("Window.failed", "left out"),
        ("ObjectiveResult.verdict", "an unknown value"),
    }


def test_every_field_is_mutated(known: dict[str, list[Any]]) -> None:
    """The walk leaves no property of any type out, in the documents of all kinds together."""
    fields, seen = set(), set()
    for name in PUBLISHED:
        schema = published(name)
        parts = [(f"{name}:", part) for part in schema.get("oneOf", [schema])]
        parts += [(kind, part) for kind, part in schema["$defs"].items() if "properties" in part]
        fields |= {f"{kind}.{field}" for kind, part in parts for field in part["properties"]}
        places = {wrong.place for one in known[name] for wrong in mutations(schema, one)}
        seen |= {f"{name}:{place}" if place.startswith(".") else place for place in places}

    assert fields - seen == set()
