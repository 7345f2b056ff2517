"""A record forged with all its hashes put right is found: it is made again and compared."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gameday.day_record import own_version
from harness.apps.gameday.verify import CheckState, verify
from tests.gameday.test_verify import differing, edit_record, silent


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.update(outcome="fail"), "outcome: it is not what"),
        (lambda body: body.update(statement="All is well."), "statement: it is not what"),
        (lambda body: body["notes"].clear(), "notes: it is not what"),
        (lambda body: body["steps"][0].update(observed="nothing"), "steps: it is not what"),
    ],
    ids=["outcome", "statement", "notes", "a step"],
)
def test_a_word_that_was_changed_is_found_though_all_hashes_were_put_right(
    day: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """The record is made again of what is stored, and says otherwise."""
    edit_record(day, change)
    found = verify(day, silent)
    told = [c.text for c in found.checks if c.found is CheckState.DIFFERS]

    assert found.exit_code == 1
    assert told[0].startswith(said)


def test_a_page_that_was_changed_is_found_though_its_hash_was_put_right(day: Path) -> None:
    """It is drawn again of what is stored, and looks otherwise."""
    shown = day / "record.html"
    shown.write_text(shown.read_text().replace("PASS", "BEST", 1))
    edit_record(day, lambda _: None)

    assert differing(verify(day, silent)) == ["record.html"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.update(outcome="fail"), "outcome: it is not what"),
        (lambda body: body.update(closed=False), "closed: it is not what"),
        (lambda body: body["notes"][0].update(text="all fine"), "notes: it is not what"),
        (lambda body: body["steps"][0].update(state="left_out"), "steps: it is not what"),
        (lambda body: body["timeline"].pop(), "timeline: it is not what"),
    ],
    ids=["outcome", "closed", "what somebody wrote", "a step", "an event"],
)
def test_what_is_no_word_of_a_program_is_found_whichever_made_the_record(
    day: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """Another version may say things in other words, and nothing else."""

    def forge(body: dict[str, Any]) -> None:
        change(body)
        body["recorded_with"] = "0.0.9"

    edit_record(day, forge)
    found = verify(day, silent)

    assert found.exit_code == 1
    assert said in [c.text[: len(said)] for c in found.checks if c.found is CheckState.DIFFERS]


def test_each_program_that_says_things_otherwise_is_another(day: Path) -> None:
    """A version alone does not tell which words are its own; the hash of its files does."""
    made_with = json.loads((day / "record.json").read_bytes())["recorded_with"]
    version, _, digest = made_with.partition("+")

    assert version == own_version()
    assert re.fullmatch("[0-9a-f]{12}", digest)
