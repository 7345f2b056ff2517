"""A lender that speaks nothing of our contract is planned, told before, run and judged."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.ports import choose_ports
from harness.history.run_directory import RunDirectory
from harness.stack.folder import ATTACHED
from harness.stack.state import load_state
from tests.live.conftest import ROOT, SHORT, Run, Runner, judged
from tests.live.test_pytest_plugin import run_pytest

pytestmark = pytest.mark.live
HERE = Path(__file__).parent
DECLARED = {"POST /api/customers", "POST /api/credits", "GET /ping", "GET /ready"}
SCENARIO = '''"""The lender's book is cut off.

Hypothesis: borrowers are told so, no credit is lost or doubled, and borrowing comes back.
"""

from harness import Borrower, Objectives, Scenario
from harness.faults import Freeze, Kill, Partition


class BookCut(Borrower):
    scenario = Scenario(
        faults=[{faults}],
        objectives=Objectives({objectives}),
        target="tiny_target:Tiny",
    )
'''


RETURNS = """from harness import Target
class A(Target):
    url = "http://127.0.0.1:1"
    def borrow(self, ask):
        return {}
"""


TEST = """from harness import Load, Scenario


def test_lends(chaos_run):
    load = Load(rate=80, warm_up="500ms", baseline="3s", recovery="2s")
    run = chaos_run(Scenario(load=load, target="lender:Tiny"), ledger_settle="1s")
    assert run.passed, run
    assert run.lost == 0
"""


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + 10.0
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the target's module, and the lender's book at work beside it."""
    port, book_port = choose_ports(2)
    lender = HERE / "tiny_lender.py"
    shutil.copy(HERE / "tiny_target.py", tmp_path)
    monkeypatch.delenv("LENDING_ADMIN_TOKEN", raising=False)
    for name, value in {
        "TINY_HOME": tmp_path,
        "TINY_PORT": port,
        "TINY_BOOK_PORT": book_port,
        "TINY_LENDER": lender,
    }.items():
        monkeypatch.setenv(name, str(value))
    book = subprocess.Popen([sys.executable, str(lender), "book", str(book_port), str(tmp_path)])
    try:
        wait_for(book_port)
        yield tmp_path
    finally:
        book.kill()
        book.wait()


@pytest.fixture
def runner(home: Path) -> Runner:
    """Runs without a local stack."""
    return Runner(home / "runs", home / "no-stack")


def scenario_in(home: Path, *, cut: bool, faults: str = "") -> Path:
    """The scenario file, with the book cut off, with other ``faults``, or with nothing broken."""
    faults = faults or ('Partition("database")' if cut else "")
    objectives = "recovery_seconds_max=5" if cut else ""
    path = home / "book_cut.py"
    path.write_text(SCENARIO.format(faults=faults, objectives=objectives))
    return path


def asked(home: Path) -> set[str]:
    """Everything that the lender was ever asked."""
    return set((home / "asked.log").read_text().splitlines())


def money(run: Run) -> dict[str, int]:
    """What is wrong with the money, by class."""
    names = ("lost", "duplicated", "phantom", "corrupt", "orphan")
    return {name: n for name in names if (n := run.verdict["reconciliation"][name])}


def test_its_own_link_and_process_are_broken_and_its_ledger_is_reconciled(
    home: Path, runner: Runner
) -> None:
    """Nothing is asked of it that its class does not declare: its port tells whether it runs."""
    faults = 'Partition("database", lasts=2), Kill("lender", at=7, lasts=1)'
    run = judged(runner(scenario_in(home, cut=True, faults=faults), *SHORT, "--fault=8s"))
    verdict = run.verdict
    money_read = verdict["reconciliation"]
    borrowers = RunDirectory(run.path).read_plan().borrowers

    assert run.exit_code == 0, run.output
    assert [fault["bit"] for fault in verdict["faults"]] == [True, True]
    assert verdict["borrow"]["failed"] > 0
    assert verdict["recovery"]["from_heal_s"] < 5
    assert money_read["in_ledger"] == money_read["acknowledged"] > 100
    assert money(run) == {}
    assert asked(home) == DECLARED
    assert {str(borrower.account_class) for borrower in borrowers} == {"good", "low_score"}


def test_what_cannot_be_asked_is_not_frozen(home: Path, runner: Runner) -> None:
    """A stopped process still takes connections: nothing would show it."""
    run = runner(scenario_in(home, cut=True, faults='Freeze("lender")'), *SHORT)

    assert run.exit_code == 2, run.output
    assert "set asks=... in the process lender" in run.output


def test_planted_defects_are_found_in_its_ledger(
    home: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credits booked twice, some that are not in the book, and some of another amount."""
    monkeypatch.setenv("TINY_DEFECTS", "planted")
    options = (*SHORT, "--stop-double-disbursement", "off")
    run = judged(runner(scenario_in(home, cut=False), *options))

    assert run.exit_code == 1, run.output
    assert [run.findings[f] for f in ("duplicated", "lost", "corrupt")] == ["fail"] * 3
    assert min(money(run)[found] for found in ("duplicated", "lost", "corrupt")) > 1
    assert "EUR at risk" in run.output


def test_one_journey_is_tried(home: Path) -> None:
    """What its class declares is brought up for it, and taken down afterwards."""
    file = scenario_in(home, cut=False)
    command = [sys.executable, "-m", "harness.apps.cli", "try", file.name, "--state-dir", "state"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=home, env=environment
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "POST /api/credits" in done.stdout
    assert asked(home) <= DECLARED
    assert load_state(home / "state" / ATTACHED) is None


def test_a_scenario_of_a_test_finds_the_target_beside_it(home: Path) -> None:
    """Wherever pytest was started."""
    folder = home / "tests" / "chaos"
    folder.mkdir(parents=True)
    shutil.move(home / "tiny_target.py", folder / "lender.py")
    (folder / "test_lender.py").write_text(TEST)
    done = run_pytest(home, "tests/chaos/test_lender.py", "--chaos-state-dir=state")

    assert done.returncode == 0, done.stdout + done.stderr
    assert asked(home) == DECLARED


def test_a_dry_run_tells_all_that_would_be_asked(home: Path, runner: Runner) -> None:
    """And asks nothing."""
    run = runner(scenario_in(home, cut=True), *SHORT, "--dry-run")

    assert run.exit_code == 0, run.output
    for words in (*DECLARED, "EUR, each sent once", "behind the link database", "SELECT"):
        assert words in run.output
    assert "healthz" not in run.output
    assert not (home / "asked.log").exists()
    assert run.path == runner.runs_dir


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import locust\n", "brings in locust"),
        ("from nowhere import Target\n", "lender.py:1: ModuleNotFoundError"),
        ("from harness import Target\n", "no subclass of Target"),
        ("from harness import Target\nclass A(Target):\n    url = 'x'\n", "has no borrow"),
        ("import gevent\nfrom harness import Target\n", "brings in gevent"),
        (RETURNS.format("None"), "lender.py:4: A.borrow returned None; it must return a Request"),
        (RETURNS.format("ask.total"), "lender.py:5: A.borrow raised AttributeError"),
    ],
    ids=["locust", "import", "none", "no borrow", "gevent", "no request", "raises"],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_target_that_is_none_ends_in_one_line(
    home: Path, runner: Runner, text: str, why: str, more: tuple[str, ...]
) -> None:
    """With exit code 2, before anything is started."""
    (home / "lender.py").write_text(text)
    named = ("--target", str(home / "lender.py"))
    run = runner(scenario_in(home, cut=False), *SHORT, *named, *more)

    assert run.exit_code == 2, run.output
    assert why in run.output
    assert run.path == runner.runs_dir
