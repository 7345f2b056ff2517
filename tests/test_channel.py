"""The pipe between conductor and load process, from the conductor's end, over real pipes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

ECHO = """
from harness.load.channel import Channel, Interrupted
channel = Channel()
print("stray output of a library")
while (message := channel.receive(5.0)) is not None:
    channel.send("echo", got=message["type"])
try:
    channel.check_interrupt()
except Interrupted:
    channel.send("interrupted")
channel.close()
"""
STUCK_READER = """
import time
from harness.load.channel import Channel
channel = Channel()
channel.receive(5.0)
started = time.monotonic()
for _ in range(20_000):
    channel.send("progress", text="x" * 100)
print(time.monotonic() - started, flush=True)
"""


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
        out, err = process.communicate('{"type": "begin"}\n{"type": "drained"}\n', timeout=20)

    assert [json.loads(line) for line in out.splitlines()] == [
        {"type": "echo", "got": "begin"},
        {"type": "echo", "got": "drained"},
        {"type": "interrupted"},
    ]
    assert "stray output" in err


def test_a_load_process_that_does_not_read_holds_nothing_up() -> None:
    """Far more than a pipe holds is queued at once, so a heal never waits for a reader."""
    with conductor(STUCK_READER) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write('{"type": "begin"}\n')
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
        out, _ = process.communicate('{"type": "begin"}\n{"type": "dra', timeout=20)

    assert [json.loads(line)["type"] for line in out.splitlines()] == ["echo", "interrupted"]


CLOSED = """
import time
from harness.load.channel import Channel
channel = Channel()
channel.receive(5.0)
print(channel.is_closed(), flush=True)
channel.interrupt("a signal")
ends = time.monotonic() + 10
while not channel.is_closed() and time.monotonic() < ends:
    time.sleep(0.01)
channel.send("closed", closed=channel.is_closed())
channel.close()
"""


def test_the_end_of_the_load_process_is_told_from_an_interruption() -> None:
    """Interrupted, it still waits for the verdict; gone, nobody does."""
    with conductor(CLOSED) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write('{"type": "interrupt"}\n')
        process.stdin.flush()
        assert process.stderr.readline() == "False\n"
        out, _ = process.communicate(timeout=20)

    assert json.loads(out) == {"type": "closed", "closed": True}
