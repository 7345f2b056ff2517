"""What a game day shows, is told, and asks of whoever does what touches anything."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session_store import Event, Session
from harness.core.disk import refusal
from harness.core.exit_codes import ExitCode
from harness.report.tables import Tile
from harness.run.preview import PreviewDocument
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.run.runner import Tell
from harness.verdict.types import Judgement

Message = Event | Update | RunResult
"""What a game day is told: commands of people, signals or a clock, which are events without time
and step; what a run says of itself; and, last, how it ended.
"""
Post = Callable[[Message], None]
END_SECONDS_MAX = 600.0
_BEFORE = ("warm-up", "baseline")
"""Phases in which everything is to be as on any other day."""


class Stage(StrEnum):
    """What is being waited for."""

    BRIEFING = "briefing"
    """A go for the whole day; nothing was touched so far."""
    OPENING = "opening"
    """The stack to come up, or a run that was left behind to end."""
    ASKING = "asking"
    """A go or no-go for one step."""
    GOING = "going"
    ENDING = "ending"
    """An aborted run to heal, drain and be judged."""
    CLOSING = "closing"
    """The word that nothing more is to be done."""
    OVER = "over"


class StepOutcome(NamedTuple):
    """What a run showed, in words."""

    verdict: Judgement
    sentence: str
    figures: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The run of a step so far. ``began_s`` and ``zero_s`` are instants of the monotonic clock,
    ``zero_s`` that of the end of the warm-up, once it is known.
    """

    step: GameDayStep
    attempt: int
    began_s: float
    zero_s: float | None = None
    phase: str | None = None
    until_s: float | None = None
    """End of the phase, in seconds after zero."""
    failing: tuple[int, int, float] | None = None
    """Requests that failed, of those that ended in the last seconds."""
    said: str = ""
    """The last line of what it said; ``lines`` were said in all."""
    lines: int = 0
    page: str = ""
    """Address of the run's page, with its token: shown, and kept nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a screen shows. ``said`` is what the game day has to say just now."""

    stage: Stage
    plan: GameDayPlan
    previews: Mapping[str, PreviewDocument]
    session: Session
    step: GameDayStep | None = None
    under_way: UnderWay | None = None
    outcomes: Mapping[str, StepOutcome] = field(default_factory=dict)
    """What the last run of a step showed, by the step's name."""
    said: str = ""
    pausing: bool = False
    """A pause was asked for, and begins when the step is over."""
    resumed: bool = False
    rehearsal: bool = False


def baseline_end_s(preview: PreviewDocument) -> float:
    """When a run's baseline is over, in seconds after zero."""
    return max((p.end_s for p in preview.phases if p.name == "baseline"), default=0.0)


def too_soon(view: View, now_s: float) -> str:
    """Why the manual fault of the step under way may not be injected yet; empty where it may, or
    there is none. Without a whole baseline there is nothing to compare with.
    """
    seen = view.under_way
    if seen is None or not seen.step.manual_fault:
        return ""
    if seen.zero_s is None:
        return "the manual fault may not be injected yet: the load has not begun"
    left_s = seen.zero_s + baseline_end_s(view.previews[seen.step.name]) - now_s
    if seen.phase not in _BEFORE or left_s <= 0:
        return ""
    return f"the manual fault may not be injected yet: {left_s:.0f} s of baseline left"


class Runner:
    """Does what touches anything. This one touches nothing, and knows of no run."""

    _thread, _aborted = threading.Thread(), threading.Event()
    """Of the step that was begun last."""
    speed = 1.0
    """How many times as fast as the clock on the wall its time goes."""
    rehearses = False
    """Whether nothing of what it does is real."""

    def clock(self) -> float:
        """The monotonic clock, in seconds of its time."""
        return time.monotonic() * self.speed

    def require_room(self, steps: int) -> None:
        """An OSError where the runs of so many steps, or the stack that they use, find no room."""

    def open(self, tell: Tell) -> dict[str, str]:
        """Bring up what all steps use; what is to be kept of it."""
        tell("nothing is brought up")
        return {}

    def run(self, step: GameDayStep, attempt: int, post: Post) -> RunResult:
        """Do a step to its end; updates are posted meanwhile."""
        raise NotImplementedError

    def abort(self) -> None:
        """End it in order: it heals, drains and is judged as interrupted. Returns at once."""
        self._aborted.set()

    def still_running(self) -> str | None:
        """A run that another process of this session began and that goes on; in words."""
        return None

    def end_it(self) -> None:
        """End such a run in order; returns at once."""

    def left_behind(self, known: set[str]) -> list[Event]:  # noqa: ARG002  # of none
        """The end of each run of this session but the ``known`` ones, by the folders of those."""
        return []

    def close(self) -> None:
        """Take down what `open` brought up, now or in an earlier process."""

    def start(self, step: GameDayStep, attempt: int, post: Post) -> None:
        """Begin a step in a thread of its own. That it has ended is posted in any case."""

        def work() -> None:
            ended = RunResult(ExitCode.INTERNAL)
            try:
                ended = self.run(step, attempt, post)
            except Exception as error:  # noqa: BLE001  # told where somebody sees it
                refused = refusal(error) if isinstance(error, OSError) else ""
                said = refused or f"our bug, {type(error).__name__}: {error}"
                code = ExitCode.INCONCLUSIVE if refused else ExitCode.INTERNAL
                ended = RunResult(code, {"text": said})
            finally:
                post(ended)

        self._aborted = threading.Event()
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Whatever is under way ends in order; for an end that nobody planned."""
        if self._thread.is_alive():
            self.abort()
            self._thread.join(END_SECONDS_MAX)
