"""Items that are chosen, skipped or marked: no run that did not pass ends with exit code 0."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.pytest_plugin.stand_in import (
    CONFTEST,
    NAMES,
    PLUGIN,
    Gate,
    Stored,
    runs_of,
    write_script,
)

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent


def test_the_last_failures_are_run_again(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """With --lf: a new run, which passes only if all of it passes."""
    gate(cut=[stored["late"], stored["passed"]]).assert_outcomes(failed=1, passed=len(NAMES) - 1)
    again = gate("--lf")

    again.assert_outcomes(passed=1, deselected=len(NAMES) - 1)
    assert again.ret == 0
    assert runs_of(pytester) == 2


def test_each_scenario_of_a_file_has_a_run_and_items_of_its_own(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Named by its class; a figure in the JUnit file, too."""
    named = [f"--scenario=scenarios/cut.py::{name}" for name in ("A", "B")]
    done = gate(
        *(*named, "--junitxml=junit.xml"), scenarios=(), cut=[stored["passed"], stored["late"]]
    )

    done.assert_outcomes(failed=1, passed=2 * len(NAMES) - 1)
    done.stdout.fnmatch_lines(["FAILED scenarios/cut.py::B::recovery_seconds_max - *"])
    assert runs_of(pytester) == 2
    properties = {
        p.get("name")
        for p in ET.parse(pytester.path / "junit.xml").getroot().iter("property")  # noqa: S314  # our own file
    }
    assert "scenarios.cut.A.recovery_seconds_max.observed" in properties
    assert "scenarios.cut.B.recovery_seconds_max.observed" in properties


def test_one_item_of_one_scenario_of_a_file_can_be_chosen(gate: Gate, stored: Stored) -> None:
    """By its id, as everywhere in pytest."""
    done = gate(
        *("--scenario=scenarios/cut.py::A", "scenarios/cut.py::A::lost"),
        scenarios=(),
        cut=[stored["passed"]],
    )

    done.assert_outcomes(passed=1)


def test_an_item_that_is_run_again_has_its_figures_once(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """As pytest-rerunfailures runs one."""
    pytester.makeconftest(
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    runtestprotocol(item, nextitem=nextitem)\n"
    )
    gate("--junitxml=junit.xml", cut=[stored["late"]])
    root = ET.parse(pytester.path / "junit.xml").getroot()  # noqa: S314  # our own file
    names = [p.get("name") for p in root.iter("property")]

    assert len(root.findall(".//failure")) == 2  # it was
    assert sorted(names) == sorted(set(names))


def test_a_new_run_that_fails_elsewhere_is_no_pass(gate: Gate, stored: Stored) -> None:
    """With --lf, after another item had failed; then once more, until a whole run passes."""
    gate(cut=[stored["late"], stored["lost"], stored["open"], stored["passed"]])
    again = gate("--lf")

    assert again.ret == 1
    again.assert_outcomes(errors=1, deselected=len(NAMES) - 1)
    again.stdout.fnmatch_lines(
        ["ERROR scenarios/cut.py::recovery_seconds_max - NotSelected: lost failed: 10 *"]
    )
    third = gate("--lf")
    assert third.ret == 1
    third.stdout.fnmatch_lines(["ERROR *recovery_seconds_max - NotSelected: evidence not decided*"])
    assert gate("--lf").ret == 0


@pytest.mark.parametrize(
    "words",
    [
        ("-k", "orphan or phantom"),
        ("scenarios/cut.py::orphan", "scenarios/cut.py::phantom"),
        *[(f"--deselect=scenarios/cut.py::{n}",) for n in ("lost", "orphan")],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("run", ["lost", "open"])
def test_what_was_not_selected_counts(
    words: tuple[str, ...], run: str, gate: Gate, stored: Stored
) -> None:
    """One of the selected items tells it; those that held stay green."""
    done = gate(*words, cut=[stored[run]])

    assert done.ret == 1
    told = {"lost": "lost failed: 10 *", "open": "evidence not decided: *went missing*"}[run]
    hidden = "deselect" not in words[0] or ("lost" in words[0] and run == "lost")
    if hidden:
        done.stdout.fnmatch_lines([f"ERROR scenarios/cut.py::* - NotSelected: {told}"])
    assert done.parseoutcomes().get("errors", 0) == int(hidden or run == "open")


def test_a_run_of_a_series_without_a_verdict_leaves_the_evidence_open(
    gate: Gate, stored: Stored
) -> None:
    """Although the others passed; no item is chosen without it."""
    ends = [stored["passed"], (None, 70), stored["passed"]]
    gate("--runs=3", cut=ends * 2).assert_outcomes(errors=1, passed=len(NAMES) - 1)
    done = gate("--runs=3", "-k", "lost")

    done.assert_outcomes(errors=1, deselected=len(NAMES) - 1)
    done.stdout.fnmatch_lines(
        ["ERROR *::lost - NotSelected: evidence not decided: run 2 of 3 ended without a verdict*"]
    )


def test_a_red_item_tells_what_else_went_wrong(gate: Gate) -> None:
    """Once, even where nothing came of the whole run."""
    done = gate("-k", "lost", cut=[(None, 70)])

    done.assert_outcomes(errors=1, deselected=len(NAMES) - 1)
    line = next(line for line in done.outlines if line.startswith("ERROR scenarios"))
    assert line.count("without a verdict") == 1


MARKS = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        assert item.fixturenames == [] and item.funcargs == {} and item.obj is None
        if item.name == "lost":
            item.add_marker(pytest.mark.%s(reason="known"))
"""


@pytest.mark.parametrize(("mark", "outcome"), [("skip", "skipped"), ("xfail", "xfailed")])
def test_a_mark_makes_no_pass_of_a_run(
    mark: str, outcome: str, gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """An item that fails is skipped, or expected to fail: pytest is content, the gate is not."""
    pytester.makeconftest(MARKS % mark)
    done = gate(cut=[stored["lost"]])

    counts: dict[str, Any] = {outcome: 1}
    done.assert_outcomes(passed=len(NAMES) - 1, **counts)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["lendchaos: exit code 1: cut did not pass: lost failed: 10 *"])


def test_a_mark_does_no_harm_to_a_run_that_passes(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Its item is skipped, and that is all."""
    pytester.makeconftest(MARKS % "skip")
    done = gate(cut=[stored["passed"]])

    done.assert_outcomes(passed=len(NAMES) - 1, skipped=1)
    assert done.ret == 0


@pytest.mark.parametrize("words", [("--dist=load",), ("--dist=loadfile",)], ids=" ".join)
@pytest.mark.usefixtures("_starts_workers")
def test_workers_tell_what_did_not_pass(
    words: tuple[str, ...],
    stored: Stored,
    pytester: pytest.Pytester,
) -> None:
    """The exit code is that of the process which started them."""
    pytester.makeconftest(CONFTEST + MARKS % "skip")
    write_script(pytester.path, cut=[stored["lost"]])
    named = ("--scenario=scenarios/cut.py", "-n1", *words)
    done = pytester.runpytest_subprocess(*PLUGIN, *named)

    done.assert_outcomes(passed=len(NAMES) - 1, skipped=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["lendchaos: exit code 1: cut did not pass: lost failed: *"])


def test_a_run_that_is_only_set_up_is_no_pass(gate: Gate, stored: Stored) -> None:
    """With --setup-only pytest asks no item whether it held."""
    assert gate("--setup-only", cut=[stored["lost"]]).ret == 1


OWN = "def test_unit(): pass"
FILTER = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name == "test_unit"]
"""
SKIP_ALL = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name != "test_unit":
            item.add_marker(pytest.mark.skip(reason="known"))
"""


@pytest.mark.parametrize(
    ("words", "conftest"),
    [
        (("-k", "unit"), ""),
        (("--deselect=scenarios/cut.py",), ""),
        ((), FILTER),
        ((), SKIP_ALL),
    ],
    ids=["by name", "deselected", "filtered", "skipped"],
)
def test_a_scenario_of_which_nothing_is_chosen_is_no_pass(
    words: tuple[str, ...], conftest: str, gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """It was to be judged, and was not run; the other tests are green."""
    pytester.makepyfile(test_own=OWN)
    pytester.makeconftest(conftest)
    done = gate("test_own.py", *words, cut=[stored["passed"]])

    assert done.parseoutcomes()["passed"] == 1
    assert (done.ret, runs_of(pytester)) == (1, 0)
    done.stdout.fnmatch_lines(["lendchaos: exit code 1: scenarios/cut.py was not run: none of *"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--collect-only",), 0),
        (("--fixtures",), 0),
        (("--collect-only", "-k", "unit"), 0),
        (("--runs=0",), pytest.ExitCode.USAGE_ERROR),
        (("-k", "nothing_of_that_name"), pytest.ExitCode.NO_TESTS_COLLECTED),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_where_nothing_is_run_pytest_ends_as_ever(
    words: tuple[str, ...], code: int, gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """What only lists items misses no run."""
    pytester.makepyfile(test_own=OWN)
    done = gate("test_own.py", *words, cut=[stored["passed"]])

    assert (done.ret, runs_of(pytester)) == (code, 0)
    assert "was not run" not in done.stdout.str()


def test_of_several_scenarios_each_is_to_be_run(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Also with --lf: what passed earlier is not judged by this session."""
    both = {"cut": [stored["late"], stored["passed"]], "slow": [stored["passed"]]}
    assert gate(scenarios=("cut", "slow"), **both).ret == 1
    again = gate("--lf", scenarios=("cut", "slow"))

    assert (again.ret, runs_of(pytester)) == (1, 3)
    again.stdout.fnmatch_lines(["lendchaos: exit code 1: scenarios/slow.py was not run: *"])


@pytest.mark.parametrize(("words", "code"), [((), 0), (("-k", "unit or slow"), 1)], ids=str)
@pytest.mark.usefixtures("_starts_workers")
def test_workers_tell_what_they_ran(
    words: tuple[str, ...],
    code: int,
    stored: Stored,
    pytester: pytest.Pytester,
) -> None:
    """The process that started them ran nothing itself."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_own=OWN)
    write_script(pytester.path, cut=[stored["passed"]], slow=[stored["passed"]])
    named = ("test_own.py", "--scenario=scenarios/cut.py", "--scenario=scenarios/slow.py", "-n2")
    done = pytester.runpytest_subprocess(*PLUGIN, *named, *words)

    assert done.ret == code
    told = [line for line in done.outlines if "was not run" in line]
    assert [line.split()[4] for line in told] == ["scenarios/cut.py"] * code
