"""The signals that end a run are heard, whatever the user's code does with them."""

import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, signal, sys
import gevent
from harness.apps.locust import process_control

heard = []
number = signal.Signals[sys.argv[1]]
process_control.on_signals(lambda: heard.append("ours"), signal.SIGINT, signal.SIGTERM)
process_control.on_hang_up(lambda: heard.append("ours"))
gevent.signal_handler(signal.SIGTERM, lambda: None)  # as Locust does after its init
signal.signal(number, {theirs})
gevent.sleep(0.5)
os.kill(os.getpid(), number)
gevent.sleep(0.7)
print(*heard)
"""


@pytest.mark.parametrize("theirs", ["lambda *_: None", "signal.SIG_IGN", "signal.SIG_DFL"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_handler_of_the_users_code_replaces_none_of_ours(number: str, theirs: str) -> None:
    """A run that is told to end ends, in order."""
    done = subprocess.run(
        ["env", "--default-signal", sys.executable, "-c", PROGRAM.format(theirs=theirs), number],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, "ours\n"), done.stderr


HUNG_UP = """
import os, signal, sys
import gevent
from harness.apps.locust import process_control

heard = []
process_control.on_hang_up(lambda: heard.append("ours"))
os.kill(os.getpid(), signal.SIGHUP)
gevent.sleep(0.2)
print(*heard)
"""


@pytest.mark.parametrize(("under", "heard"), [([], "ours\n"), (["nohup"], "\n")])
def test_a_hang_up_is_heard_but_under_nohup(under: list[str], heard: str) -> None:
    """There it was asked to go on, by `locust -f` as well."""
    done = subprocess.run(
        ["env", "--default-signal=HUP", *under, sys.executable, "-c", HUNG_UP],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, heard), done.stderr


STARTER_DIED = """
import os
import gevent
from harness.apps.locust import process_control

heard = []
reader, writer = os.pipe()
process_control.on_reader_gone(writer, lambda: heard.append("ours"))
gevent.sleep(0.5)
before = list(heard)
os.close(reader)
gevent.sleep(0.5)
print(before, heard)
"""


def test_the_death_of_the_starter_is_noticed() -> None:
    """The kernel closes the pipe that it read, whatever killed it."""
    done = subprocess.run(
        [sys.executable, "-c", STARTER_DIED], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "[] ['ours']\n"


TOLD_AGAIN = """
import sys, time
from types import SimpleNamespace
import gevent
from gevent.event import Event
from harness.apps.locust.borrower import Borrower
from harness.apps.locust.leader import RunController

leader = RunController(SimpleNamespace(process_exit_code=None), None, Borrower)
board = SimpleNamespace(active=["1-partition"])
times = []
leader.run = SimpleNamespace(
    over=Event(), interrupted=True, interrupt=lambda: times.append("interrupted"),
    live=SimpleNamespace(board=board),
)
for _ in range(14):  # a key that is held down
    gevent.spawn(leader._on_stop_signal)
    gevent.sleep(0.1)
gevent.sleep(1.1)
print(*times)
gevent.spawn(leader._on_stop_signal)
gevent.sleep(1.1)
gevent.spawn(leader._on_stop_signal)
gevent.sleep(0.5)
print("still healing", flush=True)
board.active.clear()
gevent.sleep(5)
"""


def test_nothing_ends_hard_before_it_is_healed() -> None:
    """A key held down is one Ctrl-C; the second quits once nothing is broken, as does the third."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", TOLD_AGAIN],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (130, "interrupted\nstill healing\n"), done.stderr
    assert time.monotonic() - began < 30
