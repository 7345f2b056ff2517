"""A plug that was said to be pulled, and what the answers show of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.gameday import recording
from harness.gameday.record import Record
from harness.gameday.session import Event, SessionLog, What
from harness.plan import Objectives
from harness.verdict import Judgement
from tests.builders import during, operations, plan_of
from tests.gameday.stored_days import VERSIONS, at, ran, run_in

PLAN = """\
version: 1
title: A plug
hypothesis: The alarm goes off.
abort_word: halt
steps:
  - {name: plug, scenario: watch, hand_pulled: Zhao stops a replica., expect: An alarm.}
"""
WATCHING = Objectives(impaired_episodes_max=2, lost_service_seconds_max=60)


def nothing(_: float) -> bool:
    """No answer shows anything."""
    return False


def record_of(
    folder: Path, bad: Callable[[float], bool], pulls: tuple[float, ...] = (12.0,)
) -> Record:
    """A closed day of one step, with a plug said to be pulled at these instants, each for 3 s."""
    log = SessionLog.create(folder, PLAN)
    plan = plan_of(objectives=WATCHING, rate=20, recovery_s=60.0)
    name = run_in(folder, 0, plan, operations(plan, bad))
    said = [
        event
        for pull_s in pulls
        for event in (
            Event(What.PULLED, at(pull_s), "plug", by="Zhao"),
            Event(What.RESTORED, at(pull_s + 3), "plug", by="Zhao"),
        )
    ]
    for event in (
        Event(What.OPENED, at(-9), by="Lin", details=VERSIONS),
        Event(What.STEP_STARTED, at(-4), "plug"),
        *said,
        ran("plug", name, 90, "pass", 0),
        Event(What.STEP_ENDED, at(91), "plug", "done"),
        Event(What.CLOSED, at(95)),
    ):
        log.append(event)
    return recording.made(folder, lambda _: None)[0]


def test_a_plug_that_no_answer_shows_decides_nothing(tmp_path: Path) -> None:
    """The step, the day and the remarks say so, and why."""
    record = record_of(tmp_path / "day", nothing)
    (step,) = record.steps

    assert (step.outcome, record.outcome) == (Judgement.INCONCLUSIVE, Judgement.INCONCLUSIVE)
    why = (
        "the plug was said to be pulled at 08:00:12.000 UTC, and nothing in the borrowers' answers"
    )
    assert why in step.observed
    assert any(why in remark for remark in record.remarks)
    assert step.tries[0].plugs[0].seen_utc is None


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (during(12.5, 15), Judgement.PASS),
        (during(40, 43), Judgement.INCONCLUSIVE),
        (during(12.5, 80), Judgement.FAIL),
    ],
    ids=["seen", "half a minute later", "and never back"],
)
def test_what_the_answers_show_decides(
    tmp_path: Path, bad: Callable[[float], bool], expected: Judgement
) -> None:
    """An outage long after the plug was back is another trouble."""
    assert record_of(tmp_path / "day", bad).outcome is expected


def test_each_pull_has_to_show(tmp_path: Path) -> None:
    """The first one does, and the second, half a minute later, does not."""
    record = record_of(tmp_path / "day", during(12.5, 15), pulls=(12.0, 45.0))

    assert record.outcome is Judgement.INCONCLUSIVE
    assert "08:00:45.000" in record.steps[0].observed
