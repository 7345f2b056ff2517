"""One supervised child process: restarted when it ends, held down when it was killed on purpose."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.processes import CODE_FOLDER, ProcessRef, family, identify, is_alive, is_stopped
from harness.stack.supervisor_messages import ProcessStatus

_BACKOFF_SECONDS = 0.2
_BACKOFF_SECONDS_MAX = 5.0
_LASTING_SECONDS = 5.0
"""A process that lived this long has earned a quick restart again."""
_GONE_SECONDS_MAX = 5.0
"""How long a killed process may take to be gone, or one asked to stop over what is in flight."""
_FREEZE_ROUNDS_MAX = 10
_STOP_SECONDS_MAX = 0.5
"""For one round of a freeze: a process in an uninterruptible wait stops only after it."""

Record = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How a child is started and asked to stop.

    ``stop_seconds`` is how long it may take to stop before it is killed. ``restart_signal`` asks it
    to stop in good order, when it is to start again.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 1.5
    restart_signal: signal.Signals = signal.SIGTERM
    cwd: Path = CODE_FOLDER


async def spawn(
    command: Sequence[str],
    log_path: Path,
    environment: Mapping[str, str],
    cwd: Path = CODE_FOLDER,
) -> asyncio.subprocess.Process:
    """Start a process whose words go to the end of a log; OSError where it cannot be started."""
    with log_path.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            cwd=cwd,
            # Ctrl-C reaches a terminal's whole process group: it must not end the target
            # before the fault is healed and the ledger read.
            start_new_session=True,
        )


class Child:
    """Keeps one process running. Everything happens in one event loop and its one thread.

    ``ordered_ns`` is the monotonic instant of the last order to start; ``last_exit`` is the code of
    the last end, negative for a signal; ``restarts`` counts starts after the first. ``started_by``
    says what started it first after it was taken down (``request``: a call of `order_restart`,
    ``timer``: the time set by the one who took it down, ``supervisor``: no one but us), and is
    empty while it is down.
    """

    def __init__(self, spec: ChildSpec, record: Record, on_start: Callable[[], None]) -> None:
        self.spec = spec
        self.process: asyncio.subprocess.Process | None = None
        self.reference: ProcessRef | None = None
        self.ordered_ns = 0
        self.thawed_ns = 0
        self.started_by = ""
        self.restarts = 0
        self.exits = 0
        self.last_exit: int | None = None
        self._record = record
        self._on_start = on_start
        self._wake = asyncio.Event()
        self._starting = asyncio.Lock()
        self._gone = asyncio.Event()
        self._due: float | None = None
        self._timed = False
        self._ordered = False
        self._task: asyncio.Task[None] | None = None
        self._thaw_due: asyncio.TimerHandle | None = None
        self._stopped: list[ProcessRef] = []

    @property
    def alive(self) -> bool:
        """Whether the process runs; a zombie does not."""
        return self.process is not None and is_alive(self.reference)

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped by a signal, and all that was stopped with it still is."""
        return self.process is not None and all(map(is_stopped, self._stoppable()))

    @property
    def stopped(self) -> bool:
        """Whether any of it is stopped by a signal."""
        return self.process is not None and any(map(is_stopped, self._stoppable()))

    def _stoppable(self) -> list[int]:
        """The process and what was stopped with it and lives."""
        pids = [member.pid for member in self._stopped if is_alive(member)]
        return pids if self.process is None else [self.process.pid, *pids]

    def status(self) -> ProcessStatus:
        """The facts the supervisor tells its clients."""
        return ProcessStatus(
            name=self.spec.name,
            pid=self.reference.pid if self.reference else None,
            alive=self.alive,
            frozen=self.frozen,
            stopped=self.stopped,
            thawed_ns=self.thawed_ns,
            started_by=self.started_by,
            restarts=self.restarts,
            last_exit=self.last_exit,
            ordered_ns=self.ordered_ns,
        )

    async def start(self) -> None:
        """Starts the process and keeps it running from now on; OSError where it cannot start."""
        self.ordered_ns = time.monotonic_ns()
        await self._spawn()
        self._task = asyncio.create_task(self._keep_running(), name=f"keep {self.spec.name}")

    async def kill(self, restart_after_seconds: float, *, orderly: bool = False) -> None:
        """SIGKILL; returns when the process is gone. No restart before the given time unless it is
        ordered.

        With ``orderly`` it is asked to stop in good order, and killed if it takes too long over it.
        TimeoutError where it does not go.
        """
        number = self.spec.restart_signal if orderly else signal.SIGKILL
        await self._send_down(number, restart_after_seconds)
        try:
            await asyncio.wait_for(self._gone.wait(), _GONE_SECONDS_MAX)
        except TimeoutError:
            if not orderly:
                raise
            self._record("insisted", self.spec.name)
            await self._send_down(signal.SIGKILL, restart_after_seconds)
            await asyncio.wait_for(self._gone.wait(), _GONE_SECONDS_MAX)
        event = "shut_down" if orderly else "killed"
        self._record(event, self.spec.name, restart_after_seconds=restart_after_seconds)

    async def _send_down(self, number: signal.Signals, restart_after_seconds: float) -> None:
        async with self._starting:  # a process that is just being started is met too
            self._due = time.monotonic() + restart_after_seconds
            self._timed, self._ordered, self.started_by = True, False, ""
            self._wake.set()
            self.thaw()  # what is stopped hears no request, nor its children that it ended
            self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.process is not None:
                self.process.send_signal(number)

    def hurry(self) -> None:
        """Sends a process that is stopping by someone else's order the signal that is prompt."""
        self._signal(self.spec.restart_signal)
        self._record("hurried", self.spec.name)

    async def freeze(self, thaw_after_seconds: float) -> None:
        """SIGSTOP of the process and its descendants; returns when all of them stand still.

        It goes on after the given time at the latest.
        """
        async with self._starting:
            if self.process is None:
                raise ProcessLookupError(f"{self.spec.name} is down and cannot be frozen")
            loop = asyncio.get_running_loop()
            self._cancel_thaw()
            self._thaw_due = loop.call_later(thaw_after_seconds, self.thaw)
            self.thawed_ns = 0
            await self._stop_family(self.process.pid)
        self._record("frozen", self.spec.name, thaw_after_seconds=thaw_after_seconds)

    async def _stop_family(self, pid: int) -> None:
        told: set[int] = set()
        # The parent first, so that it makes no more; a child it had just made is found next round.
        for _ in range(_FREEZE_ROUNDS_MAX):
            if not (new := [member for member in family(pid) if member not in told]):
                return
            for member in new:
                reference = identify(member)
                _tell(member, signal.SIGSTOP)
                if reference is not None:
                    self._stopped.append(reference)
            told.update(new)
            # A process stops when it is scheduled next, and makes children until then.
            deadline = time.monotonic() + _STOP_SECONDS_MAX
            while any(is_alive(each) and not is_stopped(each.pid) for each in self._stopped):
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.001)

    def thaw(self) -> int:
        """SIGCONT to the process and its descendants, if any of them is stopped.

        Returns the monotonic instant at which that was done since it was frozen; 0 if it was not.
        """
        self._cancel_thaw()
        # What was told to stop may not have got to it yet.
        if self.process is not None and (self._stopped or self.frozen):
            if self.stopped:
                self.thawed_ns = time.monotonic_ns()
            # The children first: the parent finds them at work.
            for member in reversed(family(self.process.pid)):
                _tell(member, signal.SIGCONT)
            self._stopped.clear()
            self._record("thawed", self.spec.name)
        return self.thawed_ns

    def _let_orphans_go_on(self) -> None:
        """SIGCONT to what is left of a frozen process that someone killed.

        Its children cannot see that it is gone while they are stopped: those of PostgreSQL would
        hold its shared memory for ever, and no other server could start on the same data.
        """
        for orphan in self._stopped:
            if is_alive(orphan):
                _tell(orphan.pid, signal.SIGCONT)
        self._stopped.clear()

    def _cancel_thaw(self) -> None:
        if self._thaw_due is not None:
            self._thaw_due.cancel()
            self._thaw_due = None

    def order_restart(self) -> int:
        """Orders the restart of a process that is down; the monotonic instant of the last order."""
        if self.process is None and not self._ordered:
            self._ordered = True
            self.ordered_ns = time.monotonic_ns()
            self._record("restart_ordered", self.spec.name)
            self._wake.set()
        return self.ordered_ns

    async def stop(self) -> None:
        """Ends the process for good, by force when it does not stop in time."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.process is None:
            return
        self.thaw()  # a stopped process hears no request to end
        self._signal(self.spec.stop_signal)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), self.spec.stop_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # The whole group, for what the process may have started and left behind.
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), _GONE_SECONDS_MAX)
        self._record("stopped", self.spec.name, exit=self.process.returncode)

    async def _spawn(self) -> None:
        spec = self.spec
        self.process = await spawn(spec.command, spec.log_path, spec.environment, spec.cwd)
        self._gone.clear()
        if not self.started_by:
            timed = "timer" if self._timed else "supervisor"
            self.started_by = "request" if self._ordered else timed
        self._due, self._timed, self._ordered = None, False, False
        self.reference = identify(self.process.pid)
        self._record("started", self.spec.name, pid=self.process.pid)
        self._on_start()

    async def _keep_running(self) -> None:
        quick_ends = 0
        while True:
            started = time.monotonic()
            if self.process is not None:
                self.last_exit = await self.process.wait()
                self.process = None
                self.exits += 1
                self._let_orphans_go_on()
                self._gone.set()
                self._record("exited", self.spec.name, exit=self.last_exit)
            if self._due is None:
                quick_ends = 0 if time.monotonic() - started > _LASTING_SECONDS else quick_ends + 1
                delay = min(_BACKOFF_SECONDS * 2 ** max(0, quick_ends - 1), _BACKOFF_SECONDS_MAX)
                self._due = time.monotonic() + delay
            await self._wait_until_due()
            self.restarts += 1
            try:
                async with self._starting:
                    await self._spawn()
            except OSError as error:
                self._due, self._timed, self._ordered = None, False, False
                self._record("not_started", self.spec.name, error=str(error))

    async def _wait_until_due(self) -> None:
        while not self._ordered and self._due is not None:
            remaining = self._due - time.monotonic()
            if remaining <= 0:
                break
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), remaining)
        if not self._ordered:
            self.ordered_ns = time.monotonic_ns()
            self._record("restart_ordered", self.spec.name)


def _tell(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
