"""What a signal orders in a game day, in a process of its own: it lets go of its terminal."""

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from harness.apps.gameday.attended import signals_as_commands

heard = []
with signals_as_commands(heard.append, attended=sys.argv[2] == "attended"):
    signal.raise_signal(signal.Signals[sys.argv[1]])
print(*(f"{message.what}:{message.text}" for message in heard))
"""
ENDS_THE_DAY = "abort:signal paused:"
CASES = [
    ("SIGINT", "attended", [], "abort:key"),
    ("SIGINT", "alone", [], ENDS_THE_DAY),
    ("SIGTERM", "attended", [], ENDS_THE_DAY),
    ("SIGTERM", "alone", [], ENDS_THE_DAY),
    ("SIGHUP", "attended", [], "abort:"),
    ("SIGHUP", "alone", [], "abort:"),
    ("SIGHUP", "attended", ["nohup"], ""),
    ("SIGHUP", "alone", ["nohup"], ""),
]


@pytest.mark.parametrize(("number", "who", "under", "orders"), CASES)
def test_a_signal_is_an_order(number: str, who: str, under: list[str], orders: str) -> None:
    """What is under way ends; the day is paused where nobody is there to go on with it."""
    done = subprocess.run(
        ["env", "--default-signal", *under, sys.executable, "-c", PROGRAM, number, who],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(orders)
    assert bool(done.stdout.strip()) is bool(orders)
    assert ("paused" in done.stdout) is (bool(orders) and orders != "abort:key")
