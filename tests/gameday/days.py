"""A game day in memory: a plan of three steps, its preview, and a runner that is told
what becomes of each run.
"""

import errno
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session_store import Event, SessionStore, What, command
from harness.apps.gameday.view import Message, Post, Runner, Stage, View
from harness.history.run_facts import BlastRadius
from harness.plan.plan import PlannedPhase, Settings, SteadyState
from harness.run.locust_process import Tell
from harness.run.preview import PreviewDocument, PreviewFault, PreviewLoad
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.verdict.visible import Visible

PLAN = GameDayPlan(
    title="Before the release",
    abort_word="halt",
    hypothesis="It comes back by itself.",
    steps=(
        GameDayStep(name="cut", scenario="network_partition", expect="back within 5 s"),
        GameDayStep(name="killed", scenario="server_failure"),
        GameDayStep(name="by hand", scenario="baseline", manual_fault="Zhao pulls a plug"),
    ),
    roles={"lead": "Lin"},
    source="version: 1\n",
)
PREVIEW = PreviewDocument(
    scenario="network_partition",
    hypothesis="It comes back by itself.",
    target="the local stack",
    settings=Settings(rate=30, warm_up_s=2.0, baseline_s=4.0, fault_s=2.0, recovery_s=2.0),
    load=PreviewLoad(arrivals=300, accounts=100, amount_fen=1),
    visible=Visible(None, None, 1.0),
    phases=(
        PlannedPhase("warm-up", -2.0, 0.0),
        PlannedPhase("baseline", 0.0, 4.0),
        PlannedPhase("fault", 4.0, 6.0),
        PlannedPhase("recovery", 6.0, 8.0),
    ),
    faults=(
        PreviewFault(
            name="1-partition",
            kind="partition",
            link_or_target="database",
            description="bytes vanish",
            expects_impact=True,
            inject_s=4.0,
            heal_s=6.0,
        ),
    ),
    watches=False,
    objectives={},
    objective_sources={},
    steady_state=SteadyState(),
    on_inconclusive="fail",
    stop={"double_disbursement": True},
    stop_sources={},
    blast_radius=BlastRadius({"1-partition": ("link database",)}, ("link edge (127.0.0.1:1 → 2)",)),
)
PREVIEWS = {step.name: PREVIEW for step in PLAN.steps}
GO, NO_GO, PAUSE = command(What.GO), command(What.NO_GO), command(What.PAUSED)
ABORT = command(What.ABORT, "key")
MOMENT, UNTIL_ABORTED = "a moment", "until aborted"
"""Where a script waits."""


def ended(code: int = 0, verdict: str | None = "pass", name: str = "run-1") -> RunResult:
    """A run that came to a verdict, in a folder that need not be there."""
    if verdict is None:
        return RunResult(code, {"text": "it did not come up"})
    report = f"/nowhere/{name}/report.html"
    return RunResult(code, {"verdict": verdict, "sentence": "All was well.", "report": report})


@dataclass
class FakeRunner(Runner):
    """Every run does what the test says: its messages, then its end, or its end once aborted."""

    script: Callable[[GameDayStep, int], list[Message | str]]
    left: list[Event] = field(default_factory=list)
    running: list[str | None] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    full_at: frozenset[int] = frozenset()
    """Which questions for room find none, by their number from 0."""
    asked: list[int] = field(default_factory=list)
    """For how many steps each question was."""

    def require_room(self, steps: int) -> None:
        """As the test has it."""
        self.asked.append(steps)
        if len(self.asked) - 1 in self.full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/day")

    def open(self, tell: Tell) -> dict[str, str]:
        """Keep that it was asked to."""
        tell("the stack is up")
        self.done.append("open")
        return {"stack": "abc"}

    def start(self, step: GameDayStep, attempt: int, post: Post) -> None:
        """Play the script, in a thread, as real runs are."""
        self.done.append(f"start {step.name}")
        script, aborted = self.script(step, attempt), threading.Event()
        self._aborted = aborted

        def play() -> None:
            for message in script:
                if message == MOMENT:
                    aborted.wait(0.3)
                elif isinstance(message, str):
                    assert aborted.wait(10), "no one aborted it"
                else:
                    post(message)

        threading.Thread(target=play, daemon=True).start()

    def still_running(self) -> str | None:
        """What the test has prepared, one answer after the other."""
        return self.running.pop(0) if self.running else None

    def end_it(self) -> None:
        """Keep that it was asked to."""
        self.done.append("end it")

    def left_behind(self, known: set[str]) -> list[Event]:
        """Those that no event tells of."""
        return [run for run in self.left if run.directory not in known]

    def close(self) -> None:
        """Keep that it was asked to."""
        self.done.append("close")


def passes(_step: GameDayStep, attempt: int) -> list[Message | str]:
    """Every run passes, in a moment in which something can be ordered."""
    begins = Update("baseline", "baseline", 0.0, 4.0)
    return [begins, MOMENT, ended(name=f"run-{attempt}")]


def waits_for_abort(_step: GameDayStep, attempt: int) -> list[Message | str]:
    """The first run of a step goes on until it is aborted, the others pass."""
    if attempt > 1:
        return passes(_step, attempt)
    return [
        Update("baseline", "baseline", 0.0, 4.0),
        UNTIL_ABORTED,
        ended(130, "inconclusive", "aborted"),
    ]


class People:
    """Who answers: for each stage, or stage and step, a list of answers, each given once."""

    def __init__(
        self, inbox: "queue.SimpleQueue[Message]", answers: dict[str, list[Message]]
    ) -> None:
        self.views: list[View] = []
        self._inbox, self._answers = inbox, {key: list(value) for key, value in answers.items()}
        self._asked: Any = None

    def show(self, view: View) -> None:
        """Answer when something new is asked."""
        self.views.append(view)
        ends = sum(event.what is What.STEP_ENDED for event in view.session.events)
        asked = (view.stage, view.step, ends)
        began = view.under_way is None or view.under_way.phase is not None
        if asked == self._asked or not began:
            return
        self._asked = asked
        for message in self._next(view):
            self._inbox.put(message)

    def _next(self, view: View) -> Iterator[Message]:
        key = f"{view.stage} {view.step.name}" if view.step else str(view.stage)
        if view.stage in (Stage.BRIEFING, Stage.ASKING, Stage.CLOSING):
            given = self._answers.get(key)
            yield given.pop(0) if given else GO
        else:
            yield from self._answers.pop(key, [])


def conduct(
    diary: SessionStore, runner: FakeRunner, answers: dict[str, list[Message]] | None = None
) -> tuple[int, People]:
    """A whole day, or what is left of it."""
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    people = People(inbox, answers or {})
    game = GameDay(PLAN, PREVIEWS, diary, runner, inbox=inbox, show=people.show, by="lin")
    return game.conduct(), people
