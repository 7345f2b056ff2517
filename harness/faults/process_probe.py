"""Whether the processes of a stack do their work, asked directly and not through a link."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from harness.core import http_calls
from harness.faults.probes import POSTGRES_SSL_REQUEST, http_question
from harness.stack.service import HEALTH_PATH
from harness.stack.state import Link, Stack

PROBES = 12
"""Fresh connections: the kernel spreads them over the replicas that listen, at random."""
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


class PortProbe:
    """Asks a process that has a port of its own one question in its own language."""

    def __init__(self, name: str, address: tuple[str, int], question: bytes) -> None:
        self._name = name
        self._address = address
        self._question = question

    def silent(self, _probes: int = 1) -> tuple[bool, str]:
        """Whether it does not answer, and how that was seen; one connection tells."""
        try:
            with socket.create_connection(self._address, PROBE_TIMEOUT_SECONDS) as connection:
                connection.settimeout(PROBE_TIMEOUT_SECONDS)
                connection.sendall(self._question)
                answered = bool(connection.recv(1))
        except TimeoutError:
            return True, f"{self._name} does not answer within {PROBE_TIMEOUT_SECONDS:g} s"
        except OSError as error:
            return True, f"{self._name} does not answer ({error.strerror or error})"
        words = "answers" if answered else "closes the connection without an answer"
        return not answered, f"{self._name} {words}"


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
