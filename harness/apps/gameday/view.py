"""What a game day shows, the messages it gets, and the `Runner` that does what touches anything; a
rehearsal touches nothing, and shows every screen and every key.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session_store import Event, Session
from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError, internal_error
from harness.core.exit_codes import ExitCode
from harness.core.yaml_models import Problem, refuse
from harness.report.words import plural
from harness.run.locust_process import Tell, dry_run, find_scenario
from harness.run.preview import PreviewDocument, read_preview
from harness.run.progress_messages import Update
from harness.run.result import RunResult

Message = Event | Update | RunResult
"""The messages of a game day: commands of people, signals or a clock, which are events without time
and step; what a run says of itself; and, last, how it ended.
"""
Post = Callable[[Message], None]
Previews = Mapping[str, PreviewDocument]
"""By the name of the step: the timeline that the screen counts down to is the one that the run will
have, with the same scenario, options and seed.
"""
ASKED_AT_ONCE = 4
STEP_SECONDS = 8.0
"""How long the longest step of a rehearsal takes."""
SENTENCE = "A rehearsal: nothing was run, so nothing was measured."
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
    """The last line of what it said."""
    page: str = ""
    """Address of the run's page, with its token: shown, and kept nowhere."""
    over: bool = False
    """Whether the run has ended, and what was begun for it is to end now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a screen shows. ``said`` is what the game day has to say just now."""

    stage: Stage
    plan: GameDayPlan
    previews: Previews
    session: Session
    step: GameDayStep | None = None
    under_way: UnderWay | None = None
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
            except (UsageError, HarnessError) as error:
                ended = RunResult(error.exit_code, {"text": str(error)})
            except Exception as error:  # noqa: BLE001  # reported where someone sees it
                refused = refusal(error) if isinstance(error, OSError) else ""
                said = refused or internal_error(error)
                code = ExitCode.INCONCLUSIVE if refused else ExitCode.INTERNAL
                ended = RunResult(code, {"text": said})
            finally:
                post(ended)

        self._aborted = threading.Event()
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Whatever is under way ends in order; for an end that no one planned."""
        if self._thread.is_alive():
            self.abort()
            self._thread.join(END_SECONDS_MAX)


# --- what each step will do, told by a dry run of it before anything is touched ------------------


def preview_steps(
    plan: GameDayPlan, path: Path, seed: int, state_dir: Path, tell: Tell
) -> dict[str, PreviewDocument]:
    """Every step of a plan, by its name; ``path`` is the plan's file. UsageError where steps could
    not be run as they stand: all are named, with their place.
    """
    tell(f"asking what {plural(len(plan.steps), 'step')} would do")
    found: dict[str, PreviewDocument] = {}

    def objections(step: GameDayStep) -> list[Problem]:
        options = [*plan.options_of(step, seed), "--state-dir", str(state_dir), "--json"]
        try:
            scenario = find_scenario(step.scenario)
            preview = read_preview(dry_run(scenario, options, later=True), scenario)
        except UsageError as error:
            return [Problem(*step.place, f"{step.name}: {error}")]
        found[step.name] = preview
        return [Problem(*step.place, f"{step.name}: {t}") for t in _objections(step, preview)]

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        problems = [one for told in pool.map(objections, plan.steps) for one in told]
    if problems:
        refuse(path, problems)
    return found


def _objections(step: GameDayStep, preview: PreviewDocument) -> Iterator[str]:
    """What a step's own run cannot give it."""
    if step.manual_fault and preview.faults:
        names = ", ".join(fault.name for fault in preview.faults)
        yield (
            f"its fault is a manual one, but {step.scenario} breaks something itself ({names}):"
            " choose one without a fault, like baseline"
        )
    quiet_s = baseline_end_s(preview) - preview.phases[0].start_s
    if step.inject_after_s is not None and step.inject_after_s < quiet_s:
        yield (
            f"pull_after is {step.inject_after_s:g}s after the load begins, and warm-up and"
            f" baseline take {quiet_s:g}s: inject the fault later"
        )
    load_s = preview.phases[-1].end_s - preview.phases[0].start_s
    if step.length_s is not None and load_s > step.length_s:
        yield f"its load alone takes {load_s:g}s, and `for` leaves it {step.length_s:g}s"


class Rehearsal(Runner):
    """Plays the preview of each step, ``speed`` times as fast; nothing of it is ever left."""

    rehearses = True

    def __init__(self, previews: Previews) -> None:
        self._previews = previews
        loads = (one.phases[-1].end_s - one.phases[0].start_s for one in previews.values())
        self.speed = max(1.0, max(loads, default=0.0) / STEP_SECONDS)

    def run(self, step: GameDayStep, attempt: int, post: Post) -> RunResult:  # noqa: ARG002
        """Play one step."""
        preview = self._previews[step.name]
        at_s = preview.phases[0].start_s
        for instant_s, update in _updates(preview):
            if self._aborted.wait(max(0.0, (instant_s - at_s) / self.speed)):
                break
            at_s = max(at_s, instant_s)
            post(update)
        code = ExitCode.INTERRUPTED if self._aborted.is_set() else ExitCode.PASS
        # As if there were a folder: a step without one would count as aborted.
        last = {"verdict": "rehearsed", "sentence": SENTENCE, "report": "rehearsal/report.html"}
        return RunResult(code, last)


def _updates(preview: PreviewDocument) -> Iterator[tuple[float, Update]]:
    """What the run would say, each with when it would."""
    happens = [(phase.start_s, phase.name) for phase in preview.phases]
    happens += [(fault.inject_s, f"{fault.name} injected") for fault in preview.faults]
    happens += [(fault.heal_s, f"{fault.name} healed") for fault in preview.faults]
    for at_s, what in sorted(happens, key=lambda one: one[0]):
        now = next(p for p in reversed(preview.phases) if p.start_s <= at_s)
        yield at_s, Update(what, now.name, now.start_s, now.end_s)
    end_s = preview.phases[-1].end_s
    yield end_s, Update("drain", "drain", end_s, end_s + 1.0)
