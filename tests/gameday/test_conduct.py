"""The engine of a game day: who is asked what, what is written down, and how it goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.apps.gameday.session_store import (
    Event,
    Session,
    SessionStore,
    StepState,
    What,
    command,
    is_conducted,
    read_session,
)
from harness.apps.gameday.view import Message, Stage
from harness.core.errors import UsageError
from harness.history.run_facts import RunEndedBy
from harness.run.progress_messages import Update
from tests.gameday.days import (
    ABORT,
    GO,
    NO_GO,
    PAUSE,
    PLAN,
    UNTIL_ABORTED,
    FakeRunner,
    People,
    conduct,
    ended,
    passes,
    waits_for_abort,
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[SessionStore]:
    """Of a session that is not begun."""
    with SessionStore(tmp_path / "day") as new:
        yield new


def resumed(
    diary: SessionStore, runner: FakeRunner, **answers: list[Message]
) -> tuple[int, People]:
    """The session in another process: the first lets it go, the second goes on."""
    diary.__exit__()
    with SessionStore.resume(diary.path) as again:
        return conduct(again, runner, answers)


LEFT = Event(What.RUN_ENDED, "", None, "All was well.", "", "left-1", 0, "pass")


def whats(session: Session, step: str | None = None) -> list[What]:
    """Kinds of events, of one step or of all."""
    return [e.what for e in session.events if step is None or e.step == step]


def states(session: Session) -> list[StepState]:
    """How each step stands."""
    return [session.state_of(step.name) for step in PLAN.steps]


def texts(session: Session, what: What) -> list[str]:
    """The texts of all events of a kind."""
    return [e.text for e in session.events if e.what is what]


def test_a_day_from_the_briefing_to_the_close(diary: SessionStore) -> None:
    """Every step is asked for, run and written down, and the stack is taken down at the end."""
    runner = FakeRunner(passes)

    code, people = conduct(diary, runner)

    session = read_session(diary.path)
    assert code == 0
    assert runner.done == ["open", "start cut", "start killed", "start by hand", "close"]
    assert whats(session, "cut") == [
        *(What.GO, What.STEP_STARTED, What.RUN_ENDED, What.STEP_ENDED),
    ]
    assert [e.directory for e in session.runs_of("cut")] == ["run-1"]
    assert session.events[0].details["stack"] == "abc"
    assert {event.by for event in session.events} == {"lin"}
    assert session.closed
    assert people.views[0].stage is Stage.BRIEFING
    assert not people.views[0].session.events


def test_without_a_go_for_the_day_nothing_is_made(diary: SessionStore) -> None:
    """No folder, no stack; the exit code is that of an interruption."""
    runner = FakeRunner(passes)

    code, _ = conduct(diary, runner, {"briefing": [NO_GO]})

    assert (code, runner.done, diary.path.exists()) == (130, [], False)


def test_a_no_go_leaves_out_its_step_alone(diary: SessionStore) -> None:
    """The others are run, and decide."""
    runner = FakeRunner(passes)

    code, _ = conduct(diary, runner, {"asking killed": [NO_GO]})

    session = read_session(diary.path)
    assert states(session) == [StepState.DONE, StepState.LEFT_OUT, StepState.DONE]
    assert "start killed" not in runner.done
    assert code == 0


def test_an_abort_ends_the_run_and_the_step_is_asked_for_again(diary: SessionStore) -> None:
    """How it was ordered is kept; the second try counts."""
    runner = FakeRunner(waits_for_abort)

    code, people = conduct(
        diary,
        runner,
        {"going cut": [ABORT], "asking killed": [NO_GO], "asking by hand": [NO_GO]},
    )

    session = read_session(diary.path)
    assert texts(session, What.ABORT) == ["key"]
    assert [e.exit_code for e in session.runs_of("cut")] == [130, 0]
    assert session.state_of("cut") is StepState.DONE
    assert code == 0
    assert Stage.ENDING in {view.stage for view in people.views}


def test_a_run_that_was_aborted_before_it_began_was_interrupted(diary: SessionStore) -> None:
    """Whatever code its process died with."""
    runner = FakeRunner(
        lambda step, n: (
            [Update("starting", "x"), UNTIL_ABORTED, ended(70, None)]
            if (step.name, n) == ("cut", 1)
            else passes(step, n)
        )
    )

    conduct(diary, runner, {"going cut": [ABORT]})

    first, _ = read_session(diary.path).runs_of("cut")
    assert (first.directory, first.exit_code) == (None, 130)


def test_an_aborted_step_may_stay_so(diary: SessionStore) -> None:
    """It is asked for no more, and an interrupted run is what the day has of it."""
    runner = FakeRunner(waits_for_abort)
    answers = {
        "going cut": [ABORT],
        "asking cut": [GO, NO_GO],
        "asking killed": [NO_GO],
        "asking by hand": [NO_GO],
    }

    code, _ = conduct(diary, runner, answers)

    session = read_session(diary.path)
    assert session.state_of("cut") is StepState.ABORTED
    assert texts(session, What.NO_GO) == ["aborted; it is not run again", "", ""]
    assert code == 130


@pytest.mark.parametrize(
    ("by", "how"),
    [("heal", "heal"), ("guardian", "guardian"), ("page", "page"), (None, "signal")],
)
def test_a_run_that_is_ended_from_outside_is_an_abort(
    by: RunEndedBy | None, how: str, diary: SessionStore
) -> None:
    """By `lendchaos heal`, or by whatever else; a field tells which, whatever the words."""
    said = Update("the conductor ends the run: in other words", "fault", 4.0, 6.0, ended_by=by)
    runner = FakeRunner(
        lambda step, attempt: (
            [said, ended(130, "inconclusive", "healed")]
            if (step.name, attempt) == ("cut", 1)
            else passes(step, attempt)
        )
    )

    conduct(diary, runner)

    session = read_session(diary.path)
    assert texts(session, What.ABORT) == [how]
    assert [e.directory for e in session.runs_of("cut")] == ["healed", "run-2"]


def test_a_run_without_a_verdict_is_no_step_that_is_done(diary: SessionStore) -> None:
    """It is asked for again, and what the run said last is kept."""
    runner = FakeRunner(
        lambda step, attempt: (
            [ended(3, None)] if (step.name, attempt) == ("cut", 1) else [*passes(step, 2)]
        )
    )

    conduct(diary, runner)

    first, second = read_session(diary.path).runs_of("cut")
    assert (first.directory, first.text) == (None, "refused: it did not come up")
    assert second.verdict == "pass"


def test_the_worst_of_the_last_runs_is_the_exit_code(diary: SessionStore) -> None:
    """A fail among passes, not hidden by anything inconclusive."""
    codes = {"cut": (1, "fail"), "killed": (3, "inconclusive"), "by hand": (0, "pass")}
    runner = FakeRunner(lambda step, _: [ended(*codes[step.name])])

    assert conduct(diary, runner)[0] == 1


def test_a_pause_waits_for_the_step_and_is_gone_on_with(diary: SessionStore) -> None:
    """What was done stays done, the stack stays up, and another process does the rest."""
    first = FakeRunner(passes)

    code, people = conduct(diary, first, {"going cut": [PAUSE]})

    paused = read_session(diary.path)
    assert code == 130
    assert whats(paused)[-1] is What.PAUSED
    assert states(paused) == [StepState.DONE, StepState.WAITING, StepState.WAITING]
    assert "close" not in first.done
    assert any(view.pausing for view in people.views)

    second = FakeRunner(passes)
    assert resumed(diary, second)[0] == 0
    assert second.done == ["open", "start killed", "start by hand", "close"]
    assert What.RESUMED in whats(read_session(diary.path))


def test_a_go_from_before_the_question_is_no_answer(diary: SessionStore) -> None:
    """A key that was pressed twice begins one step, not two."""
    answers = {"going cut": [GO, GO], "asking killed": [NO_GO], "asking by hand": [NO_GO]}

    conduct(diary, FakeRunner(passes), answers)

    session = read_session(diary.path)
    assert states(session) == [StepState.DONE, StepState.LEFT_OUT, StepState.LEFT_OUT]


def test_a_late_go_is_no_answer_either(diary: SessionStore) -> None:
    """One that comes while the step is coming to its end is not for the next one."""
    runner = FakeRunner(
        lambda step, n: [*passes(step, n), GO, GO] if step.name == "cut" else passes(step, n)
    )
    answers = {"asking killed": [NO_GO], "asking by hand": [NO_GO]}

    conduct(diary, runner, answers)

    assert read_session(diary.path).state_of("killed") is StepState.LEFT_OUT


def test_a_pause_can_be_taken_back(diary: SessionStore) -> None:
    """By the same key, for as long as the step goes on."""
    code, _ = conduct(diary, FakeRunner(passes), {"going cut": [PAUSE, PAUSE]})

    assert (code, read_session(diary.path).closed) == (0, True)


def test_a_lost_terminal_ends_the_run_and_pauses(diary: SessionStore) -> None:
    """In order: the run is judged before the pause is written down."""
    lost = [
        command(What.ABORT, "lost terminal"),
        command(What.PAUSED, "lost terminal"),
    ]

    code, _ = conduct(diary, FakeRunner(waits_for_abort), {"going cut": lost})

    assert code == 130
    assert whats(read_session(diary.path), None)[-4:] == [
        *(What.ABORT, What.RUN_ENDED, What.STEP_ENDED, What.PAUSED),
    ]


def test_a_step_whose_process_was_killed_is_closed_with_its_run(diary: SessionStore) -> None:
    """The run that went on by itself is waited for, found and kept; then the step is asked for."""
    diary.begin(PLAN.source)
    for what in (What.OPENED, What.GO, What.STEP_STARTED):
        diary.append(Event(what, "", None if what is What.OPENED else "cut"))
    left = LEFT
    runner = FakeRunner(passes, left=[left], running=["run left-1", "run left-1", None])

    code, people = resumed(diary, runner)

    session = read_session(diary.path)
    assert code == 0
    assert [e.directory for e in session.runs_of("cut")] == ["left-1", "run-2"]
    assert texts(session, What.ABORT) == ["lost terminal"]
    assert any("waiting for its end: run left-1" in view.said for view in people.views)


def test_a_run_that_nobody_watched_is_no_pass(diary: SessionStore) -> None:
    """Though its verdict is one: the step is aborted, and the day is none either."""
    diary.begin(PLAN.source)
    diary.append(Event(What.OPENED, ""))
    diary.append(Event(What.STEP_STARTED, "", "cut"))
    runner = FakeRunner(passes, left=[LEFT])
    no_go = {f"asking {step.name}": [NO_GO] for step in PLAN.steps}

    assert resumed(diary, runner, **no_go)[0] == 130


def test_a_run_that_was_left_behind_can_be_aborted(diary: SessionStore) -> None:
    """From outside, as by `lendchaos heal`."""
    diary.begin(PLAN.source)
    diary.append(Event(What.OPENED, ""))
    diary.append(Event(What.STEP_STARTED, "", "cut"))
    runner = FakeRunner(passes, running=["run left-1", "run left-1", None])

    resumed(diary, runner, opening=[ABORT])

    assert "end it" in runner.done
    first = read_session(diary.path).runs_of("cut")[0]
    assert (first.directory, first.exit_code) == (None, 130)


def test_notes_manual_faults_and_actions_are_kept_with_their_step(diary: SessionStore) -> None:
    """A manual fault only where one is planned."""
    said = [
        command(What.NOTE, "the queue grows"),
        command(What.INJECTED),
        command(What.ACTION, "raise the timeout", "bob"),
        command(What.RESTORED),
        ABORT,
    ]
    later = Update("observation", "observation", 4.5, 8.0)
    runner = FakeRunner(
        lambda step, n: [later, *waits_for_abort(step, n)[1:]] if n == 1 else passes(step, n)
    )

    conduct(
        diary,
        runner,
        {"asking killed": [NO_GO], "going cut": list(said), "going by hand": list(said)},
    )

    session = read_session(diary.path)
    kinds = (What.INJECTED, What.RESTORED, What.NOTE)
    assert [w for w in whats(session, "by hand") if w in kinds] == [
        *(What.NOTE, What.INJECTED, What.RESTORED),
    ]
    assert What.INJECTED not in whats(session, "cut")
    actions = [e for e in session.events if e.what is What.ACTION]
    assert [(e.by, e.text) for e in actions] == [("bob", "raise the timeout")] * 2


def test_no_manual_fault_is_injected_before_the_baseline_is_over(diary: SessionStore) -> None:
    """It is refused and said why, and nothing is kept of it."""
    faults = [command(What.INJECTED), ABORT]

    _, people = conduct(
        diary,
        FakeRunner(waits_for_abort),
        {"asking cut": [NO_GO], "asking killed": [NO_GO], "going by hand": list(faults)},
    )

    assert What.INJECTED not in whats(read_session(diary.path), "by hand")
    assert any("may not be injected yet" in view.said for view in people.views)
    assert any("s of baseline left" in view.said for view in people.views)


def test_one_process_at_a_time_conducts_a_session(diary: SessionStore) -> None:
    """A second one is told so; when the first is gone, it may."""
    diary.begin(PLAN.source)
    diary.append(Event(What.OPENED, ""))

    assert is_conducted(diary.path)
    with pytest.raises(UsageError, match="conducted in another terminal"):
        SessionStore.resume(diary.path)
    diary.__exit__()
    assert not is_conducted(diary.path)
    with SessionStore.resume(diary.path):
        assert is_conducted(diary.path)


def test_a_closed_session_is_over(diary: SessionStore) -> None:
    """It cannot be gone on with, lest its record says what is no longer so."""
    conduct(diary, FakeRunner(passes))
    diary.__exit__()

    with pytest.raises(UsageError, match="is closed"):
        SessionStore.resume(diary.path)
