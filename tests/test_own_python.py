"""How our own modules are started: what lies in the user's folders does not count."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.core import own_python
from harness.core.own_python import is_needed, module_command

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("queue", "platform", "requests", "numpy", "yaml", "psycopg", "email", "selectors")
PACKAGES = ("harness", "target_service", "locust", "scenarios")
MINE = "from harness import Borrower, Scenario\nclass Mine(Borrower):\n    scenario = Scenario()\n"
PROGRAMS = {
    "command line": ("harness.apps.cli", ["explain", "3"], 0),
    "load process": ("harness.apps.locust", ["-f", "mine.py", "--dry-run"], 0),
    "conductor": ("harness.run.conductor", ["--help"], 0),
    "guardian": ("harness.faults.heal.guardian", ["--help"], 0),
    "supervisor": ("harness.stack.supervisor", [], 1),
    "relay": ("harness.faults.database.commit_relay", [], 1),
    "service": ("target_service", [], 2),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user with files that are named like what our programs import."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong one')\n")
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def run(
    *command: str, cwd: Path, python_path: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """A program that is started in a folder of a user."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables = kept if python_path is None else {**kept, "PYTHONPATH": python_path}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env=variables, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(("module", "words", "code"), PROGRAMS.values(), ids=PROGRAMS)
def test_each_program_finds_its_own_modules(
    module: str, words: list[str], code: int, folder: Path
) -> None:
    """Neither the current folder nor `PYTHONPATH` comes before what is installed."""
    done = run(*module_command(module), *words, cwd=folder, python_path=".:")

    assert "the wrong one" not in done.stderr
    assert done.returncode == code, done.stderr


def test_the_users_own_modules_are_found_beside_a_scenario(folder: Path) -> None:
    """In its folder and in the current one, as Locust has it."""
    (folder / "deep").mkdir()
    (folder / "deep" / "beside.py").write_text("RATE = 7\n")
    (folder / "common.py").write_text("from beside import RATE\n")
    (folder / "tests").mkdir()  # of which there is one in a checkout of ours, too
    (folder / "tests" / "helpers.py").write_text("")
    modules = "common, beside, queue, tests.helpers"
    (folder / "deep" / "mine.py").write_text(f"import {modules}\n{MINE}")

    done = run(
        *module_command("harness.apps.locust"), "-f", "deep/mine.py", "--dry-run", cwd=folder
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("start", [["-m", "locust"], ["-m", "harness.apps.cli", "run", "mine.py"]])
def test_what_was_imported_before_us_is_one_line(start: list[str], tmp_path: Path) -> None:
    """Python looks into the current folder first, and only this file says nothing by itself."""
    words = ["-f", "mine.py", "--headless"] if "locust" in start else []
    (tmp_path / "mine.py").write_text(f"import antigravity\n{MINE}")
    (tmp_path / "antigravity.py").write_text("")
    (tmp_path / "sitecustomize.py").write_text("import antigravity\n")
    python_path = f"{tmp_path}:{ROOT}"

    done = run(sys.executable, *start, *words, cwd=tmp_path, python_path=python_path)

    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/antigravity.py is taken for a module that is")


@pytest.mark.parametrize(
    ("name", "file", "is_shadow"),
    [
        ("queue", "{}/queue.py", True),
        ("queue", "{}/queue/__init__.py", True),
        ("requests", "{}/requests.py", True),
        ("requests", "{}/requests/__init__.py", False),
        ("typing_extensions", "{}/typing_extensions.py", False),
        ("_struct", "{}/_struct.cpython-311.so", False),
        ("distutils", "/usr/lib/python3/dist-packages/setuptools/_distutils/__init__.py", False),
        ("mine", "{}/mine.py", False),
    ],
)
def test_only_what_takes_the_place_of_another_is_one(
    name: str, file: str, is_shadow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages may be installed, or developed, in any folder."""
    module = ModuleType(name)
    module.__file__ = file.format(tmp_path)
    monkeypatch.setitem(sys.modules, name, module)

    assert own_python._shadow() == (module.__file__ if is_shadow else "")


def test_what_was_installed_with_us_comes_as_the_user_ordered_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install --target`: a folder of `PYTHONPATH` has us, and all that we need."""
    (tmp_path / "yaml.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert own_python._installed_in(str(tmp_path)) == []
    beside = own_python._Installed().find_spec("yaml")
    (tmp_path / "lendchaos-0.1.0.dist-info").mkdir()
    monkeypatch.setattr(own_python, "_WITH_US", own_python._installed_in(str(tmp_path)))
    installed = own_python._Installed().find_spec("yaml")

    assert beside is not None
    assert installed is not None
    assert beside.origin != installed.origin == str(tmp_path / "yaml.py")


def test_an_installation_behind_a_link_is_ours_all_the_same(folder: Path) -> None:
    """Its end of a dry run is nothing that the user's code raised."""
    (folder / "linked").symlink_to(ROOT)
    program = str(folder / "linked" / "harness" / "core" / "own_python.py")

    words = ["harness.apps.locust", *PROGRAMS["load process"][1]]
    done = run(sys.executable, "-P", program, *words, cwd=folder)

    assert done.returncode == 0, done.stderr
    assert "raised" not in done.stderr


def test_everything_that_is_imported_is_known() -> None:
    """A module that is missing in the list could be taken from a folder of the user."""
    found = set()
    for path in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "target_service").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    ours = {"harness", "target_service", "pytest", "xdist", "_pytest"}

    unknown = {name for name in found - ours if not is_needed(name)}
    assert unknown <= {"_frozen_importlib", "_frozen_importlib_external"}
    assert own_python.NEEDED.isdisjoint(ours)
