"""What a game day shows, and what it can be told: the types between its engine and any screen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.foresee import Foreseen, baseline_end_s
from harness.apps.gameday.session import Session
from harness.core.exit_codes import ExitCode
from harness.history.run_directory import RunDirectory
from harness.report.tables import Tile
from harness.report.tiles import tiles
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.verdict.stored_verdict import read_verdict


class Order(StrEnum):
    """What people, a signal or a clock can tell a game day."""

    GO = "go"
    NO_GO = "no_go"
    ABORT = "abort"
    PAUSE = "pause"
    NOTE = "note"
    ACTION = "action"
    PULLED = "pulled"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Command:
    """An order. ``text`` is the note, the reason, or how an abort was ordered; ``by`` who gave it,
    or, of an action, who is to do it.
    """

    order: Order
    text: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run came to its end."""

    ended: RunResult


Message = Command | Update | Finished


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

    verdict: str
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
    said: tuple[str, ...] = ()
    """The last lines of what it said; ``lines`` were said in all."""
    lines: int = 0
    page: str = ""
    """Address of the run's page, with its token: shown, and kept nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a screen shows. ``said`` is what the game day has to say just now."""

    stage: Stage
    plan: GameDayPlan
    foreseen: Mapping[str, Foreseen]
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


_BEFORE = ("warm-up", "baseline")
"""Phases in which everything is to be as on any other day."""

Show = Callable[[View], None]


def outcome_of(folder: Path) -> StepOutcome:
    """What the run in a folder showed.

    Raises:
        HarnessError: it has no verdict that can be read.
        UsageError: it is no run.
    """
    directory = RunDirectory(folder)
    verdict = read_verdict(directory)
    return StepOutcome(str(verdict.verdict), verdict.sentence, tuple(tiles(None, verdict)))


def is_refused(seen: UnderWay | None, ended: RunResult) -> bool:
    """Whether a run ended before it sent anything, and said why."""
    never_began = seen is None or seen.zero_s is None
    codes = (ExitCode.USAGE, ExitCode.INCONCLUSIVE)
    return never_began and ended.exit_code in codes and not ended.last.get("verdict")


def too_soon(view: View, now_s: float) -> str:
    """Why the plug of the step under way may not be pulled yet; empty where it may, or has none.

    Without a whole baseline there is nothing to compare with.
    """
    seen = view.under_way
    if seen is None or not seen.step.hand_pulled:
        return ""
    if seen.zero_s is None:
        return "the plug may not be pulled yet: the load has not begun"
    if seen.phase not in _BEFORE:
        return ""
    left_s = seen.zero_s + baseline_end_s(view.foreseen[seen.step.name]) - now_s
    return "" if left_s <= 0 else f"the plug may not be pulled yet: {left_s:.0f} s of baseline left"
