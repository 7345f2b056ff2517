"""`python -m harness.stack.supervisor`: owns the processes of one stack for as long as it is up.

Reads a `LaunchSpec` from standard input, reports on standard output until the stack is up, then
serves requests on a Unix socket. It starts children from its one event loop thread only, because
the kernel ends them when the *thread* that started them ends.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from harness.core.errors import HarnessError
from harness.core.http_calls import get
from harness.core.processes import (
    ProcessRef,
    bound_to_parent,
    clean_environment,
    family,
    identify,
    is_alive,
    listeners,
)
from harness.core.standard_streams import lead_nowhere
from harness.plan.target_parts import ProgramSpec
from harness.stack import launch as protocol
from harness.stack import namespaces, postgres, register, service
from harness.stack.addresses import split_address
from harness.stack.control_socket import Control
from harness.stack.folder import BUREAU_DATA, STATE_FILE, whereabouts
from harness.stack.postgres import ClusterSpec
from harness.stack.run_lock import held_while_alive, is_held
from harness.stack.state import BUREAU, DATABASE, EDGE, forget, save_state
from harness.stack.supervised_process import Child, ChildSpec, spawn
from harness.stack.watchdog import stand_by

EVENT_LOG = "supervisor.jsonl"
_START_SECONDS_MAX = 30.0
_MIGRATE_SECONDS_MAX = 60.0
_PROGRAM_SECONDS_MAX = 110.0
"""A target's own process may have a whole application server to start."""
_POLL_SECONDS = 0.02
_FORGOTTEN_CHECK_SECONDS = 1.0
_STOPPING_CHECK_SECONDS = 0.5
"""A database that stops in good order is done after one such look, or two."""
_IDENTITY_CHECKS = 16
"""Fresh connections asked who answers: a stranger with a like share of the port is found."""


class Supervisor:
    """The children of one stack, in the order of their start."""

    def __init__(
        self, spec: protocol.LaunchSpec, report: Callable[[protocol.LaunchReport], None]
    ) -> None:
        self.spec = spec
        self.stack = replace(spec.stack, supervisor=identify(os.getpid()))
        self.children: dict[str, Child] = {}
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

        HarnessError where something did not come up; the message names its log.
        """
        self._alive = held_while_alive(self.stack.state_dir)
        self._save()
        first = asyncio.create_task(self._start_toxiproxy())
        try:
            await self._lay_wires()
            if self.spec.cluster is not None:
                await self._start_database(self.spec.cluster)
        finally:
            await first
        if self.stack.settings is not None:
            await self._start_service()
        await self._wait_first("toxiproxy")
        for name, program in self.spec.programs.items():
            await self._start_program(name, program)
        await self._check_edge()
        self.stack = replace(self.stack, ready=True)
        self._save()

    async def take_down(self) -> None:
        """Stops everything in reverse order and removes what the stack leaves behind."""
        # A thread may still be making the cluster that is about to be removed.
        await asyncio.get_running_loop().shutdown_default_executor()
        replicas = [self.children[name] for name in self.stack.replicas if name in self.children]
        await asyncio.gather(*(child.stop() for child in replicas))
        for child in reversed(self.children.values()):
            if child not in replicas:
                await child.stop()
        self.record("down", "stack")
        forget(self.stack, whereabouts(self._folder, self.stack.state_dir))

    async def is_ready(self, name: str) -> bool:
        """Whether one process does its work: a replica answers, a server accepts connections.

        HarnessError where a program that is not of this stack answers on the service's port.
        """
        child = self.children.get(name)
        if child is None or not child.alive:
            return False
        if name == "postgres" and self.spec.cluster is not None and child.process is not None:
            return postgres.server_state(self.spec.cluster, child.process.pid) == "ready"
        if name == "toxiproxy":
            return await asyncio.to_thread(service.has_links, self.stack)
        if name in self.spec.programs and child.process is not None:
            listens = self.spec.programs[name].listens
            return await asyncio.to_thread(_listens, child.process.pid, listens)
        return await self._who_answers(name) == name

    async def wait_ready(self, name: str, seconds: float, *, fail_fast: bool = False) -> int:
        """Waits until a process is ready; the monotonic instant at which it was seen to be.

        HarnessError where it was not in time, or with ``fail_fast`` as soon as it has ended once;
        the message holds its last words.
        """
        deadline = time.monotonic() + seconds
        while not await self.is_ready(name):
            child = self.children[name]
            if fail_fast and child.exits:
                raise HarnessError(f"{name} ended at its start: {_last_words(child.spec.log_path)}")
            if time.monotonic() > deadline:
                words = _last_words(child.spec.log_path)
                raise HarnessError(f"{name} was not ready after {seconds:g} s: {words}")
            await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic_ns()

    async def _wait_first(self, name: str) -> None:
        await self.wait_ready(name, _START_SECONDS_MAX, fail_fast=True)

    async def _lay_wires(self) -> None:
        wires = self.stack.wires.items()
        laid = {name: await asyncio.to_thread(namespaces.lay, wire) for name, wire in wires}
        self.stack = replace(self.stack, wires=laid)

    async def _start_toxiproxy(self) -> None:
        configuration = self.stack.log_dir / "toxiproxy.json"
        command = service.toxiproxy_command(
            self.spec.toxiproxy, self.spec.api_port, configuration, self.stack.links.values()
        )
        await self._start_child("toxiproxy", command, clean_environment(LOG_LEVEL="warn"))

    async def _start_database(self, cluster: ClusterSpec) -> None:
        self._report(protocol.LaunchStep("making the database"))
        log = self.stack.log_dir / "initdb.log"
        await asyncio.to_thread(postgres.create_cluster, cluster, log)
        wire = self.stack.wires.get(DATABASE)
        command = postgres.server_command(cluster, wire.far if wire else "")
        # At once, without waiting for clients: the cluster is thrown away. SIGINT: a fast, yet
        # orderly shutdown.
        signals = {"stop_signal": signal.SIGQUIT, "restart_signal": signal.SIGINT}
        await self._start_child("postgres", command, clean_environment(), **signals)
        await self._wait_first("postgres")
        self._report(protocol.LaunchStep("creating the service's tables"))
        await self._migrate(postgres.database_url(cluster, postgres.SERVICE_USER, cluster.address))

    async def _migrate(self, url: str) -> None:
        path = self.stack.log_dir / "migrate.log"
        environment = clean_environment(LENDING_DATABASE_URL=url, **service.planted(self.stack))
        process = await spawn(service.service_command("migrate"), path, environment)
        try:
            code = await asyncio.wait_for(process.wait(), _MIGRATE_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            raise HarnessError(f"the migration took over {_MIGRATE_SECONDS_MAX:g} s") from None
        if code != 0:
            raise HarnessError(f"the service's migration failed: {_last_words(path)}")

    async def _start_service(self) -> None:
        stack, port, cluster = self.stack, self.spec.service_port, self.spec.cluster
        step = f"starting {len(stack.replicas)} replicas of the service and its bureau"
        self._report(protocol.LaunchStep(step))
        through = stack.way(DATABASE)
        if port is None or cluster is None or through is None:
            raise AssertionError("a local stack has a database, a way to it and a service's port")
        url = postgres.database_url(cluster, postgres.SERVICE_USER, through)
        token = secrets.token_urlsafe(24)
        for name in stack.replicas:
            environment = service.replica_environment(stack, url, name, port, token)
            await self._start_child(name, service.service_command("serve"), environment)
        # The bureau beside the replicas, which ask it first when somebody borrows.
        folder = stack.state_dir / BUREAU_DATA
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        wire = stack.wires.get(BUREAU)
        command = service.service_command("bureau", wire.far if wire else "")
        await self._start_child(BUREAU, command, service.bureau_environment(stack, token))
        for name in (BUREAU, *self.stack.replicas):
            await self._wait_first(name)
        for _ in range(_IDENTITY_CHECKS):
            await self._who_answers(self.stack.replicas[0])

    async def _start_program(self, name: str, program: ProgramSpec) -> None:
        """A process that the target declares; its links are there already."""
        self._report(protocol.LaunchStep(f"starting {name}"))
        command = bound_to_parent(program.command, signal.SIGKILL)
        await self._start_child(
            name, command, clean_environment(**program.environment), Path(program.cwd)
        )
        await self.wait_ready(name, _PROGRAM_SECONDS_MAX, fail_fast=True)

    async def _who_answers(self, name: str) -> str | None:
        """Who answers where the process of this name should."""
        there = f"http://{self.stack.beyond(BUREAU)}" if name == BUREAU else self.stack.service_url
        return await asyncio.to_thread(service.who_answers, self.stack, there)

    async def _check_edge(self) -> None:
        deadline = time.monotonic() + _START_SECONDS_MAX
        questions = self.stack.questions
        path = service.HEALTH_PATH if questions is None else questions.get(EDGE)
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

    async def _start_child(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        cwd: Path = service.CODE_FOLDER,
        **signals: signal.Signals,
    ) -> None:
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
        """Ends the stack when its state file is gone or its folder moved: nobody could find it.

        Until then the register lists it, whoever empties it: a cleaner of `/tmp`, or an `up` in a
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

        Such a run ends by itself, as it lost whoever started it, and its ledger is still read.
        """
        while is_alive(owner) or is_held(self.stack.state_dir):  # noqa: ASYNC110 - nor has a death
            await asyncio.sleep(_FORGOTTEN_CHECK_SECONDS)
        self.record("orphaned", "stack")
        self.stopping.set()

    async def hurry_database(self) -> None:
        """Ends a database that somebody asked to stop, and that waits for its clients to leave.

        It takes no more connections, those in the service's pools never leave, and while it lives
        it is not started again: nobody could borrow any more, and nothing would show why.
        """
        stopping_before: int | None = None
        while True:
            await asyncio.sleep(_STOPPING_CHECK_SECONDS)
            child, cluster = self.children.get("postgres"), self.spec.cluster
            if child is None or cluster is None or child.process is None:
                continue
            pid = child.process.pid
            stopping = pid if postgres.server_state(cluster, pid) == "stopping" else None
            if stopping is not None and stopping == stopping_before:
                child.hurry()
            stopping_before = stopping

    def _save_if_possible(self) -> None:
        with contextlib.suppress(OSError, HarnessError):
            self._save()

    def _save(self) -> None:
        known = {name: child.reference for name, child in self.children.items()}
        processes = {name: reference for name, reference in known.items() if reference}
        self.stack = replace(self.stack, processes=processes)
        save_state(self.stack)


def _listens(pid: int, address: str) -> bool:
    """Whether this very process, or a child of it, listens there: a second instance would serve
    unnoticed.
    """
    return not set(listeners(split_address(address)[1])).isdisjoint(family(pid))


def _last_words(log_path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log_path.read_bytes()[-2000:].decode(errors="replace").strip()
        if lines:
            return f"{lines.splitlines()[-1]} (all of it: {log_path})"
    return f"it said nothing ({log_path})"


def _report(report: protocol.LaunchReport) -> None:
    """Tells `up` one line. Fails when nobody listens any more: then the stack is not wanted."""
    os.write(1, protocol.TO_UP.encode(report))


async def supervise(spec: protocol.LaunchSpec) -> None:
    """Starts the stack, serves until told to stop, takes everything down."""
    supervisor = Supervisor(spec, _report)
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
                supervisor.hurry_database(),
                stand_by(supervisor.stack, supervisor.record),
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
    except (HarnessError, OSError) as error:
        with contextlib.suppress(OSError):
            _report(protocol.LaunchFailed(str(error)))
    finally:
        await supervisor.take_down()
        await control.close()


def main() -> None:
    """Reads what to start, leaves the process that started us, supervises."""
    spec = protocol.TO_SUPERVISOR.decode(sys.stdin.buffer.read())
    # A daemon of its own: whoever called `up` neither waits for us nor takes us along.
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    _report(protocol.SupervisorStarted(os.getpid()))
    asyncio.run(supervise(spec))


if __name__ == "__main__":
    main()
