"""The schema of a game day's plan is current, and takes and refuses what the reader does."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from harness.apps.gameday.day_plan import OPTIONS, read_plan
from harness.core.errors import UsageError
from tests.gameday.test_format import GOOD, MISTAKES
from tests.schemas.gameday_plan import PATH, schema_text
from tests.schemas.make import DOCS
from tests.schemas.mutate import mutations

SCHEMA: dict[str, Any] = json.loads(PATH.read_bytes())
HELD = jsonschema_rs.validator_for(SCHEMA)
ROOT = DOCS.parent
MORE = """\
host: http://10.0.0.7
allow_targets: [10.0.0.7]
objectives: resilience.yaml
"""
ALL_OPTIONS = """\
options: {rate: 30, warm_up: 500ms, fault: 2, log-in-share: 0.5, population: good, explore: true,
  inject: Refuse("edge"), --run_time: 1m30s, processes: -1, stop_failed_surge: off,
  stop_failed_budget: 7, service: naive, namespaces: true, seed: '7'}
"""
WHOLE = GOOD.replace("options:\n  rate: 30\n  warm_up: 500ms\n", MORE + ALL_OPTIONS)
DATA = GOOD.replace("roles:", MORE + "roles:")
BEYOND_A_SCHEMA = re.compile(
    "is taken by|would begin|no scenario|there are: baseline|must be later|no command|must be more"
    "|given twice"
)


def as_an_editor_reads(text: str) -> Any:
    """By YAML 1.2, in which ``on`` is a word like any other."""
    return YAML(typ="safe", pure=True).load(text)


def is_read(document: Any, folder: Path) -> bool:
    """Whether the program takes it; every JSON document is one of YAML, too."""
    path = folder / "plan.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        read_plan(path, scenarios=False)
    except UsageError:
        return False
    return True


def test_the_published_schema_is_current() -> None:
    """``python -m tests.schemas`` writes it anew."""
    jsonschema_rs.meta.validate(SCHEMA)
    assert PATH.read_text(encoding="utf-8") == schema_text()


def test_the_sample_names_it_and_is_valid_in_an_editor() -> None:
    """In its first line; so is the plan of the page, and everything that may be said."""
    sample = ROOT / "examples" / "gameday.yaml"
    text = sample.read_text(encoding="utf-8")
    begin, _, named = text.partition("\n")[0].partition("$schema=")
    page = re.search(r"```yaml\n(.*?)```", (DOCS / "gamedays.md").read_text("utf-8"), re.DOTALL)

    assert begin == "# yaml-language-server: "
    assert (sample.parent / named).resolve() == PATH
    assert page is not None
    for plan in (text, page[1], GOOD, WHOLE):
        HELD.validate(as_an_editor_reads(plan))


def test_everything_that_may_be_said_is_read(tmp_path: Path) -> None:
    """By the program, too: else the schema would take too much."""
    path = tmp_path / "plan.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    assert "--stop-failed-surge=off" in read_plan(path, scenarios=False).options


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_may_be_written_as_the_program_takes_it(name: str) -> None:
    """With dashes or underscores, and dashes before it; no other word."""
    plan = as_an_editor_reads(GOOD)
    for odd in ([], {"a": 1}, None):
        for spelt in {name, name.replace("-", "_"), f"--{name}"}:
            assert not HELD.is_valid({**plan, "options": {spelt: odd}}), spelt
    assert HELD.is_valid({**plan, "options": [f"--{name}=x"]})
    assert not HELD.is_valid({**plan, "options": [f"--{name}x=x"]})
    assert not HELD.is_valid({**plan, "options": {f"{name}x": 1}})


def test_what_is_wrong_is_refused_by_schema_and_program(tmp_path: Path) -> None:
    """One place at a time: left out, of another type, beyond its bounds, no known word."""
    schema, seen = {**SCHEMA, "$defs": {}}, set()
    for text in (DATA, WHOLE):
        document = as_an_editor_reads(text)
        HELD.validate(document)
        for wrong in mutations(schema, document):
            seen.add((wrong.place, wrong.what))
            assert not HELD.is_valid(wrong.document), wrong
            # Values of options are judged by the run, when it tells what it would do.
            if ".options." not in wrong.place and text == DATA:
                assert not is_read(wrong.document, tmp_path), wrong

    assert len(seen) > 100


@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old, new, said in MISTAKES if not BEYOND_A_SCHEMA.search(said)]
)
def test_what_the_program_refuses_is_refused(old: str, new: str) -> None:
    """All that a schema can tell; not whether a scenario is there, or when a step ends."""
    assert not HELD.is_valid(as_an_editor_reads(GOOD.replace(old, new)))


@pytest.mark.parametrize("word", ["halt", "Stopp", "HALT", "停下", "héla", "रुको", "หยุด"])
def test_an_abort_word_of_any_language_is_taken(word: str, tmp_path: Path) -> None:
    """By both, and no word that means something else, in whatever case."""
    plan = as_an_editor_reads(GOOD)

    for abort in (word, "No", "pause", "x", "a b", "a1", "a-b", "x" * 21):
        document = {**plan, "abort_word": abort}
        assert HELD.is_valid(document) == is_read(document, tmp_path) == (abort == word), abort
