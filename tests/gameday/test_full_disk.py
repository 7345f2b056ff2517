"""A game day whose disk has no room: refused before it is begun, or paused and gone on with."""

import errno
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.apps.cli import game_days
from harness.apps.gameday import locust_runner as runner_module
from harness.apps.gameday.attended import Unattended
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.locust_runner import LocustRunner
from harness.apps.gameday.session_store import (
    FULL_DISK,
    Event,
    SessionStore,
    StepState,
    What,
    read_session,
)
from harness.apps.gameday.view import Message
from harness.core.disk import ROOM_BYTES_MIN
from harness.history.events import RunStatus
from harness.history.run_directory import RunDirectory
from harness.run.result import RunResult
from harness.run.room_watch import DATABASE_BYTES_MIN
from harness.stack.usable import STACK_BYTES_MIN
from tests.full_disk import files_end_at
from tests.gameday.days import PLAN, PREVIEWS, FakeRunner, conduct, ended, passes

NOBODY: dict[str, Any] = {"console": None, "tell": lambda _: None}
HAS_VERDICT = {"verdict": "inconclusive", "sentence": "The disk was full.", "report": None}


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[SessionStore]:
    """Of a session that is not begun."""
    with SessionStore(tmp_path / "day") as new:
        yield new


def broken_off(step: GameDayStep, attempt: int) -> list[Message | str]:
    """The first run of the first step is broken off; its disk did not take the verdict."""
    if (step.name, attempt) != ("cut", 1):
        return passes(step, attempt)
    return [RunResult(3, {**HAS_VERDICT, "run_dir": "/somewhere/cut-1"})]


@pytest.mark.parametrize("full_at", [0, 1], ids=["before the briefing", "before the first go"])
def test_a_day_without_room_is_refused_before_anything_is_made(
    full_at: int, diary: SessionStore
) -> None:
    """Room is asked for all of its steps at once."""
    runner = FakeRunner(passes, full_at=frozenset({full_at}))

    with pytest.raises(OSError, match="No space left"):
        conduct(diary, runner)

    assert (runner.done, diary.path.exists()) == ([], False)
    assert set(runner.asked) == {3}


def test_a_disk_that_is_full_before_a_step_pauses_the_day(diary: SessionStore) -> None:
    """What was done stays done; the rest is run once there is room."""
    runner = FakeRunner(passes, full_at=frozenset({3}))

    with pytest.raises(OSError, match="No space left"):
        conduct(diary, runner)

    session = read_session(diary.path)
    assert runner.asked == [3, 3, 1, 1]
    assert runner.done == ["open", "start cut"], "the stack stays up through the pause"
    assert session.events[-1].what is What.PAUSED
    assert session.events[-1].text == "day cannot be written: No space left on device"
    diary.__exit__()
    runner = FakeRunner(passes)
    with SessionStore.resume(diary.path) as again:
        code, _ = conduct(again, runner)
    assert code == 0
    assert runner.asked[0] == 2, "only for what is still to be done"
    assert runner.done == ["open", "start killed", "start by hand", "close"]


@pytest.mark.parametrize("attended", [True, False])
def test_a_step_that_a_full_disk_broke_off_may_be_begun_again(
    attended: bool, diary: SessionStore
) -> None:
    """Its run is kept, and named, also where there was no room for its verdict."""
    runner = FakeRunner(broken_off, full_at=frozenset({3}))

    with pytest.raises(OSError, match="No space left"):
        conduct(diary, runner)

    session = read_session(diary.path)
    (ran,) = session.runs_of("cut")
    assert (ran.directory, ran.exit_code, ran.verdict) == ("cut-1", 3, "inconclusive")
    assert ran.text == "The disk was full."
    assert [e.text for e in session.events if e.what is What.ABORT] == [FULL_DISK]
    assert session.state_of("cut") is StepState.ABORTED
    diary.__exit__()
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    with SessionStore.resume(diary.path) as again:
        runner = FakeRunner(passes)
        if attended:
            code, _ = conduct(again, runner)
        else:
            show = Unattended(inbox.put, lambda _: None).show
            code = GameDay(PLAN, PREVIEWS, again, runner, inbox=inbox, show=show).conduct()
    assert code == 0
    assert runner.done[:3] == ["open", "start cut", "start killed"]
    assert [e.exit_code for e in read_session(diary.path).runs_of("cut")] == [3, 0]


@pytest.mark.parametrize("broken_off", [True, False])
def test_a_step_that_came_to_its_end_is_done_however_full_the_disk_is_then(
    broken_off: bool, diary: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was inconclusive for another reason; for the next one there is no room."""
    status = RunStatus("local", broken_off=broken_off)
    monkeypatch.setattr(RunDirectory, "read_status", lambda *_: status)
    runner = FakeRunner(lambda *_: [ended(3, "inconclusive")], full_at=frozenset({3}))

    with pytest.raises(OSError, match="No space left"):
        conduct(diary, runner)

    session = read_session(diary.path)
    wanted = StepState.ABORTED if broken_off else StepState.DONE
    assert (session.state_of("cut"), runner.done) == (wanted, ["open", "start cut"])
    assert session.events[-1].what is What.PAUSED


def test_an_inconclusive_run_with_room_on_the_disk_pauses_nothing(diary: SessionStore) -> None:
    """It was for another reason."""
    runner = FakeRunner(
        lambda step, n: [ended(3, "inconclusive")] if step.name == "cut" else passes(step, n)
    )

    code, _ = conduct(diary, runner)

    assert code == 3
    assert read_session(diary.path).state_of("cut") is StepState.DONE


def test_an_event_that_the_disk_does_not_take_ends_the_day_as_it_stands(
    diary: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing follows from what is not written down; the error goes to who tells it."""
    plain = SessionStore.append

    def append(self: SessionStore, event: Event) -> None:
        if event.what is What.RUN_ENDED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/session.jsonl")
        plain(self, event)

    monkeypatch.setattr(SessionStore, "append", append)
    runner = FakeRunner(passes)

    with pytest.raises(OSError, match="No space left"):
        conduct(diary, runner)

    session = read_session(diary.path)
    assert session.state_of("cut") is StepState.GOING
    assert session.events[-1].text == "session.jsonl cannot be written: No space left on device"
    assert runner.done == ["open", "start cut"]


UP = SimpleNamespace(data_dir=Path("/data"))


@pytest.mark.parametrize(
    ("running", "host", "more"),
    [
        (None, None, [("state", STACK_BYTES_MIN + DATABASE_BYTES_MIN)]),
        (UP, None, [("/data", DATABASE_BYTES_MIN)]),
        (None, "http://127.0.0.1:1", []),
    ],
    ids=["a stack is to be brought up", "a stack is up", "the target is another's"],
)
def test_room_is_asked_for_the_runs_and_for_the_stack(
    running: Any, host: str | None, more: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much as a run would ask for, times the steps."""
    asked: list[Any] = []
    monkeypatch.setattr(runner_module, "read_state", lambda _: running)
    monkeypatch.setattr(runner_module, "require_rooms", asked.extend)
    monkeypatch.chdir(tmp_path)
    plan = SimpleNamespace(host=host, options=(), steps=PLAN.steps)
    runner = LocustRunner(plan, Path("day"), 7, Path("state"))  # type: ignore[arg-type]

    runner.require_room(3)

    places = [("day", 3 * ROOM_BYTES_MIN), ("state", ROOM_BYTES_MIN), *more]
    assert asked == [(tmp_path / name if name == "state" else Path(name), n) for name, n in places]


def test_what_the_log_of_a_step_does_not_take_costs_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told beside a run ends none."""
    (tmp_path / "day").mkdir()
    said = RunResult(3, {**HAS_VERDICT, "run_dir": "/somewhere/cut-1"})

    def run(
        _path: Path, _options: Any, _show: Any, tell: Callable[[str], None], **_: Any
    ) -> RunResult:
        tell("interrupted: healing")
        return said

    monkeypatch.setattr(runner_module, "run_scenario", run)
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    runner = LocustRunner(PLAN, tmp_path / "day", 7, tmp_path / "state")
    with files_end_at(0):
        runner.start(PLAN.steps[0], 1, inbox.put)
        end = inbox.get(timeout=10)

    assert isinstance(end, RunResult)
    assert (end.exit_code, end.last["verdict"]) == (3, "inconclusive")
    assert end.kept_in == Path("/somewhere/cut-1")


@pytest.mark.parametrize(("recorded", "code"), [(True, 0), (False, 3)])
def test_a_day_that_leaves_no_record_does_not_end_with_0(
    recorded: bool, code: int, diary: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `lendchaos judge` of a run into which nothing can be written."""
    monkeypatch.setattr(game_days, "_tell_end", lambda *_: recorded)
    runner: Any = FakeRunner(passes)
    runner.end = lambda: None

    assert game_days._conduct(PLAN, PREVIEWS, diary, runner, NOBODY) == code
