"""One run as the leading load process tells it: set up, load, drain, verdict.

It lives in a greenlet of its own and takes everything that happens from one queue: what the
conductor says, its end, an interruption. Every wait is bounded.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from harness.apps.locust.live import Live
from harness.apps.locust.progress import Progress, write_over_bar
from harness.core.disk import refusal, require_room
from harness.core.errors import HarnessError, UsageError, internal_error
from harness.core.exit_codes import ExitCode
from harness.core.started_in import STARTED_IN
from harness.core.user_module import UserReference
from harness.faults.registry import modules_of
from harness.history.events import Clock, SafetyStop
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord, RunEndedBy
from harness.load import load_protocol as protocol
from harness.load.conductor_link import ConductorLink, Heard
from harness.load.load_process import LoadWorkers
from harness.plan.plan import Plan

LEAD_SECONDS = 0.7
"""From the order to go to the first arrival: every load process has the order by then."""
SILENCE_SECONDS_MAX = 300.0
"""Without a word from the conductor while it sets up or judges, it is taken for hung."""
INTERRUPTED_SET_UP_SECONDS_MAX = 120.0
SPAWN_MARGIN_SECONDS = 30.0
STOP_USERS_SECONDS_MAX = 10.0


class BrokenOffError(Exception):
    """The run ended without a verdict; carries the exit code that says why."""

    def __init__(self, message: str, exit_code: int = ExitCode.INTERNAL) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def require_places(options: Any) -> None:
    """HarnessError where the disk does not take what a run leaves, or what it needs meanwhile."""
    for folder in (options.runs_dir, options.state_dir):
        with _writing_to(folder):
            require_room(STARTED_IN / folder)


@contextmanager
def _writing_to(folder: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise HarnessError(f"{where} cannot be written: {error.strerror}") from error


class Run:
    """One run of a plan on a target (None is the local stack), from its order to its end."""

    def __init__(
        self,
        plan: Plan,
        host: str | None,
        workers: LoadWorkers,
        progress: Progress,
        target: UserReference | None = None,
    ) -> None:
        """``target`` is the user's class of the target, if it does not speak our contract."""
        self._plan = plan
        self._host, self._target = host, target
        self._options = options = workers.environment.parsed_options
        rate = plan.settings.rate
        self._spawn_seconds = rate / float(options.spawn_rate or rate)
        self._workers = workers
        self._progress = progress
        self._link: ConductorLink | None = None
        self._interrupted_ns: int | None = None
        self._ended_by: RunEndedBy | None = None
        self._errors: list[ErrorRecord] = []
        self._notes: list[str] = []
        self._reported = False
        self.live = Live(plan)
        self.spawned = Event()
        """Set from outside when Locust has all its users."""
        self.ready = Event()
        """Set when Locust may spawn its users, or will never have to."""
        self.over = Event()
        self.exit_code = int(ExitCode.INCONCLUSIVE)

    # --- from outside ------------------------------------------------------------------------

    @property
    def interrupted(self) -> bool:
        """True once someone, or a stop condition, ended the run early."""
        return self._interrupted_ns is not None

    def interrupt(self, by: RunEndedBy = "hand") -> None:
        """Stop: heal, drain, judge as interrupted. Without effect once the load has ended."""
        self._end_load(by, "interrupted: healing and draining; Ctrl-C once more quits at once")

    def break_off(self, text: str) -> None:
        """The disk takes no more: as `interrupt`, but no one did, and the verdict says why."""
        if not self.record_error(text):
            self._progress.say(text)  # the verdict has it from the conductor
        self._end_load("disk", "the disk takes no more: healing and draining")

    def end_broken(self, text: str) -> None:
        """A step of the scenario is wrong, in a file at a line: the same."""
        self.record_error(text, from_now=False, of_step=True)
        self._end_load("step", "a step of the scenario is wrong: healing and draining")

    def _end_load(self, by: RunEndedBy, text: str) -> None:
        if self.interrupted or self._progress.state not in ("setting_up", "load"):
            return
        self._interrupted_ns, self._ended_by = time.monotonic_ns(), by
        self._progress.say(text)
        if self._link is not None:
            self._link.interrupt()

    def order(self, do: protocol.PageOrder, fault: str | None, reason: str) -> str | None:
        """Pass an order from the page on to the conductor; why not, if it cannot be carried out."""
        state, board = self._progress.state, self.live.board
        allowed = {"abort": ("setting_up", "load"), "heal": ("load", "draining")}.get(do, ("load",))
        if self._link is None or self.over.is_set() or state not in allowed:
            return f"The run is {state.replace('_', ' ')}: there is nothing to {do}."
        if do == "abort":
            board.note(f"abort: ordered by hand{': ' if reason else ''}{reason}")
            self._link.send(protocol.PageCommand(do, reason=reason))
            self._progress.say("aborted by hand, from the web page", ended_by="page")
            self.interrupt("page")
            return None
        if objection := board.objection(do, fault):
            return objection
        board.order(do, fault)
        self._link.send(protocol.PageCommand(do, fault))
        return None

    def note(self, text: str) -> None:
        """Remember a remark for the reader of the verdict, which changes nothing."""
        self._notes.append(text)

    def record_error(self, text: str, *, from_now: bool = True, of_step: bool = False) -> bool:
        """Remember a reason not to trust the evidence; each once.

        False when it comes too late for the verdict. ``from_now`` is False where it is not known
        since when, as with the user's code: what else that did wrong no one knows.
        """
        if self._reported or self.over.is_set():
            return False
        if text not in [known.text for known in self._errors]:
            begin_ns = time.monotonic_ns() if from_now else None
            self._errors.append(ErrorRecord(text, begin_ns, of_step=of_step))
            self._progress.say(text)
            self.live.board.note(text)  # the next line would hide it
        return True

    # --- the story ---------------------------------------------------------------------------

    def tell(self) -> None:
        """All of it, in a greenlet of its own."""
        try:
            self._conduct()
        except (UsageError, HarnessError, BrokenOffError) as error:
            self.exit_code = int(error.exit_code)
            self._progress.fail(str(error), self.exit_code)
        except Exception as error:  # noqa: BLE001  # the last line of defence
            refused = refusal(error) if isinstance(error, OSError) else ""
            self.exit_code = int(ExitCode.INCONCLUSIVE if refused else ExitCode.INTERNAL)
            self._progress.fail(refused or internal_error(error), self.exit_code)
        finally:
            if self._link is not None:
                self._link.close()
            self.live.board.end(broken_off=self._progress.state == "failed")
            self.over.set()
            self.ready.set()

    def _conduct(self) -> None:
        options = self._options
        require_places(options)
        runs_dir = STARTED_IN / options.runs_dir
        with _writing_to(runs_dir):
            directory = RunDirectory.create(runs_dir, self._plan)
        self._progress.run_dir = str(directory.path)
        seed = self._plan.settings.seed
        self._progress.say(f"run {directory.path}, seed {seed}", seed=seed)
        for text in directory.not_latest():
            self._progress.tell_once(text)
        told = ["--state-dir", str(STARTED_IN / options.state_dir)]
        told += [] if self._host is None else ["--host", self._host]
        if (named := self._target) is not None:
            told += ["--target", named.module, named.name, named.folder]
        told += [word for target in options.allow_target for word in ("--allow-target", target)]
        for module in modules_of(self._plan):
            told += ["--fault-module", *module]
        self._link = ConductorLink(options.conductor_module, directory.path, told)
        if self.interrupted:
            self._link.interrupt()
        message = self._set_up(self._link)
        if isinstance(message, protocol.LoadReady):
            # What the target does not offer has left the plan by now.
            try:
                self._plan = directory.read_plan()
            except UsageError as error:  # we have made it: another process took it away
                raise HarnessError(str(error)) from error
            self._load(self._link, directory, message)
            message = self._await_verdict(self._link)
        self._finish(message)

    def _set_up(self, link: ConductorLink) -> protocol.LoadReady | protocol.RunJudged:
        while True:
            bound = INTERRUPTED_SET_UP_SECONDS_MAX if self.interrupted else SILENCE_SECONDS_MAX
            message = self._receive(link, bound)
            if message is None:
                raise HarnessError(f"the conductor was silent for {bound:g}s while setting up")
            if isinstance(message, protocol.LoadReady | protocol.RunJudged):
                return message

    def _load(
        self, link: ConductorLink, directory: RunDirectory, ready: protocol.LoadReady
    ) -> None:
        if not self.interrupted:
            self._options.background_host = ready.edge_url
            self.ready.set()
            self._await_users(link)
        if not self.interrupted:
            told = ready.edge_url, ready.accounts
            self._workers.prepare(directory.path, *told, self._target, self._host)
        if self.interrupted:
            self._tell_drained(link, self._interrupted_ns or time.monotonic_ns(), None)
            return
        # Fix the one clock of this run, and let everybody go.
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        zero_ns = now_ns + round((LEAD_SECONDS + self._plan.settings.warm_up_s) * 1e9)
        link.send(protocol.LoadBegun(Clock(zero_ns, now_ns, wall_ns), self._workers.names))
        self._workers.go(zero_ns)
        self._progress.state = "load"
        self.live.begin(self._plan, directory.path, zero_ns, self._progress.tell_failing)
        load_ends_ns = zero_ns + round(self._plan.load_end_s * 1e9)
        phases = gevent.spawn(self._tell_phases, zero_ns)
        try:
            self._follow(link, load_ends_ns)
        finally:
            phases.kill()
            ended_ns = min(self._interrupted_ns or time.monotonic_ns(), load_ends_ns)
            self.live.end(ended_ns)
            self._drain(ended_ns, zero_ns)
        drained_ns = time.monotonic_ns()
        # What the user's code does wrong at its end belongs to the run, too.
        gevent.spawn(self._workers.environment.runner.stop).join(STOP_USERS_SECONDS_MAX)
        self._tell_drained(link, ended_ns, drained_ns)

    def _await_users(self, link: ConductorLink) -> None:
        """Locust spawns its users; they send nothing, but the page shows them."""
        deadline = time.monotonic() + self._spawn_seconds + SPAWN_MARGIN_SECONDS
        while not self.spawned.wait(0.05):
            self._receive(link, 0.0)
            if self.interrupted:
                return
            if time.monotonic() > deadline:
                raise HarnessError("Locust did not get all its users in time")

    def _follow(self, link: ConductorLink, until_ns: int) -> None:
        """Wait for the planned end of the load, or for whatever ends it before."""
        while not self.interrupted and (left_ns := until_ns - time.monotonic_ns()) > 0:
            message = self._receive(link, min(left_ns / 1e9, 0.5))
            if isinstance(message, protocol.RunJudged):
                raise BrokenOffError("the conductor gave its verdict before the load had ended")
            if self._workers.is_gone:
                self.record_error("no load process is left: the load ended early")
                self.interrupt("load")

    def _drain(self, ended_ns: int, zero_ns: int) -> None:
        self._workers.stop(ended_ns)
        settings = self._plan.settings
        end_s = (ended_ns - zero_ns) / 1e9
        self._progress.enter("draining", "drain", end_s, end_s + settings.drain_s)
        for text in self._workers.wait_drained(settings.drain_s):
            self.record_error(text, from_now=False)

    def _tell_drained(self, link: ConductorLink, ended_ns: int, drained_ns: int | None) -> None:
        self._reported = True
        link.send(
            protocol.LoadDrained(
                load_ended_ns=ended_ns,
                drained_ns=drained_ns or time.monotonic_ns(),
                ended_by=self._ended_by,
                troubles=tuple(self._errors),
                stalls=self._workers.stalls,
                workers=() if self.live.zero_ns is None else self._workers.names,
                notes=tuple(dict.fromkeys(self._notes)),
            )
        )
        self._progress.enter("judging", "verdict", None, None)

    def _await_verdict(self, link: ConductorLink) -> protocol.RunJudged:
        while (message := self._receive(link, SILENCE_SECONDS_MAX)) is not None:
            if isinstance(message, protocol.RunJudged):
                return message
        raise BrokenOffError(f"the conductor was silent for {SILENCE_SECONDS_MAX:g}s: no verdict")

    def _finish(self, judged: protocol.RunJudged) -> None:
        self._workers.wait_reported()
        if self._link is not None:
            self._link.close()  # first, so that anyone who sees "done" can start the next run
        self.exit_code = judged.exit_code
        self._progress.finish(judged)
        write_over_bar("stdout", judged.summary.rstrip("\n") + "\n")

    def _receive(self, link: ConductorLink, timeout_s: float) -> Heard | None:
        """The next message that a caller waits for; all others are shown or applied here."""
        message = link.receive(timeout_s)
        match message:
            case protocol.RunFailed(exit_code, text):
                raise BrokenOffError(text, exit_code)
            case protocol.ConductorProgress(text):
                self._progress.say(text)
            case protocol.StopLoad(by, reason):
                self._progress.say(f"the conductor ends the run: {reason}", ended_by=by)
                self.interrupt(by)
            case protocol.FaultChanged(name, state, at_ns):
                self.live.board.tell(name, state, at_ns)
                self._progress.say(f"{name} {state}")
            case protocol.RecordUnwritten(text):
                self.break_off(text)
            case SafetyStop():
                # A stop condition tripped: the conductor heals, we send no more and drain.
                text = f"safety stop: {message.text}"
                self._progress.say(f"{text}; healing and draining")
                self.live.board.note(text)
                if not self.interrupted:
                    self._interrupted_ns, self._ended_by = time.monotonic_ns(), "safety"
        return message

    def _tell_phases(self, zero_ns: int) -> None:
        for phase in self._plan.phases:
            starts_ns = zero_ns + round(phase.start_s * 1e9)
            gevent.sleep(max(0.0, (starts_ns - time.monotonic_ns()) / 1e9))
            self._progress.enter("load", phase.name, phase.start_s, phase.end_s)
