"""The story of one run, top to bottom; a process of its own, spoken to by the load process.

It owns the order and the clean-up: stack, borrowers, fault timeline, heal, ledger, verdict, report.
The load process starts it with the run directory and talks newline-delimited JSON over its standard
input and output. End of file means that the load process died: then everything is healed, and the
run is judged as interrupted.
"""

import argparse
import fcntl
import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness import judge, report
from harness.channel import Channel, Interrupted
from harness.errors import HarnessError, UsageError
from harness.events import Clock, Facts, LedgerReading, Operation, Outcome, RunStatus
from harness.faults.timeline import FaultTimeline
from harness.faults.undo import heal_left_over
from harness.ledger import Ledger
from harness.plan import Plan
from harness.record import RunDirectory
from harness.report import terminal
from harness.seeding import SeededBorrower, Seeder
from harness.stack import Stack, StackSettings, attach, down, load_state, up
from harness.verdict import ExitCode

BEGIN_SECONDS_MAX = 900.0
"""For Locust to spawn its users, as slowly as it was told to."""
LOAD_OVERRUN_SECONDS = 30.0
"""Beyond load and drain, the load process is taken for hung."""

LOCK_FILE = "run.lock"
ATTACHED = "attached"
"""Folder of the state directory for the proxy in front of a service that already runs."""

_log = logging.getLogger("lendchaos.conductor")


@dataclass(frozen=True, slots=True)
class Request:
    """What the load process asks for."""

    run: RunDirectory
    state_dir: Path
    host: str | None
    allow_targets: frozenset[str]


def main() -> int:
    """Run one run; the exit code matters only to whoever starts it by hand."""
    parser = argparse.ArgumentParser(prog="python -m harness.conductor", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--host")
    parser.add_argument("--allow-target", action="append", default=[])
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    request = Request(
        RunDirectory(options.run),
        options.state_dir.absolute(),
        options.host,
        frozenset(options.allow_target),
    )
    channel = Channel()
    signal.signal(signal.SIGTERM, lambda *_: channel.stop())
    try:
        conduct(request, channel)
    except UsageError as error:
        return _fail(channel, ExitCode.USAGE, str(error))
    except HarnessError as error:
        return _fail(channel, ExitCode.INCONCLUSIVE, str(error))
    except Exception as error:  # noqa: BLE001  # the last line of defence: our bug, told as such
        _log.exception("our bug")
        return _fail(channel, ExitCode.INTERNAL, f"our bug, {type(error).__name__}: {error}")
    finally:
        channel.close()
    return ExitCode.PASS


def _fail(channel: Channel, code: ExitCode, message: str) -> int:
    _log.error("%s", message)
    channel.send("failed", exit_code=int(code), message=message)
    return code


def conduct(request: Request, channel: Channel) -> None:
    """One run, from a plan to a verdict.

    Raises:
        UsageError: the plan asks for what this target cannot give.
        HarnessError: the environment failed before there was anything to judge.
    """
    run = request.run
    plan = run.read_plan()
    run.write_status(RunStatus(target="not reached", interrupted=True))
    with ExitStack() as clean_up:
        try:
            stack = _bring_up(request, plan, channel, clean_up)
            scene = _prepare(run, plan, stack, channel)
        except Interrupted:
            _log.info("interrupted before the load")
        else:
            _perform(run, scene, channel)
        channel.send("progress", text="writing the report")
        # Judged from what is stored, as anyone can again later.
        plan = run.read_plan()
        facts = run.read_facts(plan)
        verdict = judge.judge(plan, facts)
        path = report.write(run, plan, facts, verdict)
    channel.send(
        "verdict",
        verdict=verdict.verdict,
        exit_code=verdict.exit_code,
        sentence=verdict.sentence,
        summary=terminal.render(verdict, str(path), color=False),
        report=str(path),
        run_dir=str(run.path),
    )


# --- set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scene:
    """A run that is ready for its load."""

    plan: Plan
    stack: Stack
    ledger: Ledger
    cursor: int | str
    borrowers: list[SeededBorrower]
    timeline: FaultTimeline
    status: RunStatus

    @property
    def account_ids(self) -> frozenset[str]:
        """The accounts of this run's borrowers."""
        return frozenset(borrower.account_id for borrower in self.borrowers)


def _bring_up(request: Request, plan: Plan, channel: Channel, clean_up: ExitStack) -> Stack:
    """The stack to run on; what is brought up here is taken down by ``clean_up``."""

    def progress(text: str) -> None:
        channel.send("progress", text=text)

    if request.host is not None:
        state_dir = request.state_dir / ATTACHED
        clean_up.enter_context(_held_alone(state_dir))
        stack = attach(request.host, state_dir, request.allow_targets, progress)
        clean_up.callback(down, state_dir)
    else:
        clean_up.enter_context(_held_alone(request.state_dir))
        running = load_state(request.state_dir)
        # A stack that is up may have more than we ask for; only the service's kind has to agree.
        settings = (running and running.settings) or StackSettings()
        settings = replace(settings, service=plan.settings.service)
        if running is None:
            progress("bringing the local stack up")
        stack = up(settings, request.state_dir, progress)
        if running is None:
            clean_up.callback(down, request.state_dir)
    for name in heal_left_over(stack):
        progress(f"healed {name}, left by a run that died")
    return stack


@contextmanager
def _held_alone(state_dir: Path) -> Iterator[None]:
    """One run at a time on one stack: two would disturb and reconcile each other.

    The kernel gives the lock back when its holder dies, however it dies.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HarnessError(
                f"another run uses the stack in {state_dir}: wait for its end, or give this one"
                " a stack of its own with --state-dir"
            ) from error
        yield


def is_held(state_dir: Path) -> bool:
    """Whether a run uses the stack of this folder right now."""
    if not (state_dir / LOCK_FILE).exists():
        return False
    try:
        with _held_alone(state_dir):
            return False
    except HarnessError:
        return True


def _prepare(run: RunDirectory, plan: Plan, stack: Stack, channel: Channel) -> Scene:
    """Everything that has to stand before the load, with a look for an interrupt in between."""

    def progress(text: str) -> None:
        channel.check_interrupt()
        channel.send("progress", text=text)

    def tell(name: str, state: str) -> None:
        channel.send("fault", name=name, state=state, at_ns=time.monotonic_ns())

    timeline = FaultTimeline(stack, plan.faults, run.append_fault, tell)
    timeline.check()
    seeder = Seeder(stack.service_url, stack.edge_url, stack.admin_token, progress)
    progress("trying one borrower of each class")
    plan, left_out = seeder.confirm_classes(plan)
    run.rewrite_plan(plan)
    progress(f"registering {len(plan.borrowers)} borrowers")
    borrowers = seeder.seed(plan)
    run.write_accounts({b.index: b.account_id for b in borrowers})
    ledger = Ledger(stack.service_url, stack.admin_token, stack.database_url)
    progress("reading where the ledger stands")
    cursor = ledger.cursor()
    channel.check_interrupt()
    notes = tuple(f"the target does not know borrowers of class {name}" for name in left_out)
    classes = tuple(sorted({str(b.account_class) for b in plan.borrowers}))
    target = stack.service_url if stack.kind == "attached" else f"local stack {stack.stack_id}"
    status = RunStatus(target=target, interrupted=True, account_classes=classes, notes=notes)
    run.write_status(status)
    return Scene(plan, stack, ledger, cursor, borrowers, timeline, status)


# --- the run itself ------------------------------------------------------------------------------


def _perform(run: RunDirectory, scene: Scene, channel: Channel) -> None:
    """Hand over to the load, walk the faults, and write down what is left behind."""
    channel.send(
        "ready",
        edge_url=scene.stack.edge_url,
        borrowers=[asdict(borrower) for borrower in scene.borrowers],
        account_classes=list(scene.status.account_classes),
    )
    try:
        status = _follow_load(run, scene, channel)
    finally:
        scene.timeline.finish()
    run.write_status(status)
    channel.send("progress", text="waiting for the ledger to come to rest")
    run.write_ledger(_read_ledger(run, scene, channel))


def _follow_load(run: RunDirectory, scene: Scene, channel: Channel) -> RunStatus:
    """Follow the load process from its first arrival to its last answer."""
    settings = scene.plan.settings
    status = scene.status
    bound_s = BEGIN_SECONDS_MAX
    while (message := channel.receive(bound_s)) is not None:
        match message["type"]:
            case "begin":
                clock = Clock(
                    message["zero_ns"],
                    message["anchor_monotonic_ns"],
                    message["anchor_wall_ns"],
                )
                status = replace(status, clock=clock, workers=tuple(message["workers"]))
                run.write_status(status)
                scene.timeline.start(clock.zero_ns)
                bound_s = settings.load_s + settings.drain_s + LOAD_OVERRUN_SECONDS
            case "interrupt":
                scene.timeline.heal_now()
            case "drained":
                return replace(
                    status,
                    interrupted=bool(message["interrupted"]),
                    load_ended_ns=message["load_ended_ns"],
                    drained_ns=message["drained_ns"],
                    workers=tuple(message["workers"]),
                    troubles=tuple(message["troubles"]),
                )
    # The load process died. What it had not begun by now was never due.
    scene.timeline.heal_now()
    now_ns = time.monotonic_ns()
    trouble = "the load process died before the run was over"
    return replace(status, load_ended_ns=now_ns, drained_ns=now_ns, troubles=(trouble,))


def _read_ledger(run: RunDirectory, scene: Scene, channel: Channel) -> LedgerReading:
    """The ledger at rest; acknowledged keys that it lacks are asked for once, one by one."""

    def progress(text: str) -> None:
        channel.send("progress", text=text)

    reading = scene.ledger.read(scene.cursor, scene.account_ids)
    tokens = {borrower.index: borrower.token for borrower in scene.borrowers}
    acknowledged = {
        operation.key: tokens[operation.borrower]
        for operation in _acknowledged(run.read_facts(scene.plan))
    }
    return scene.ledger.ask_for_missing(reading, acknowledged, progress)


def _acknowledged(facts: Facts) -> list[Operation]:
    answers = (Outcome.APPROVED, Outcome.REFERRED)
    return [operation for operation in facts.operations if operation.outcome in answers]


if __name__ == "__main__":
    sys.exit(main())
