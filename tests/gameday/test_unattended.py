"""A game day without anybody there: what is answered, what is told, and what is called."""

import queue
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gameday.attended import Unattended
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan
from harness.apps.gameday.session_store import Event, SessionStore, StepState, What
from harness.apps.gameday.view import Message, Stage, UnderWay, View
from harness.run.progress_messages import Update
from tests.gameday.days import MOMENT, PLAN, PREVIEWS, FakeRunner, ended, passes


def conducted(runner: FakeRunner, plan: GameDayPlan = PLAN) -> tuple[int, SessionStore, list[str]]:
    """A whole day that nobody attends: exit code, events, what was told."""
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    told: list[str] = []
    nobody = Unattended(inbox.put, told.append)
    diary = SessionStore(None)
    game = GameDay(plan, PREVIEWS, diary, runner, inbox=inbox, show=nobody.show)
    return game.conduct(), diary, told


def with_commands(
    pull: tuple[str, ...], restore: tuple[str, ...] = ("true",), restore_after_s: float = 0.1
) -> GameDayPlan:
    """The plan, with commands in place of a hand, due at once."""
    *others, by_hand = PLAN.steps
    step = replace(by_hand, inject=pull, restore=restore, inject_after_s=0.0)
    step = replace(step, restore_after_s=restore_after_s)
    return replace(PLAN, steps=(*others, step))


def slowly(*_: object) -> list[Message | str]:
    """A run that lasts long enough for two commands."""
    return [Update("recovery", "recovery", 6.0, 8.0), MOMENT, MOMENT, MOMENT, MOMENT]


def test_every_go_is_given_but_to_a_fault_that_nobody_injects() -> None:
    """That step is left out, and it is told why."""
    code, diary, told = conducted(FakeRunner(passes))

    session = diary.read()
    assert code == 0
    states = [session.state_of(step.name) for step in PLAN.steps]
    assert states == [StepState.DONE, StepState.DONE, StepState.LEFT_OUT]
    assert any("no one is there to inject the manual fault" in line for line in told)
    assert any("cut: baseline" in line for line in told)
    assert session.closed


def test_the_plan_may_name_commands_that_inject_and_restore(tmp_path: Path) -> None:
    """They are called once each, and it is kept when. Without a verdict nobody saw it."""
    mark = tmp_path / "pulled"
    plan = with_commands(("touch", str(mark)))
    runner = FakeRunner(
        lambda step, n: [*slowly(), ended()] if step.name == "by hand" else passes(step, n)
    )

    code, diary, _ = conducted(runner, plan)

    events = [e for e in diary.read().events if e.what in (What.INJECTED, What.RESTORED)]
    assert (code, mark.exists()) == (3, True)
    assert [(e.what, e.text) for e in events] == [
        (What.INJECTED, f"by command: touch {mark}"),
        (What.RESTORED, "by command: true"),
    ]


@pytest.mark.parametrize(
    ("pull", "said"),
    [(("false",), "false ended with 1"), (("./nothing",), "./nothing failed: [Errno 2]")],
)
def test_a_command_that_fails_is_told(pull: tuple[str, ...], said: str) -> None:
    """As a note of its step: what is measured then has another reason."""
    runner = FakeRunner(
        lambda step, n: [*slowly(), ended()] if step.name == "by hand" else passes(step, n)
    )

    _, diary, _ = conducted(runner, with_commands(pull))

    notes = [e.text for e in diary.read().events if e.what is What.NOTE]
    assert len(notes) == 1
    assert notes[0].startswith(said)


@pytest.mark.parametrize(
    ("pull", "restore", "restore_after_s", "said"),
    [
        ("sleep 300", "true", 0.1, ["sleep still ran at the end of its step, and was ended"]),
        ("true", "false", 0.1, ["false ended with 1: the manual fault was not restored"]),
        ("true", "true", 99.0, []),
        ("true", "sleep 0.5", 99.0, []),
    ],
    ids=["a fault goes on", "a restore fails", "a restore is not due", "nor is it quick"],
)
def test_what_is_called_for_a_step_ends_with_it(
    pull: str, restore: str, restore_after_s: float, said: list[str], monkeypatch: Any
) -> None:
    """And is told in it: the next step finds the target as it was."""
    children: list[Any] = []
    popen = subprocess.Popen

    def call(*args: Any, **how: Any) -> Any:
        children.append(popen(*args, **how))
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", call)
    plan = with_commands(tuple(pull.split()), tuple(restore.split()), restore_after_s)
    runner = FakeRunner(
        lambda step, n: [*slowly(), ended()] if step.name == "by hand" else passes(step, n)
    )

    _, diary, _ = conducted(runner, plan)

    assert [child.poll() is None for child in children] == [False, False]
    told = [event for event in diary.read().events if event.step == "by hand"]
    assert [e.text for e in told if e.what is What.NOTE] == said
    assert [e.what for e in told].count(What.RESTORED) == (restore != "false")
    assert told[-1].what is What.STEP_ENDED


def test_a_fault_is_restored_at_once_where_its_step_is_aborted(tmp_path: Path) -> None:
    """Not when the run is healed, drained and judged; and though the day cannot go on."""
    mark = tmp_path / "restored"
    posted: list[Message] = []
    nobody = Unattended(posted.append, lambda _: None, lambda: 100.0)
    step = with_commands(("true",), ("touch", str(mark)), 99.0).steps[-1]
    seen = UnderWay(step, 1, 0.0, zero_s=90.0, phase="recovery")
    going = View(
        stage=Stage.GOING,
        plan=PLAN,
        previews=PREVIEWS,
        session=SessionStore(None).read(),
        step=step,
        under_way=seen,
    )
    for view in (going, replace(going, stage=Stage.ENDING)):
        assert not mark.exists()
        nobody.show(view)
    nobody.leave()

    assert mark.exists()
    # On a busy machine `true` may still run when the day is left: a note then says that.
    said = [m.what for m in posted if isinstance(m, Event) and m.what is not What.NOTE]
    assert said == [What.INJECTED, What.RESTORED]


@pytest.mark.parametrize(("code", "verdict"), [(4, "fail"), (130, "inconclusive"), (3, None)])
def test_after_a_stop_nothing_more_is_broken(code: int, verdict: str | None) -> None:
    """For safety, or from outside; a run without a verdict is not tried again and again."""
    runner = FakeRunner(
        lambda step, n: [ended(code, verdict)] if (step.name, n) == ("cut", 1) else passes(step, n)
    )

    found, diary, _ = conducted(runner)

    assert found == code
    assert runner.done.count("start cut") == 1
    killed = diary.read().state_of("killed")
    assert killed is (StepState.DONE if verdict is None else StepState.LEFT_OUT)


def test_no_command_is_called_before_the_baseline_is_over(tmp_path: Path) -> None:
    """Whatever the plan says: there would be nothing to compare with."""
    mark = tmp_path / "pulled"
    begun: list[Message | str] = [Update("baseline", "baseline", 0.0, 4.0), MOMENT, MOMENT]
    runner = FakeRunner(lambda *_: [*begun, ended()])

    conducted(runner, with_commands(("touch", str(mark))))

    assert not mark.exists()


def test_the_clock_of_a_command_begins_with_the_load() -> None:
    """Not with the first look at it: nothing is pulled while the run is set up."""
    runner = FakeRunner(lambda *_: [Update("setting up"), MOMENT, ended()])

    _, diary, _ = conducted(runner, with_commands(("true",)))

    assert "start by hand" in runner.done
    assert What.INJECTED not in [event.what for event in diary.read().events]
