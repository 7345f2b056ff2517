"""Starts the supervisor of a stack and follows it until the stack is up; ends it again.

What the two say to each other goes over the supervisor's standard input and output.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.errors import HarnessError, UsageError
from harness.core.locks import locked
from harness.core.messages import Codec
from harness.core.own_python import module_command
from harness.core.processes import (
    CODE_FOLDER,
    ProcessRef,
    end_all,
    identify,
    is_alive,
    own_environment,
)
from harness.plan.layout import FIRST_START_FACTOR, START_SECONDS
from harness.stack.client import StackClient, ask
from harness.stack.folder import CHANGE_LOCK, checked, entered, has_been_used
from harness.stack.parts.postgres import ClusterSpec
from harness.stack.programs import Progress
from harness.stack.state import (
    ForeignStateError,
    Stack,
    clear,
    forget,
    load_state,
    read_state,
    socket_path_for,
)
from harness.stack.supervisor_messages import RequestDone, StackRequest

_UP_SECONDS_MAX = 60.0
"""Beside what its processes may take to start."""
_DOWN_SECONDS_MAX = 15.0


# --- messages ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """A stack to be started: what it is, and the programs it is made of.

    ``cluster`` and ``service_port`` are None for an attached target, which is not ours to run. When
    ``owner`` dies, the stack goes, too; None for one that stays up until it is taken down.
    """

    stack: Stack
    toxiproxy: Path
    api_port: int
    cluster: ClusterSpec | None = None
    service_port: int | None = None
    owner: ProcessRef | None = None


TO_SUPERVISOR: Codec[LaunchSpec] = Codec(LaunchSpec)


@dataclass(frozen=True, slots=True)
class SupervisorStarted:
    """The supervisor is a process of its own."""

    pid: int


@dataclass(frozen=True, slots=True)
class LaunchStep:
    """What is being done, for people."""

    text: str


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """The stack does not come up, and what there is of it is taken down.

    ``is_usage`` is whether a part of the user's own is wrong.
    """

    error: str
    is_usage: bool = False


@dataclass(frozen=True, slots=True)
class StackUp:
    """Everything was started and answers."""


LaunchReport = SupervisorStarted | LaunchStep | LaunchFailed | StackUp
TO_UP: Codec[LaunchReport] = Codec(LaunchReport)


# --- up ------------------------------------------------------------------------------------------


def silent(_line: str) -> None:
    """Progress that no one reads."""


@contextlib.contextmanager
def state_lock(state_dir: Path, progress: Progress) -> Iterator[None]:
    """Holds the state folder for one change at a time; makes the folder.

    UsageError where there can be none; HarnessError where it cannot be made or used, or someone
    else held it for too long.
    """
    path = entered(state_dir) / CHANGE_LOCK
    try:
        read_state(state_dir)  # before a file is made there
    except ForeignStateError:
        raise
    except HarnessError:
        pass  # damaged, and ours to take down

    def waiting() -> None:
        progress("waiting for another `up` or `down`")

    with locked(path, seconds=150.0, waiting=waiting) as is_ours:
        if not is_ours:
            raise HarnessError(f"{path} has been held by another `up`")
        yield


def launch(spec: LaunchSpec, progress: Progress) -> Stack:
    """Starts the supervisor and returns the stack once it is up; the caller holds the lock.

    HarnessError where it did not come up, UsageError where a part of the user's own is wrong;
    nothing of it is left.
    """
    stack = spec.stack
    # Whatever an earlier stack wrote must not be taken for this one's.
    shutil.rmtree(stack.log_dir, ignore_errors=True)
    try:
        stack.log_dir.mkdir(mode=0o700)
    except FileExistsError as error:
        raise HarnessError(
            f"{stack.log_dir} has files of an earlier stack that cannot be removed: remove it "
            "yourself (is it another user's, or does a program still read there?)"
        ) from error
    log_path = stack.log_dir / "supervisor.log"
    supervisor: ProcessRef | None = None
    try:
        for report in _reports(spec, log_path):
            match report:
                case SupervisorStarted(pid):
                    supervisor = identify(pid)
                case LaunchStep(text):
                    progress(text)
    except BaseException:
        end_supervisor(supervisor)
        load_state(stack.state_dir)  # removes what a dead supervisor left
        raise
    running = read_state(stack.state_dir)
    if running is None:
        raise HarnessError(f"the supervisor ended as soon as the stack was up: see {log_path}")
    return running


def _reports(spec: LaunchSpec, log_path: Path) -> Iterator[LaunchReport]:
    """Start the supervisor; what it says until the stack is up, which fails where it is not."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            module_command("harness.stack.supervisor"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Modules of the user's, which it imports then, may read any variable.
            env=own_environment() | (dict(os.environ) if spec.stack.own_parts else {}),
            cwd=CODE_FOLDER,
            start_new_session=True,
        )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both were asked to be pipes")
    with process.stdout as pipe:
        with contextlib.suppress(BrokenPipeError), process.stdin as told:
            told.write(TO_SUPERVISOR.encode(spec))
        process.wait()  # it leaves a daemon behind at once
        starts_s = sum(part.start_seconds for part in spec.stack.layout.parts)
        for line in _lines(pipe, _UP_SECONDS_MAX + FIRST_START_FACTOR * starts_s):
            report = TO_UP.decode(line)
            if isinstance(report, LaunchFailed):
                raise (UsageError if report.is_usage else HarnessError)(report.error)
            if isinstance(report, StackUp):
                return
            yield report
    raise HarnessError(f"the stack's supervisor ended unexpectedly: see {log_path}")


def _lines(pipe: IO[bytes], seconds_max: float) -> Iterator[bytes]:
    pending, deadline = b"", time.monotonic() + seconds_max
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise HarnessError(f"the stack was not up after {seconds_max:g} s")
            received = os.read(pipe.fileno(), 65_536)
            if not received:
                return
            *whole, pending = (pending + received).split(b"\n")
            yield from whole


def end_supervisor(supervisor: ProcessRef | None) -> None:
    """Asks a supervisor by signal to take everything down, and insists."""
    if supervisor is None or not is_alive(supervisor):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS_MAX
    while is_alive(supervisor) and time.monotonic() <= deadline:
        time.sleep(0.02)
    end_all([supervisor])


def current_stack(state_dir: Path, progress: Progress) -> Stack | None:
    """The stack that is up; the caller holds the lock.

    One that is not complete was left by an `up` that died, or its folder was moved: it is taken
    down.
    """
    stack = load_state(state_dir)
    if stack is not None and not stack.ready:
        progress("taking down what an interrupted `up` or a moved folder left")
        end_supervisor(stack.supervisor)
        stack = load_state(state_dir)
    return stack


def revive(stack: Stack, progress: Progress) -> None:
    """Makes sure that a stack which is up works, restarting what an unfinished run left dead.

    HarnessError where it does not work.
    """
    client = StackClient(stack)

    def starts_s(name: str) -> float:
        part = stack.layout.part(name)
        return START_SECONDS if part is None else part.start_seconds

    try:
        for process in client.status():
            if process.stopped:
                progress(f"letting {process.name} go on")
                client.thaw(process.name)
            if not process.alive:
                progress(f"restarting {process.name}")
                client.restart(process.name)
                client.wait_ready(process.name, starts_s(process.name))
        for process in client.status():
            client.wait_ready(process.name, starts_s(process.name))
    except HarnessError as error:
        raise HarnessError(
            f"the stack in {stack.state_dir} is up and does not work ({error}): "
            "`lendchaos down` first"
        ) from error


def down(state_dir: Path, progress: Progress = silent) -> bool:
    """Takes down whatever stack is up in a state folder; does nothing when none is.

    Works also when the supervisor is dead or the state file damaged. Returns whether there was
    anything to take down. Logs stay. UsageError where there can be no state folder; HarnessError
    where what is there is not ours, and nothing was done.
    """
    state_dir = checked(state_dir)
    if not has_been_used(state_dir):
        return False
    with state_lock(state_dir, progress):
        try:
            stack = read_state(state_dir, any_version=True)
        except ForeignStateError:
            raise
        except HarnessError as damaged:
            progress(str(damaged))
            # The supervisor can be reached without it; if that is dead, so are its children.
            with contextlib.suppress(HarnessError):
                path = socket_path_for(state_dir)
                ask(path, StackRequest("down"), RequestDone, _DOWN_SECONDS_MAX)
            clear(state_dir)
            return True
        if stack is None:
            return False
        if is_alive(stack.supervisor):
            progress("taking the stack down")
            with contextlib.suppress(HarnessError):
                StackClient(stack).down()
            end_supervisor(stack.supervisor)
        end_all(stack.processes.values())
        forget(stack, stack.state_dir)
        return True
