"""The process that leads: what it does at Locust's start, stop and end, and at signals.

Locust logs an exception in a listener and runs on, or ends with a code of its own; so every
listener here is wrapped, and what goes wrong ends in one clear line and one of our exit codes.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gevent
from locust.runners import STATE_STOPPED

from harness.apps.locust import background, planning, process_control
from harness.apps.locust.controller import Run, require_places
from harness.apps.locust.locust_options import leave_out_empty_tables, require_port
from harness.apps.locust.locustfile import Locustfile, read_locustfile, require_user
from harness.apps.locust.one_journey import show_journey
from harness.apps.locust.planning import SPAWN_RATE_MAX, composed, rate_from
from harness.apps.locust.progress import Progress, write_over_bar
from harness.apps.locust.target_choice import (
    ChosenTarget,
    chosen_target,
    named_target,
    require_target,
)
from harness.apps.locust.user_code import Exits
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.forwarding import AGAIN_SECONDS, HEAL_SECONDS_MAX
from harness.core.started_in import STARTED_IN
from harness.load.exception_text import ended_by
from harness.load.load_process import LoadWorkers
from harness.load.load_protocol import FOR_LEADER, TO_LEADER, EndAsked, UserCodeRaised
from harness.load.user_steps import start_steps
from harness.plan.plan import Plan
from harness.plan.run_options import RATE_DEFAULT
from harness.run.given_options import with_places
from harness.run.preview import preview, preview_json
from harness.run.progress_messages import TRY_VARIABLE

CSV_SECONDS = 1.2
"""Locust writes its CSV files every second, but not once more at its end."""
PORT_MAX = 65_535
_TRIES = TRY_VARIABLE in os.environ
"""Whether one journey is to be made, and no run."""
JUDGED = (ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE)


class RunController:
    """The process that leads: the only one, or the master of others."""

    def __init__(self, environment: Any, web_ui: Any, borrower_class: type) -> None:
        self.environment = environment
        self.web_ui = web_ui
        self.progress = Progress()
        self.exits = Exits(environment, self.progress.tell_code)
        self.exits.set(ExitCode.INCONCLUSIVE)  # until there is a verdict
        self.run: Run | None = None
        self.under_way = False
        """From the Start that was taken to the verdict, or whatever else ends the run."""
        self._borrower_class = borrower_class
        self.preset_run_time_s: float | None = None
        self.run_time_s: float | None = None
        self.class_host: str | None = None
        self.declared_host: str | None = None
        self.stated: dict[str, str] = {}
        self._ending = False
        self._told_to_end_at = 0.0
        self._workers = LoadWorkers(environment)
        self._early: list[str] = []

    @property
    def _running(self) -> Run | None:
        return None if self.run is None or self.run.over.is_set() else self.run

    # --- once --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Check what can be checked before the first run, and take Locust's own timer out.

        UsageError where this locustfile with these options can never be run.
        """
        options = self.environment.parsed_options
        locustfile = self._locustfile()
        if locustfile is not None:
            self.stated = planning.state(options, locustfile.scenario)
        rate = rate_from(options, locustfile.scenario.load.rate if locustfile else RATE_DEFAULT)
        # Locust's own timer would end the load without draining it; ours drains.
        self.preset_run_time_s = self.run_time_s = options.run_time
        options.run_time = None
        if locustfile is not None:
            self.class_host = locustfile.borrower.host  # as it is before any run
            host = self.environment.host or self.class_host
            self.declared_host = require_target(named_target(locustfile, options), host)
            planning.require_sense(locustfile, options, rate, self.run_time_s)
            starts = options.headless or options.autostart
            if starts and not _TRIES:  # elsewhere the form may name another target
                self._planned(locustfile, rate, quietly=True)
        if not 0 <= options.web_port <= PORT_MAX:
            raise UsageError(f"--web-port {options.web_port} must be from 0 to {PORT_MAX}")
        for one in options.set_elsewhere:
            note = " (no effect on a scenario)" if one.name in options.without_effect else ""
            self.progress.say(f"{one}{note}")
        if options.dry_run:
            self._preview(locustfile, rate)
        require_places(options)
        self.environment.dispatcher_class = background.dispatcher_for(self._borrower_class)
        options.num_users = rate
        options.spawn_rate = options.spawn_rate or min(rate, SPAWN_RATE_MAX)
        self._listen()
        process_control.on_signals(self._on_stop_signal, signal.SIGINT, signal.SIGTERM)
        process_control.on_hang_up(self._on_hang_up)
        if self.progress.fd is not None:
            process_control.on_reader_gone(self.progress.fd, self._on_hang_up)
        if self.web_ui is not None:
            require_port(self.web_ui.host, self.web_ui.port)
            self.under_way = options.autostart  # the page is there before the run is

    def _preview(self, locustfile: Locustfile | None, rate: int) -> None:
        """``--dry-run``: tell everything that would be done, and end."""
        if locustfile is None:
            raise UsageError("--dry-run needs a scenario: no user class here is a Borrower")
        options = self.environment.parsed_options
        plan, chosen = self._planned(locustfile, rate)
        state_dir, allowed = STARTED_IN / options.state_dir, options.allow_target
        asked = plan, state_dir, chosen.host, allowed, chosen.target
        text = preview_json(*asked, reference=chosen.reference) if options.json else preview(*asked)
        write_over_bar("stdout", text)
        sys.exit(int(ExitCode.PASS))

    def _listen(self) -> None:
        hooks = self.environment.events
        self.environment.runner.register_message(TO_LEADER, self._hear)
        hooks.worker_report.add_listener(
            lambda client_id, data, **_: self._workers.on_report(client_id, data)
        )
        hooks.test_start.add_listener(_guarded(self._on_test_start, self))
        hooks.test_stopping.add_listener(_guarded(self._on_test_stopping, self))
        hooks.spawning_complete.add_listener(_guarded(self._on_spawning_complete, self))
        hooks.quitting.add_listener(self._on_quitting)
        hooks.quit.add_listener(lambda **_: process_control.end_forked_workers())

    def _hear(self, msg: Any, **_: Any) -> None:
        match FOR_LEADER.decode(msg.data):
            case UserCodeRaised(text, background=True):
                self.note_background(text)
            case UserCodeRaised(text):
                self.note_user_code(text)
            case EndAsked(unwritten, broken_step):
                self.end_run(unwritten, broken_step)
            case message:
                self._workers.hear(message)

    def _locustfile(self) -> Locustfile | None:
        found = read_locustfile(self.environment, self._borrower_class)
        options = self.environment.parsed_options
        return found and replace(found, scenario=composed(found.scenario, options, found.folder))

    # --- what Locust tells -------------------------------------------------------------------

    def _on_test_start(self, **_: Any) -> None:
        """Set the run up; returns when Locust may spawn its users."""
        if _TRIES:
            self._try()
        if (run := self._running) is None:
            self.run = run = self._begun()
            early, self._early, self.exits.late = self._early, [], False
            for text in early:
                run.record_error(text, from_now=False)
            gevent.spawn(run.tell)
            gevent.spawn(self._after, run)
        elif run.ready.is_set():
            raise gevent.GreenletExit  # one run at a time; this one is ending
        run.ready.wait()
        if run.over.is_set() or run.interrupted:
            raise gevent.GreenletExit

    def _begun(self) -> Run:
        """A new run; GreenletExit where Stop comes while it is looked whether it can be run."""
        self.under_way = True
        with suppress(gevent.GreenletExit):
            locustfile = require_user(self._locustfile(), self.environment)
            self.progress.begin(locustfile.name)
            plan, chosen = self._planned(locustfile, self.environment.runner.target_user_count)
            self._workers = LoadWorkers(self.environment, locustfile.borrower.__name__)
            if self.under_way:
                run = Run(plan, chosen.host, self._workers, self.progress, chosen.reference)
                for text in background.told(self._background()):
                    run.note(text)
                return run
        self.progress.state = "idle"
        self.progress.say("stopped before it had begun: nothing was run")
        raise gevent.GreenletExit

    def _try(self) -> None:
        """One journey in place of a run, after the listeners of the scenario, and the end."""
        locustfile = require_user(self._locustfile(), self.environment)
        options, steps = self.environment.parsed_options, locustfile.borrower(self.environment)
        reference = named_target(locustfile, options)
        chosen = chosen_target(self.environment, self.class_host, reference)
        try:
            start_steps(steps)
        except HarnessError as error:  # here it is what is tried
            raise UsageError(str(error)) from error
        plan = planning.planned(
            locustfile, options, 1, run_time_s=None, chosen=chosen, say=lambda _: None
        )
        self.exits.set(show_journey(plan, steps, chosen, options))
        gevent.spawn(steps.on_stop).join()  # what it raises is told
        gevent.spawn(self.environment.runner.quit)
        raise gevent.GreenletExit

    def stop(self) -> None:
        """Stop in the web UI, wherever a run is. Locust's own takes back no Start, only users."""
        if run := self._running:
            run.interrupt()
        else:
            self.under_way = False

    def _planned(
        self, locustfile: Locustfile, rate: int, *, quietly: bool = False
    ) -> tuple[Plan, ChosenTarget]:
        """The plan of a run on the target as it is set now, and that target."""
        options = self.environment.parsed_options
        reference = named_target(locustfile, options)
        chosen = chosen_target(self.environment, self.class_host, reference)
        say = (lambda _: None) if quietly else self.progress.say
        say(f"target: {chosen.source}")
        for text in background.told(self._background()):
            say(text)
        plan = planning.planned(
            locustfile, options, rate, run_time_s=self.run_time_s, chosen=chosen, say=say
        )
        planning.require_runnable(plan, options, chosen)
        return plan, chosen

    def announce(self) -> list[str]:
        """For the start form; nothing where the user class is chosen in it."""
        found = self._locustfile()
        return [] if found is None else planning.announced(found, self.environment.parsed_options)

    def objection(self, form: Mapping[str, str]) -> str | None:
        """Why a run cannot be started with what is in the start form; None where it can."""
        found, options = self._locustfile(), self.environment.parsed_options
        return planning.objection(form, found, options, self.run_time_s) if found else None

    def note_user_code(self, text: str) -> None:
        """The user's code raised: a harness error of this run or, if there is none, of the next."""
        if self.run is None or not self.run.record_error(text, from_now=False):
            self.progress.tell_once(text)
            self._early.append(text)
            self.exits.late = self.run is not None

    def note_background(self, text: str) -> None:
        """A user beside the scenario raised: it is shown, and changes no verdict."""
        self.progress.tell_once(text)
        if run := self._running:
            run.note(text)

    def _background(self) -> list[Any]:
        """The classes of users that run beside the scenario."""
        return background.classes_of(self.environment.user_classes, self._borrower_class)

    @property
    def users_beside(self) -> int:
        """How many users run beside those that stand for the rate."""
        return background.count_of(self._background())

    def _on_test_stopping(self, **_: Any) -> None:
        """Stop in the web UI, or the last worker went missing."""
        if (run := self._running) and self.progress.state == "load":
            run.interrupt()

    def _on_spawning_complete(self, user_count: int, **_: Any) -> None:
        if run := self._running:
            borrowers = user_count - self.users_beside
            if borrowers != run.live.plan.settings.rate:
                run.record_error(
                    f"the user count was changed during the run, to {borrowers}:"
                    " the planned arrivals stand"
                )
            run.spawned.set()

    def _on_quitting(self, **_: Any) -> None:
        """Locust is about to read the exit code: nothing may be under way any more."""
        process_control.only_in_order()
        leave_out_empty_tables(self.environment)
        if run := self._running:
            run.interrupt()
            run.over.wait(process_control.END_SECONDS_MAX)
            self.exits.set(run.exit_code)

    # --- the end -----------------------------------------------------------------------------

    def _after(self, run: Run) -> None:
        """When a run is over: users gone, exit code set, and a headless process ends."""
        run.over.wait()
        told = self._ending and run.exit_code in JUDGED  # after the load: its verdict stands
        self.exits.set(ExitCode.INTERRUPTED if told else run.exit_code)
        options, runner = self.environment.parsed_options, self.environment.runner
        if options.headless:
            if options.csv_prefix:
                gevent.sleep(CSV_SECONDS)
            runner.quit()
            return
        runner.stop()
        runner.update_state(STATE_STOPPED)
        self.under_way = False
        if options.autostart and options.autoquit != -1:
            gevent.sleep(options.autoquit)
            self._ending = True
        if self._ending:
            self._end_process()

    def fail(self, error: Exception) -> None:
        """A listener raised: say so, and see that no load runs on."""
        code, text = ended_by(error)
        known = self.environment.parsed_options.set_elsewhere
        self.progress.fail(with_places(text, known), code)
        self.exits.set(code)
        if run := self._running:
            run.interrupt()
        elif self.environment.parsed_options.headless:
            gevent.spawn(self.environment.runner.quit)
        else:
            self.environment.runner.update_state(STATE_STOPPED)
            self.under_way = False

    def _on_stop_signal(self) -> None:
        """Ctrl-C or SIGTERM: the first ends run and process in order, the second at once.

        A key that is held down is one Ctrl-C.
        """
        before_s, self._told_to_end_at = self._told_to_end_at, time.monotonic()
        if (run := self._running) is None:
            self._end_process()
        elif not self._ending:
            self._ending = True
            run.interrupt()
            if not run.interrupted:
                self.progress.say("the run is ending; Ctrl-C once more quits at once")
        elif self._told_to_end_at - before_s >= AGAIN_SECONDS:
            # With neither drain nor verdict; what is broken is healed first, in time.
            deadline = time.monotonic() + HEAL_SECONDS_MAX
            while run.live.board.active and time.monotonic() < deadline:
                gevent.sleep(0.05)
            process_control.end_forked_workers(wait_s=0.0)
            sys.exit(int(ExitCode.INTERRUPTED))

    def _on_hang_up(self) -> None:
        """Terminal closed, or our starter dead: end in order, however often that is said."""
        if not self._ending:
            self._on_stop_signal()

    def end_run(self, unwritten: str = "", broken_step: str = "") -> bool:
        """The user's code wants the process to end: so does the run, in order; False without it.

        Or a load process wants the run to end, and says why.
        """
        if (run := self._running) and unwritten:
            run.break_off(unwritten)
        elif run and broken_step:
            run.end_broken(broken_step)
        elif run:
            self._on_hang_up()
        return run is not None

    def quit_early(self, place: str) -> None:
        """The user's code ended Locust as it began the first run, in a file at a line."""
        if self.run is None and self.environment.parsed_options.headless:
            text = f"{place}: the scenario's code ends Locust before the run: nothing was run"
            self.progress.fail(text, ExitCode.USAGE)
            gevent.spawn(self._end_process, ExitCode.USAGE)

    def _end_process(self, code: int = ExitCode.INTERRUPTED) -> None:
        if self.web_ui is not None:
            self.environment.runner.quit()
            self.web_ui.stop()
        elif self.run is None:
            # Locust may be waiting for workers, which a quit would not end.
            process_control.end_forked_workers(wait_s=0.0)
            sys.exit(int(code))


def _guarded(listener: Callable[..., None], leader: RunController) -> Callable[..., None]:
    def wrapped(**fields: Any) -> None:
        try:
            listener(**fields)
        except Exception as error:  # Locust would swallow it and run on
            leader.fail(error)
            raise gevent.GreenletExit from error

    return wrapped
