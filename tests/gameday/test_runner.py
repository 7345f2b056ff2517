"""What a game day runs for real, with Locust and the stack replaced by what is asked of them."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gameday import locust_runner as runner_module
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.locust_runner import STACK, LocustRunner
from harness.apps.gameday.session_store import LOGS_FOLDER, Event, SessionStore, What
from harness.apps.gameday.view import Message
from harness.core.errors import UsageError
from harness.core.forwarding import interrupt_under_way
from harness.run import locust_process as headless_module
from harness.run.progress_messages import GAME_DAY_VARIABLE, Update
from harness.run.result import RunResult
from harness.stack.run_lock import held_alone
from tests.builders import CUT, during, facts, operations, plan_of
from tests.gameday.days import PLAN
from tests.stored import store

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Stack:
    """As much of a stack as is asked for."""

    stack_id: str


@dataclass
class Machine:
    """What is up on this machine, and what was called."""

    up: Stack | None = None
    calls: list[Any] = field(default_factory=list)

    def bring_up(self, settings: Any, _folder: Path, _tell: Callable[[str], None]) -> Stack:
        """A stack of our own."""
        self.up = Stack("ours")
        self.calls.append(settings.service)
        return self.up

    def take_down(self, _folder: Path) -> None:
        """And gone."""
        self.up = None
        self.calls.append("down")

    def run(self, path: Path, options: list[str], show: Any, _tell: Any, **more: Any) -> RunResult:
        """A run that says two things and comes to no verdict."""
        self.calls.append((path, options, more))
        show(Update("baseline"))
        os.write(more["output"], b"error: it is broken\n\n")
        return RunResult(3, {"text": "baseline"})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Nothing real is called."""
    found = Machine()
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(runner_module, "load_state", lambda _: found.up)
    monkeypatch.setattr(runner_module, "up", found.bring_up)
    monkeypatch.setattr(runner_module, "down", found.take_down)
    monkeypatch.setattr(runner_module, "run_scenario", found.run)
    return found


@pytest.fixture
def session(tmp_path: Path) -> SessionStore:
    """A session that was just made."""
    return SessionStore.create(tmp_path / "day", PLAN.source)


def runner_of(session: SessionStore, plan: GameDayPlan = PLAN, **more: Any) -> LocustRunner:
    """What runs a session."""
    return LocustRunner(plan, session.path, 7, session.path.parent / "state", **more)


def test_a_stack_of_its_own_is_taken_down_at_the_close(
    machine: Machine, session: SessionStore
) -> None:
    """By whichever process closes the session: it is written down whose it is."""
    details = runner_of(session).open(lambda _: None)
    session.append(Event(What.OPENED, "", details=details))

    runner_of(session).close()

    assert details == {STACK: "ours"}
    assert machine.calls == ["tuned", "down"]


def test_a_stack_that_stayed_up_through_a_pause_is_still_ours(
    machine: Machine, session: SessionStore
) -> None:
    """It is used again, and not brought up a second time."""
    session.append(Event(What.OPENED, "", details={STACK: "ours"}))
    machine.up = Stack("ours")

    assert runner_of(session).open(lambda _: None) == {STACK: "ours"}
    assert machine.calls == []


def test_a_stack_of_somebody_else_is_used_and_left_up(
    machine: Machine, session: SessionStore
) -> None:
    """Neither taken for ours nor taken down."""
    machine.up = Stack("theirs")
    runner = runner_of(session)

    assert runner.open(lambda _: None) == {}
    runner.close()
    assert machine.up == Stack("theirs")


def test_for_the_target_of_a_file_no_stack_is_brought_up(
    machine: Machine, session: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its steps go there, as any run would."""
    (tmp_path / "locust.conf").write_text("host = http://127.0.0.1:1\n")
    monkeypatch.chdir(tmp_path)
    runner = runner_of(session)

    assert runner.open(lambda _: None) == {}
    runner.close()
    assert machine.calls == []


@pytest.mark.parametrize(("names", "calls"), [("a a", []), ("a b", ["tuned"])])
def test_a_stack_is_brought_up_where_a_step_needs_it(
    machine: Machine, session: SessionStore, tmp_path: Path, names: str, calls: list[str]
) -> None:
    """Not for scenarios that name a target of their own."""
    (tmp_path / "a.py").write_text('scenario = Scenario(target="lender:Lender")\n')
    (tmp_path / "b.py").write_text("scenario = Scenario()\n")
    files = [str(tmp_path / f"{name}.py::Cut") for name in names.split()]
    steps = tuple(GameDayStep(name=file, scenario=file) for file in files)

    runner_of(session, replace(PLAN, steps=steps)).open(lambda _: None)

    assert machine.calls == calls


def test_a_step_is_run_with_its_options_its_seed_and_a_log(
    machine: Machine, session: SessionStore
) -> None:
    """All of it within the session; without a verdict the last line of the log says why."""
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()

    runner_of(session, web_port=8089).start(PLAN.steps[1], 2, inbox.put)

    assert inbox.get(timeout=10) == Update("baseline")
    end = inbox.get(timeout=10)
    assert isinstance(end, RunResult)
    assert end == RunResult(3, {"text": "it is broken"})
    ((path, options, more),) = machine.calls
    assert path.name == "server_failure.py"
    assert options[:2] == ["--seed", "8"]
    assert options[options.index("--runs-dir") + 1] == str(session.path / "runs")
    assert more["web_port"] == 8089
    told = json.loads(more["environment"][GAME_DAY_VARIABLE])
    assert told == {"title": "Before the release", "step": "killed", "abort_word": "halt"}
    assert (session.path / "logs" / "step-2-attempt-2.log").is_file()


def test_a_step_with_a_manual_fault_watches(machine: Machine, session: SessionStore) -> None:
    """What somebody else changes is what it waits for, whatever its scenario."""
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    runner_of(session).start(PLAN.steps[2], 1, inbox.put)
    while not isinstance(inbox.get(timeout=10), RunResult):
        pass

    ((_path, _options, more),) = machine.calls
    assert json.loads(more["environment"][GAME_DAY_VARIABLE])["watches"] == "yes"


def test_a_run_that_breaks_off_is_finished_all_the_same(
    machine: Machine, session: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the day would wait for it for ever."""
    assert machine.calls == []

    def broken(*_: Any, **__: Any) -> RunResult:
        raise UsageError("not this one")

    monkeypatch.setattr(runner_module, "run_scenario", broken)
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()

    runner_of(session).start(PLAN.steps[0], 1, inbox.put)

    end = inbox.get(timeout=10)
    assert isinstance(end, RunResult)
    assert (end.exit_code, end.last["text"]) == (2, "not this one")


def test_runs_that_no_event_tells_of_are_found(
    session: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their verdict, or why there is none; those that are known are not told again."""
    monkeypatch.setattr(runner_module, "JUDGED_SECONDS_MAX", 0.0)
    plan = plan_of(CUT, rate=20)
    judged = store(session.path / "runs", plan, facts(plan, operations(plan, during(8, 13.3))))
    (session.path / "runs" / "unjudged-1").mkdir()

    found = runner_of(session).left_behind(set())

    first, second = sorted(found, key=lambda run: run.verdict is None)
    assert (first.directory, first.verdict) == (judged.path.name, "pass")
    assert (second.directory, second.exit_code) == ("unjudged-1", 3)
    assert "no one judged it" in second.text
    assert runner_of(session).left_behind({judged.path.name, "unjudged-1"}) == []


def test_only_a_run_of_this_session_is_waited_for(session: SessionStore) -> None:
    """Whoever else uses the stack is told by the run that cannot have it."""
    runner = runner_of(session)
    state = session.path.parent / "state"

    assert runner.still_running() is None
    with held_alone(state, "abc", "baseline"):
        assert runner.still_running() is None
        (session.path / "runs" / "baseline-abc").mkdir()
        assert "run abc of baseline" in str(runner.still_running())


def test_an_abort_waits_until_locust_is_there_to_hear_it(
    machine: Machine, session: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is given once: a second one would end it at once, without healing."""
    over, asked = threading.Event(), []

    def run(*_: Any, **__: Any) -> RunResult:
        assert over.wait(10), "it was never told"
        return RunResult(130)

    def interrupt() -> bool:
        asked.append(len(asked))
        if len(asked) == 3:
            over.set()
        return len(asked) == 3

    monkeypatch.setattr(runner_module, "run_scenario", run)
    monkeypatch.setattr(runner_module, "interrupt_under_way", interrupt)
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()

    runner = runner_of(session)
    runner.start(PLAN.steps[0], 1, inbox.put)
    runner.abort()

    assert isinstance(inbox.get(timeout=10), RunResult)
    assert (asked, machine.calls) == ([0, 1, 2], [])


def test_a_run_has_a_page_only_where_one_is_asked_for() -> None:
    """With it, it begins and ends by itself all the same."""
    headless = headless_module._command(Path("a.py"), ["--rate=3"], None)
    with_page = headless_module._command(Path("a.py"), ["--rate=3"], 7089)

    assert "--headless" in headless
    assert "--headless" not in with_page
    assert {"--autostart", "--autoquit=0", "--web-port=7089", "--rate=3"} <= set(with_page)


def test_without_a_run_nothing_is_interrupted() -> None:
    """And that is told."""
    assert interrupt_under_way() is False


def test_an_abort_in_the_first_moment_leaves_no_traceback(
    session: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python itself is there to hear it: nothing was begun, and the log is empty."""
    monkeypatch.chdir(ROOT)
    for attempt in range(1, 5):
        inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        runner = runner_of(session)
        runner.start(PLAN.steps[0], attempt, inbox.put)
        time.sleep(0.03 * attempt)
        runner.abort()

        end = inbox.get(timeout=10)
        assert isinstance(end, RunResult)
        assert (end.exit_code, end.last["text"]) == (130, "it had not begun")
        log = session.path / LOGS_FOLDER / f"step-1-attempt-{attempt}.log"
        assert "Traceback" not in log.read_text()
    assert list((session.path / "runs").iterdir()) == []
