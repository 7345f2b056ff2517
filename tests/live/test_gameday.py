"""A game day in a real terminal: aborted, its terminal closed, gone on with, a fault by hand.

tmux is the terminal: it takes keys, and shows what a person would see.
"""

import os
import queue
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.locust_runner import LocustRunner
from harness.apps.gameday.session_store import (
    Session,
    SessionStore,
    StepState,
    What,
    command,
    is_conducted,
    read_session,
)
from harness.apps.gameday.view import Message, Stage, View, preview_steps
from harness.stack import Stack, StackClient, load_state
from harness.verdict.types import from_json
from tests import lacking
from tests.live.conftest import SCENARIOS
from tests.ports import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent.parent
SEEN_SECONDS_MAX = 120.0
PLAN = """\
version: 1
title: Three short steps
hypothesis: Borrowing comes back by itself.
abort_word: halt
roles: {lead: Lin, operator: Zhao}
options: {rate: 30, warm_up: 500ms, baseline: 5s, recovery: 4s, ledger_settle: 1s, seed: 7}
steps:
  - name: cut
    scenario: network_partition
    options: {fault: 2s}
    expect: back within 5 s
  - name: again
    scenario: network_partition
    options: {fault: 2s}
    expect: as before
  - name: by hand
    scenario: baseline
    options: {recovery: 8s}
    hand_pulled: Zhao kills both replicas
    expect: an outage of two seconds
"""


@dataclass(frozen=True)
class Tmux:
    """One terminal of 80 columns by 24 lines, in which commands are called in a folder."""

    folder: Path

    def call(self, *words: str) -> str:
        """Ask tmux."""
        command = ["tmux", "-L", f"lendchaos-{os.getpid()}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def gameday(self, *words: str) -> None:
        """Open a terminal with a game day in it, which stays open after its end."""
        command = shlex.join([sys.executable, "-m", "harness.apps.cli", "gameday", *words])
        environment = f"PYTHONPATH={shlex.quote(str(ROOT))}"
        script = f"{environment} {command}; echo EXIT CODE $?; sleep 600"
        at = ["-c", str(self.folder), "-x", "80", "-y", "24"]
        self.call("new-session", "-d", "-s", "day", *at, script)

    def called(self, *words: str) -> tuple[int, str]:
        """A command beside the terminal: its exit code and what it said."""
        command = [sys.executable, "-m", "harness.apps.cli", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def screen(self, *how: str) -> str:
        """What is seen."""
        return self.call("capture-pane", "-p", "-J", "-t", "day", *how)

    def sees(self, text: str) -> str:
        """Wait until a text is seen; all that is told until then, from the first line on."""
        deadline = time.monotonic() + SEEN_SECONDS_MAX
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} is not seen:\n{screen}"
            time.sleep(0.2)
        return self.screen("-S", "-")

    def press(self, *keys: str) -> None:
        """Keys, or what tmux calls them."""
        self.call("send-keys", "-t", "day", *keys)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal in a folder with the plan and the scenarios; nothing of it is left afterwards."""
    if shutil.which("tmux") is None:
        lacking.skip("tmux is missing: `apt-get install tmux`")
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (tmp_path / "plan.yaml").write_text(PLAN)
    terminal = Tmux(tmp_path)
    yield terminal
    subprocess.run(
        ["tmux", "-L", f"lendchaos-{os.getpid()}", "kill-server"], capture_output=True, check=False
    )
    until(lambda: not is_conducted(tmp_path / "day"))
    terminal.called("down", "--state-dir", ".lendchaos")


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + SEEN_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.2)


def states(session: Session) -> list[StepState]:
    """How the three steps stand."""
    return [session.state_of(name) for name in ("cut", "again", "by hand")]


def test_a_day_is_aborted_loses_its_terminal_and_is_finished(tmux: Tmux) -> None:
    """One stack throughout; every run is kept; the fault that somebody injected is found."""
    day = tmux.folder / "day"
    tmux.gameday("plan.yaml", "--session", "day")
    assert "halt: anyone who says or types it" in tmux.sees("g go: begin")
    assert not day.exists()
    tmux.press("g")
    tmux.sees("Go or no-go?")
    tmux.press("g")
    assert "1-partition breaks" in tmux.sees("baseline, ")
    _abort_and_lose(tmux, day)
    stack = load_state((tmux.folder / ".lendchaos").absolute())
    assert stack is not None, "the stack was to stay up through the pause"
    tmux.gameday("--resume", "day")
    tmux.sees("g go: begin")
    tmux.press("g")
    assert "lost terminal" in tmux.sees("Run it again? 2. again")
    tmux.press("g")
    tmux.sees("Go or no-go? 3. by hand")
    tmux.press("g")
    tmux.sees("observation, ")
    tmux.press("x")
    StackClient(stack).kill("replicas", 1.5)
    tmux.press("r")
    tmux.sees("manual fault restored")
    tmux.sees("g close the day")
    tmux.press("g")
    tmux.sees("EXIT CODE 1")  # nothing was to break in a baseline, and something did

    session = read_session(day)
    assert session.closed
    assert session.damage == ()
    assert states(session) == [StepState.DONE] * 3
    assert [e.text for e in session.events if e.what is What.ABORT] == ["key", "lost terminal"]
    assert [e.exit_code for e in session.runs_of("again")] == [130, 130, 0]
    assert load_state((tmux.folder / ".lendchaos").absolute()) is None
    _assert_found(day, session)
    _assert_verifies(tmux, day)


def test_the_abort_button_of_a_page_ends_its_step(stack: Stack, tmp_path: Path) -> None:
    """The page tells the game day and the abort word; its address is written down nowhere."""
    step = GameDayStep(name="cut", scenario=str(SCENARIOS / "network_partition.py"))
    options = (
        "--rate=30",
        "--warm-up=500ms",
        "--baseline=5s",
        "--fault=2s",
        "--recovery=4s",
        "--ledger-settle=1s",
    )
    plan = GameDayPlan(
        title="With a page", abort_word="halt", hypothesis="h", steps=(step,), options=options
    )
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    presser = Presser(inbox)
    with SessionStore(tmp_path / "day") as diary:
        runner = LocustRunner(plan, diary.path, 7, stack.state_dir, free_port())
        previews = preview_steps(plan, tmp_path / "plan.yaml", 7, stack.state_dir, print)
        game = GameDay(plan, previews, diary, runner, inbox=inbox, show=presser.show)
        code = game.conduct()

    session = read_session(tmp_path / "day")
    assert code == 130
    assert [e.text for e in session.events if e.what is What.ABORT] == ["page"]
    assert presser.told == {"title": "With a page", "step": "cut", "abort_word": "halt"}
    token = presser.page.partition("#token=")[2]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert token
    assert files
    assert [path for path in files if token.encode() in path.read_bytes()] == []


class Presser:
    """Says go, once, and presses the abort button when the baseline has begun."""

    def __init__(self, inbox: "queue.SimpleQueue[Message]") -> None:
        self.page, self.told = "", None
        self._inbox, self._stages = inbox, set[Stage]()

    def show(self, view: View) -> None:
        """Answer what is asked for the first time; a step that was aborted stays so."""
        asked = view.stage in (Stage.BRIEFING, Stage.ASKING, Stage.CLOSING)
        if view.stage is Stage.ASKING and view.session.runs_of("cut"):
            self._inbox.put(command(What.NO_GO))
        elif asked and view.stage not in self._stages:
            self._inbox.put(command(What.GO))
        elif view.under_way is not None and view.under_way.phase == "baseline" and not self.page:
            self.page = view.under_way.page
            self._press(*self.page.split("/#token="))
        self._stages.add(view.stage)

    def _press(self, page: str, token: str) -> None:
        browser = requests.Session()
        browser.headers["Origin"] = "/".join(page.split("/")[:3])
        browser.post(f"{page}/session", json={"token": token}, timeout=5).raise_for_status()
        self.told = browser.get(f"{page}/live", timeout=5).json()["game_day"]
        order = {"do": "abort", "reason": "enough"}
        browser.post(f"{page}/command", json=order, timeout=5).raise_for_status()


def _abort_and_lose(tmux: Tmux, day: Path) -> None:
    """The second step is aborted by a key, begun again, and its terminal is closed."""
    assert "PASS" in tmux.sees("Go or no-go? 2. again")
    tmux.press("g")
    tmux.sees("baseline, ")
    tmux.press("t", "the queue grows", "Enter")
    tmux.sees("note: the queue grows")
    tmux.press("a")
    assert "ABORT: key" in tmux.sees("Run it again?")
    tmux.press("g")
    tmux.sees("baseline, ")
    tmux.call("kill-session", "-t", "day")
    until(lambda: not is_conducted(day))
    session = read_session(day)
    assert session.events[-1].what is What.PAUSED
    assert states(session) == [StepState.DONE, StepState.ABORTED, StepState.WAITING]


def _assert_found(day: Path, session: Session) -> None:
    """What was broken by hand is in the verdict of the run that only watched."""
    (ended,) = session.runs_of("by hand")
    assert ended.directory is not None
    verdict = from_json((day / "runs" / ended.directory / "verdict.json").read_bytes())
    assert [str(fault.name) for fault in verdict.faults] == []
    assert any(episode.recovered_s is not None for episode in verdict.episodes)
    assert verdict.borrow.failed
    marks = [e.what for e in session.events if e.step == "by hand"]
    assert marks.index(What.INJECTED) < marks.index(What.RESTORED)


def _assert_verifies(tmux: Tmux, day: Path) -> None:
    """The record that it ends in agrees with the stored runs; one changed byte, and it does not."""
    assert (day / "record.html").is_file()
    code, said = tmux.called("gameday", "verify", "day")
    assert (code, "DIFFERS" in said) == (0, False), said
    ledger = min((day / "runs").glob("network_partition-*/ledger.jsonl"))
    body = bytearray(ledger.read_bytes())
    body[len(body) // 2] ^= 1
    ledger.write_bytes(body)
    code, said = tmux.called("gameday", "verify", "day")
    assert code == 1
    assert any("DIFFERS" in line and "ledger.jsonl" in line for line in said.splitlines()), said
