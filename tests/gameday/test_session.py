"""A session of a game day: what its events say, also when the last line was cut."""

import shutil
from pathlib import Path

import pytest

from harness.apps.gameday.make_record import made
from harness.apps.gameday.session_store import (
    SESSION_FILE,
    Event,
    SessionStore,
    StepState,
    What,
    read_session,
)
from harness.core.errors import UsageError
from harness.verdict.types import Judgement
from tests.gameday.stored_days import failed_before, small_day


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


# --- what the record says where something of it is lost -------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small day that a test may change."""
    return small_day(tmp_path / "day")


@pytest.mark.parametrize(
    ("line", "cut", "remarks"),
    [(1, 0, 1), (2, 0, 1), (2, 40, 2), (1, 40, 2)],
    ids=["not begun", "not ended", "an end that is cut", "a begin that is cut"],
)
def test_a_failure_of_which_the_session_does_not_tell_fails_the_day(
    line: int, cut: int, remarks: int, small: Path
) -> None:
    """Its stored run does, whichever line is taken out or damaged."""
    name = failed_before(small).name
    path = small / "session.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[line] = f"{lines[line][:cut]}\n" if cut else ""
    path.write_text("".join(lines))
    record = made(small, lambda _: None)

    assert record.outcome is Judgement.FAIL
    told = f"runs/{name} is a run of which the session does not tell, and it is judged fail"
    assert (record.remarks[-1], len(record.remarks)) == (told, remarks)
    assert f"{remarks} reason" in record.statement


def test_nothing_passes_of_which_something_is_lost(small: Path) -> None:
    """A run that had a verdict, or a line of the session; every step that is left passes."""
    path = small / "session.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace('"what": "note"', '"what": "nte"'))
    damaged = made(small, lambda _: None)
    path.write_text(whole)
    shutil.rmtree(failed_before(small))
    lost = made(small, lambda _: None)

    for record, why in ((lost, "judged any more"), (damaged, "session.jsonl, line ")):
        assert record.steps[0].outcome is Judgement.PASS
        assert record.outcome is Judgement.INCONCLUSIVE
        assert why in record.remarks[0]
