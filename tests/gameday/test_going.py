"""What people at a game day see of a run: that it was refused, and why, or what fails just now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.apps.gameday.screen import failing, summary
from harness.apps.gameday.session_store import (
    SessionStore,
    StepState,
    What,
    read_session,
)
from harness.apps.gameday.view import Stage
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from tests.gameday.days import GO, MOMENT, NO_GO, PLAN, FakeRunner, conduct, ended


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[SessionStore]:
    """Of a session that is not begun."""
    with SessionStore(tmp_path / "day") as new:
        yield new


def test_a_step_that_is_refused_says_why_and_was_not_aborted(diary: SessionStore) -> None:
    """On the screen, in the status and in the session, and so does its left-over folder."""
    busy = "another run uses the stack"
    last = {"text": busy, "run_dir": str(diary.path / "runs" / "run-1")}
    runner = FakeRunner(
        lambda step, _: [
            Update("setting up"),
            MOMENT,
            RunResult(3, last) if step.name == "cut" else ended(),
        ]
    )
    answers = {"asking cut": [GO, NO_GO], "asking killed": [NO_GO], "asking by hand": [NO_GO]}

    code, people = conduct(diary, runner, answers)

    session = read_session(diary.path)
    (run,) = session.runs_of("cut")
    assert (run.text, run.directory, code) == (f"refused: {busy}", "run-1", 3)
    assert session.state_of("cut") is StepState.REFUSED
    assert What.ABORT not in [event.what for event in session.events]
    assert "refused; it is not run again" in [
        e.text for e in session.events if e.what is What.NO_GO
    ]
    assert summary(PLAN, session)[0] == f"1. cut: refused  refused: {busy}"
    again = [view for view in people.views if view.stage is Stage.ASKING][-1]
    assert again.step is not None


def test_what_fails_just_now_is_shown_until_the_phase_is_over(diary: SessionStore) -> None:
    """Every second the run says it; it is no line of what it said."""
    runner = FakeRunner(
        lambda *_: [
            Update("fault", "fault", 4.0, 6.0),
            Update("", "fault", 5.0, 6.0, (24, 50, 2.0)),
            MOMENT,
            Update("drain", "drain", 8.0, 9.0),
            MOMENT,
            ended(),
        ]
    )

    _, people = conduct(diary, runner)

    going = [view.under_way for view in people.views if view.under_way is not None]
    said = list(dict.fromkeys(failing(seen) for seen in going))
    assert said == ["", "failing now: 48 % (24 of 50 in the last 2 s)"]
    assert failing(going[-1]) == ""
    assert going[-1].said == "drain"


def test_the_address_of_the_page_is_a_field(diary: SessionStore) -> None:
    """Words that look like one are words, and those beside the address are not told."""
    runner = FakeRunner(
        lambda *_: [
            Update("chaos page: http://in.words", "fault", 4.0, 6.0),
            MOMENT,
            Update("in other words", "fault", 4.0, 6.0, page="http://127.0.0.1:8089/?token=7"),
            MOMENT,
            ended(),
        ]
    )

    _, people = conduct(diary, runner)

    going = [view.under_way for view in people.views if view.under_way is not None]
    pages = list(dict.fromkeys(seen.page for seen in going))
    assert pages == ["", "http://127.0.0.1:8089/?token=7"]
    assert going[-1].said == "chaos page: http://in.words"
