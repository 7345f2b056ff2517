"""A session of a game day: what its events say, also when the last line was cut."""

from pathlib import Path

import pytest

from harness.apps.gameday.session_store import (
    SESSION_FILE,
    Event,
    SessionStore,
    StepState,
    What,
    read_session,
)
from harness.core.errors import UsageError


@pytest.fixture
def log(tmp_path: Path) -> SessionStore:
    """A session that was just opened."""
    return SessionStore.create(tmp_path / "day", "version: 1\n")


def event(what: What, step: str | None = "cut", text: str = "") -> Event:
    """An event without what does not matter here."""
    return Event(what, "", step, text)


def test_events_are_read_back_as_they_were(log: SessionStore) -> None:
    """With the time at which they were written down."""
    written = [
        log.append(event(What.NOTE, None, "借呗 is slow today")),
        log.append(Event(What.RUN_ENDED, "", "cut", directory="cut-1", exit_code=0)),
    ]

    found = read_session(log.path)
    assert list(found.events) == written
    assert all(one.at_utc.endswith("Z") for one in written)
    assert (found.damage, found.closed) == ((), False)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], StepState.WAITING),
        ([event(What.GO)], StepState.WAITING),
        ([event(What.GO), event(What.STEP_STARTED)], StepState.GOING),
        ([event(What.STEP_STARTED), event(What.STEP_ENDED, text="done")], StepState.DONE),
        ([event(What.STEP_STARTED), event(What.STEP_ENDED, text="aborted")], StepState.ABORTED),
        ([event(What.STEP_ENDED, text="aborted"), event(What.STEP_STARTED)], StepState.GOING),
        ([event(What.NO_GO)], StepState.LEFT_OUT),
        ([event(What.NO_GO, "another")], StepState.WAITING),
    ],
    ids=str,
)
def test_where_a_step_stands(log: SessionStore, events: list[Event], state: StepState) -> None:
    """By its own events alone."""
    for one in events:
        log.append(one)

    assert read_session(log.path).state_of("cut") is state


def test_half_a_last_line_costs_nothing_else(log: SessionStore) -> None:
    """It is told; what was written before it counts."""
    log.append(event(What.STEP_STARTED))
    with (log.path / SESSION_FILE).open("a") as file:
        file.write('{"event": {"what": "step_en')

    found = read_session(log.path)
    assert found.state_of("cut") is StepState.GOING
    assert len(found.damage) == 1
    assert found.damage[0].startswith("session.jsonl, line 3 is not readable")


def test_a_session_is_never_written_over(log: SessionStore) -> None:
    """Its folder has to be a new one."""
    with pytest.raises(UsageError, match="exists already"):
        SessionStore.create(log.path, "version: 1\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "line 1: it must name its schema"),
        ('{"schema": "lendchaos.session/9"}', "must be 'lendchaos.session/1'"),
    ],
)
def test_another_file_or_version_is_refused(log: SessionStore, body: str, said: str) -> None:
    """By name and line."""
    (log.path / SESSION_FILE).write_text(body)

    with pytest.raises(UsageError, match=said):
        read_session(log.path)


def test_a_folder_without_a_session_is_named(tmp_path: Path) -> None:
    """And nothing is made there."""
    with pytest.raises(UsageError, match="is no session of a game day"):
        read_session(tmp_path)
