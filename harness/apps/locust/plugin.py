"""Our listeners on Locust's events: options, start, stop, signals, exit code.

Locust logs an exception in a listener and runs on, or ends with a code of its own; so every
listener here is wrapped, and what goes wrong ends in one clear line and one of our exit codes.
"""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import gevent
from locust import events
from locust.runners import STATE_STOPPED, WorkerRunner

from harness.apps.locust import endings, process_control, web
from harness.apps.locust.controller import Run, RunOrder, require_places
from harness.apps.locust.loading import refuse_early_end
from harness.apps.locust.locust_options import leave_out_empty_tables, settle_options
from harness.apps.locust.locustfile import (
    Locustfile,
    read_locustfile,
    refuse_single_user,
    require_user,
)
from harness.apps.locust.planning import planned, require_runnable, require_sense, target_of
from harness.apps.locust.progress import Progress, tell_error, write_over_bar
from harness.apps.locust.run_settings import SPAWN_RATE_MAX, add_options, composed, rate_from
from harness.apps.locust.start_form import announced, objection
from harness.apps.locust.user_code import Exits, UserCode
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.core.forwarding import AGAIN_SECONDS
from harness.core.started_in import STARTED_IN
from harness.load.load_process import LoadProcess
from harness.load.raised import exit_code_of, line_of
from harness.load.worker_messages import FOR_LEADER, TO_LEADER, EndAsked, UserCodeRaised
from harness.load.workers import Crew
from harness.plan.plan import Plan
from harness.run.given import with_places
from harness.run.preview import preview, preview_json

CSV_SECONDS = 1.2
"""Locust writes its CSV files every second, but not once more at its end."""
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
        self._borrower_class = borrower_class
        self.preset_run_time_s: float | None = None
        self.run_time_s: float | None = None
        self.class_host: str | None = None
        self._ending = False
        self._told_to_end_at = 0.0
        self._crew = Crew(environment)
        self._early: list[str] = []

    # --- once --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Check what can be checked before the first run, and take Locust's own timer out.

        Raises:
            UsageError: this locustfile with these options can never be run.
        """
        options = self.environment.parsed_options
        locustfile, rate = self._locustfile(), rate_from(options)
        # Locust's own timer would end the load without draining it; ours drains.
        self.preset_run_time_s = self.run_time_s = options.run_time
        options.run_time = None
        if locustfile is not None:
            self.class_host = locustfile.host
            require_sense(locustfile, options, rate, self.run_time_s)
            if options.headless or options.autostart:  # elsewhere the form may name another target
                self._planned(locustfile, rate, quietly=True)
        endings.require_port_number(options.web_port)
        for one in options.set_elsewhere:
            note = " (no effect on a scenario)" if one.name in options.without_effect else ""
            self.progress.say(f"{one}{note}")
        if options.dry_run:
            self._preview(locustfile, rate)
        require_places(options.runs_dir, options.state_dir)
        options.num_users = rate
        options.spawn_rate = options.spawn_rate or min(rate, SPAWN_RATE_MAX)
        self._listen()
        process_control.on_stop_signal(self._on_stop_signal)
        process_control.on_hang_up(self._on_hang_up)
        if self.progress.fd is not None:
            process_control.on_reader_gone(self.progress.fd, self._on_hang_up)
        if self.web_ui is not None:
            endings.require_port(self.web_ui.host, self.web_ui.port)
            web.extend(self.web_ui, self)
            self.under_way = options.autostart  # the page is there before the run is

    def _preview(self, locustfile: Locustfile | None, rate: int) -> None:
        """``--dry-run``: tell everything that would be done, and end."""
        if locustfile is None:
            raise UsageError("--dry-run needs a scenario: no user class here is a Borrower")
        options, (host, _) = self.environment.parsed_options, self._target()
        plan = self._planned(locustfile, rate)
        state_dir = STARTED_IN / options.state_dir
        tell = preview_json if options.json else preview
        write_over_bar("stdout", tell(plan, state_dir, host, options.allow_target))
        sys.exit(int(ExitCode.PASS))

    def _listen(self) -> None:
        hooks = self.environment.events
        self.environment.runner.register_message(TO_LEADER, self._hear)
        hooks.worker_report.add_listener(
            lambda client_id, data, **_: self._crew.on_report(client_id, data)
        )
        hooks.test_start.add_listener(_guarded(self._on_test_start, self))
        hooks.test_stopping.add_listener(_guarded(self._on_test_stopping, self))
        hooks.spawning_complete.add_listener(_guarded(self._on_spawning_complete, self))
        hooks.quitting.add_listener(self._on_quitting)
        hooks.quit.add_listener(lambda **_: process_control.end_forked_workers())

    def _hear(self, msg: Any, **_: Any) -> None:
        match FOR_LEADER.decode(msg.data):
            case UserCodeRaised(text):
                self.note_user_code(text)
            case EndAsked(unwritten):
                self.end_run(unwritten)
            case message:
                self._crew.hear(message)

    def _locustfile(self) -> Locustfile | None:
        found = read_locustfile(self.environment, self._borrower_class)
        options = self.environment.parsed_options
        return found and replace(found, scenario=composed(found.scenario, options))

    # --- what Locust tells -------------------------------------------------------------------

    def _on_test_start(self, **_: Any) -> None:
        """Set the run up; returns when Locust may spawn its users."""
        if self.run is None or self.run.over.is_set():
            self.run = self._begun()
            early, self._early, self.exits.late = self._early, [], False
            for text in early:
                self.run.note_user_code(text)
            self.run.start()
            gevent.spawn(self._after, self.run)
        elif self.run.ready.is_set():
            raise gevent.GreenletExit  # one run at a time; this one is ending
        run = self.run
        run.ready.wait()
        if run.over.is_set() or run.interrupted:
            raise gevent.GreenletExit

    def _begun(self) -> Run:
        """A new run; GreenletExit where Stop comes while it is looked whether it can be run."""
        self.under_way = True
        with suppress(gevent.GreenletExit):
            run = self._new_run()
            if self.under_way:
                return run
        self.progress.state = "idle"
        self.progress.say("stopped before it had begun: nothing was run")
        raise gevent.GreenletExit

    def stop(self) -> None:
        """Stop in the web UI, wherever a run is. Locust's own takes back no Start, only users."""
        if self.run is None or self.run.over.is_set():
            self.under_way = False
        else:
            self.run.interrupt()

    def _new_run(self) -> Run:
        options = self.environment.parsed_options
        locustfile = require_user(self._locustfile(), self.environment)
        rate = self.environment.runner.target_user_count
        self.progress.begin(locustfile.name)
        plan = self._planned(locustfile, rate)
        self._crew = Crew(self.environment)
        order = RunOrder(
            plan=plan,
            runs_dir=STARTED_IN / options.runs_dir,
            state_dir=STARTED_IN / options.state_dir,
            host=self._target()[0],
            allow_targets=list(options.allow_target),
            conductor_module=options.conductor_module,
            spawn_seconds=rate / float(options.spawn_rate or rate),
        )
        return Run(order, self._crew, self.progress, self.environment.runner.stop)

    def _planned(self, locustfile: Locustfile, rate: int, *, quietly: bool = False) -> Plan:
        """The plan of a run on the target as it is set now.

        Raises:
            UsageError, HarnessError: it cannot be run; nothing has been started for it.
        """
        options, (host, source) = self.environment.parsed_options, self._target()
        say = (lambda _: None) if quietly else self.progress.say
        say(f"target: {source}")
        plan = planned(locustfile, options, rate, run_time_s=self.run_time_s, host=host, say=say)
        require_runnable(plan, options, host)
        return plan

    def _target(self) -> tuple[str | None, str]:
        return target_of(self.environment, self.class_host)

    def announce(self) -> list[str]:
        """For the start form; nothing where the user class is chosen in it."""
        found = self._locustfile()
        return [] if found is None else announced(found, self.environment.parsed_options)

    def objection(self, form: Mapping[str, str]) -> str | None:
        """Why a run cannot be started with what stands in the start form; None where it can."""
        found, options = self._locustfile(), self.environment.parsed_options
        return None if found is None else objection(form, found, options, self.run_time_s)

    def note_user_code(self, text: str) -> None:
        """The user's code raised: a trouble of the run, or of the next one if there is none."""
        if self.run is None or not self.run.note_user_code(text):
            self.progress.tell_once(text)
            self._early.append(text)
            self.exits.late = self.run is not None

    def _on_test_stopping(self, **_: Any) -> None:
        """Stop in the web UI, or the last worker went missing."""
        if self.run is not None and self.run.is_loading:
            self.run.interrupt()

    def _on_spawning_complete(self, user_count: int, **_: Any) -> None:
        if self.run is None:
            return
        if user_count != self.run.rate and not self.run.over.is_set():
            self.run.note_trouble(
                f"the user count was changed during the run, to {user_count}:"
                " the planned arrivals stand"
            )
        self.run.spawned.set()

    def _on_quitting(self, **_: Any) -> None:
        """Locust is about to read the exit code: nothing may be under way any more."""
        process_control.only_in_order()
        leave_out_empty_tables(self.environment)
        if self.run is not None and not self.run.over.is_set():
            self.run.interrupt()
            self.run.over.wait(process_control.END_SECONDS_MAX)
            self.exits.set(self.run.exit_code)

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
        code = exit_code_of(error)
        known = self.environment.parsed_options.set_elsewhere
        self.progress.fail(with_places(line_of(error), known), code)
        self.exits.set(code)
        if self.run is not None and not self.run.over.is_set():
            self.run.interrupt()
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
        if self.run is None or self.run.over.is_set():
            self._end_process()
        elif not self._ending:
            self._ending = True
            self.run.interrupt()
            if not self.run.interrupted:
                self.progress.say("the run is ending; Ctrl-C once more quits at once")
        elif self._told_to_end_at - before_s >= AGAIN_SECONDS:
            process_control.quit_once_healed(self.run.live.board)

    def _on_hang_up(self) -> None:
        """Terminal closed, or our starter dead: end in order, however often that is said."""
        if not self._ending:
            self._on_stop_signal()

    def end_run(self, unwritten: str = "") -> bool:
        """The user's code wants the process to end: so does the run, in order; False without it."""
        if self.run is None or self.run.over.is_set():
            return False
        if unwritten:
            self.run.break_off(unwritten)
        else:
            self._on_hang_up()
        return True

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


# --- installing ----------------------------------------------------------------------------------


def install(borrower_class: type) -> None:
    """Listen to Locust's events; once, when the borrower is imported."""
    refuse_early_end(events)
    endings.leave_out_address()
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))
    events.init_command_line_parser.add_listener(lambda parser, **_: settle_options(parser))
    ends, user_code = endings.Endings(), UserCode()
    ends.watch(events)
    user_code.watch(events)
    events.init.add_listener(partial(_on_init, borrower_class, user_code, ends))


def _on_init(
    borrower_class: type,
    user_code: UserCode,
    ends: endings.Endings,
    *,
    environment: Any,
    runner: Any,
    web_ui: Any,
    **_: Any,
) -> None:
    if runner is None:
        environment.events.test_start.add_listener(partial(refuse_single_user, borrower_class))
        return
    if isinstance(runner, WorkerRunner):
        process = LoadProcess(environment)
        user_code.begin(environment, process.note_trouble, process.ask_to_end)
        environment.parsed_options.exit_code_on_error = 0  # the leading process has the verdict
        if environment.parsed_options.processes:
            process_control.follow_parent()
            environment.events.quitting.add_listener(process_control.only_in_order)
        return
    try:
        leader = RunController(environment, web_ui, borrower_class)
        user_code.begin(environment, leader.note_user_code, leader.end_run)
        user_code.exits, user_code.quit_early = leader.exits, leader.quit_early
        leader.begin()
        ends.has_begun, ends.settle = True, leader.exits.settle
        if not hasattr(runner, "clients"):
            LoadProcess(environment)
    except Exception as error:  # noqa: BLE001  # Locust would end with a code of its own
        tell_error(with_places(line_of(error), environment.parsed_options.set_elsewhere))
        process_control.end_forked_workers(wait_s=0.0)
        sys.exit(exit_code_of(error))


def _guarded(listener: Callable[..., None], leader: RunController) -> Callable[..., None]:
    @wraps(listener)
    def wrapped(**fields: Any) -> None:
        try:
            listener(**fields)
        except Exception as error:  # Locust would swallow it and run on
            leader.fail(error)
            raise gevent.GreenletExit from error

    return wrapped
