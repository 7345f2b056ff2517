"""Ctrl-C while a command, or the run that it starts, is still being loaded."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import ROOT, python

# Python calls it at every import. A run's process has its signals from the command, its parent.
AT_IMPORT = """
import os, signal, sys, time

def watch(event, arguments):
    in_run = "harness.apps.locust" in sys.orig_argv
    if event != "import" or in_run != ("IN_RUN" in os.environ):
        return
    if arguments[0] == os.environ["AT"]:
        os.kill(os.getppid() if in_run else os.getpid(), signal.SIGINT)
        time.sleep(0.5 if in_run else 0.01)

sys.addaudithook(watch)
"""
MINE = "from harness import Borrower, Scenario\nclass Mine(Borrower):\n    scenario = Scenario()\n"


def interrupted_at(
    module: str, *words: str, folder: Path, **more: str
) -> "subprocess.CompletedProcess[str]":
    """A command that gets Ctrl-C as it begins to import a module."""
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(AT_IMPORT)
    (folder / "mine.py").write_text(MINE)
    hooked = {"PYTHONPATH": f"{folder / 'hook'}:{ROOT}", "AT": module, **more}
    return python("-m", "harness.apps.cli", *words, cwd=folder, **hooked)


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (["--help"], "typer"),
        (["status"], "harness.apps.cli.app"),
        (["status"], "harness.stack.client"),
        (["run", "mine.py", "--dry-run"], "harness.apps.cli.outcome_text"),
        (["run", "mine.py", "--dry-run"], "harness.plan.resilience"),
    ],
    ids=str,
)
def test_a_command_ends_without_a_word(words: list[str], module: str, tmp_path: Path) -> None:
    """With 130, whatever it is loading."""
    done = interrupted_at(module, *words, folder=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("module", ["harness.core.standard_streams", "locust.main"])
def test_a_run_that_is_being_loaded_ends_without_a_word(module: str, tmp_path: Path) -> None:
    """The command passes it on to the run, which has touched nothing yet."""
    done = interrupted_at(module, "run", "mine.py", "--dry-run", folder=tmp_path, IN_RUN="yes")

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hook", "mine.py"]


def test_who_imports_the_commands_keeps_his_own_handler() -> None:
    """They are no program then."""
    code = "import harness.apps.cli, signal; print(signal.getsignal(signal.SIGINT).__name__)"
    done = python("-c", code, cwd=ROOT)

    assert (done.returncode, done.stdout) == (0, f"{signal.default_int_handler.__name__}\n")


def test_ctrl_c_while_it_is_loaded_leaves_no_traceback(tmp_path: Path) -> None:
    """Whoever started it says that it was interrupted."""
    (tmp_path / "mine.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    )

    done = python("-m", "harness.apps.locust", "-f", "mine.py", "--dry-run", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
