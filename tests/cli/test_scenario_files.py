"""A scenario file that cannot be used: one line that names the place, and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import environment, lendchaos

HEAD = "from harness import Borrower, Objectives, Scenario\nfrom harness.faults import Partition\n"
MINE = HEAD + "class Mine(Borrower):\n    scenario = Scenario({})\n"
BROKEN = {
    "syntax": ("def broken(:\n    pass\n", "mine.py:1: SyntaxError"),
    "import": ("import json\nimport no_such_thing\n", "mine.py:2: ModuleNotFoundError"),
    "typo": (
        MINE.format("objectives=Objectives(lost_max=1)"),
        "unexpected keyword argument 'lost_max'; it takes recovery_seconds_max, ",
    ),
    "typo of a fault": (MINE.format("faults=[Partition(on='x')]"), "; it takes during, expects"),
    "generator": (MINE.format("faults=(1 / n for n in [0])"), "mine.py:4: ZeroDivisionError"),
    "exit": ("import sys\nsys.exit(0)\n", "mine.py:2: it calls sys.exit(0)"),
    "a limit": ("import gevent\nraise gevent.Timeout(1)\n", "mine.py:2: Timeout: 1 second"),
    "no class": (HEAD, "mine.py: no scenario in it; it needs a class like"),
    "a plain user": ("from locust import HttpUser\nclass Plain(HttpUser): pass\n", "no scenario"),
    "types": (
        MINE.format("faults=None, stop=5"),
        "stop 5 must be StopConditions(...); faults",
    ),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_loaded_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    """With the file, the line, and what is wrong there."""
    (tmp_path / "mine.py").write_text(text)

    done = lendchaos("--quiet", "run", "mine.py", cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("lendchaos: ")
    assert told in line


def test_a_series_of_it_brings_no_stack_up(tmp_path: Path) -> None:
    """It is tried before anything is started, and no second run follows."""
    (tmp_path / "mine.py").write_text("import no_such_thing\n")

    done = lendchaos("run", "mine.py", "--runs", "3", cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert "mine.py:1: ModuleNotFoundError: No module named 'no_such_thing'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state").exists()


def test_options_from_the_environment_and_from_files_are_named(tmp_path: Path) -> None:
    """They are the user's choice, and the run says which there are."""
    (tmp_path / "mine.py").write_text(MINE.format(""))
    (tmp_path / "locust.conf").write_text("retries = 2\n")

    done = lendchaos("run", "mine.py", "--dry-run", cwd=tmp_path, LOCUST_USERS="7")

    assert done.returncode == 0, done.stderr
    assert "LOCUST_USERS from the environment: 7" in done.stderr
    assert "retries from locust.conf: 2" in done.stderr.replace(f"{tmp_path}/", "")
    assert "7 arrivals a second" in done.stdout


def test_bare_locust_stays_itself(tmp_path: Path) -> None:
    """What it cannot load is its own to tell, in its own way."""
    (tmp_path / "mine.py").write_text("import no_such_thing\n")

    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "mine.py", "--headless"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )

    assert done.returncode == 1
    assert "Traceback" in done.stderr
