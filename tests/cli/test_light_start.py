"""What a command does not need is not loaded for it: asking for the status takes no statistics."""

import ast
from pathlib import Path

import pytest

from tests.cli.processes import ROOT, python

HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "jinja2",
    "harness.run.conductor",
    "harness.verdict.judge",
    "locust",
    "gevent",
)
DRIVERS = ("psycopg", "requests", "toxiproxy")
"""For healing; who only looks has no use for them."""
BEGIN = """
import sys
{before}
from harness.apps.cli import app
code = app({words!r}, prog_name="lendchaos", standalone_mode=False)
"""
AS_LOCUST_STARTS = """
import harness.core.forwarding
def started(*_, **__):
    print("|" + " ".join(sys.modules))
    raise SystemExit(0)
harness.core.forwarding.subprocess.Popen = started
"""


def loaded(words: list[str], folder: Path, before: str = "") -> set[str]:
    """Every module that is loaded when a command is over, or as ``before`` says."""
    code = BEGIN.format(words=words, before=before) + 'print("|" + " ".join(sys.modules))\n'
    done = python("-c", code, cwd=folder, LENDCHAOS_STATE=str(folder / "state"))
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("|")[2].split())


@pytest.mark.parametrize(
    ("words", "needless"),
    [
        (["--help"], (*HEAVY, *DRIVERS, "pydantic", "harness.stack")),
        (["explain", "lost"], (*HEAVY, *DRIVERS, "harness.stack")),
        (["status"], (*HEAVY, *DRIVERS)),
        (["down"], (*HEAVY, *DRIVERS)),
        (["heal"], HEAVY),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_it_does_not_need_is_not_loaded(
    words: list[str], needless: tuple[str, ...], tmp_path: Path
) -> None:
    """Where a second of loading would be most of the command."""
    modules = loaded(words, tmp_path)

    assert "harness.apps.cli.app" in modules
    assert modules & set(needless) == set()


def test_healing_has_everything_loaded(tmp_path: Path) -> None:
    """It must not depend on an import that happens late, not even where nothing is broken."""
    assert {"harness.faults.heal.healing", "harness.faults.registry", *DRIVERS} <= loaded(
        ["heal"], tmp_path
    )


def test_nothing_is_judged_before_locust_has_started(tmp_path: Path) -> None:
    """A run waits for neither the judge nor the report."""
    (tmp_path / "plain.py").touch()
    modules = loaded(["run", "plain.py"], tmp_path, AS_LOCUST_STARTS)

    assert "harness.run.locust_process" in modules
    assert modules & {*HEAVY, "harness.report.html", "harness.report.terminal_text"} == set()


def test_the_guardian_loads_nothing_late(tmp_path: Path) -> None:
    """All that heals is there before it says that it is ready."""
    late = sorted(
        {name for path in (ROOT / "harness/faults").rglob("*.py") for name in late_in(path)}
    )
    code = (
        "import sys, harness.faults.heal.guardian\n"
        "from harness.faults.registry import load_all\n"
        "load_all()\n"
        "from harness.faults.heal import proxy_restart\n"
        f"print([name for name in {late} if name not in sys.modules])\n"
    )
    done = python("-c", code, cwd=tmp_path)

    assert {"psycopg", "toxiproxy.api"} <= set(late)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def late_in(path: Path) -> set[str]:
    """What a file imports inside its functions."""
    bodies = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    found = [node for body in bodies for node in ast.walk(body)]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}


def test_nobody_who_runs_or_judges_loads_what_only_comparisons_need() -> None:
    """Its import takes as long as all else that a load process and its conductor load."""
    code = "import sys, harness.apps.locust.borrower, harness.verdict.judge; print(*sys.modules)"
    done = python("-c", code)

    assert done.returncode == 0, done.stderr
    assert {"scipy.special", "harness.verdict.measure.measurement"} <= set(done.stdout.split())
    assert {"scipy.stats", "scipy.optimize"} & set(done.stdout.split()) == set()


def test_the_check_can_fail(tmp_path: Path) -> None:
    """What is loaded beforehand is seen."""
    assert "jinja2" in loaded(["--help"], tmp_path, "import jinja2")
