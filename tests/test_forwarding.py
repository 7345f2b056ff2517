"""Signals and the process of a run: real processes, with a small program in the place of Locust."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.forwarding import AGAIN_SECONDS

pytestmark = pytest.mark.usefixtures("hang_up_is_heard")

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 30.0
LOCUST = """
import os, signal, sys, time
from pathlib import Path

def hear(number, _):
    with open("heard", "a") as heard:
        heard.write(signal.Signals(number).name + "\\n")
    os.write(int(os.environ["LENDCHAOS_PROGRESS_FD"]), b'{"kind": "Update", "text": "healing"}\\n')
    global told
    told = True

told = False
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, hear)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # as Locust of ours does
Path("there").touch()
while not told:
    time.sleep(0.02)
time.sleep(float(os.environ.get("HEALS_FOR", "0.5")))  # whatever else comes is heard, too
Path("healed").touch()
sys.exit(130)
"""
STARTER = """
import sys
from pathlib import Path

from harness.run import locust_process as runner

runner._command = lambda *_: [sys.executable, "locust.py"]
lines = []
with runner.listening():
    ends = [
        runner.run_scenario(Path("a.py"), [], lambda u: lines.append(u.text), lines.append)
        for _ in range(2)
    ]
Path("said").write_text("\\n".join(lines))
print(*(end.exit_code for end in ends))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts what runs scenarios, and returns once its run is under way."""
    (tmp_path / "locust.py").write_text(LOCUST)
    begun: list[subprocess.Popen[str]] = []

    def begin(
        *before: str, starter: str = STARTER, heals_for: str = "0.5"
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*before, sys.executable, "-c", starter],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HEALS_FOR": heals_for},
            start_new_session=True,
        )
        begun.append(process)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (tmp_path / "there").exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


STUCK = STARTER.replace(
    "lines = []",
    """
import os
class Lines(list):
    def append(self, text):  # to a full pipe that nobody reads
        full = os.pipe()[1]
        while True:
            os.write(full, bytes(65536))
lines = Lines()
""",
)


def heard(folder: Path) -> list[str]:
    """The signals that reached the run."""
    path = folder / "heard"
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("tell", [os.kill, os.killpg], ids=["one", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_hears_a_signal_once(
    start: Start, tell: Callable[[int, int], None], number: signal.Signals, tmp_path: Path
) -> None:
    """Whomever it was for; the run is waited for, and no other is begun."""
    process = start()
    tell(process.pid, number)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert output.split() == ["130", "130"], errors
    assert heard(tmp_path) == [number.name]
    assert (tmp_path / "said").read_text().splitlines() == [
        "interrupted: healing, draining and judging",
        "healing",
    ]


def test_an_ignored_hang_up_stays_ignored(start: Start, tmp_path: Path) -> None:
    """As `nohup` has it; an ignored Ctrl-C does not, as shells start what is in the background."""
    process = start("sh", "-c", 'trap "" HUP INT; exec "$@"', "sh")
    os.killpg(process.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert heard(tmp_path) == []
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert output.split() == ["130", "130"], errors
    assert heard(tmp_path) == ["SIGINT"]


def test_a_time_limit_tells_twice_and_means_once(tmp_path: Path, start: Start) -> None:
    """`timeout` sends its signal to the process, and then to the group; the load process knows."""
    process = start()
    os.kill(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert output.split() == ["130", "130"], errors
    assert set(heard(tmp_path)) == {"SIGINT"}


def test_who_is_stuck_is_ended_by_the_third_signal(start: Start) -> None:
    """With the run: what is broken is healed by others, and need not wait for us."""
    process = start(starter=STUCK)
    for _ in range(3):
        assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        time.sleep(AGAIN_SECONDS + 0.2)

    assert process.poll() == 130


def test_the_third_signal_leaves_the_run_its_time_to_heal(start: Start, tmp_path: Path) -> None:
    """It is killed only if it does not end by itself."""
    process = start(heals_for="5")
    for _ in range(3):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(AGAIN_SECONDS + 0.2)
    assert process.poll() is None
    assert process.wait(PATIENCE_SECONDS) == 130
    assert (tmp_path / "healed").exists()
