"""The plugin around its gate: mistakes of usage, its fixtures, and what it is to other pytests."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.pytest_plugin.stand_in import CONFTEST, PLUGIN, Gate, Stored, acts, runs_of, write_script

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent

HEAVY = (
    *("gevent", "locust", "numpy", "pandas", "scipy", "pydantic", "yaml", "jinja2", "typer"),
    *("rich", "harness.run.locust_process", "harness.report.suite", "harness.stack"),
)


def test_the_entry_point_names_the_plugin() -> None:
    """Under which every pytest finds it once the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {"lendchaos": "harness.apps.pytest.pytest_plugin"}


def test_the_plugin_is_light() -> None:
    """It is imported into every pytest of every project that has the package."""
    loaded = f"[m for m in {HEAVY} if m in sys.modules]"
    code = f"import sys, harness.apps.pytest.pytest_plugin; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_without_its_options_nothing_is_done(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other people's tests run as ever, and nothing heavy is imported on the way."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        f"""
        import signal, sys

        def test_own():
            assert [m for m in {HEAVY} if m in sys.modules] == []
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """
    )
    done = pytester.runpytest_subprocess(*PLUGIN)

    done.assert_outcomes(passed=1)
    assert [path.name for path in pytester.path.iterdir() if "lendchaos" in path.name] == []


# --- mistakes of usage ---------------------------------------------------------------------------

WRONG_YAML = "version: 1\nobjectives: {recovery_seconds_max: ten, lost: 0}\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--runs=0",), "--runs 0 must be from 1 to 1000"),
        (("--scenario=scenarios/none.py",), "no scenario 'scenarios/none.py'; there are: cut"),
        (("--objectives=none.yaml",), "none.yaml cannot be read: No such file"),
        (("--objectives=wrong.yaml",), "line 2, column 36: recovery_seconds_max: 'ten' must"),
        (("--chaos-options='",), "--chaos-options cannot be read: No closing quotation"),
        (("--chaos-options=--dry-run",), "with --dry-run nothing would be run: leave it out"),
        (("--chaos-options=--state-dir=x",), "--state-dir is no option of the run: give --chaos-"),
        (("--chaos-options=--refuse",), "cut.py cannot be run: refused"),
        (("--ignore=scenarios", "."), "cut.py was not collected: pytest is set to ignore it"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_an_error_of_usage(
    options: tuple[str, ...], told: str, gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """One line that says what would, pytest's exit code for it, and nothing is run."""
    (pytester.path / "wrong.yaml").write_text(WRONG_YAML)
    done = gate(*options, cut=[stored["passed"]])

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert told in done.stderr.str() + done.stdout.str()
    assert runs_of(pytester) == 0


def test_runs_without_a_scenario_make_no_sense(gate: Gate, stored: Stored) -> None:
    """The option would be passed over in silence."""
    done = gate("--runs=3", scenarios=(), cut=[stored["passed"]])

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: --runs is for scenarios: name one with --scenario"])


def test_a_real_scenario_tells_its_items_without_being_imported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a dry run of Locust in a process of its own; what it prints itself does no harm."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = (ROOT / "scenarios" / "network_partition.py").read_text()
    (pytester.path / "own.py").write_text(text + '\nprint("{ at import }")\n')
    (pytester.path / "limits.yaml").write_text(
        "version: 1\nscenarios: {own: {objectives: {grey_failure_seconds_max: 3s}}}\n"
    )
    words = ("--scenario=own.py", "--objectives=limits.yaml", "--collect-only", "-q")
    done = pytester.runpytest_inprocess(*PLUGIN, *words)

    assert [line for line in done.outlines if "::" in line][:5] == [
        "own.py::recovery_seconds_max",
        "own.py::failed_outside_fault_share_max",
        "own.py::indeterminate_share_max",
        "own.py::grey_failure_seconds_max",
        "own.py::lost",
    ]
    assert not (pytester.path / "runs").exists()
    assert not (pytester.path / ".lendchaos").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n", "own.py cannot be run: "),
        ("from harness import Borrower\n", "own.py cannot be run: "),
        ("this is no Python\n", "SyntaxError"),
    ],
    ids=["no user", "no borrower", "no Python"],
)
def test_a_file_that_is_no_scenario_is_an_error_of_usage(
    text: str, told: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what Locust, or we, say of it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (pytester.path / "own.py").write_text(text)
    done = pytester.runpytest_inprocess(*PLUGIN, "--scenario=own.py")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert told in done.stderr.str()


# --- fixtures ------------------------------------------------------------------------------------

OWN_TEST = """
from datetime import timedelta
import pytest
from harness.testing import NotMeasuredError, UsageError, assert_passed

def test_passes(chaos_run):
    run = chaos_run("cut", "--rate=30", warm_up=timedelta(seconds=1), seed=7)
    assert_passed(run)
    assert run.passed and run.verdict == "pass" and run.finding("lost") is None
    assert (run.lost, run.unknown) == (0, 0) and run.recovery_seconds < 2
    assert run.windows("1s").failed.sum() == len(run.operations().query("failed"))

def test_is_late(chaos_run):
    assert_passed(chaos_run("cut"))

def test_decides_nothing(chaos_run):
    assert chaos_run("cut").passed

def test_has_no_verdict(chaos_run):
    assert_passed(chaos_run("cut"))

def test_is_refused_by_the_run(chaos_run):
    chaos_run("cut")

def test_is_misspelt(chaos_run):
    assert_passed(chaos_run("cutt"))

def test_asks_only(chaos_run):
    assert_passed(chaos_run("cut", dry_run=True))

def test_has_a_misspelt_option(chaos_run):
    assert_passed(chaos_run("cut", ratte=30))

def test_has_an_option_of_pytest(chaos_run):
    assert_passed(chaos_run("cut", state_dir="elsewhere"))

def test_is_no_scenario(chaos_run):
    assert_passed(chaos_run(30))
"""


def test_tests_of_ones_own(gate: Gate, stored: Stored, pytester: pytest.Pytester) -> None:
    """A fixture runs scenarios; what is refused, fails or does not pass says why."""
    pytester.makepyfile(test_own=OWN_TEST)
    runs = [stored["passed"], stored["late"], stored["open"], (None, 70), (None, 2)]
    done = gate(scenarios=(), cut=runs)

    done.assert_outcomes(passed=1, failed=9)
    done.stdout.fnmatch_lines(
        [
            "E   *AssertionError: FAIL: *borrow requests after the injection failed*",
            "E   *objective_missed: borrowing took 2.5 s to recover*",
            "E   *report: *report.html",
            "E *assert False*",
            "E *<RunResult: inconclusive; exit code 3; *",
            "E   *HarnessError: the run ended without a verdict (exit code 70): Postgre*",
            "E   *UsageError: PostgreSQL did not come up",
            "E   *UsageError: no scenario 'cutt': did you mean cut? There are: cut",
            "E   *UsageError: with --dry-run nothing would be run*",
            "E   *UsageError: a run has no option 'ratte', did you mean rate?",
            "E   *UsageError: --state-dir is no option of the run: give --chaos-state-dir to*",
            "E   *UsageError: chaos_run takes the name or the path of a scenario, or a Scenario*",
        ]
    )
    done_acts = acts(pytester.path)
    assert [line.split()[0] for line in done_acts] == ["up", *["run"] * 5, "down"]


SCENARIO_TEST = """
from harness import Objectives, Scenario
from harness.faults import Partition
from harness.testing import assert_passed

CUT = Scenario(faults=[Partition("database")], objectives=Objectives(recovery_seconds_max=5))

def test_recovers(chaos_run, monkeypatch, tmp_path):
    run = chaos_run(CUT, rate=30)
    monkeypatch.chdir(tmp_path)  # it is found from there, too
    assert_passed(run)
    assert run.report.is_absolute() and run.latency_ms_p99 > 0

def test_recovers_again(chaos_run):
    chaos_run(CUT, rate=30)
"""


def test_a_scenario_of_a_test_is_run_from_a_file(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """It has the name of the test, lies beside the runs, and is itself no file of tests."""
    pytester.makepyfile(test_own=SCENARIO_TEST)
    runs = {"test_recovers": [stored["passed"]], "test_recovers_again": [stored["passed"]]}
    done = gate("test_own.py", scenarios=(), **runs)

    done.assert_outcomes(passed=2)
    names = ["test_recovers", "test_recovers_again"]
    assert [line.split()[1] for line in acts(pytester.path) if line.startswith("run ")] == names
    paths = sorted((pytester.path / "runs").glob("scenario-*/*.py"))
    assert [path.stem for path in paths] == names
    assert "given by test_own.py::test_recovers.\n" in paths[0].read_text()
    again = pytester.runpytest_inprocess(*PLUGIN, "--collect-only", "-q", "runs", "test_own.py")
    assert [line for line in again.outlines if "::" in line] == [
        f"test_own.py::{name}" for name in names
    ]


def test_the_target_of_a_scenario_is_looked_for_beside_the_test(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """The process of the load gets the path of its file, and no local stack comes up for it."""
    beside = pytester.mkdir("deep")
    (beside / "lender_beside.py").write_text("")
    (beside / "test_own.py").write_text(
        "from harness import Scenario\n\n"
        "def test_lends(chaos_run):\n    chaos_run(Scenario(target='lender_beside:Lender'))\n"
    )
    done = gate("deep/test_own.py", scenarios=(), test_lends=[stored["passed"]])

    done.assert_outcomes(passed=1)
    (path,) = (pytester.path / "runs").glob("scenario-*/test_lends.py")
    assert f"target='{beside}/lender_beside.py:Lender'" in path.read_text()
    assert [line.split()[0] for line in acts(pytester.path)] == ["run"]


def test_a_stack_for_a_foreign_target_is_refused(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """There is none to give."""
    pytester.makepyfile("def test_own(lending_stack): pass")
    done = gate("--chaos-options=--host=http://127.0.0.1:9", scenarios=(), cut=[stored["passed"]])

    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*there is no local stack: the target is http://127.0.0.1:9"])


@pytest.mark.parametrize("option", ['host="http://127.0.0.1:9"', 'target="lender.py"'])
def test_no_stack_comes_up_for_a_run_that_goes_elsewhere(
    option: str, stored: Stored, gate: Gate, pytester: pytest.Pytester
) -> None:
    """As an option of that one run says."""
    pytester.makepyfile(f"def test_passes(chaos_run):\n    chaos_run('cut', {option})\n")
    done = gate(scenarios=(), cut=[stored["passed"]])

    done.assert_outcomes(passed=1)
    assert [line.split()[0] for line in acts(pytester.path)] == ["run"]


def test_a_pytest_that_is_told_to_end_takes_its_stack_down(
    stored: Stored, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a run, by SIGTERM."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(CONFTEST)
    write_script(pytester.path, cut=[stored["passed"]])
    words = ("--scenario=scenarios/cut.py", "--chaos-options=--wait --wait")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *PLUGIN, *words],
        stdout=subprocess.DEVNULL,
        cwd=pytester.path,
    )
    try:
        deadline = time.monotonic() + 60
        while runs_of(pytester) == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == pytest.ExitCode.INTERRUPTED
    finally:
        process.kill()
        process.wait()

    assert acts(pytester.path)[-1] == "down .lendchaos"


def test_progress_is_told_to_those_who_want_it(
    gate: Gate, stored: Stored, pytester: pytest.Pytester
) -> None:
    """Quiet says nothing, verbose the phases, too."""
    said = [gate(cut=[stored["passed"]] * 3).outlines, gate("-q").outlines, gate("-v").outlines]
    told = [[line for line in lines if line.startswith("lendchaos: ")] for lines in said]

    assert told == [
        ["lendchaos: cut: one run"],
        [],
        ["lendchaos: cut: one run", "lendchaos: baseline (5s)"],
    ]
    assert runs_of(pytester) == 3


def test_the_folders_can_be_chosen(
    gate: Gate, stored: Stored, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    """By names that no other plugin has."""
    words = (f"--chaos-state-dir={tmp_path / 'elsewhere'}", "--chaos-runs-dir=kept")
    gate(*words, "--runs=2", cut=[stored["passed"]] * 2)

    assert "up elsewhere" in acts(pytester.path)
    assert len(list((pytester.path / "kept").glob("series-cut-*/series.json"))) == 1
