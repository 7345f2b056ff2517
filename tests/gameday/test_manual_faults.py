"""A manual fault that was said to be injected, and what the answers show of it."""

import queue
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday import make_record
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.day_record import Record
from harness.apps.gameday.session_store import Event, SessionStore, What, command
from harness.apps.gameday.view import Message
from harness.history.events import Clock
from harness.plan.plan import Objectives
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.verdict.types import Judgement
from tests.builders import ZERO_NS, during, facts, operations, plan_of, status
from tests.gameday.days import MOMENT, PREVIEW, FakeRunner, People
from tests.gameday.stored_days import VERSIONS, at, ran, run_in
from tests.stored import store

PLAN = """\
version: 1
title: A plug
hypothesis: The alarm goes off.
abort_word: halt
steps:
  - {name: plug, scenario: observe, hand_pulled: Zhao stops a replica., expect: An alarm.}
"""
WATCHING = Objectives(impaired_episodes_max=2, lost_service_seconds_max=60)


def nothing(_: float) -> bool:
    """No answer shows anything."""
    return False


def record_of(
    folder: Path, bad: Callable[[float], bool], pulls: tuple[float, ...] = (12.0,)
) -> Record:
    """A closed day of one step; at each of these instants a fault is said to begin, for 3 s."""
    log = SessionStore.create(folder, PLAN)
    plan = plan_of(objectives=WATCHING, rate=20, recovery_s=60.0)
    name = run_in(folder, 0, plan, operations(plan, bad))
    said = [
        event
        for pull_s in pulls
        for event in (
            Event(What.INJECTED, at(pull_s), "plug", by="Zhao"),
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
    return make_record.made(folder, lambda _: None)


def test_a_manual_fault_that_no_answer_shows_decides_nothing(tmp_path: Path) -> None:
    """The step and the day say so, and why."""
    record = record_of(tmp_path / "day", nothing)
    (step,) = record.steps

    assert (step.outcome, record.outcome) == (Judgement.INCONCLUSIVE, Judgement.INCONCLUSIVE)
    said = "the manual fault was said to be injected at 08:00:12.000 UTC, and nothing in the"
    why = f"{said} borrowers' answers"
    assert step.observed.startswith(f"T{why[1:]} shows it. Nothing was injected")
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
    """An outage long after the fault was restored is another trouble."""
    assert record_of(tmp_path / "day", bad).outcome is expected


def test_each_injection_has_to_show(tmp_path: Path) -> None:
    """The first one does, and the second, half a minute later, does not."""
    record = record_of(tmp_path / "day", during(12.5, 15), pulls=(12.0, 45.0))

    assert record.outcome is Judgement.INCONCLUSIVE
    assert "08:00:45.000" in record.steps[0].observed


@pytest.mark.parametrize(
    ("bad", "rehearsal", "code"),
    [(nothing, False, 3), (during(0, 3), False, 0), (nothing, True, 0)],
    ids=["unseen", "seen", "rehearsed"],
)
def test_the_exit_code_of_a_day_knows_it_too(
    tmp_path: Path, bad: Callable[[float], bool], rehearsal: bool, code: int
) -> None:
    """The run itself passed; the fault was injected a moment ago, by the wall clock."""
    planned = plan_of(objectives=WATCHING, rate=20, recovery_s=60.0)
    zero_ns = time.time_ns()
    state = status(planned, clock=Clock(ZERO_NS, ZERO_NS, zero_ns))
    known = facts(planned, operations(planned, lambda at_s: bad(at_s - 9)), status=state)
    step = GameDayStep(name="plug", scenario="observe", manual_fault="Zhao stops a replica.")
    plan = GameDayPlan(
        title="A plug", abort_word="halt", hypothesis="h", steps=(step,), source=PLAN
    )

    def ran_whole(*_: object) -> list[Message | str]:
        run = store(tmp_path / "day" / "runs", planned, known).path
        last = {"verdict": "pass", "sentence": "All was well.", "report": str(run / "report.html")}
        begun = Update("observation", "observation", 9.0, 20.0)
        return [begun, MOMENT, RunResult(0, last)]

    with SessionStore(tmp_path / "day") as diary:
        runner = FakeRunner(ran_whole)
        runner.rehearses = rehearsal
        inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        people = People(inbox, {"going plug": [command(What.INJECTED)]})
        game = GameDay(plan, {"plug": PREVIEW}, diary, runner, inbox=inbox, show=people.show)

        assert game.conduct() == code
    assert [e.what for e in diary.read().events].count(What.INJECTED) == 1
