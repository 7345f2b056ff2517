"""What faults of processes have in common, which go through the supervisor that owns them.

The supervisor holds the length of each fault itself, so that what was killed, stopped or frozen
comes back although the harness may have died meanwhile. Whether a process does its work is asked
directly and not through a link.
"""

import socket
import time
from abc import abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.core import http_calls
from harness.core.errors import HarnessError
from harness.faults.base import Injector
from harness.faults.probes import first_question
from harness.history.events import Proof
from harness.plan.fault import FaultSpec, PlannedFault
from harness.plan.layout import INSTANCES, START_SECONDS, Need, Role, StackLayout, Thing
from harness.stack.addresses import split_address
from harness.stack.client import StackClient
from harness.stack.state import Stack
from harness.stack.supervisor_messages import ProcessStatus

PROBES = 12
"""Fresh connections: the kernel spreads them over the replicas that listen, at random."""
LOOK_PROBES = 2
"""Connections of one look whether what is down answers all the same; the next look has as many."""
PROBE_TIMEOUT_SECONDS = 0.5
"""On loopback an answer takes milliseconds."""


@dataclass(frozen=True, slots=True)
class ProcessFault(FaultSpec):
    """What every fault of processes has; ``target`` is the name of one, or a role.

    Of the local stack: ``replica-1`` …, ``replicas`` for all of them, ``replica`` for one of them,
    ``primary`` for the database server (``postgres`` by its name), ``bureau``.
    """

    target: str = Role.REPLICAS.value
    stops_service = True
    ability = ""
    """What has to be possible with its target."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """The process, with which that can be done."""
        return (Need(Thing.PROCESS, self.target, self.ability),)

    @property
    def takes_away(self) -> tuple[Need, ...]:
        """The process, whatever is done to it."""
        return (Need(Thing.PROCESS, self.target),)


class InstanceProbe:
    """Asks a port that several processes share who answers."""

    def __init__(self, url: str, names: tuple[str, ...]) -> None:
        self._url = url
        self._names = names

    def silent(self, probes: int = PROBES) -> tuple[bool, str]:
        """Whether none of these answers, and how that was seen."""
        # At once: one after another, the silent ones alone could outlast the fault.
        with ThreadPoolExecutor(probes, thread_name_prefix="probe") as pool:
            names = list(pool.map(lambda _: self._who_answers(), range(probes)))
        reached = sorted({name for name in names if name in self._names})
        if reached:
            return False, f"{', '.join(reached)} still answers"
        found = names.count(None)
        others = f", {len(names) - found} by another replica" if len(names) > found else ""
        return True, f"of {probes} fresh connections {found} were not answered{others}"

    def _who_answers(self) -> str | None:
        answer = http_calls.get(self._url, PROBE_TIMEOUT_SECONDS)
        return None if answer is None else str(answer.field("instance"))


@dataclass(frozen=True, slots=True)
class PortProbe:
    """Asks a process that has a port of its own one question in its own language.

    Without a ``question`` a connection is all that is tried.
    """

    name: str
    address: tuple[str, int]
    question: bytes | None

    def silent(self, _probes: int = 1) -> tuple[bool, str]:
        """Whether it does not answer, and how that was seen; one connection tells."""
        try:
            with socket.create_connection(self.address, PROBE_TIMEOUT_SECONDS) as connection:
                if self.question is None:
                    return False, f"{self.name} takes connections"
                connection.settimeout(PROBE_TIMEOUT_SECONDS)
                connection.sendall(self.question)
                answered = bool(connection.recv(1))
        except TimeoutError:
            return True, f"{self.name} does not answer within {PROBE_TIMEOUT_SECONDS:g} s"
        except OSError as error:
            return True, f"{self.name} does not answer ({error.strerror or error})"
        words = "answers" if answered else "closes the connection without an answer"
        return not answered, f"{self.name} {words}"


def probe_for(layout: StackLayout, names: tuple[str, ...]) -> InstanceProbe | PortProbe:
    """How to ask processes, of one name each, whether they do their work."""
    part = layout.part(names[0])
    if part is None or not part.address:
        raise HarnessError(f"{names[0]} has no address at which it could be asked")
    if part.protocol == INSTANCES:
        return InstanceProbe(f"http://{part.address}{part.asks}", names)
    question = first_question(part, part.address)
    return PortProbe(names[0], split_address(part.address), question)


class ProcessInjector(Injector):
    """What faults of processes have in common: who is meant, and who answers."""

    done = ""
    """What was done to them, in words."""

    def __init__(self, planned: PlannedFault, _spec: ProcessFault, stack: Stack) -> None:
        layout = stack.layout
        self._target = planned.target
        self._names = planned.parts or layout.meant(planned.target)
        self._lasts_s = planned.lasts_s
        self._client = StackClient(stack)
        self._probe = probe_for(layout, self._names)
        parts = filter(None, map(layout.part, self._names))
        self._start_seconds = max((part.start_seconds for part in parts), default=START_SECONDS)
        self._pids: dict[str, int] = {}
        self._due_ns = 0

    def ready(self) -> Proof:
        """Every process to be disturbed is alive and at work, and the question is answered."""
        states = self._states()
        unwell = [n for n in self._names if n not in states or not _at_work(states[n])]
        if unwell:
            return Proof("canary", holds=False, text=f"before: {', '.join(unwell)} not at work")
        silent, how = self._probe.silent()
        text = how if silent else f"{', '.join(self._names)} at work"
        return Proof("canary", not silent, f"before: {text}")

    def _states(self) -> dict[str, ProcessStatus]:
        """What the supervisor sees of the processes that are meant."""
        found = {process.name: process for process in self._client.status()}
        return {name: found[name] for name in self._names if name in found}

    def inject(self) -> None:
        """Disturb them; returns when all are gone, or stand still."""
        # When it is due to end: the supervisor's own timers, set later, are not earlier.
        self._due_ns = time.monotonic_ns() + round(self._lasts_s * 1e9)
        self._pids = self._disturb()

    @abstractmethod
    def _disturb(self) -> dict[str, int]:
        """Have the supervisor do it; the processes that there were."""

    def read_back(self) -> Proof:
        """The supervisor sees of each of them that it was done."""
        seen = [state for state in self._states().values() if self._is_disturbed(state)]
        text = f"supervisor: {self.done} {listed(self._pids.items())}"
        return Proof("control_plane", len(seen) == len(self._names), text)

    @abstractmethod
    def _is_disturbed(self, process: ProcessStatus) -> bool:
        """Whether the supervisor sees of one of them that it was done."""

    def canary(self) -> Proof:
        """No one who is meant answers a fresh connection."""
        silent, how = self._probe.silent()
        return Proof("canary", silent, f"during: {how}")

    def healed(self) -> Proof:
        """The processes are at work and answer again, each replica by its own name."""
        started = time.monotonic()
        try:
            self._client.wait_ready(self._names, self._start_seconds)
            unwell = [name for name, state in self._states().items() if not _at_work(state)]
        except HarnessError as error:
            return Proof("healed", holds=False, text=f"after: {error}")
        ready = f"{self._target} ready, waited {time.monotonic() - started:.1f} s for it"
        if unwell:
            return Proof("healed", holds=False, text=f"after: {', '.join(unwell)} not at work")
        silent, how = self._probe.silent()
        return Proof("healed", not silent, f"after: {how if silent else ready}")


def _at_work(process: ProcessStatus) -> bool:
    return process.alive and not process.stopped


def listed(pids: Iterable[tuple[str, int | None]]) -> str:
    """Processes by name and id, in words."""
    return ", ".join(f"{name} (pid {pid})" for name, pid in pids)
