"""The one table of run options: what it says is complete, and nothing says it a second time."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.plan.fault import LASTS_SECONDS
from harness.plan.plan import Settings
from harness.plan.population import POPULATIONS
from harness.plan.run_options import (
    ALL_OPTIONS,
    GROUPS,
    RATE_DEFAULT,
    RUN_OPTIONS,
    RunOption,
    Use,
    option,
)

HARNESS = Path(__file__).parent.parent / "harness"
WORDS = {word for each in ALL_OPTIONS for word in each.words}
DECLARING = ("add_argument", "addoption", "Option")
OF_OTHER_PROCESSES = ("run/run_request", "faults/heal/guardian")
"""They are started by us alone, and their words are those of a protocol."""


def declared_in(source: str) -> set[str]:
    """Options of a run that a file declares to some parser by their words."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in DECLARING:
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)} & WORDS
    return found


def test_every_option_is_declared_in_the_table_alone() -> None:
    """A change is made in one place."""
    again = {
        path.relative_to(HARNESS).as_posix(): words
        for path in HARNESS.rglob("*.py")
        if not path.relative_to(HARNESS).as_posix().startswith(OF_OTHER_PROCESSES)
        if (words := declared_in(path.read_text(encoding="utf-8")))
    }

    assert again == {}


def test_that_check_can_fail() -> None:
    """A second declaration is seen, by whichever library it is made."""
    assert declared_in('parser.add_argument("--rate", "-u")') == {"--rate", "-u"}
    assert declared_in('group.addoption("--objectives")') == {"--objectives"}
    assert declared_in('typer.Option("--inject", help="")') == {"--inject"}
    assert declared_in('parser.add_argument("--once")\nprint("--rate")') == set()


def test_names_and_words_are_unique_and_groups_known() -> None:
    """No option takes the place of another."""
    words = [word for each in ALL_OPTIONS for word in each.words]

    assert len(words) == len(set(words))
    assert {each.group for each in ALL_OPTIONS} == set(GROUPS)


@pytest.mark.parametrize("each", ALL_OPTIONS, ids=lambda each: each.name)
def test_a_row_can_be_shown_and_read(each: RunOption) -> None:
    """Its default is one that it takes, and its help is what `argparse` can print."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", each.name)
    assert "%" not in each.help
    assert not each.help.endswith(".")
    if each.default is not None and each.type.choices:
        assert each.default in each.type.choices
    if each.default is not None:
        each.read(each.default)


def test_the_settings_of_a_run_have_what_its_options_set() -> None:
    """What runs are compared by is a field of the settings, with the same default."""
    settings = Settings()
    compared = [e for e in RUN_OPTIONS if e.uses & (Use.CONDITION | Use.TESTED)]

    assert settings.rate == RATE_DEFAULT
    assert len(compared) > 10
    assert settings.fault_s == LASTS_SECONDS  # of a scenario without a fault
    for each in compared:
        is_stated = Use.STATED in each.uses
        given = each.default if is_stated else each.parsing.get("default", False)
        if each.name != "fault":
            assert getattr(settings, each.setting) == each.read(given), each.name


def test_words_to_choose_from_are_those_there_are() -> None:
    """A new population would be offered, too."""
    assert set(option("population").type.choices) == set(POPULATIONS)


def test_a_plan_of_a_game_day_sets_an_option_in_one_way() -> None:
    """For any step or for the whole day, and nothing that a session sets itself."""
    for each in ALL_OPTIONS:
        assert not (Use.STEP in each.uses and Use.DAY in each.uses), each.name
    for name in ("state-dir", "runs-dir", "host", "dry-run", "allow-target", "objectives"):
        assert not option(name).uses & (Use.STEP | Use.DAY), name


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("warm-up", "500ms", 0.5),
        ("rate", "7", 7),
        ("rate", 7, 7),
        ("log-in-share", ".5", 0.5),
        ("seed", "-3", -3),
        ("explore", True, True),
        ("stop-failed-surge", "off", False),
        ("stop-failed-budget", "0", 0),
        ("stop-failed-budget", "off", "off"),
    ],
)
def test_a_value_is_read_by_its_type(name: str, given: Any, value: Any) -> None:
    """Text as people write it, or what a parser made of it."""
    assert option(name).read(given) == value


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("warm-up", "soon", "--warm-up soon must be a duration like"),
        ("rate", "1.5", "--rate 1.5 must be a whole number of arrivals a second"),
        ("seed", "x" * 99, f"--seed {'x' * 60}… must be a whole number of at most 18 digits"),
        ("log-in-share", "a", "--log-in-share a must be 0 to 1"),
        ("stop-failed-surge", "yes", "--stop-failed-surge yes must be on or off"),
        ("stop-failed-budget", "-1", "--stop-failed-budget -1 must be a whole number from 0 to"),
        (
            "stop-failed-budget",
            f"{10**8}",
            f"{10**8} must be a whole number from 0 to 10000000, or",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(name: str, given: str, told: str) -> None:
    """It names the option, the value and what would be valid."""
    with pytest.raises(UsageError) as caught:
        option(name).read(given)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
