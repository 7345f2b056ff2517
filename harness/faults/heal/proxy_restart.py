"""The second way to heal a network fault: Toxiproxy itself is replaced.

Toxiproxy 2.12 holds the lock of a proxy's toxics while it takes one out, and waits there for a
chunk of data that it is just forwarding. When no one reads at the far end, it waits for ever: every
later call about that proxy hangs, and all healing with it (its issues 412 and 558). Then the
supervisor kills the process and starts it again from its configuration file, which holds every
proxy and no toxic. That cuts all connections through all links; the journal says so.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.core import http_calls
from harness.core.errors import HarnessError, UsageError
from harness.core.locks import locked
from harness.core.processes import ProcessRef, is_alive
from harness.faults.probes import link_canaries
from harness.history.journal import Journal
from harness.history.journal_row import JournalRow
from harness.history.run_facts import ErrorRecord
from harness.stack.addresses import split_target
from harness.stack.client import StackClient
from harness.stack.folder import PROXY_LOCK
from harness.stack.parts.toxiproxy import TOXIPROXY
from harness.stack.state import Stack, read_state

SECOND_WAY = "second_way"
"""Event of the journal, and kind of proof: a heal by this way."""
LOCK_SECONDS_MAX = 5.0
"""A healer that was stopped must not stop us: then both restart it, which is one cut more."""
ANSWER_SECONDS_MAX = 0.5
ENDING_SECONDS_MAX = 2.0
"""For Toxiproxy, from its last connection to its end."""
READY_SECONDS_MAX = 5.0
CANARIES_SECONDS_MAX = 1.0
"""A link may lead to what another fault keeps down; then its own canary decides."""


def restart_proxy(stack: Stack, journal: Journal, fault: str, reason: str) -> str:
    """Replace Toxiproxy by a new one without toxics; what was done, in words for the report.

    When several healers come at once, the first one replaces it and the others find it answering.
    `HarnessError` if it does not answer after that either, or there is no supervisor.
    """
    began = time.monotonic()
    client = StackClient(stack)
    with locked(stack.state_dir / PROXY_LOCK, LOCK_SECONDS_MAX):
        if _answers(stack):
            return f"Toxiproxy's control API answers again ({reason})"
        if _has_ended(stack, client):
            client.restart(TOXIPROXY)
            client.wait_ready(TOXIPROXY, READY_SECONDS_MAX)
            return f"Toxiproxy had ended, and its toxics with it; {_links(stack)}"
        # Before it is done, like every step: whoever comes next knows why the toxics are gone.
        journal.write(SECOND_WAY, fault=fault, text=f"replacing Toxiproxy: {reason}")
        client.kill(TOXIPROXY, restart_after_seconds=0.0)
        client.wait_ready(TOXIPROXY, READY_SECONDS_MAX)
        text = (
            f"healed the second way: {reason}; Toxiproxy was killed and started again without"
            f" toxics within {time.monotonic() - began:.1f} s, which cut every connection through"
            f" its links; {_links(stack)}"
        )
        journal.write(SECOND_WAY, fault=fault, text=text, holds=True)
        return text


def _has_ended(stack: Stack, client: StackClient) -> bool:
    """Whether no process of it is left.

    One that hangs still takes connections. One that refuses them is about to end by itself, and is
    waited for: what ends without an order must not count as replaced by it.
    """
    address = split_target(stack.toxiproxy_api)
    deadline = time.monotonic() + ENDING_SECONDS_MAX
    while True:
        process = client.process(TOXIPROXY)
        if process is None or not process.alive:
            return True
        try:
            socket.create_connection(address, ANSWER_SECONDS_MAX).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        except OSError:
            return False
        else:
            return False


def _answers(stack: Stack) -> bool:
    """Whether the control API lists all proxies, which it cannot while it hangs."""
    answer = http_calls.get(f"{stack.toxiproxy_api}/proxies", ANSWER_SECONDS_MAX)
    return answer is not None and all(answer.field(name) for name in stack.links)


def _links(stack: Stack) -> str:
    """Wait until every link carries a canary, or for as long as that can be expected to take."""
    deadline = time.monotonic() + CANARIES_SECONDS_MAX
    while not all((answers := dict(link_canaries(stack))).values()):
        if time.monotonic() > deadline:
            silent = ", ".join(name for name, well in answers.items() if not well)
            return f"no canary came through {silent} by then"
        time.sleep(0.02)
    return "every link carries a canary"


def running_proxy(state_dir: Path) -> ProcessRef | None:
    """Toxiproxy's process by the state file, which may have been replaced; None where none runs."""
    try:
        stack = read_state(state_dir)
    except (HarnessError, UsageError):
        return None
    found = None if stack is None else stack.processes.get(TOXIPROXY)
    return found if is_alive(found) else None


@dataclass(frozen=True, slots=True)
class ProxyEnded:
    """That Toxiproxy ended, in words; ``errors`` say so when it was not replaced to heal."""

    text: str
    errors: tuple[ErrorRecord, ...] = ()


class ProxyWatch:
    """Tells when Toxiproxy ended, for its toxics end with it."""

    def __init__(self, stack: Stack) -> None:
        self._state_dir = stack.state_dir
        self._process = running_proxy(self._state_dir)
        self._replaced = 0
        self._seen_ns = time.monotonic_ns()

    def ended(self, rows: Callable[[], list[JournalRow]]) -> ProxyEnded | None:
        """That it has ended since the last call; ``rows`` of the journal say whether it had to."""
        if self._process is None:
            self._process = running_proxy(self._state_dir)
        seen_ns, self._seen_ns = self._seen_ns, time.monotonic_ns()
        if self._process is None or is_alive(self._process):
            return None
        self._process = None
        text = "Toxiproxy ended, and with it every toxic and every connection through its links"
        # Announced since the last end: a replacement excuses one end, not every later one.
        announced = [row for row in rows() if row.event == SECOND_WAY and not row.holds]
        replacing = announced[self._replaced :]
        self._replaced = len(announced)
        if not replacing:
            error = f"{text}: what borrowers saw then was not the target's doing"
            return ProxyEnded(text, (ErrorRecord(error, seen_ns),))
        return ProxyEnded(f"{text}: it was replaced to heal {replacing[-1].fault}")
