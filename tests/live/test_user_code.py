"""A scenario file as people who know Locust write it: nothing in it turns a verdict into a pass."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.live.load_process import PHASES, RATE, ROOT, LoadProcesses
from tests.load.target import running_target

pytestmark = pytest.mark.live

HEAD = '''"""Hypothesis: all is well."""

import logging
import sys
import threading

import gevent
from locust import events
from locust.exception import StopUser

from harness import Borrower, Scenario


'''
RAISING = """
logging.disable(logging.CRITICAL)


class LimitError(BaseException):
    pass


def message(**_):
    raise LimitError("message")


@events.init.add_listener
def init(environment, **_):
    environment.runner.register_message("mine", message)


@events.test_start.add_listener
def start(environment, **_):
    gevent.spawn_later(0.1, environment.runner.send_message, "mine")
    raise LimitError("test_start")


@events.test_stop.add_listener
def stop(**_):
    raise RuntimeError("test_stop")


@events.request.add_listener
def request(**_):
    raise RuntimeError("request")


def greenlet():
    raise LimitError("greenlet")


def thread():
    raise RuntimeError("thread")


class Raises(Borrower):
    scenario = Scenario()

    def on_start(self):
        gevent.spawn(greenlet)
        threading.Thread(target=thread).start()

    def on_stop(self):
        raise RuntimeError("on_stop")

    def wait_time(self):
        raise RuntimeError("wait_time")

    def read_credit_line(self, journey):
        raise RuntimeError("step")
"""
CALM = """


class Calm(Borrower):
    scenario = Scenario()

    def wait_time(self):
        raise StopUser
"""
RAISED = [line.split('"')[1] for line in RAISING.splitlines() if "raise" in line]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[LoadProcesses]:
    """Load processes, and a target that lives as long as they do."""
    with running_target() as target:
        yield LoadProcesses(tmp_path, target)


def run(load: LoadProcesses, scenario: str, *options: str, **environment: str) -> tuple[int, str]:
    """One short run of this scenario file."""
    options = (*PHASES, f"--rate={RATE}", "--baseline=500ms", *options)
    return load.run(*options, scenario=scenario, **environment)


@pytest.mark.parametrize(
    "options",
    [pytest.param((), marks=pytest.mark.long, id="one"), pytest.param(["--processes=2"], id="two")],
)
def test_what_the_users_code_raises_is_a_trouble_of_the_run(
    options: Sequence[str], load: LoadProcesses
) -> None:
    """Listeners, users, greenlets, threads and steps: each with its type, file and line."""
    _, output = run(load, HEAD + RAISING, *options)

    troubles = load.received()[-1].troubles
    told = "\n".join(trouble.text for trouble in troubles)
    assert {trouble.begin_ns for trouble in troubles} == {None}  # the whole run
    lines = (HEAD + RAISING).splitlines()
    numbers = {w: n for w in RAISED for n, line in enumerate(lines, 1) if f'("{w}")' in line}
    patterns = {
        w: rf"calm\.py:{n}(, |: read_credit_line raised )(RuntimeError|LimitError): {w}"
        for w, n in numbers.items()
    }
    missing = [w for w, pattern in patterns.items() if not re.search(pattern, told)]
    assert missing == [], output
    assert len(numbers) == len(RAISED) > 6
    assert told.splitlines()[0] in output


QUITTING = "@events.quitting.add_listener\ndef end(environment, **_):\n    "
QUIT = "@events.quit.add_listener\ndef end(**_):\n    "
ENDS = {
    "quitting sets 0": (QUITTING + "environment.process_exit_code = 0", "bad", 1, "verdict's 1"),
    "quitting exits": (QUITTING + "sys.exit(0)", "bad", 1, "the verdict's 1 stands"),
    "quit exits": (QUIT + "sys.exit(0)", "bad", 1, ""),
    "quitting sets 5": (QUITTING + "environment.process_exit_code = 5", "normal", 5, "code 5"),
    "quitting raises": (QUITTING + "raise OSError('late')", "normal", 3, "OSError: late"),
    "quit raises": (QUIT + "raise OSError('late')", "normal", 3, "OSError: late"),
    "a greenlet exits": (
        QUIT.replace("quit", "test_start") + "gevent.spawn_later(2, sys.exit, 0)",
        *("normal", 130, "a greenlet of the scenario raised, in calm.py:16, SystemExit: 0"),
    ),
    "init raises": (QUIT.replace("quit", "init") + "raise OSError('early')", "normal", 2, "early"),
    "a user stops": ("", "normal", 0, "summary: pass"),
}


IN_SHORT = ("quitting sets 0", "quitting raises", "a user stops")


@pytest.mark.parametrize(
    ("listener", "behaviour", "code", "told"),
    [
        pytest.param(*values, id=name, marks=[] if name in IN_SHORT else pytest.mark.long)
        for name, values in ENDS.items()
    ],
)
def test_no_listener_makes_a_pass(
    listener: str, behaviour: str, code: int, told: str, load: LoadProcesses
) -> None:
    """An exit code of theirs replaces only our 0; what goes wrong after the verdict is no pass."""
    found, output = run(load, HEAD + listener + CALM, PROTOCOL_BEHAVIOUR=behaviour)

    assert found == code, output
    assert told in output


@pytest.mark.long
@pytest.mark.parametrize(("when", "code"), [("quitting", 1), ("test_stop", 70)])
def test_an_end_by_force_is_no_pass(when: str, code: int, load: LoadProcesses) -> None:
    """`lendchaos run` knows the verdict from the run itself, and that there is none."""
    listener = QUIT.replace("quit", when) + "__import__('os')._exit(0)"
    (load.folder / "calm.py").write_text(HEAD + listener + CALM)
    options = [*PHASES, f"--rate={RATE}", "--conductor-module=tests.load.protocol_conductor"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", "run", "calm.py", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=load.folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LENDCHAOS_STATE": str(load.folder / "state"),
            "PROTOCOL_EDGE": load.target.url,
            "PROTOCOL_BEHAVIOUR": "bad",
        },
    )

    assert done.returncode == code, done.stdout + done.stderr
