"""The signals that end a run are heard, whatever the user's code does with them."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys
import gevent
from harness.load import process_control

heard = []
number = signal.Signals[sys.argv[1]]
process_control.on_stop_signal(lambda: heard.append("ours"))
gevent.signal_handler(signal.SIGTERM, lambda: None)  # as Locust does after its init
signal.signal(number, {theirs})
gevent.sleep(0.5)
os.kill(os.getpid(), number)
gevent.sleep(0.7)
print(*heard)
"""


@pytest.mark.parametrize("theirs", ["lambda *_: None", "signal.SIG_IGN", "signal.SIG_DFL"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_handler_of_the_users_code_replaces_none_of_ours(number: str, theirs: str) -> None:
    """A run that is told to end ends, in order."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(theirs=theirs), number],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, "ours\n"), done.stderr
