"""A game day without anybody there: what is answered, what is told, and what is called."""

import queue
from dataclasses import replace
from pathlib import Path

import pytest

from harness.apps.gameday.attended import Unattended
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan
from harness.apps.gameday.session_store import SessionStore, StepState, What
from harness.apps.gameday.view import Message
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


def with_commands(pull: tuple[str, ...], restore: tuple[str, ...] = ("true",)) -> GameDayPlan:
    """The plan, with commands in place of a hand, due at once."""
    *others, by_hand = PLAN.steps
    step = replace(by_hand, inject=pull, restore=restore, inject_after_s=0.0, restore_after_s=0.1)
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
