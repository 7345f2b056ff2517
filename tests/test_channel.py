"""The pipe between conductor and load process, from the conductor's end, over real pipes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.load.load_protocol import (
    FROM_CONDUCTOR,
    FROM_LOAD,
    ConductorProgress,
    FromLoad,
    InterruptRun,
    PageCommand,
)

ECHO = """
from harness.core.errors import Interrupted
from harness.load.channel import Channel
channel = Channel()
print("stray output of a library")
while (message := channel.receive(5.0)) is not None:
    channel.progress(f"got {message}")
try:
    channel.check_interrupt()
except Interrupted:
    channel.progress("interrupted")
channel.close()
"""
STUCK_READER = """
import time
from harness.load.channel import Channel
channel = Channel()
channel.receive(5.0)
started = time.monotonic()
for _ in range(20_000):
    channel.progress("x" * 100)
print(time.monotonic() - started, flush=True)
"""
HEAL, INJECT = PageCommand("heal"), PageCommand("inject", "1-partition")


def line(message: FromLoad) -> str:
    """A message of the load process, as it says it."""
    return FROM_LOAD.encode(message).decode()


def heard(output: str) -> list[str]:
    """What the conductor said it was doing."""
    told = [FROM_CONDUCTOR.decode(each) for each in output.splitlines()]
    return [each.text for each in told if isinstance(each, ConductorProgress)]


@contextmanager
def conductor(code: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that speaks over a channel."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_messages_pass_both_ways_and_nothing_else_does() -> None:
    """What a library prints goes to standard error; end of file counts as an interrupt."""
    with conductor(ECHO) as process:
        out, err = process.communicate(line(HEAL) + line(INJECT), timeout=20)

    assert heard(out) == [f"got {HEAL}", f"got {INJECT}", "interrupted"]
    assert "stray output" in err


def test_a_load_process_that_does_not_read_holds_nothing_up() -> None:
    """Far more than a pipe holds is queued at once, so a heal never waits for a reader."""
    with conductor(STUCK_READER) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(line(HEAL))
        process.stdin.flush()
        seconds = float(process.stderr.readline())

    assert seconds < 2.0


def test_a_silent_load_process_is_given_up() -> None:
    """Nothing in time reads like the end of the file."""
    code = "from harness.load.channel import Channel; print(Channel().receive(0.2))"
    with conductor(code) as process:
        started = time.monotonic()
        assert process.stderr is not None
        answer = process.stderr.readline()

    assert answer.strip() == "None"
    assert time.monotonic() - started < 15


def test_half_a_message_is_the_end_of_the_load_process() -> None:
    """Killed in mid-line: what follows is the same as after the end of the file."""
    with conductor(ECHO) as process:
        out, err = process.communicate(line(HEAL) + line(INJECT)[:20], timeout=20)

    assert heard(out) == [f"got {HEAL}", "interrupted"]
    assert "no message of LoadBegun" in err


CLOSED = """
import time
from harness.load.channel import Channel
channel = Channel()
channel.receive(5.0)
print(channel.is_closed(), flush=True)
channel.interrupt("signal", "SIGTERM")
ends = time.monotonic() + 10
while not channel.is_closed() and time.monotonic() < ends:
    time.sleep(0.01)
channel.progress(f"closed: {channel.is_closed()}")
channel.close()
"""


def test_the_end_of_the_load_process_is_told_from_an_interruption() -> None:
    """Interrupted, it still waits for the verdict; gone, nobody does."""
    with conductor(CLOSED) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(line(InterruptRun()))
        process.stdin.flush()
        assert process.stderr.readline() == "False\n"
        out, _ = process.communicate(timeout=20)

    assert heard(out) == ["closed: True"]
