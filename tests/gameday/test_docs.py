"""The page on running a first game day says what is so."""

import re
from pathlib import Path

import pytest

from harness.apps.gameday.attended import KEYS
from harness.apps.gameday.day_plan import PLAN_KEYS, STEP_KEYS, read_plan
from harness.apps.gameday.day_record import PAGE_FILE, RECORD_FILE, SCHEMA

TEXT = (Path(__file__).parents[2] / "docs" / "gamedays.md").read_text(encoding="utf-8")


def test_its_plan_can_be_read(tmp_path: Path) -> None:
    """Word for word, against the scenarios that there are."""
    found = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    path = tmp_path / "plan.yaml"
    path.write_text(found[1], encoding="utf-8")
    plan = read_plan(path)

    assert [step.name for step in plan.steps] == [
        "database out of reach",
        "a plug that Zhao chooses",
    ]
    assert plan.steps[1].manual_fault is not None


@pytest.mark.parametrize("key", [*PLAN_KEYS, *STEP_KEYS])
def test_it_names_every_key_of_a_plan(key: str) -> None:
    """In one of its tables."""
    assert re.search(rf"^\|[^|]*`{key}`", TEXT, re.MULTILINE)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_it_names_every_key_to_press(key: str) -> None:
    """In its table."""
    assert f"`{key}`" in TEXT


@pytest.mark.parametrize("name", [RECORD_FILE, PAGE_FILE, SCHEMA])
def test_it_names_what_a_record_is(name: str) -> None:
    """Files and schema."""
    assert f"`{name}`" in TEXT
