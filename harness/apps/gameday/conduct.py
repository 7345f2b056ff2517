"""The story of one game day, top to bottom: briefing, go or no-go, step after step, the close.

It knows neither a terminal nor Locust: it takes messages from a queue, shows a `View` after
each, and leaves all that runs to a `Runner`. What happened is written down before anything
follows from it, so that another process can go on where this one was ended.
"""

import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.day_record import manual_faults, unseen
from harness.apps.gameday.session_store import (
    FULL_DISK,
    LOST,
    RUNS_FOLDER,
    STAYS,
    Event,
    SessionStore,
    StepState,
    What,
    command,
)
from harness.apps.gameday.view import Message, Previews, Runner, Stage, UnderWay, View, too_soon
from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.history.run_directory import RunDirectory
from harness.run.locust_process import combined_exit_code
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.verdict.stored_verdict import read_verdict

TICK_SECONDS = 0.25
_NEVER_BEGAN = (ExitCode.USAGE, ExitCode.INCONCLUSIVE)
"""How a run is refused before it sends anything."""


class _PauseError(Exception):
    """The day is to be gone on with later."""


@dataclass
class GameDay:
    """One process's part of a game day: told in ``inbox``, shown by ``show``, done by ``by``."""

    plan: GameDayPlan
    previews: Previews
    store: SessionStore
    runner: Runner
    _: KW_ONLY
    inbox: "queue.SimpleQueue[Message]"
    show: Callable[[View], None]
    by: str = ""
    details: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing happened so far, or what the session tells."""
        session = self.store.read()
        self._view = View(
            stage=Stage.BRIEFING,
            plan=self.plan,
            previews=self.previews,
            session=session,
            resumed=bool(session.events),
            rehearsal=self.runner.rehearses,
        )

    def conduct(self) -> int:
        """From the briefing to the close, or to a pause; the exit code of the whole day. OSError
        where the disk has no room or takes no more: what was begun can be gone on with.
        """
        try:
            self._require_room()
            if self._wait(Stage.BRIEFING).what is What.NO_GO:
                return self._over("nothing was begun", ExitCode.INTERRUPTED)
            self._open()
            for step in self.plan.steps:
                self._until_settled(step)
            self._wait(Stage.CLOSING)
            self._write(What.CLOSED)
            self._over("taking down what was brought up")
            self.runner.close()
        except _PauseError:
            if not self._view.session.events:
                return self._over("nothing was begun", ExitCode.INTERRUPTED)
            self._write(What.PAUSED)
            return self._over("paused", ExitCode.INTERRUPTED)
        except OSError as error:
            events = self._view.session.events
            if events and events[-1].what is not What.PAUSED and refusal(error):
                where = Path(error.filename).name if error.filename else "the session"
                with suppress(OSError):  # of the same disk
                    self._write(What.PAUSED, text=f"{where} cannot be written: {error.strerror}")
            raise
        return self._over("the game day is over", self._exit_code())

    def _over(self, said: str, code: int = ExitCode.PASS) -> int:
        self._show(stage=Stage.OVER, step=None, said=said)
        return int(code)

    def _exit_code(self) -> int:
        """The worst of the last runs of all steps that were not left out; 3 without any."""
        session = self._view.session
        codes: list[int] = []
        for step in self.plan.steps:
            runs, state = session.runs_of(step.name), session.state_of(step.name)
            if runs and state is not StepState.LEFT_OUT:
                code = runs[-1].exit_code
                unseen = code == ExitCode.PASS and self._unseen(step, runs[-1].directory)
                code = ExitCode.INCONCLUSIVE if code is None or unseen else code
                # A run that no process watched to its end is no pass, whatever it came to.
                unwatched = state is StepState.ABORTED and code == ExitCode.PASS
                codes.append(int(ExitCode.INTERRUPTED if unwatched else code))
        return combined_exit_code(codes or [int(ExitCode.INCONCLUSIVE)])

    # --- beginning ---------------------------------------------------------------------------

    def _require_room(self) -> None:
        """For all that is still to be done, before anything is brought up for it."""
        session = self._view.session
        self.runner.require_room(sum(session.is_open(step.name) for step in self.plan.steps))

    def _open(self) -> None:
        self._require_room()
        self._show(stage=Stage.OPENING, said="bringing up what all steps use")
        self.store.begin(self.plan.source)
        resumed = self._view.resumed
        # A run heals and ends by itself when the process that began it is killed.
        while resumed and (whose := self.runner.still_running()) is not None:
            self._show(said=f"still under way, waiting for its end: {whose}")
            if self._apply(self._next()) is What.ABORT:
                self.runner.end_it()
        details = self.details | self.runner.open(lambda text: self._show(said=text))
        self._write(What.RESUMED if resumed else What.OPENED, details=details)
        for step in self.plan.steps:
            if self._view.session.state_of(step.name) is StepState.GOING:
                self._close_left(step)

    def _close_left(self, step: GameDayStep) -> None:
        """A step under way when its process died counts as aborted; its run, if any, is kept."""
        self._write(What.ABORT, step, LOST)
        known = {e.directory for e in self._view.session.events if e.directory is not None}
        said = "the process that conducted it died, and it left no run behind"
        lost = replace(command(What.RUN_ENDED, said), exit_code=int(ExitCode.INTERRUPTED))
        for run in self.runner.left_behind(known) or [lost]:
            self.store.append(replace(run, step=step.name, by=self.by))
        self._write(What.STEP_ENDED, step, "aborted")

    # --- one step ----------------------------------------------------------------------------

    def _until_settled(self, step: GameDayStep) -> None:
        """Ask and run, until it is done, left out, or aborted for good."""
        while self._view.session.is_open(step.name):
            answer = self._wait(Stage.ASKING, step)
            if answer.what is What.NO_GO:
                text = STAYS.get(self._view.session.state_of(step.name), answer.text)
                self._write(What.NO_GO, step, text, by=answer.by)
                return
            self.runner.require_room(1)
            self._write(What.GO, step, by=answer.by)
            self._run(step)
            if self._view.pausing:
                raise _PauseError

    def _run(self, step: GameDayStep) -> None:
        attempt = 1 + len(self._view.session.tries_of(step.name))
        self._write(What.STEP_STARTED, step)
        under_way = UnderWay(step, attempt, self.runner.clock())
        self._show(stage=Stage.GOING, said="", under_way=under_way)
        self.runner.start(step, attempt, self.inbox.put)
        while not isinstance(message := self._next(), RunResult):
            if isinstance(message, Update):
                self._follow(step, message)
            elif self._apply(message) is What.ABORT and self._view.stage is Stage.GOING:
                assert isinstance(message, Event)  # noqa: S101  # as nothing else is an order
                self._write(What.ABORT, step, message.text, by=message.by)
                self._show(stage=Stage.ENDING, said=f"aborted ({message.text}): healing")
                self.runner.abort()
        seen = self._view.under_way
        self._show(under_way=seen and replace(seen, over=True))
        self._hear_rest()  # what is told then belongs to the step
        full = self._end_step(step, message)
        self._show(under_way=None)
        if full is not None:
            raise full

    def _end_step(self, step: GameDayStep, ended: RunResult) -> OSError | None:
        """Write down how it ended; the error, if it was for lack of room."""
        folder, verdict, full = ended.path, ended.last.get("verdict"), None
        status = RunDirectory(folder).read_status([]) if folder else None
        ordered = self._view.stage is Stage.ENDING
        aborted = ordered or ended.exit_code == ExitCode.INTERRUPTED
        if aborted and not ordered:
            on_page = status is not None and status.ended_by == "page"
            self._write(What.ABORT, step, "page" if on_page else "signal")
        # Aborted before it was there to hear it, it died of the signal, with nothing touched.
        code = ended.exit_code if folder or not aborted else int(ExitCode.INTERRUPTED)
        # The disk may have broken it off, or did not take what it says of itself.
        by_disk = status is None or status.broken_off or not status.known
        if not aborted and code == ExitCode.INCONCLUSIVE and by_disk:
            try:
                self.runner.require_room(1)
            except OSError as error:
                full = error
                self._write(What.ABORT, step, FULL_DISK)
        seen = self._view.under_way
        how = StepState.DONE if folder else StepState.ABORTED
        if aborted or full is not None:
            how = StepState.ABORTED
        elif not verdict and code in _NEVER_BEGAN and (seen is None or seen.zero_s is None):
            how = StepState.REFUSED
        text = str(ended.last.get("sentence") or ended.last.get("text") or "")
        if not verdict:
            text = f"refused: {text}" if how == StepState.REFUSED else f"no verdict: {text}"
        name = ended.kept_in.name if ended.kept_in else None
        if verdict and (why := self._unseen(step, name)):
            text = f"{why[0].upper()}{why[1:]}. {text}"
            code = int(ExitCode.INCONCLUSIVE) if code == ExitCode.PASS else code
        self._write(What.RUN_ENDED, step, text, directory=name, exit_code=code, verdict=verdict)
        self._write(What.STEP_ENDED, step, how)
        return full

    def _follow(self, step: GameDayStep, update: Update) -> None:
        """Take over what the run says of itself."""
        seen = self._view.under_way
        assert seen is not None, "only a run that is under way says anything"  # noqa: S101
        if update.page is not None:
            seen = replace(seen, page=update.page)
        elif update.text not in ("", seen.said):
            seen = replace(seen, said=update.text)
        if update.phase != seen.phase:
            # Later messages repeat the instants of their phase; the first one is told as it begins.
            zero_s = None if update.at_s is None else self.runner.clock() - update.at_s
            seen = replace(seen, phase=update.phase, zero_s=seen.zero_s or zero_s, failing=None)
        failing = update.failing or seen.failing
        self._show(under_way=replace(seen, until_s=update.until_s, failing=failing))
        how = update.ended_by
        if how is not None and self._view.stage is Stage.GOING:
            self._write(What.ABORT, step, how)
            self._show(stage=Stage.ENDING, said=f"aborted from outside ({how}): healing")

    def _unseen(self, step: GameDayStep, directory: str | None) -> str:
        """Why the run of a step shows nothing of its manual fault; empty without one."""
        events = self._view.session.last_try_of(step.name)
        if self._view.rehearsal or What.INJECTED not in [event.what for event in events]:
            return ""
        with suppress(HarnessError, UsageError):
            if directory is not None:
                run = RunDirectory(self.store.path / RUNS_FOLDER / directory)
                return unseen(manual_faults(events, read_verdict(run)))
        return "the manual fault was said to be injected, and no verdict can show it"

    # --- hearing and showing -----------------------------------------------------------------

    def _next(self) -> Message | None:
        """The next message; None when there was none for a moment."""
        try:
            return self.inbox.get(timeout=TICK_SECONDS)
        except queue.Empty:
            self._show()
            return None

    def _hear_rest(self) -> None:
        """What was told before now; whatever it orders comes too late."""
        while not self.inbox.empty():
            self._apply(self._next())

    def _wait(self, stage: Stage, step: GameDayStep | None = None) -> Event:
        """A go or a no-go that was given after it was asked for."""
        self._view = replace(self._view, step=step)
        self._hear_rest()
        self._show(stage=stage, said="")
        while True:
            message = self._next()
            what = self._apply(message)
            if self._view.pausing:
                raise _PauseError
            if isinstance(message, Event) and what in (What.GO, What.NO_GO):
                return message
            if what is What.ABORT and stage is Stage.BRIEFING:
                return command(What.NO_GO)
            if what is What.ABORT:
                self._show(said="nothing is under way; n leaves a step out, p pauses")

    def _apply(self, message: Message | None) -> What | None:
        """Do what can be done at any time; what was ordered, for a caller that waits for it."""
        if not isinstance(message, Event):
            return None
        step = self._view.step if self._view.under_way else None
        match message.what:
            case What.NOTE | What.ACTION if not self._view.session.events:
                self._show(said="notes are kept from the first go on")
            case What.NOTE | What.ACTION:
                self._write(message.what, step, message.text, by=message.by)
            case What.INJECTED if said := too_soon(self._view, self.runner.clock()):
                self._show(said=said)
            case What.INJECTED | What.RESTORED if step is not None and step.manual_fault:
                self._write(message.what, step, message.text, by=message.by)
            case What.PAUSED:
                self._show(pausing=message.text == LOST or not self._view.pausing)
        return message.what

    def _write(
        self, what: What, step: GameDayStep | None = None, text: str = "", **more: Any
    ) -> None:
        """Write an event down; without a ``by`` of its own it is ours."""
        more["by"] = more.get("by") or self.by
        self.store.append(Event(what, "", None if step is None else step.name, text, **more))
        self._show()

    def _show(self, **changed: Any) -> None:
        """Show every event so far, and what has changed beside them."""
        self._view = replace(self._view, session=self.store.read(), **changed)
        self.show(self._view)
