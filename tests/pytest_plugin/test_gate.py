"""Scenarios as items of pytest, with stored runs in place of real ones."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.apps.gate.gate_runs import GateOrder, ask
from harness.apps.pytest.pytest_workers import ScenarioScheduling
from harness.report.suite import MESSAGE_MAX, case_of
from harness.stack.run_lock import held_alone
from tests.junit import parsed
from tests.pytest_plugin.stand_in import (
    CONFTEST,
    NAMES,
    PLUGIN,
    Gate,
    Stored,
    acts,
    runs_of,
    write_script,
)

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent


def test_items_are_known_before_anything_runs(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """One for each objective and invariant, in the order of the report."""
    done = gate("--collect-only", "-q", cut=[stored["passed"]])

    assert [line for line in done.outlines if "::" in line] == [
        f"scenarios/cut.py::{name}" for name in NAMES
    ]
    assert acts(pytester.path) == ["ask cut"]


def test_items_are_known_while_another_run_uses_the_stack(tmp_path: Path) -> None:
    """An editor that asks pytest for its tests must not be refused because they are running."""
    with held_alone(tmp_path, "abc", "baseline"):
        asked = ask(ROOT / "scenarios" / "baseline.py", ["--state-dir", str(tmp_path)], 1)

    assert "failed_share_max" in asked.objectives


def test_all_items_share_one_run(gate: Gate, stored: Stored, pytester: pytest.Pytester) -> None:
    """On one stack, which is down afterwards."""
    done = gate(cut=[stored["passed"]])

    done.assert_outcomes(passed=len(NAMES))
    assert done.ret == 0
    assert acts(pytester.path) == [
        "ask cut",
        "up .lendchaos",
        "run cut .lendchaos",
        "down .lendchaos",
    ]


def test_a_red_line_says_what_broke(gate: Gate, stored: Stored) -> None:
    """Observed value, interval and limit, and where to read on; the other items pass."""
    done = gate(cut=[stored["late"]])

    done.assert_outcomes(failed=1, passed=len(NAMES) - 1)
    done.stdout.fnmatch_lines(
        [
            "*_ cut: recovery_seconds_max _*",
            "borrowing took 2.5 s to recover; the limit is 2 s (95 % interval 2.5 s to 4.0 s)*",
            "required: Recovery time after the fault*",
            "report: *test-*report.html",
            "FAILED scenarios/cut.py::recovery_seconds_max - Missed: borrowing took 2.5 s*",
        ]
    )
    assert "pytest_items.py" not in done.stdout.str()


def test_a_broken_invariant_has_its_own_red_line(gate: Gate, stored: Stored) -> None:
    """And no other item fails for it."""
    done = gate(cut=[stored["lost"]])

    done.assert_outcomes(failed=1, passed=len(NAMES) - 1)
    done.stdout.fnmatch_lines(["FAILED scenarios/cut.py::lost - Missed: 10 *"])


def test_what_decides_nothing_is_an_error(gate: Gate, stored: Stored) -> None:
    """Neither passed nor failed."""
    done = gate(cut=[stored["open"]])

    done.assert_outcomes(errors=1, passed=len(NAMES) - 1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["ERROR scenarios/cut.py::evidence - NotDecided: *a worker went missing*"]
    )


def test_a_reason_from_elsewhere_is_no_command_to_a_ci() -> None:
    """Pytest shows it as it stands, at the start of a line."""
    suite = GateOrder(Path("cut.py"), 1, ()).suite((), "broken\n::error::planted ##vso[x]")

    said = "0 of 1 run made: broken ::error::planted ##vso [x]"
    assert {case_of(suite, name).message for name in ("lost", "evidence")} == {said}


@pytest.mark.parametrize("code", [70, 3, 1, 0])
def test_a_run_without_a_verdict_is_an_error_of_every_item(gate: Gate, code: int) -> None:
    """With its last words; an exit code of 0 makes it no pass."""
    done = gate(cut=[(None, code)])

    done.assert_outcomes(errors=len(NAMES))
    done.stdout.fnmatch_lines(
        [f"the run ended without a verdict, with exit code {code}*: PostgreSQL did not come up"]
    )


def test_a_verdict_that_its_process_denies_is_no_pass(gate: Gate, stored: Stored) -> None:
    """When the process ended as if by a bug, evidence is missing."""
    done = gate(cut=[(stored["passed"][0], 70)])

    done.assert_outcomes(errors=1, passed=len(NAMES) - 1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["ERROR scenarios/cut.py::evidence - NotDecided: the run ended with exit code 70 (a bug)"]
    )


def test_a_scenario_that_changed_meanwhile_decides_nothing(gate: Gate, stored: Stored) -> None:
    """Judged by other objectives than the items are named after."""
    done = gate(cut=[stored["other"]])

    done.assert_outcomes(errors=len(NAMES))
    done.stdout.fnmatch_lines(["the scenario changed after it was collected: *failed_share_max"])


# --- several runs --------------------------------------------------------------------------------


def test_one_bad_run_of_a_series_fails_its_item(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Its line says which one."""
    done = gate("--runs=3", cut=[stored["passed"], stored["late"], stored["passed"]])

    done.assert_outcomes(failed=1, passed=len(NAMES) - 1)
    done.stdout.fnmatch_lines(["*Missed: run 2 of 3: borrowing took 2.5 s*"])
    assert runs_of(pytester) == 3


def test_one_open_run_of_a_series_leaves_its_item_open(gate: Gate, stored: Stored) -> None:
    """Although two others passed."""
    done = gate("--runs=3", cut=[stored["passed"], stored["open"], stored["passed"]])

    done.assert_outcomes(errors=1, passed=len(NAMES) - 1)
    done.stdout.fnmatch_lines(["*NotDecided: run 2 of 3: *a worker went missing*"])


def test_a_series_that_cannot_be_won_ends_early(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """What failed is red, and says why no more runs were made: they could not make it good."""
    done = gate("--runs=3", cut=[stored["far"]])

    done.assert_outcomes(failed=1, passed=len(NAMES) - 1)
    assert (runs_of(pytester), done.ret) == (1, 1)
    done.stdout.fnmatch_lines(
        [
            "run 1 of 3: borrowing took * s to recover*",
            "stopped early: recovery_seconds_max is missed by more than 2 times its limit*",
        ]
    )


def test_the_number_of_runs_may_stand_in_the_file(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """As for `lendchaos run`; the option wins over it."""
    (pytester.path / "resilience.yaml").write_text("version: 1\ndefaults: {runs: 2}\n")
    gate(cut=[stored["passed"]] * 3).assert_outcomes(passed=len(NAMES))
    assert runs_of(pytester) == 2

    gate("--runs=1").assert_outcomes(passed=len(NAMES))
    assert runs_of(pytester) == 3


# --- as pytest users expect it -------------------------------------------------------------------


def test_a_choice_by_name(gate: Gate, stored: Stored, pytester: pytest.Pytester) -> None:
    """The run is made for those chosen alone, and not at all for none."""
    done = gate("-k", "lost or orphan", cut=[stored["passed"]])

    done.assert_outcomes(passed=2, deselected=len(NAMES) - 2)
    assert runs_of(pytester) == 1

    gate("-k", "nothing_of_that_name").assert_outcomes(deselected=len(NAMES))
    assert runs_of(pytester) == 1


def test_one_item_by_its_id(gate: Gate, stored: Stored) -> None:
    """What stands in the red line can be given back."""
    done = gate("scenarios/cut.py::lost", cut=[stored["passed"]])

    done.assert_outcomes(passed=1)


def test_the_first_failure_can_be_the_last(gate: Gate, stored: Stored) -> None:
    """With -x."""
    gate("-x", cut=[stored["late"]]).assert_outcomes(failed=1)


def test_other_tests_are_run_if_they_are_named(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Else a gate is a gate."""
    pytester.makepyfile(test_own="def test_own(): pass")
    gate(cut=[stored["passed"]] * 2).assert_outcomes(passed=len(NAMES))

    gate("test_own.py").assert_outcomes(passed=len(NAMES) + 1)


def test_no_other_collector_imports_a_scenario(gate: Gate, stored: Stored) -> None:
    """Doctests would, wherever the scenario lies."""
    done = gate("--doctest-modules", ".", cut=[stored["passed"]])

    done.assert_outcomes(passed=len(NAMES))


def figures(root: ET.Element, case: str) -> dict[str, str]:
    """Those of one item: properties of the suite, as no schema allows any in a case."""
    found = {p.attrib["name"]: p.attrib["value"] for p in root.findall("testsuite/properties/*")}
    name = f"scenarios.cut.{case}."
    return {key.removeprefix(name): v for key, v in found.items() if key.startswith(name)}


def test_junit_xml_has_the_figures(gate: Gate, stored: Stored, pytester: pytest.Pytester) -> None:
    """Valid for those that read it; failure and error have the red line's text."""
    gate("--junitxml=junit.xml", "--runs=2", cut=[stored["late"], stored["open"]])
    root = parsed(pytester.path / "junit.xml")
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}

    assert list(cases) == NAMES
    late = cases["recovery_seconds_max"]
    assert late.attrib["classname"] == "scenarios.cut"
    (failure,) = late.findall("failure")
    assert failure.attrib["message"].startswith("Missed: run 1 of 2: borrowing took 2.5 s")
    found = figures(root, "recovery_seconds_max")
    assert (found["verdict"], found["limit"], found["runs"]) == ("fail", "2.0", "2 of 2")
    assert float(found["low"]) <= float(found["observed"]) <= float(found["high"])
    assert found["source"] == "scenario file"
    assert found["run"] == stored["late"][0].name
    (error,) = cases["evidence"].findall("error")
    assert "run 2 of 2: " in error.attrib["message"]


def test_a_message_is_cut(gate: Gate, stored: Stored, pytester: pytest.Pytester) -> None:
    """The record has the whole of it."""
    gate("--junitxml=junit.xml", cut=[stored["talkative"]])
    root = parsed(pytester.path / "junit.xml")

    (error,) = root.iter("error")
    assert len(str(error.text).partition("must hold")[0]) < MESSAGE_MAX + 50
    assert "NotDecided: the load was not sent as planned" in error.attrib["message"]


def test_properties_of_other_tests_are_left_alone(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """They are not ours to move."""
    pytester.makepyfile(
        test_own="def test_own(request): request.node.user_properties.append(('own', 7))"
    )
    gate("--junitxml=junit.xml", "test_own.py", cut=[stored["passed"]])
    root = ET.parse(pytester.path / "junit.xml").getroot()  # noqa: S314  # our own file

    (case,) = [c for c in root.iter("testcase") if c.find("properties") is not None]
    assert case.attrib["name"] == "test_own"
    assert figures(root, "lost")["observed"] == "0.0"


def test_a_tolerated_note_is_a_property(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Of the item that nothing else fails the run."""
    gate("--junitxml=junit.xml", cut=[stored["passed"]])
    root = parsed(pytester.path / "junit.xml")
    noted = {name for case in NAMES for name in figures(root, case) if "note" in name}

    assert "note.outage" in noted
    assert set(figures(root, "other_findings")) == {"verdict", "run", "seed", *noted}


def test_several_scenarios_share_a_stack(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Each has its own run and items."""
    both = {"cut": [stored["passed"]], "slow": [stored["late"]]}
    done = gate(scenarios=("cut", "slow"), **both)

    done.assert_outcomes(failed=1, passed=2 * len(NAMES) - 1)
    assert [line.split()[:2] for line in acts(pytester.path)] == [
        *(["ask", "cut"], ["ask", "slow"], ["up", ".lendchaos"], ["run", "cut"], ["run", "slow"]),
        ["down", ".lendchaos"],
    ]


def test_nothing_follows_a_safety_stop(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """What did too much harm is not followed by more of it."""
    done = gate(scenarios=("cut", "slow"), cut=[(None, 4)], slow=[stored["passed"]])

    done.assert_outcomes(errors=2 * len(NAMES))
    done.stdout.fnmatch_lines(["0 of 1 run made: nothing more is run: cut was stopped for safety"])
    assert runs_of(pytester) == 1


def test_an_interrupted_run_ends_pytest(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """As Ctrl-C does everywhere in pytest; the stack is taken down."""
    done = gate(scenarios=("cut", "slow"), cut=[(None, 130)], slow=[stored["passed"]])

    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert acts(pytester.path)[-1] == "down .lendchaos"
    assert runs_of(pytester) == 1


def test_a_stack_that_does_not_come_up_is_an_error_of_every_item(
    gate: Gate, stored: Stored
) -> None:
    """It is tried once for each scenario, and no pass."""
    done = gate("--chaos-options=--no-stack", cut=[stored["passed"]])

    done.assert_outcomes(errors=len(NAMES))
    done.stdout.fnmatch_lines(["0 of 1 run made: no port is free"])


# --- pytest-xdist --------------------------------------------------------------------------------


@pytest.mark.usefixtures("_starts_workers")
def test_each_worker_has_a_stack_of_its_own(
    stored: Stored,
    pytester: pytest.Pytester,
) -> None:
    """The items of a scenario stay on one worker; the plan is asked for once."""
    pytester.makeconftest(CONFTEST)
    write_script(pytester.path, cut=[stored["passed"]], slow=[stored["late"]])
    named = ("--scenario=scenarios/cut.py", "--scenario=scenarios/slow.py")
    done = pytester.runpytest_subprocess(*PLUGIN, *named, "-n2", "--junitxml=junit.xml")

    done.assert_outcomes(failed=1, passed=2 * len(NAMES) - 1)
    done.stdout.fnmatch_lines(
        ["FAILED scenarios/slow.py::recovery_seconds_max* - Missed: borrowing took 2.5 s*"]
    )
    seen = acts(pytester.path)
    assert sorted(line for line in seen if line.startswith("ask")) == ["ask cut", "ask slow"]
    ran = {line.split()[1]: line.split()[2] for line in seen if line.startswith("run")}
    assert set(ran) == {"cut", "slow"}
    assert sorted(ran.values()) == [".lendchaos-gw0", ".lendchaos-gw1"]
    assert figures(parsed(pytester.path / "junit.xml"), "lost")["verdict"] == "pass"
    assert runs_of(pytester) == 2


@pytest.mark.parametrize(
    ("test", "goes_with"),
    [
        ("scenarios/cut.py::lost", "scenarios/cut.py"),
        ("scenarios/cut.py::evidence", "scenarios/cut.py"),
        ("tests/test_own.py::test_a", "tests/test_own.py::test_a"),
        ("tests/test_own.py::test_b@group", "group"),
    ],
)
def test_only_items_of_scenarios_are_kept_together(test: str, goes_with: str) -> None:
    """Other tests go where there is room, or with their group."""
    scheduling = ScenarioScheduling.__new__(ScenarioScheduling)
    scheduling._files = frozenset(["scenarios/cut.py"])

    assert scheduling._split_scope(test) == goes_with


def test_a_run_for_each_worker_is_refused(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Nobody asks for the same gate twice."""
    done = gate("-n2", "--dist=each", cut=[stored["passed"]])

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: --dist each would run every scenario once*"])
    assert acts(pytester.path) == []
