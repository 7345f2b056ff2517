"""One class each for a fault, a part and a target is all that it takes to add them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.ports import choose_ports
from harness.faults.probes import LinkProbe
from harness.history.journal import Journal
from harness.stack import down, load_state
from harness.stack.folder import ATTACHED
from tests.live.conftest import ROOT, SHORT, Runner, judged
from tests.live.test_guardian import LONG_FAULT, fault_of, nobody_left, start, wait_until

pytestmark = pytest.mark.live
HERE = Path(__file__).parent
SCENARIO = '''"""The lender's book gives no answer, and then its process is killed.

Hypothesis: no credit is lost or doubled, and borrowing comes back.
"""

from harness import Borrower, Objectives, Scenario
from harness.faults import Freeze, Kill

from dummies import NoAnswers


class NoBook(Borrower):
    scenario = Scenario(
        faults=[{faults}],
        objectives=Objectives(recovery_seconds_max=8),
        target="dummies:Dummy",
    )
'''
BOTH = 'NoAnswers("database", lasts=1), Kill("book", at=6, lasts=1)'
BOTH_OPTIONS = (*SHORT, "--fault=7s")
OWN_FAULT = 'NoAnswers("database", lasts=40)'
OWN_PARTS = ('Kill("book", lasts=40)', 'Freeze("book", lasts=40)')


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the three classes in it."""
    port, book_port = choose_ports(2)
    for name in ("dummies.py", "tiny_target.py"):
        shutil.copy(HERE / name, tmp_path)
    for name, value in {
        "TINY_HOME": tmp_path,
        "TINY_PORT": port,
        "TINY_BOOK_PORT": book_port,
        "TINY_LENDER": HERE / "tiny_lender.py",
    }.items():
        monkeypatch.setenv(name, str(value))
    yield tmp_path
    down(tmp_path / "state" / ATTACHED)


@pytest.fixture
def runner(home: Path) -> Runner:
    """Runs without a local stack."""
    return Runner(home / "runs", home / "state")


def scenario_in(home: Path, faults: str) -> Path:
    """The scenario file with these faults."""
    path = home / "no_book.py"
    path.write_text(SCENARIO.format(faults=faults))
    return path


def lendchaos(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """The command, in a folder from which the three classes cannot be imported."""
    command = [sys.executable, "-m", "harness.apps.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_they_are_planned_told_run_judged_and_reported(home: Path, runner: Runner) -> None:
    """Preview, proofs, journal, verdict and page know them by what their classes say."""
    file = scenario_in(home, BOTH)
    told = runner(file, *BOTH_OPTIONS, "--dry-run").output
    run = judged(runner(file, *BOTH_OPTIONS))
    verdict, page = run.verdict, (run.path / "report.html").read_text(encoding="utf-8")
    again = lendchaos("judge", run.path)

    for words in (
        "1-no_answers: every answer on the link database is cut off",
        "1-no_answers touches link database",
        "2-kill touches process book",
        "not touched: link edge (this machine → ",
        "), process lender\n",
    ):
        assert words in told
    assert run.exit_code == 0, run.output
    assert [fault["bit"] for fault in verdict["faults"]] == [True, True]
    assert [fault["name"] for fault in verdict["faults"]] == ["1-no_answers", "2-kill"]
    assert verdict["borrow"]["failed"] > 10
    assert "every answer on the link database is cut off" in page
    assert "answers on the database link were cut off" in run.output
    assert again.returncode == 0, again.stdout + again.stderr
    assert run.verdict == verdict


@pytest.mark.parametrize("fault", OWN_PARTS)
def test_whoever_heals_needs_no_class_of_a_part(home: Path, runner: Runner, fault: str) -> None:
    """Its file may have been broken meanwhile, in an editor say."""
    started = start(runner.state_dir, home, *LONG_FAULT, scenario=scenario_in(home, fault))
    for name in ("dummies.py", "tiny_target.py"):
        (home / name).write_text("this is no Python\n")
    started.conductor.kill()
    run = started.ended()
    wait_until(lambda: nobody_left(started.everybody), "the end of every process")
    fact = fault_of(run)

    assert fact.healed_by == "guardian"
    assert [proof.holds for proof in fact.proofs if proof.kind == "healed"] == [True]


def test_a_run_that_was_killed_is_healed_by_another_process(home: Path, runner: Runner) -> None:
    """From the journal alone, which names the fault's module."""
    started = start(runner.state_dir, home, *LONG_FAULT, scenario=scenario_in(home, OWN_FAULT))
    stack = load_state(runner.state_dir / ATTACHED)
    assert stack is not None
    probe = LinkProbe(stack.links["database"], stack)
    broken = not probe.answers()
    (intent,) = [
        row for row in Journal(stack.state_dir, stack.stack_id).rows() if row.event == "intent"
    ]
    started.conductor.kill()
    run = started.ended()
    wait_until(lambda: nobody_left(started.everybody), "the end of every process")
    fact = fault_of(run)

    assert broken
    assert intent.planned is not None
    assert (intent.planned["kind"], intent.module) == ("no_answers", ("dummies", str(home)))
    assert fact.healed_by == "guardian"
    assert [proof.holds for proof in fact.proofs if proof.kind == "healed"] == [True]
    assert "conductor died" in json.dumps(run.verdict["findings"])


def test_the_command_heals_it_from_anywhere(home: Path, runner: Runner) -> None:
    """With its module neither imported nor beside it."""
    started = start(runner.state_dir, home, *LONG_FAULT, scenario=scenario_in(home, OWN_FAULT))
    started.guardian.suspend()
    started.conductor.suspend()
    done = lendchaos("heal", "--state-dir", runner.state_dir)
    for process in (started.guardian, started.conductor):
        process.resume()
    run = started.ended()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "link database answers" in done.stdout
    assert fault_of(run).healed_by in ("heal command", "conductor")
