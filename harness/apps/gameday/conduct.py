"""The story of one game day, top to bottom: briefing, go or no-go, step after step, the close.

It knows neither a terminal nor Locust: it is told by messages in a queue, shows a `View` after
each, and has whatever runs done by a `Runner`. What happened is written down before anything
follows from it, so that another process can go on where this one was ended.
"""

import queue
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.diary import Diary
from harness.apps.gameday.foresee import Foreseen
from harness.apps.gameday.plug import said_pulled, unseen
from harness.apps.gameday.running import Runner, by_disk, by_page
from harness.apps.gameday.session import (
    FULL_DISK,
    REFUSED,
    RUNS_FOLDER,
    STAYS,
    Event,
    StepState,
    What,
)
from harness.apps.gameday.view import (
    Command,
    Finished,
    Message,
    Order,
    Show,
    Stage,
    StepOutcome,
    UnderWay,
    View,
    is_refused,
    outcome_of,
    too_soon,
)
from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.history.run_directory import RunDirectory
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.run.runner import worst
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Judgement

TICK_SECONDS, SAID_LINES = 0.25, 40


class _PauseError(Exception):
    """The day is to be gone on with later."""


class GameDay:
    """One process's part of a game day."""

    def __init__(
        self,
        plan: GameDayPlan,
        foreseen: Mapping[str, Foreseen],
        diary: Diary,
        runner: Runner,
        *,
        inbox: "queue.SimpleQueue[Message]",
        show: Show,
        by: str = "",
        details: Mapping[str, str] | None = None,
        rehearsal: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._diary, self._runner = plan, diary, runner
        self._inbox, self._show_view = inbox, show
        self._by, self._details, self._clock = by, dict(details or {}), clock
        self._view = View(
            stage=Stage.BRIEFING,
            plan=plan,
            foreseen=foreseen,
            session=diary.read(),
            resumed=bool(diary.read().events),
            rehearsal=rehearsal,
        )
        self._outcomes: dict[str, StepOutcome] = {}

    def conduct(self) -> int:
        """From the briefing to the close, or to a pause; the exit code of the whole day.

        Raises:
            OSError: the disk has no room, or takes no more. What was begun can be gone on with.
        """
        try:
            self._require_room()
            if self._wait(Stage.BRIEFING) is Order.NO_GO:
                self._enter(Stage.OVER, "nothing was begun")
                return ExitCode.INTERRUPTED
            self._open()
            for step in self._plan.steps:
                self._until_settled(step)
            self._wait(Stage.CLOSING)
            self._write(What.CLOSED)
            self._enter(Stage.OVER, "taking down what was brought up")
            self._runner.close()
        except _PauseError:
            if self._view.session.events:
                self._write(What.PAUSED)
                self._enter(Stage.OVER, "paused")
            else:
                self._enter(Stage.OVER, "nothing was begun")
            return ExitCode.INTERRUPTED
        except OSError as error:
            events = self._view.session.events
            if events and events[-1].what is not What.PAUSED and refusal(error):
                where = Path(error.filename).name if error.filename else "the session"
                with suppress(OSError):  # of the same disk
                    self._write(What.PAUSED, text=f"{where} cannot be written: {error.strerror}")
            raise
        self._enter(Stage.OVER, "the game day is over")
        return self._exit_code()

    def _exit_code(self) -> int:
        """The worst of the last runs of all steps that were not left out; 3 without any."""
        session = self._diary.read()
        codes: list[int] = []
        for step in self._plan.steps:
            runs, state = session.runs_of(step.name), session.state_of(step.name)
            if not runs or state is StepState.LEFT_OUT:
                continue
            code = runs[-1].exit_code
            code = int(ExitCode.INCONCLUSIVE) if code is None else code
            if code == ExitCode.PASS and self._unseen(step, runs[-1].directory):
                code = int(ExitCode.INCONCLUSIVE)
            # A run that nobody watched to its end is no pass, whatever it came to.
            unwatched = state is StepState.ABORTED and code == ExitCode.PASS
            codes.append(int(ExitCode.INTERRUPTED) if unwatched else code)
        return worst(codes or [int(ExitCode.INCONCLUSIVE)])

    # --- beginning ---------------------------------------------------------------------------

    def _require_room(self) -> None:
        """For all that is still to be done, before anything is brought up for it."""
        session = self._diary.read()
        self._runner.require_room(sum(session.is_open(step.name) for step in self._plan.steps))

    def _open(self) -> None:
        self._require_room()
        self._enter(Stage.OPENING, "bringing up what all steps use")
        self._diary.begin(self._plan.source)
        if self._view.resumed:
            self._wait_for_left_run()
        details = self._details | self._runner.open(self._tell)
        if self._view.resumed:
            self._write(What.RESUMED, details=details)
            self._close_left_steps()
        else:
            self._write(What.OPENED, details=details)
        for step in self._plan.steps:
            for event in self._view.session.runs_of(step.name):
                self._note_outcome(step, event.directory)

    def _wait_for_left_run(self) -> None:
        """A run heals and ends by itself when the process that began it is killed."""
        while (whose := self._runner.still_running()) is not None:
            self._enter(Stage.OPENING, f"still under way, waiting for its end: {whose}")
            order = self._obey(self._next())
            if order is Order.ABORT:
                self._runner.end_it()

    def _close_left_steps(self) -> None:
        """A step under way when its process died counts as aborted; its run, if any, is kept."""
        for step in self._plan.steps:
            session = self._diary.read()
            if session.state_of(step.name) is not StepState.GOING:
                continue
            self._write(What.ABORT, step, "lost terminal")
            known = {e.directory for e in session.events if e.directory is not None}
            runs = self._runner.left_behind(known)
            for run in runs:
                self._write(
                    *(What.RUN_ENDED, step, run.text),
                    directory=run.directory,
                    exit_code=run.exit_code,
                    verdict=run.verdict,
                )
            if not runs:
                said = "the process that conducted it died, and it left no run behind"
                self._write(What.RUN_ENDED, step, said, exit_code=ExitCode.INTERRUPTED)
            self._write(What.STEP_ENDED, step, "aborted")

    # --- one step ----------------------------------------------------------------------------

    def _until_settled(self, step: GameDayStep) -> None:
        """Ask and run, until it is done, left out, or stays aborted."""
        while self._diary.read().is_open(step.name):
            self._view = replace(self._view, step=step)
            command = self._wait_command(Stage.ASKING)
            if command.order is Order.NO_GO:
                state = self._view.session.state_of(step.name)
                text = STAYS.get(state, command.text)
                self._write(What.NO_GO, step, text, by=command.by)
                return
            self._runner.require_room(1)
            self._write(What.GO, step, by=command.by)
            self._run(step)
            if self._view.pausing:
                raise _PauseError

    def _run(self, step: GameDayStep) -> None:
        started = [e for e in self._diary.read().events if e.what is What.STEP_STARTED]
        attempt = 1 + sum(event.step == step.name for event in started)
        self._write(What.STEP_STARTED, step)
        under_way = UnderWay(step, attempt, self._clock())
        self._view = replace(self._view, under_way=under_way)
        self._enter(Stage.GOING, "")
        running = self._runner.start(step, attempt, self._inbox.put)
        while True:
            match self._next():
                case Finished(ended):
                    break
                case Update() as update:
                    self._follow(step, update)
                case Command() as command:
                    if self._obey(command) is Order.ABORT and self._view.stage is Stage.GOING:
                        self._write(What.ABORT, step, command.text, by=command.by)
                        self._enter(Stage.ENDING, f"aborted ({command.text}): healing")
                        running.abort()
                case None:
                    pass
        full = self._end_step(step, ended)
        self._view = replace(self._view, under_way=None)
        if full is not None:
            raise full

    def _end_step(self, step: GameDayStep, ended: RunResult) -> OSError | None:
        """Write down how it ended; the error, if it was for want of room."""
        aborted = self._view.stage is Stage.ENDING or ended.exit_code == ExitCode.INTERRUPTED
        folder, kept, full = ended.path, ended.kept_in, None
        if aborted and self._view.stage is not Stage.ENDING:
            self._write(What.ABORT, step, "page" if by_page(folder) else "signal")
        # Aborted before it was there to hear it, it died of the signal, with nothing touched.
        code = ended.exit_code if folder or not aborted else int(ExitCode.INTERRUPTED)
        if not aborted and code == ExitCode.INCONCLUSIVE and by_disk(folder):
            try:
                self._runner.require_room(1)
            except OSError as error:
                full = error
                self._write(What.ABORT, step, FULL_DISK)
        refused = not aborted and full is None and is_refused(self._view.under_way, ended)
        text = str(ended.last.get("sentence") or ended.last.get("text") or "")
        if not ended.last.get("verdict"):
            text = f"refused: {text}" if refused else f"no verdict: {text}"
        self._write(
            *(What.RUN_ENDED, step, text),
            directory=kept.name if kept else None,
            exit_code=code,
            verdict=ended.last.get("verdict"),
        )
        self._note_outcome(step, kept.name if kept else None)
        aborted = aborted or full is not None or folder is None
        self._write(What.STEP_ENDED, step, REFUSED if refused else "aborted" if aborted else "done")
        return full

    def _follow(self, step: GameDayStep, update: Update) -> None:
        """Take over what the run says of itself."""
        seen = self._view.under_way
        assert seen is not None, "only a run that is under way says anything"  # noqa: S101
        if update.page is not None:
            seen = replace(seen, page=update.page)
        elif update.text and update.text not in seen.said[-1:]:
            said = (*seen.said, update.text)[-SAID_LINES:]
            seen = replace(seen, said=said, lines=seen.lines + 1)
        if update.phase != seen.phase:
            # Later messages repeat the instants of their phase; the first one is told as it begins.
            zero_s = None if update.at_s is None else self._clock() - update.at_s
            seen = replace(seen, phase=update.phase, zero_s=seen.zero_s or zero_s, failing=None)
        failing = update.failing or seen.failing
        seen = replace(seen, until_s=update.until_s, failing=failing)
        self._view = replace(self._view, under_way=seen)
        how = update.ended_by
        if how is not None and self._view.stage is Stage.GOING:
            self._write(What.ABORT, step, how)
            self._enter(Stage.ENDING, f"aborted from outside ({how}): healing")
        self._show()

    def _unseen(self, step: GameDayStep, directory: str | None) -> str:
        """Why the last run of a step shows nothing of its plug; empty where nobody pulled it."""
        events = self._diary.read().last_try_of(step.name)
        if directory is None or self._view.rehearsal or not said_pulled(events):
            return ""
        try:
            verdict = read_verdict(RunDirectory(self._diary.path / RUNS_FOLDER / directory))
        except (HarnessError, UsageError):
            return "the plug was said to be pulled, and there is no verdict to see it by"
        return unseen(events, verdict)

    def _note_outcome(self, step: GameDayStep, directory: str | None) -> None:
        if directory is None:
            return
        try:
            found = outcome_of(self._diary.path / RUNS_FOLDER / directory)
        except (HarnessError, UsageError):
            return  # that there is no verdict is told already
        if found.verdict == Judgement.PASS and (why := self._unseen(step, directory)):
            said = f"{why[0].upper()}{why[1:]}. {found.sentence}"
            found = replace(found, verdict=str(Judgement.INCONCLUSIVE), sentence=said)
        self._outcomes[step.name] = found
        self._view = replace(self._view, outcomes=dict(self._outcomes))

    # --- hearing and showing -----------------------------------------------------------------

    def _next(self) -> Message | None:
        """The next message; None when there was none for a moment."""
        try:
            return self._inbox.get(timeout=TICK_SECONDS)
        except queue.Empty:
            self._show()
            return None

    def _wait(self, stage: Stage) -> Order:
        return self._wait_command(stage).order

    def _wait_command(self, stage: Stage) -> Command:
        """A go or a no-go that was given after it was asked for."""
        while not self._inbox.empty():
            self._obey(self._next())
        self._enter(stage, "")
        while True:
            message = self._next()
            order = self._obey(message)
            if self._view.pausing:
                raise _PauseError
            if order in (Order.GO, Order.NO_GO):
                assert isinstance(message, Command)  # noqa: S101  # as nothing else is an order
                return message
            if order is Order.ABORT and stage is Stage.BRIEFING:
                return Command(Order.NO_GO)
            if order is Order.ABORT:
                self._tell("nothing is under way; n leaves a step out, p pauses")

    def _obey(self, message: Message | None) -> Order | None:
        """Do what can be done at any time; the order, for whoever waits for one."""
        if not isinstance(message, Command):
            return None
        step = self._view.step if self._view.under_way else None
        match message.order:
            case Order.NOTE if self._can_write():
                self._write(What.NOTE, step, message.text, by=message.by)
            case Order.ACTION if self._can_write():
                self._write(What.ACTION, step, message.text, by=message.by)
            case Order.NOTE | Order.ACTION:
                self._tell("notes are kept from the first go on")
            case Order.PULLED if step is not None and (said := too_soon(self._view, self._clock())):
                self._tell(said)
            case Order.PULLED | Order.RESTORED if step is not None and step.hand_pulled:
                what = What.PULLED if message.order is Order.PULLED else What.RESTORED
                self._write(what, step, message.text, by=message.by)
            case Order.PAUSE:
                lost = message.text == "lost terminal"
                self._view = replace(self._view, pausing=lost or not self._view.pausing)
                self._show()
        return message.order

    def _can_write(self) -> bool:
        return bool(self._view.session.events)

    def _write(
        self,
        what: What,
        step: GameDayStep | None = None,
        text: str = "",
        *,
        by: str = "",
        directory: str | None = None,
        exit_code: int | None = None,
        verdict: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        name = None if step is None else step.name
        by = by or self._by
        event = Event(what, "", name, text, by, directory, exit_code, verdict, dict(details or {}))
        self._diary.append(event)
        self._show()

    def _enter(self, stage: Stage, said: str) -> None:
        if stage in (Stage.CLOSING, Stage.OVER):
            self._view = replace(self._view, step=None)
        self._view = replace(self._view, stage=stage, said=said)
        self._show()

    def _tell(self, text: str) -> None:
        self._view = replace(self._view, said=text)
        self._show()

    def _show(self) -> None:
        self._view = replace(self._view, session=self._diary.read())
        self._show_view(self._view)
