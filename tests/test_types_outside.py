"""Type checkers see our types in a project of somebody else, however the package is installed."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.package_sources import PACKAGES, copy_sources

LINKS = Path(__file__).parent.parent / ".packages"
WRONG = "# wrong"
"""At the end of each line in which a type checker has to find a mistake."""
SCENARIO = """
from harness import Borrower, Objectives, Scenario
from harness.faults import Partition


class Cut(Borrower):
    scenario = Scenario(
        faults=[Partition("database")],
        objectives=Objectives(recovery_seconds_max=5),
    )
"""
LENDER = """
from collections.abc import Mapping, Sequence

from harness import Target
from harness.target import Answers, BorrowerAccount, Currency, Link, LoanRequest, NewAccount
from harness.target import Program, Request, SqlLedger, approved, declined, unknown


class Lender(Target):
    url = "http://127.0.0.1:3068"
    currency, decimal = Currency("EUR"), True
    amounts = (50_00, 900_00)
    answers = Answers(
        [
            (200, approved(loan="result.ref")),
            ((422, "error.code", "NO_CREDIT"), declined("credit")),
            (5, unknown),
        ]
    )
    links = {"database": Link("127.0.0.1:5432")}
    processes = {"lender": Program("serve", listens="127.0.0.1:3068")}
    ledger = SqlLedger("SELECT 1", "postgresql://audit@127.0.0.1:5432/lender")

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
        return [Request("POST", "/customers", {"id": each.name}) for each in wanted]

    def headers(self, account: BorrowerAccount) -> Mapping[str, str]:
        return {"X-Customer": account.id}

    def borrow(self, ask: LoanRequest) -> Request:
        return Request("POST", "/credits", {"total": ask.decimal}, key=ask.key)
"""
TESTS = """
from datetime import timedelta

from harness import Objectives, Scenario, faults
from harness.testing import ChaosRun, Finding, NotMeasuredError, RunResult, assert_passed

CUT = Scenario(faults=[faults.Partition("database")], objectives=Objectives(failed_share_max=0.1))


def figures(run: RunResult) -> tuple[float, int]:
    return run.recovery_seconds, run.lost + run.unknown + run.principal_at_risk


def test_borrowing_recovers(chaos_run: ChaosRun) -> None:
    run = chaos_run("cut.py", rate=50, baseline="8s", recovery=timedelta(seconds=9), explore=True)
    assert_passed(run)
    assert run.passed
    assert run.verdict == "pass"
    seconds, wrong = figures(run)
    assert seconds < 5
    assert wrong == 0
    outage: Finding | None = run.finding("outage")
    assert outage is None or outage.message
    assert run.details.borrow.operations > 0
    assert run.report.parent.is_dir()


def test_an_object_is_run(chaos_run: ChaosRun) -> None:
    try:
        assert chaos_run(CUT).latency_ms_p99 < 500
    except NotMeasuredError as error:
        assert str(error)
"""
MISTAKES = """
from harness import Objectives, Scenario
from harness import Scenari  # wrong
from harness.target import Reqest  # wrong
from harness.testing import ChaosRun, RunReslt  # wrong

LIMITS = Objectives(recovery_secnds_max=5)  # wrong
CUT = Scenario(faults=5)  # wrong


def test_borrowing_recovers(chaos_run: ChaosRun) -> None:
    run = chaos_run("cut.py", rate=50)
    assert run.recovery_secs < 5  # wrong
    text: str = run.lost  # wrong
    assert text
    chaos_run(5)  # wrong
    chaos_run("cut.py", baseline=object())  # wrong
"""
Checker = Callable[[Path, Path, Path], set[tuple[str, int]]]

pytestmark = pytest.mark.timeout(600)


def run(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """A program without what the environment says of paths."""
    hidden = ("PYTHONPATH", "MYPYPATH", "VIRTUAL_ENV", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package is built from, where nothing else lies."""
    copy = tmp_path_factory.mktemp("checkout")
    copy_sources(copy)
    return copy


def built(checkout: Path, hook: str, folder: Path) -> Path:
    """The wheel that an installer would build: whole, or for an editable install."""
    code = f"from setuptools import build_meta; build_meta.{hook}({str(folder)!r})"
    done = run(sys.executable, "-c", code, cwd=checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module", params=["build_wheel", "build_editable"])
def python(
    request: pytest.FixtureRequest, checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A Python in whose environment the package is installed; what it needs is this one's."""
    folder = tmp_path_factory.mktemp(request.param)
    wheel = built(checkout, request.param, folder / "built")
    if request.param == "build_wheel":
        with zipfile.ZipFile(wheel) as packed:
            names = packed.namelist()
        assert {"harness/py.typed", "harness/testing.py", "target_service/py.typed"} <= set(names)
        assert not [name for name in names if name.startswith("tests/")]
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    found = folder / "venv" / "bin" / "python"
    options = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    done = run(sys.executable, "-m", "pip", "--python", found, *options, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(found, "-c", "import harness; print(harness.__file__)", cwd=folder)
    home = checkout / ".packages" if request.param == "build_editable" else packages
    assert where.stdout == f"{home / 'harness' / '__init__.py'}\n", where.stderr
    return found


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A project of somebody else, with a file that is right in everything and one that is not."""
    (tmp_path / "cut.py").write_text(SCENARIO)
    (tmp_path / "lender.py").write_text(LENDER)
    (tmp_path / "test_right.py").write_text(TESTS)
    (tmp_path / "test_wrong.py").write_text(MISTAKES)
    return tmp_path


def by_mypy(python: Path, theirs: Path, cache: Path) -> set[tuple[str, int]]:
    """File and line of everything that mypy finds."""
    words = ("--strict", "--config-file=", "--python-executable", python, "--cache-dir", cache)
    done = run(sys.executable, "-m", "mypy", *words, *sorted(theirs.glob("*.py")), cwd=theirs)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(\S+?\.py):(\d+): error", done.stdout, re.MULTILINE)
    return {(Path(name).name, int(line)) for name, line in found}


def by_pyright(python: Path, theirs: Path, _: Path) -> set[tuple[str, int]]:
    """The same of pyright, from a package that brings its own Node.js."""
    config = {"typeCheckingMode": "strict", "include": ["*.py"]}
    (theirs / "pyrightconfig.json").write_text(json.dumps(config))
    program = Path(sys.executable).with_name("basedpyright")
    done = run(program, "--outputjson", "--pythonpath", python, cwd=theirs)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    told = json.loads(done.stdout)["generalDiagnostics"]
    errors = [one for one in told if one["severity"] == "error"]
    return {(Path(e["file"]).name, e["range"]["start"]["line"] + 1) for e in errors}


@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_a_users_mistakes_are_found_and_nothing_else(
    checker: Checker, python: Path, theirs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A misspelt public name, option or figure, and a value of another type."""
    planted = {
        ("test_wrong.py", number)
        for number, line in enumerate(MISTAKES.splitlines(), 1)
        if line.endswith(WRONG)
    }
    cache = tmp_path_factory.getbasetemp() / "mypy-cache"  # the second run has most of it

    assert len(planted) == 9
    assert checker(python, theirs, cache) == planted


def test_the_folder_of_links_leads_to_the_packages_alone() -> None:
    """An editable install shows what is in it: no `tests` that a user may have, too."""
    links = [path for path in LINKS.iterdir() if not path.name.endswith(".egg-info")]

    assert sorted(path.name for path in links) == sorted(PACKAGES)
    assert all(path.is_symlink() and path.samefile(LINKS.parent / path.name) for path in links)
