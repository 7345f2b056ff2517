"""Faults of the stack's own processes, through the supervisor that owns them.

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
from urllib.parse import urlsplit

from harness.core import http_calls
from harness.core.errors import HarnessError
from harness.faults.base import Gone, Injector
from harness.faults.probes import POSTGRES_SSL_REQUEST, http_question
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault_specs import ProcessFault
from harness.plan.plan import PlannedFault
from harness.stack.client import ProcessStatus, StackClient
from harness.stack.service import HEALTH_PATH
from harness.stack.state import Link, Stack

READY_SECONDS_MAX = 15.0
PROBES = 12
"""Fresh connections: the kernel spreads them over the replicas that listen, at random."""
LOOK_PROBES = 2
"""Connections of one look whether what is down answers all the same; the next look has as many."""
PROBE_TIMEOUT_SECONDS = 0.5
"""On loopback an answer takes milliseconds."""


class ReplicaProbe:
    """Asks the port that the replicas share who answers."""

    def __init__(self, stack: Stack, names: tuple[str, ...]) -> None:
        self._url = f"{stack.service_url}{HEALTH_PATH}"
        self._names = names

    def silent(self, probes: int = PROBES) -> tuple[bool, str]:
        """Whether none of the replicas answers, and how that was seen."""
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
    """Asks a process that has a port of its own one question in its own language."""

    name: str
    address: tuple[str, int]
    question: bytes

    def silent(self, _probes: int = 1) -> tuple[bool, str]:
        """Whether it does not answer, and how that was seen; one connection tells."""
        try:
            with socket.create_connection(self.address, PROBE_TIMEOUT_SECONDS) as connection:
                connection.settimeout(PROBE_TIMEOUT_SECONDS)
                connection.sendall(self.question)
                answered = bool(connection.recv(1))
        except TimeoutError:
            return True, f"{self.name} does not answer within {PROBE_TIMEOUT_SECONDS:g} s"
        except OSError as error:
            return True, f"{self.name} does not answer ({error.strerror or error})"
        words = "answers" if answered else "closes the connection without an answer"
        return not answered, f"{self.name} {words}"


def probe_for(stack: Stack, target: str, names: tuple[str, ...]) -> ReplicaProbe | PortProbe:
    """How to ask a target, whose processes are ``names``, whether it does its work."""
    if target == "postgres":
        address = urlsplit(stack.database_url or "")
        at = (address.hostname or "127.0.0.1", address.port or 5432)
        return PortProbe(target, at, POSTGRES_SSL_REQUEST)
    if (beyond := stack.beyond(target)) is not None:  # at the far end of a link of its own
        host, _, port = beyond.rpartition(":")
        return PortProbe(target, (host, int(port)), http_question(Link(target, beyond, beyond)))
    return ReplicaProbe(stack, names)


class _ProcessInjector(Injector):
    """What faults of processes have in common: who is meant, and who answers."""

    done = ""
    """What was done to them, in words."""

    def __init__(self, planned: PlannedFault, spec: ProcessFault, stack: Stack) -> None:
        self._target = spec.target
        self._names = stack.replicas if spec.target == "replicas" else (spec.target,)
        self._lasts_s = planned.lasts_s
        self._client = StackClient(stack)
        self._probe = probe_for(stack, spec.target, self._names)
        self._pids: dict[str, int] = {}
        self._due_ns = 0

    def ready(self) -> Proof:
        """Every process to be disturbed is alive and at work."""
        states = self._states()
        unwell = [n for n in self._names if n not in states or not _at_work(states[n])]
        text = f"{', '.join(unwell)} not at work" if unwell else f"{', '.join(self._names)} at work"
        return Proof("canary", not unwell, f"before: {text}")

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
        text = f"supervisor: {self.done} {_listed(self._pids.items())}"
        return Proof("control_plane", len(seen) == len(self._names), text)

    @abstractmethod
    def _is_disturbed(self, process: ProcessStatus) -> bool:
        """Whether the supervisor sees of one of them that it was done."""

    def canary(self) -> Proof:
        """Nobody who is meant answers a fresh connection."""
        silent, how = self._probe.silent()
        return Proof("canary", silent, f"during: {how}")

    def healed(self) -> Proof:
        """The processes are at work and answer again, each replica by its own name."""
        started = time.monotonic()
        try:
            self._client.wait_ready(self._target, READY_SECONDS_MAX)
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


def _listed(pids: Iterable[tuple[str, int | None]]) -> str:
    return ", ".join(f"{name} (pid {pid})" for name, pid in pids)


class KillInjector(_ProcessInjector):
    """`Kill`: SIGKILL; the supervisor restarts after the set time."""

    done = "killed"

    def _disturb(self) -> dict[str, int]:
        return self._client.kill(self._target, self._lasts_s)

    def _is_disturbed(self, process: ProcessStatus) -> bool:
        return self._pids.get(process.name) != process.pid or not process.alive

    def gone(self) -> Gone | None:
        """Whether one of them runs again before its time, and who started it.

        It is the target's own doing only if the supervisor started it by itself. A heal writes into
        the journal before it asks for a start; another request, or another time that was set for
        it, is somebody's who has no part in the run.
        """
        back = [state for state in self._states().values() if state.alive]
        early = [state for state in back if state.ordered_ns < self._due_ns]
        if not early:
            # What is down by the supervisor's word may have been started by somebody else.
            silent, how = (True, "") if back else self._probe.silent(LOOK_PROBES)
            text = f"{how}, and the supervisor did not start it"
            return None if silent else Gone(EndedBy.NOBODY, text)
        first = min(early, key=lambda state: state.ordered_ns)
        told = _listed((state.name, state.pid) for state in early)
        if all(state.started_by == "supervisor" for state in early):
            text = f"the supervisor started {told} again"
            return Gone(EndedBy.TARGET, text, first.ordered_ns)
        text = f"somebody had the supervisor start {told} again, by a {first.started_by}"
        return Gone(EndedBy.NOBODY, text, first.ordered_ns)

    def heal(self) -> int:
        """Order the restart, now if it was not ordered yet; the instant of the order."""
        return self._client.restart(self._target)


class RestartInjector(KillInjector):
    """`Restart`: asked to stop in good order, started again after the set time."""

    done = "asked to stop"

    def _disturb(self) -> dict[str, int]:
        return self._client.shut_down(self._target, self._lasts_s)


class FreezeInjector(_ProcessInjector):
    """`Freeze`: SIGSTOP of a process and all its descendants."""

    done = "stopped"

    def _disturb(self) -> dict[str, int]:
        return self._client.freeze(self._target, self._lasts_s)

    def _is_disturbed(self, process: ProcessStatus) -> bool:
        """The kernel shows it stopped, and it is still the same process."""
        return process.frozen and process.pid == self._pids[process.name]

    def gone(self) -> Gone | None:
        """Whether one of them goes on before its time, in part at least, or is another process."""
        states = self._states().values()
        going = [s for s in states if not (s.frozen and s.pid == self._pids.get(s.name))]
        early = [state for state in going if state.thawed_ns < self._due_ns]
        if not early:
            return None
        told = _listed((state.name, state.pid) for state in early)
        asked_ns = min(state.thawed_ns for state in early) or None
        by = ", as somebody asked the supervisor to" if asked_ns else ""
        return Gone(EndedBy.NOBODY, f"no longer stopped: {told}{by}", asked_ns)

    def heal(self) -> int:
        """Let them go on, now if they were not let yet; the instant of that."""
        return self._client.thaw(self._target) or time.monotonic_ns()
