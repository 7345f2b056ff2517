"""What a game day shows, and what it is told: the types between its engine and any screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session_store import Event, Session
from harness.apps.gameday.step_previews import baseline_end_s
from harness.report.tables import Tile
from harness.run.preview import PreviewDocument
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.verdict.types import Judgement

Message = Event | Update | RunResult
"""What a game day is told: commands of people, signals or a clock, which are events without time
and step; what a run says of itself; and, last, how it ended.
"""


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


@dataclass(frozen=True, slots=True)
class StepOutcome:
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


Show = Callable[[View], None]
_BEFORE = ("warm-up", "baseline")
"""Phases in which everything is to be as on any other day."""


def too_soon(view: View, now_s: float) -> str:
    """Why the manual fault of the step under way may not be injected yet; empty where it may, or
    there is none.

    Without a whole baseline there is nothing to compare with.
    """
    seen = view.under_way
    if seen is None or not seen.step.manual_fault:
        return ""
    if seen.zero_s is None:
        return "the manual fault may not be injected yet: the load has not begun"
    if seen.phase not in _BEFORE:
        return ""
    left_s = seen.zero_s + baseline_end_s(view.previews[seen.step.name]) - now_s
    said = f"the manual fault may not be injected yet: {left_s:.0f} s of baseline left"
    return "" if left_s <= 0 else said
