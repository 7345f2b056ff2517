"""The story of one run, top to bottom; a process of its own, spoken to by the load process.

It owns the order and the clean-up: stack, borrowers, fault timeline, heal, ledger, verdict, report.
The load process starts it with the run directory; they say `harness.load.load_protocol` over its
standard input and output. End of file means that the load process died: then everything is healed,
and the run is judged as interrupted.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.core.connections import forget_libpq_variables
from harness.core.disk import DISK_ERRORS, refusal
from harness.core.errors import HarnessError, Interrupted, UsageError, internal_error
from harness.core.exit_codes import ExitCode
from harness.core.rows import plain
from harness.faults.foreign_sessions import LockGuard
from harness.faults.heal.guardian_link import Guardian
from harness.faults.heal.healing import heal_left_over
from harness.faults.registry import load_all
from harness.faults.timeline import FaultTimeline
from harness.faults.unplanned import foreign_orders, unexpected_exits
from harness.history.events import RunStatus, SafetyStop
from harness.history.journal import Journal
from harness.history.kept_record import KeptRecord
from harness.history.reader import RunReader
from harness.history.run_facts import LOCAL_STACK, ErrorRecord
from harness.load import load_protocol as protocol
from harness.load.channel import Channel
from harness.plan.plan import Plan
from harness.report import terminal_text
from harness.report.write_report import write
from harness.run.commands import apply_command
from harness.run.preview import told_before
from harness.run.room_watch import places_of, room_watched
from harness.run.run_request import RunRequest, asked_of
from harness.run.safety.feasible import require_feasible, require_reach
from harness.run.safety.radius import radius_of
from harness.run.safety.watch import LedgerTail, SafetyWatch
from harness.stack import Stack, down, load_state
from harness.stack.backends import backend_for
from harness.stack.run_lock import held_alone
from harness.target.account_provisioning import AccountProvisioner, ProvisionedBorrower
from harness.target.contract import Contract
from harness.target.declared import absent
from harness.target.health import HealthPoller
from harness.target.interface import Target
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import read_ledger
from harness.verdict.judge import judge
from harness.verdict.types import Verdict

BEGIN_SECONDS_MAX = 900.0
"""For Locust to spawn its users, as slowly as it was told to."""
LOAD_OVERRUN_SECONDS = 30.0
"""Beyond load and drain, the load process is taken for hung."""

_log = logging.getLogger("lendchaos.conductor")


def main() -> int:
    """Run one run; the exit code matters only where it is started by hand."""
    forget_libpq_variables()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    channel = Channel()
    unwritten = lambda text: channel.send(protocol.RecordUnwritten(text))  # noqa: E731
    request = asked_of(sys.argv[1:], unwritten, __doc__)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: channel.interrupt("signal", signal.Signals(got).name))
    try:
        conduct(request, channel)
    except (UsageError, HarnessError) as error:
        return _fail(channel, error.exit_code, str(error))
    except Exception as error:  # noqa: BLE001  # the last line of defence
        if isinstance(error, OSError) and (refused := _refusal(error, request)):
            return _fail(channel, ExitCode.INCONCLUSIVE, refused)
        if said := request.blamed(error):
            return _fail(channel, ExitCode.USAGE, said)
        _log.exception("internal error")
        return _fail(channel, ExitCode.INTERNAL, internal_error(error))
    finally:
        channel.close()
    return ExitCode.PASS


def _refusal(error: OSError, request: RunRequest) -> str:
    """What the disk refused us, in one line; empty where it was something else."""
    folders = (request.run.path.absolute(), request.state_dir)
    path = str(error.filename or "")
    if path and not any(Path(path).is_relative_to(folder) for folder in folders):
        return refusal(error) if error.errno in DISK_ERRORS else ""
    return refusal(error, f"the run directory {folders[0]} or the state folder {folders[1]}")


def _fail(channel: Channel, code: int, message: str) -> int:
    _log.error("%s", message)
    channel.send(protocol.RunFailed(int(code), message))
    return code


def conduct(request: RunRequest, channel: Channel) -> None:
    """One run, from a plan to a verdict; what follows below has its steps in their order.

    Raises:
        UsageError: the plan asks for what this target cannot give.
        HarnessError: the environment failed before there was anything to judge.
    """
    load_all(request.fault_modules)
    request, run = request.with_target(), request.run
    plan, reader = run.read_plan(), RunReader(run)
    run.write_status(RunStatus(target="not reached", interrupted=True))
    with ExitStack() as clean_up:
        lost = partial(channel.interrupt, "guardian")
        # First, because it gets ready meanwhile and may be let go only after everything else.
        guardian = clean_up.enter_context(
            Guardian(run.path, plan.run_id, lost, request.fault_modules)
        )
        try:
            stack = _bring_up(request, plan, channel, clean_up, guardian)
            with LockGuard(stack, channel.check_interrupt) as check:
                scene = _prepare(request, plan, stack, channel, check)
            guardian.await_ready()
        except Interrupted:
            _log.info("interrupted before the load")
        else:
            run.go_on()
            status = _perform(run, scene, channel)
            _write_status(run, scene, status, channel, guardian)
            _read_ledger(run, scene, reader, channel)
        channel.progress("writing the report")
        run.go_on()
        run.write_checksums()
        verdict, path = judged(run, reader)
    money = plan.lender.currency
    channel.send(
        protocol.RunJudged(
            verdict=str(verdict.verdict),
            exit_code=int(verdict.exit_code),
            sentence=verdict.sentence,
            summary=terminal_text.render(verdict, path, color=False, currency=money),
            report=path,
            run_dir=str(run.path),
        )
    )


# --- 1: the stack, the borrowers, everything that has to stand before the load -------------------


@dataclass(frozen=True, slots=True)
class Scene:
    """A run that is ready for its load."""

    plan: Plan
    stack: Stack
    target: Target
    cursor: int | str
    borrowers: list[ProvisionedBorrower]
    timeline: FaultTimeline
    health: HealthPoller
    safety: SafetyWatch
    status: RunStatus


def _bring_up(
    request: RunRequest, plan: Plan, channel: Channel, clean_up: ExitStack, guardian: Guardian
) -> Stack:
    """The stack to run on; what is brought up here is taken down by ``clean_up``."""
    host, lender, allowed = request.host, request.target, request.allow_targets
    require_feasible(plan, request.state_dir, host, allowed, target=lender)
    backend = backend_for(
        plan.settings,
        request.state_dir,
        host,
        parts=None if lender is None else lender.parts,
        allow_targets=allowed,
    )
    state_dir = backend.folder
    clean_up.enter_context(held_alone(state_dir, plan.run_id, plan.scenario))
    running = load_state(state_dir) if backend.outlasts else None
    if running is None:
        guardian.guard(state_dir, owns_stack=True)
    stack = backend.bring_up(channel.progress)
    if running is None:
        clean_up.callback(down, state_dir)
    require_reach(stack, allowed)
    for name in heal_left_over(stack):
        channel.progress(f"healed {name}, left by a run that died")
    Journal(stack.state_dir, stack.stack_id).begin_anew()
    guardian.guard(stack.state_dir, owns_stack=running is None, stack=stack)
    return stack


def _timeline(run: KeptRecord, plan: Plan, stack: Stack, channel: Channel) -> FaultTimeline:
    """The faults of this run, which tell the load process how they stand."""
    return FaultTimeline(
        stack,
        plan.faults,
        run.append_fault,
        lambda name, state, at_ns: channel.send(protocol.FaultChanged(name, state, at_ns)),
        run_id=plan.run_id,
        run_dir=run.path,
        aborted=lambda row: channel.interrupt("heal", f"the {row.by}, from another process"),
    )


def _prepare(
    request: RunRequest, plan: Plan, stack: Stack, channel: Channel, check: Callable[[], None]
) -> Scene:
    """Everything that has to stand before the load, with a look for an interrupt in between."""
    run = request.run
    lender = request.target or Contract(stack.service_url, stack.admin_token, stack.database_url)

    def progress(text: str) -> None:
        check()
        channel.progress(text)

    progress("; ".join(told_before(plan)))
    timeline = _timeline(run, plan, stack, channel)
    notes = timeline.put_right("before the load", progress)
    notes += timeline.check(progress)
    provisioner = AccountProvisioner(lender, stack.edge_url, progress, check)
    progress("trying one borrower of each class")
    offered, unlike = provisioner.confirm_classes(plan)
    if stack.runs_service or not isinstance(lender, Contract):
        # It says which classes it knows: one treated wrongly is a defect of it, and is measured.
        notes += tuple(f"before the load, class {name} was not treated rightly" for name in unlike)
    else:
        notes += tuple(f"the target does not know borrowers of class {name}" for name in unlike)
        plan = offered
        run.rewrite_plan(plan)
    progress(f"registering {len(plan.borrowers)} borrowers")
    borrowers = provisioner.provision(plan)
    run.write_accounts({b.index: b.account_id for b in borrowers})
    cursor: int | str = 0
    if lender.ledger is not None:
        progress("reading where the ledger stands")
        cursor = lender.ledger.cursor(check)
    check()
    if stack.settings is not None and stack.settings.defect:
        notes += (f"the service runs with a planted defect: {stack.settings.defect}",)
    classes = tuple(sorted({str(b.account_class) for b in plan.borrowers}))
    target = f"{LOCAL_STACK} {stack.stack_id}" if stack.runs_service else stack.service_url
    notes += (*absent(lender), *run.not_latest())
    status = RunStatus(target=target, interrupted=True, account_classes=classes, notes=notes)
    run.write_status(status := replace(status, blast_radius=radius_of(plan, stack.layout)))
    paid = LedgerTail(lender.ledger, cursor, frozenset(b.account_id for b in borrowers))
    safety = SafetyWatch(
        run, plan, paid, lambda stop: _stop_at_once(stop, timeline, channel), timeline.facts
    )
    health = HealthPoller(run, lender)
    return Scene(plan, stack, lender, cursor, borrowers, timeline, health, safety, status)


def _stop_at_once(stop: SafetyStop, timeline: FaultTimeline, channel: Channel) -> None:
    """Heal, then have the load ended; the main thread writes down why."""
    timeline.heal_now()
    channel.send(stop)
    channel.put(stop)


# --- 2: the load and the faults ------------------------------------------------------------------


def _perform(run: KeptRecord, scene: Scene, channel: Channel) -> RunStatus:
    """Hand over to the load and walk the faults until nothing is under way any more."""
    accounts = {
        borrower.index: protocol.LoadAccount(
            borrower.phone,
            borrower.password,
            borrower.token,
            borrower.expires_ns,
            borrower.account_id,
        )
        for borrower in scene.borrowers
    }
    channel.send(protocol.LoadReady(scene.stack.edge_url, accounts))
    try:
        with room_watched(places_of(run.path, scene.stack), run.run_short):
            return _follow_load(run, scene, channel)
    finally:
        try:
            scene.timeline.finish()
        finally:
            scene.health.stop()
            scene.safety.stop()


def _follow_load(run: KeptRecord, scene: Scene, channel: Channel) -> RunStatus:
    """Follow the load process from its first arrival to its last answer."""
    settings = scene.plan.settings
    status = scene.status
    bound_s = BEGIN_SECONDS_MAX
    while (message := channel.receive(bound_s)) is not None:
        match message:
            case protocol.LoadBegun(clock, workers):
                status = replace(status, clock=clock, workers=workers)
                run.write_status(status)
                scene.timeline.start(clock.zero_ns)
                scene.health.start()
                scene.safety.start(clock)
                bound_s = settings.load_s + settings.drain_s + LOAD_OVERRUN_SECONDS
            case protocol.InterruptRun():
                scene.timeline.heal_now()
            case SafetyStop():
                # Whatever may still happen to us, what ended the run is known.
                status = replace(status, safety_stop=scene.safety.tripped)
                run.write_status(status)
            case protocol.StopLoad():
                # Asked of us and not of the load process: it ends the load and drains.
                scene.timeline.heal_now()
                remark = f"the run was ended by {message.reason}"
                status = replace(status, notes=(*status.notes, remark))
                channel.send(message)
                bound_s = settings.drain_s + LOAD_OVERRUN_SECONDS
            case protocol.PageCommand():
                now_s = status.clock.seconds(time.monotonic_ns()) if status.clock else None
                remark = apply_command(message, scene.timeline, now_s)
                _log.info("%s", remark)
                status = replace(status, notes=(*status.notes, remark))
                run.write_status(status)
            case protocol.LoadDrained(ended_by=by):
                early = by not in (None, "safety", "disk", "step")
                told = {**plain(message), "notes": (*status.notes, *message.notes)}
                return replace(status, **told, interrupted=early, broken_off=by == "disk")
    # The load process died. What it had not begun by now was never due.
    scene.timeline.heal_now()
    now_ns = time.monotonic_ns()
    trouble = ErrorRecord("the load process died before the run was over", now_ns)
    return replace(status, load_ended_ns=now_ns, drained_ns=now_ns, troubles=(trouble,))


# --- 3: what is left behind ----------------------------------------------------------------------


def _write_status(
    run: KeptRecord, scene: Scene, status: RunStatus, channel: Channel, guardian: Guardian
) -> None:
    """How the run went: journal, audit of the database, what others did to the stack, remarks."""
    timeline = scene.timeline
    run.write_journal(timeline.journal_rows())
    status = replace(status, audit=timeline.audit(status.load_ended_ns))
    notes = (*status.notes, *scene.safety.notes, *guardian.notes)
    foreign = timeline.foreign
    if status.clock is not None:
        since_ns = status.clock.anchor_monotonic_ns
        ordered = foreign_orders(scene.stack, timeline.facts(), since_ns)
        notes += unexpected_exits(scene.stack, timeline.planned, since_ns, ordered)
        foreign += ordered
    troubles = (*status.troubles, *timeline.errors)
    if not scene.plan.observe:  # what is broken by hand is theirs to mend
        notes += timeline.put_right_after(channel.progress)
    status = replace(status, foreign=foreign, notes=notes, troubles=troubles)
    run.write_status(replace(status, safety_stop=scene.safety.tripped))


def _read_ledger(run: KeptRecord, scene: Scene, reader: RunReader, channel: Channel) -> None:
    facts = reader.facts(scene.plan)
    with LockGuard(scene.stack) as check:
        source = LedgerSource(
            scene.target, scene.cursor, channel.progress, channel.is_closed, check
        )
        run.write_ledger(read_ledger(source, scene.plan, facts, scene.borrowers))


# --- 4: the verdict ------------------------------------------------------------------------------


def judged(run: KeptRecord, reader: RunReader) -> tuple[Verdict, str]:
    """The verdict and its page's path; without a path the disk did not take it.

    It is judged from what is stored, as anyone can again later: half a result is none, and
    `lendchaos judge` can make it of the record.
    """
    plan = run.read_plan()
    facts = reader.facts(plan)
    verdict = judge(plan, facts)
    try:
        return verdict, str(write(run, plan, facts, verdict))
    except OSError as error:
        run.note(error)
    with suppress(OSError):
        (run.path / "verdict.json").unlink()
    return judge(plan, reader.facts(plan)), ""


if __name__ == "__main__":
    sys.exit(main())
