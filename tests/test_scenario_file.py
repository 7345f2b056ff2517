"""A `Scenario` that a test made, written as a file that says the same."""

import importlib
import re
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness import Load, Objectives, Scenario, StopConditions
from harness.core.errors import UsageError
from harness.core.user_module import reference_of
from harness.faults import Latency, Partition
from harness.run import scenario_file
from harness.run.scenario_file import source_of, write_scenario

FULL = Scenario(
    faults=[Partition("database"), Latency("edge", milliseconds=200, expects_impact=False)],
    objectives=Objectives(recovery_seconds_max=5, failed_share_max=0.01),
    stop=StopConditions(failed_budget=50),
    load=Load(near_limit_share=0.0),
)


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """What the file says, without Locust."""
    stand_in = ModuleType("harness")
    stand_in.__dict__.update(
        Borrower=object,
        Load=Load,
        Scenario=Scenario,
        Objectives=Objectives,
        StopConditions=StopConditions,
    )
    stand_in.__path__ = sys.modules["harness"].__path__
    found: dict[str, Any] = {}
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "harness", stand_in)
        exec(compile(path.read_text(), str(path), "exec"), found)  # noqa: S102  # our own
    scenario: Scenario = found["GivenScenario"].scenario
    return scenario


@pytest.mark.parametrize("scenario", [Scenario(), FULL], ids=["empty", "full"])
def test_the_file_says_what_the_object_says(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it lies beside the runs, under the name that they will have."""
    path = write_scenario(
        scenario, tmp_path / "runs", "test_recovers[5s]", "tests/test_a.py::x", tmp_path
    )

    assert path.name == "test_recovers_5s.py"
    assert path.parent.name.startswith("scenario-test_recovers_5s-")
    assert path.parent.parent == tmp_path / "runs"
    assert path.read_text().startswith(
        "# The scenario that chaos_run was given by tests/test_a.py::x.\n"
    )
    assert loaded(path, monkeypatch) == scenario


def test_the_same_object_gives_the_same_file(tmp_path: Path) -> None:
    """So that a hundred runs leave one; another object gives another."""
    same = {write_scenario(FULL, tmp_path, "a", "x", tmp_path) for _ in range(2)}
    other = write_scenario(
        replace(FULL, load=Load(near_limit_share=0.1)), tmp_path, "a", "x", tmp_path
    )

    assert len(same) == 1
    assert other not in same


def test_only_what_is_said_is_written() -> None:
    """Defaults are left out, and names are those that a user imports."""
    text = source_of(Scenario(faults=[Partition("database")]), "x")

    assert "from harness import Borrower, Scenario\n" in text
    assert "from harness.faults import Partition\n" in text
    assert re.search(r"scenario = Scenario\(faults=\(Partition\([^()]*'database'\),\)\)\n", text)


class Colour(StrEnum):
    """A word of an enumeration."""

    RED = "red"


@dataclass(frozen=True)
class Own:
    """A specification of the user's own."""

    length: timedelta
    colour: Colour
    kind: type = Colour
    limits: Any = None


def test_values_of_other_kinds_are_written_too() -> None:
    """Durations, words of an enumeration, classes, and what holds several of them."""
    several = {"a": [1, 2.5], "b": (None,), "c": frozenset({"x"}), "d": (), "e": {"y"}}
    text = source_of(Own(timedelta(milliseconds=1500), Colour.RED, Own, several), "x")
    alias = __name__.replace(".", "_")

    assert f"import {__name__} as {alias}\n" in text
    assert "import datetime\n" in text
    assert f"{alias}.Own(length=datetime.timedelta(microseconds=1500000)" in text
    assert f"colour={alias}.Colour.RED" in text
    assert "'b': (None,), 'c': frozenset(['x']), 'd': (), 'e': set(['y'])" in text


@dataclass(frozen=True)
class Forgetful:
    """What it is given is not what it says."""

    name: str = ""

    def __post_init__(self) -> None:
        """It adds to its name, each time that it is made."""
        object.__setattr__(self, "name", f"{self.name}!")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "is no plain value"),
        (float("nan"), "NameError"),
        (float("inf"), "NameError"),
        (Forgetful(), "what would be written differs from it"),
        ([Forgetful()], "what would be written differs from it"),
    ],
    ids=["object", "nan", "inf", "forgetful", "in a list"],
)
def test_what_cannot_be_written_is_refused(value: Any, said: str) -> None:
    """Nothing is run that is not what was given; the message says what to do instead."""
    with pytest.raises(UsageError, match=f"cannot be written .*{said}.*write the file yourself"):
        source_of(value, "x")


def test_a_class_of_a_function_is_refused() -> None:
    """No other process could find it."""

    @dataclass(frozen=True)
    class Local:
        """Made in a test."""

    with pytest.raises(UsageError, match=r"no module has .*Local under that name"):
        source_of(Local(), "x")


def test_a_name_that_says_nothing_is_no_name(tmp_path: Path) -> None:
    """And one without end is cut."""
    assert write_scenario(FULL, tmp_path, "…", "x", tmp_path).stem == "scenario"
    longest = write_scenario(FULL, tmp_path, "a" * 500, "x", tmp_path).stem
    assert len(longest) == scenario_file.NAME_LETTERS_MAX


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "runs").write_text("a file")

    with pytest.raises(UsageError, match=r"cannot be written: (Not a directory|File exists)"):
        write_scenario(FULL, tmp_path / "runs", "a", "x", tmp_path)


def test_what_lies_beside_a_test_is_found_by_the_process_of_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file lies elsewhere: it has the path of the target's file, and the way to the modules."""
    beside = tmp_path / "it's tests"
    (beside / "pkg").mkdir(parents=True)
    for file in ("lender_of_test.py", "pkg/deep_lender.py"):
        (beside / file).write_text("")
    (beside / "faults_of_test.py").write_text("class Own:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(beside)

    def target(named: str) -> str:
        path = write_scenario(Scenario(target=named), tmp_path / "runs", "a", "x", beside)
        return loaded(path, monkeypatch).target

    whole = f"{beside}/lender_of_test.py"
    assert (
        target("lender_of_test:Lender") == target("lender_of_test.py:Lender") == f"{whole}:Lender"
    )
    assert target("lender_of_test") == target(f"{whole}") == whole
    assert target("pkg.deep_lender:Lender") == "pkg.deep_lender:Lender"
    assert reference_of("pkg.deep_lender", "target", [tmp_path]).folder == str(beside)
    with pytest.raises(UsageError, match=r"there is no nowhere\.py in"):
        target("nowhere.py")

    kind = importlib.import_module("faults_of_test").Own
    assert f"import sys\n\nsys.path += {[str(beside)]!r}\n\nimport faults_of_test\n" in source_of(
        kind, "x"
    )
