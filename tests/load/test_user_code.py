"""What the code of the user raises is told, however it is raised and whatever is logged."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.load.exception_text import ended_by

SCRIPT = Path(__file__).with_name("user_code_under_gevent.py")
ROOT = SCRIPT.parent.parent.parent
MINE = r"of the scenario raised, in tests/load/user_code_under_gevent\.py:\d+, "
TOLD = {
    "greenlet": f"a greenlet {MINE}Timeout: 0.01 seconds",
    "SystemError": f"a greenlet {MINE}SystemError: mine",
    "library": f"a greenlet {MINE}JSONDecodeError: .*",
    "task": f"a greenlet {MINE}Timeout: 0.01 seconds",
    "wait_time": f"a user {MINE}RuntimeError: mine",
    "on_start": f"a greenlet {MINE}Timeout: 0.01 seconds",
    "on_stop": f"a method {MINE}RuntimeError: mine",
    "thread": f"a thread {MINE}RuntimeError: mine",
    "before it began": f"a greenlet {MINE}JSONDecodeError: .*",
    "page": f"a page {MINE}RuntimeError: mine",
    "own event": f"a method {MINE}RuntimeError: mine",
}
LISTENERS = {
    "test_start Timeout": (["second"], f"a test_start listener {MINE}Timeout: 5 seconds"),
    "test_start GreenletExit": (["second"], f"a test_start listener {MINE}GreenletExit"),
    "test_start KeyboardInterrupt": (["second"], f"a test_start listener {MINE}KeyboardInterrupt"),
    "test_start SystemExit": (["second"], f"a test_start listener {MINE}SystemExit: 0"),
    "test_start StopTest": (["StopTest"], ""),
    "test_start StopUser": (["second"], f"a test_start listener {MINE}StopUser"),
    "test_stop StopTest": (["second"], f"a test_stop listener {MINE}StopTest"),
    "request StopUser": (["StopUser"], ""),
    "request StopTest": (["StopTest"], ""),
    "init Timeout": (["second", "exit 2"], f"a init listener {MINE}Timeout: 5 seconds"),
    "init StopTest": (["second", "exit 2"], f"a init listener {MINE}StopTest"),
    "init SystemExit": (["second", "exit 2"], f"a init listener {MINE}SystemExit: 0"),
    "init OSError": (["second", "exit 2"], f"a init listener {MINE}OSError: mine"),
}

_SETS = "the scenario's code sets the exit code"
EXITS: dict[str, list[int | str]] = {
    "exit 1, set 0": [1, f"{_SETS} 0: the verdict's 1 stands"],
    "exit 0, set 5": [5, f"{_SETS} 5: it replaces our 0"],
    "exit 1, set 5": [1, f"{_SETS} 5: the verdict's 1 stands"],
    "exit 0, set 0": [0],
    "exit 0": [0],
    "exit 0, late": [3],
    "exit 0, late, set 0": [3],
}
HANDLER = f"the handler of mine messages {MINE}"
ENDED = ["asked to end"]
MESSAGES = {
    "message": (["RuntimeError"], f"{HANDLER}RuntimeError: mine"),
    "message Timeout": ([], f"{HANDLER}Timeout: 5 seconds"),
    "message GreenletExit": ([], f"{HANDLER}GreenletExit"),
    "message SystemExit": (ENDED, f"{HANDLER}SystemExit: 0"),
    "message KeyboardInterrupt": (ENDED, f"{HANDLER}KeyboardInterrupt"),
    "early message": (["RuntimeError"], f"the handler of early messages {MINE}RuntimeError: mine"),
    "exit": (ENDED, f"a greenlet {MINE}SystemExit: 0"),
    "exit itself": (ENDED, f"a greenlet {MINE}SystemExit: 1"),
}


@pytest.fixture(scope="module")
def found() -> Any:
    """By case: who else was called, and what was told."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.user_code_under_gevent"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("case", "pattern"), TOLD.items(), ids=TOLD)
def test_what_ends_their_code_is_told_with_its_place(case: str, pattern: str, found: Any) -> None:
    """Also what is no `Exception`, what a library raises for them, and what no log shows."""
    (text,) = found[case][1]
    assert re.fullmatch(pattern, text)


def test_who_is_ended_from_outside_raised_nothing(found: Any) -> None:
    """Locust and the drain end greenlets so."""
    assert found["killed"] == [[], []]


@pytest.mark.parametrize("how", ["StopUser", "RescheduleTask", "InterruptTaskSet"])
def test_what_steers_locust_is_no_trouble(found: Any, how: str) -> None:
    """Locust's own way to say what comes next."""
    assert found[f"greenlet {how}"] == [[], []]


@pytest.mark.parametrize(("case", "called", "pattern"), [(c, *v) for c, v in LISTENERS.items()])
def test_a_listener_that_raises_holds_no_other_up(
    case: str, called: list[str], pattern: str, found: Any
) -> None:
    """Unless it ends the greenlet, or steers Locust where there is something to steer."""
    assert found[case][0] == called
    assert re.fullmatch(pattern, "".join(found[case][1]))


@pytest.mark.parametrize(("case", "passed", "pattern"), [(c, *v) for c, v in MESSAGES.items()])
def test_a_handler_or_an_exit_ends_neither_listening_nor_process(
    case: str, passed: list[str], pattern: str, found: Any
) -> None:
    """Only an `Exception` goes on, for Locust to log; who exits has the run ended in order."""
    assert found[case][0] == passed
    assert re.fullmatch(pattern, "".join(found[case][1]))


def test_a_deleted_folder_hides_no_place() -> None:
    """The place is told as seen from the folder of the start."""
    script = (
        "import os, tempfile; from harness.load.exception_text import place_of\n"
        "os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())\n"
        "for name in ('/a/mine.py', 'src/gevent/theirs.py'):\n"
        "    try: exec(compile('1 / 0', name, 'exec'))\n"
        "    except ZeroDivisionError as error: print(place_of(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=30,
    )

    assert done.stdout.split() == ["mine.py:1", "src/gevent/theirs.py:1"], done.stderr


@pytest.mark.parametrize("case", EXITS)
def test_an_exit_code_of_theirs_replaces_only_our_0(found: Any, case: str) -> None:
    """And is told; what was raised after the verdict is no pass."""
    assert found[case][0] == EXITS[case]


def test_what_the_users_code_raises_is_a_usage_error() -> None:
    """Told with its place; what the harness raises is an internal error, or what it says of it."""
    try:
        json.loads("{")
    except ValueError as error:
        code, text = ended_by(error)
    ours = ended_by(HarnessError("not there"))

    assert code == 2
    assert re.match(r"tests/load/test_user_code\.py:\d+: JSONDecodeError: ", text)
    assert ours == (3, "not there")
