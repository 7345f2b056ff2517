"""Who holds a stack, and that a dead holder holds nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.stack.folder import RUN_LOCK
from harness.stack.run_lock import Owner, held_alone, holder, is_held

HOLD = """
import sys, pathlib
from harness.stack.run_lock import held_alone
with held_alone(pathlib.Path(sys.argv[1]), "run-1", "network_partition"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_elsewhere(folder: Path) -> "subprocess.Popen[str]":
    """Another process that holds the stack until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_nobody_else_can_hold_it(tmp_path: Path) -> None:
    """Whoever may open a lock may hold it for good, also in a folder that all may enter."""
    before = os.umask(0)
    try:
        with held_alone(tmp_path, "run-1", "baseline"):
            assert (tmp_path / "run.lock").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_the_message_names_the_owner(tmp_path: Path) -> None:
    """Process, user, run, scenario and since when."""
    with hold_elsewhere(tmp_path) as process:
        with (
            pytest.raises(HarnessError) as caught,
            held_alone(tmp_path, "run-2", "baseline"),
        ):
            pytest.fail("it was held")
        whose = holder(tmp_path)
        process.kill()
    line = str(caught.value)

    assert "\n" not in line
    assert f"run run-1 of network_partition, process {process.pid} of user" in line
    assert " s (since 20" in line
    assert whose is not None
    assert (whose.pid, whose.run_id, whose.scenario) == (process.pid, "run-1", "network_partition")


def test_what_a_dead_run_left_is_harmless(tmp_path: Path) -> None:
    """SIGKILL gives no chance to tidy up; the name stays in the file, and holds nothing."""
    with hold_elsewhere(tmp_path) as process:
        process.kill()
    left = json.loads((tmp_path / RUN_LOCK).read_text())

    assert left["run_id"] == "run-1"
    assert holder(tmp_path) is None
    with held_alone(tmp_path, "run-2", "baseline"):
        whose = holder(tmp_path)
        assert whose is not None
        assert (whose.pid, whose.run_id) == (os.getpid(), "run-2")
    assert is_held(tmp_path) is False


@pytest.mark.parametrize("text", ["", "{", '{"pid": "many"}', "[]"])
def test_a_damaged_name_does_not_break_the_lock(text: str, tmp_path: Path) -> None:
    """The lock is the kernel's, whatever the file says."""
    with hold_elsewhere(tmp_path) as process:
        (tmp_path / RUN_LOCK).write_text(text)
        with pytest.raises(HarnessError, match="another run uses"), held_alone(tmp_path, "2", "b"):
            pytest.fail("it was held")
        assert is_held(tmp_path) is True
        process.kill()


def test_asking_who_holds_it_does_not_take_it(tmp_path: Path) -> None:
    """A run that starts while somebody looks gets the lock."""
    assert is_held(tmp_path) is False
    assert not (tmp_path / RUN_LOCK).exists()
    with held_alone(tmp_path, "run-1", "baseline"):
        pass
    assert is_held(tmp_path) is False
    assert (tmp_path / RUN_LOCK).read_text() == ""


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """The state file with its secrets will lie in it."""
    folder = tmp_path / "state"
    with held_alone(folder, "run-1", "baseline"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("seconds", "age"), [(-1, "0 s"), (59, "59 s"), (61, "1 min"), (5400, "1.5 h")]
)
def test_age_in_words(seconds: float, age: str) -> None:
    """In the unit that reads best; never negative where a clock was set back."""
    now = time.time()

    assert f"for {age} (since" in Owner(1, "u", "r", "s", now - seconds).in_words()
