"""`python -m harness.stack.supervisor`: owns the processes of one stack for as long as it is up.

Reads a `LaunchSpec` from standard input, reports on standard output until the stack is up, then
serves requests on a Unix socket. It starts children from its one event loop thread only, because
the kernel ends them when the *thread* that started them ends.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from harness.core.errors import HarnessError, UsageError
from harness.core.http_calls import get
from harness.core.processes import CODE_FOLDER, ProcessRef, clean_environment, identify, is_alive
from harness.core.standard_streams import lead_nowhere
from harness.plan.layout import FIRST_START_FACTOR, START_SECONDS
from harness.stack import launch as protocol
from harness.stack import namespaces, register
from harness.stack.control_socket import Control
from harness.stack.folder import STATE_FILE, whereabouts
from harness.stack.layouts import parts_of
from harness.stack.own_part import done_by, mistake
from harness.stack.parts.toxiproxy import TOXIPROXY
from harness.stack.run_lock import held_while_alive, is_held
from harness.stack.state import EDGE, HEALTH_PATH, StackSettings, forget, save_state
from harness.stack.supervised_process import Child, ChildSpec, spawn
from harness.stack.watchdog import watch_orphaned_faults

EVENT_LOG = "supervisor.jsonl"
_ONCE_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.02
_SECRET_LETTERS_MIN, _LONG_LETTERS_MIN = 4, 8
"""A shorter value is a word like "on" or "error", and would be found everywhere."""
_CALLED_SECRET = re.compile(r"(?i)pass|secret|token|key|credential|auth")
_PASSWORDS = re.compile(r"(?i)passw(?:or)?d\s*=\s*'?([^\s'&;]+)")
_FORGOTTEN_CHECK_SECONDS = 1.0


class Supervisor:
    """The children of one stack, in the order of their start."""

    def __init__(
        self, spec: protocol.LaunchSpec, report: Callable[[protocol.LaunchReport], None]
    ) -> None:
        self.spec = spec
        self.stack = replace(spec.stack, supervisor=identify(os.getpid()))
        self.parts = parts_of(spec.stack)
        self.children: dict[str, Child] = {}
        self.secret = secrets.token_urlsafe(24)
        settings = spec.stack.settings or StackSettings()
        self._part_of = {name: part for part in self.parts for name in part.names(settings)}
        self.stopping = asyncio.Event()
        self._report = report
        self._folder = os.open(self.stack.state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._alive: BinaryIO | None = None

    def record(self, event: str, name: str, **details: Any) -> None:
        """Appends one event to the supervisor's log; ``at_ns`` is monotonic."""
        line = {"at_ns": time.monotonic_ns(), "at_utc": datetime.now(UTC).isoformat()}
        line |= {"event": event, "name": name, **details}
        # A full disk or a removed folder must not keep us from stopping or restarting processes.
        with contextlib.suppress(OSError), (self.stack.log_dir / EVENT_LOG).open("a") as log:
            log.write(json.dumps(line) + "\n")

    async def start(self) -> None:
        """Starts everything and proves that it answers.

        HarnessError where something did not come up; the message names its log. UsageError where a
        part of the user's own is wrong.
        """
        self._alive = held_while_alive(self.stack.state_dir)
        self._save()
        early = [
            asyncio.create_task(done_by(part, "start", self)) for part in self.parts if part.early
        ]
        try:
            await self._lay_wires()
            for part in self.parts:
                if part.needs_links:
                    await asyncio.gather(*early)
                    await self.wait_first(TOXIPROXY)
                if not part.early:
                    await done_by(part, "start", self)
        finally:
            await asyncio.gather(*early)
        for part in self.parts:
            await done_by(part, "settle", self)
        await self._check_edge()
        self.stack = replace(self.stack, ready=True)
        self._save()

    async def take_down(self) -> None:
        """Stops everything in reverse order and removes what the stack leaves behind."""
        # A thread may still be making the cluster that is about to be removed.
        await asyncio.get_running_loop().shutdown_default_executor()
        settings = self.stack.settings or StackSettings()
        # Of a part that called them otherwise than it said.
        strays = [child for name, child in self.children.items() if name not in self._part_of]
        await asyncio.gather(*(child.stop() for child in strays))
        # Those of one part at the same time, the part that was started last first.
        for part in reversed(self.parts):
            found = [self.children[n] for n in part.names(settings) if n in self.children]
            await asyncio.gather(*(child.stop() for child in found))
        self.record("down", "stack")
        forget(self.stack, whereabouts(self._folder, self.stack.state_dir))

    async def is_ready(self, name: str) -> bool:
        """Whether one process does its work: a replica answers, a server accepts connections.

        HarnessError where a program that is not of this stack answers on the service's port.
        """
        child = self.children.get(name)
        if child is None or not child.alive:
            return False
        part = self._part_of[name]
        ready = await done_by(part, "is_ready", self, child)
        if ready is None:
            raise UsageError(mistake(part, "is_ready", "must return True or False"))
        return bool(ready)

    async def wait_ready(self, name: str, seconds: float, *, fail_fast: bool = False) -> int:
        """Waits until a process is ready; the monotonic instant at which it was seen to be.

        HarnessError where it was not in time, or with ``fail_fast`` as soon as it has ended once;
        the message holds its last words. UsageError where a part of the user's own is wrong.
        """
        deadline = time.monotonic() + seconds
        if name not in self.children:
            part = self._part_of[name]
            others = [other for other in self.children if other not in self._part_of]
            but = f", but {' and '.join(others)}" if others else ""
            said = f"started no process {name!r}{but}: names() says what it is called"
            raise UsageError(mistake(part, "start", said))
        while not await self.is_ready(name):
            child = self.children[name]
            if fail_fast and child.exits:
                raise HarnessError(f"{name} ended at its start: {_words_of(child)}")
            if time.monotonic() > deadline:
                words = _words_of(child)
                raise HarnessError(f"{name} was not ready after {seconds:g} s: {words}")
            await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic_ns()

    async def wait_first(self, name: str) -> None:
        """Waits until a process is ready for the first time; HarnessError where it ends instead."""
        seconds = FIRST_START_FACTOR * self._part_of[name].start_seconds
        await self.wait_ready(name, seconds, fail_fast=True)

    async def _lay_wires(self) -> None:
        wires = self.stack.wires.items()
        laid = {name: await asyncio.to_thread(namespaces.lay, wire) for name, wire in wires}
        self.stack = replace(self.stack, wires=laid)

    async def run_once(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Runs a command to its end; HarnessError where it fails, or takes too long."""
        path = self.stack.log_dir / f"{name}.log"
        process = await spawn(command, path, environment)
        try:
            code = await asyncio.wait_for(process.wait(), _ONCE_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            raise HarnessError(f"{name} took over {_ONCE_SECONDS_MAX:g} s") from None
        if code != 0:
            raise HarnessError(f"{name} failed: {_last_words(path, environment)}")

    def report_step(self, text: str) -> None:
        """Tells who waits for the stack what is being done."""
        self._report(protocol.LaunchStep(text))

    async def _check_edge(self) -> None:
        deadline = time.monotonic() + FIRST_START_FACTOR * START_SECONDS
        questions = self.stack.questions
        path = HEALTH_PATH if questions is None else questions.get(EDGE)
        if path is None:
            return  # nothing may be asked there
        url = f"{self.stack.edge_url}{path}"
        while time.monotonic() < deadline:
            answer = await asyncio.to_thread(get, url)
            if answer is not None and 200 <= answer.status < 300:  # noqa: PLR2004  # HTTP's words
                return
            await asyncio.sleep(_POLL_SECONDS)
        upstream = self.stack.links[EDGE].upstream
        raise HarnessError(f"{upstream} does not answer {path} through the edge link")

    async def start_child(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path = CODE_FOLDER,
        **signals: signal.Signals,
    ) -> None:
        """Starts a process and keeps it running; ``signals`` are those of `ChildSpec`."""
        spec = ChildSpec(
            name=name,
            command=command,
            environment=environment,
            log_path=self.stack.log_dir / f"{name}.log",
            cwd=cwd,
            **signals,
        )
        child = Child(spec, self.record, self._save_if_possible)
        self.children[name] = child
        await child.start()

    async def stop_when_forgotten(self) -> None:
        """Ends the stack when its state file is gone or its folder moved: no one could find it.

        Until then the register lists it, whatever empties it: a cleaner of `/tmp`, or an `up` in a
        container that has the same home and does not see our folder.
        """
        folder = self.stack.state_dir
        while whereabouts(self._folder, folder) == folder and (folder / STATE_FILE).exists():
            await asyncio.to_thread(self._list)
            await asyncio.sleep(_FORGOTTEN_CHECK_SECONDS)
        self.stopping.set()

    def _list(self) -> None:
        with contextlib.suppress(OSError, HarnessError):
            register.add(self.stack.state_dir, self.stack.stack_id, self.stack.key)

    async def stop_when_orphaned(self, owner: ProcessRef) -> None:
        """Ends the stack when the process died that would have, once no run uses it.

        Such a run ends by itself, as it lost the process that started it; its ledger is still read.
        """
        while is_alive(owner) or is_held(self.stack.state_dir):  # noqa: ASYNC110 - nor has a death
            await asyncio.sleep(_FORGOTTEN_CHECK_SECONDS)
        self.record("orphaned", "stack")
        self.stopping.set()

    def _save_if_possible(self) -> None:
        with contextlib.suppress(OSError, HarnessError):
            self._save()

    def _save(self) -> None:
        known = {name: child.reference for name, child in self.children.items()}
        processes = {name: reference for name, reference in known.items() if reference}
        self.stack = replace(self.stack, processes=processes)
        save_state(self.stack)


def _words_of(child: Child) -> str:
    return _last_words(child.spec.log_path, child.spec.environment)


def _last_words(log_path: Path, environment: Mapping[str, str]) -> str:
    """The last line of a log, without what the program was told in its environment."""
    with contextlib.suppress(OSError):
        lines = log_path.read_bytes()[-2000:].decode(errors="replace").strip()
        if lines:
            words = lines.splitlines()[-1]
            for secret in sorted(_secrets(environment), key=len, reverse=True):
                words = words.replace(secret, "***")
            return f"{words} (all of it: {log_path})"
    return f"it said nothing ({log_path})"


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """What may be one: the values of variables that are called so, long values that not every
    program has, and passwords of addresses.
    """
    usual = clean_environment()
    for name, value in environment.items():
        found = [match[1] for match in _PASSWORDS.finditer(value)]
        with contextlib.suppress(ValueError):
            found.append(urlsplit(value).password or "")
        found += [unquote(each) for each in found]
        is_called_so = _CALLED_SECRET.search(name) is not None
        if is_called_so or (len(value) >= _LONG_LETTERS_MIN and not value.isdigit()):
            found += [value] * (usual.get(name) != value)
        yield from (each for each in found if len(each) >= _SECRET_LETTERS_MIN)


def _report(report: protocol.LaunchReport) -> None:
    """Tells `up` one line. Fails when no one listens any more: then the stack is not wanted."""
    os.write(1, protocol.TO_UP.encode(report))


async def supervise(spec: protocol.LaunchSpec) -> None:
    """Starts the stack, serves until told to stop, takes everything down."""
    try:
        supervisor = Supervisor(spec, _report)
    except UsageError as error:  # a part of the user's own cannot be imported
        _report(protocol.LaunchFailed(str(error), is_usage=True))
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stopping.set)
    children, wait_ready = supervisor.children, supervisor.wait_ready
    control = Control(supervisor.stack, children, wait_ready, supervisor.stopping)
    try:
        await control.open()
        starting = asyncio.create_task(supervisor.start())
        stopped = asyncio.create_task(supervisor.stopping.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _report(protocol.StackUp())
            lead_nowhere([1])  # the pipe to `up`, which would otherwise wait for its end
            duties = [
                supervisor.stop_when_forgotten(),
                *(done_by(part, "tend", supervisor) for part in supervisor.parts),
                watch_orphaned_faults(supervisor.stack, supervisor.record),
            ]
            if spec.owner is not None:
                duties.append(supervisor.stop_when_orphaned(spec.owner))
            watching = [asyncio.create_task(duty) for duty in duties]
            await stopped
            for task in watching:
                task.cancel()
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
    except (HarnessError, UsageError, OSError) as error:
        with contextlib.suppress(OSError):
            _report(protocol.LaunchFailed(str(error), is_usage=isinstance(error, UsageError)))
    finally:
        await supervisor.take_down()
        await control.close()


def main() -> None:
    """Reads what to start, leaves the process that started us, supervises."""
    spec = protocol.TO_SUPERVISOR.decode(sys.stdin.buffer.read())
    # A daemon of its own: the process that called `up` neither waits for us nor takes us along.
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    _report(protocol.SupervisorStarted(os.getpid()))
    asyncio.run(supervise(spec))


if __name__ == "__main__":
    main()
