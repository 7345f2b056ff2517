"""The leading side's view of the processes that send the load."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent

from harness.core.errors import HarnessError
from harness.history.events import Stall
from harness.load import worker_messages as messages
from harness.load.load_process import boot_id
from harness.load.load_protocol import LoadAccount

PREPARE_SECONDS_MAX = 60.0
REPORT_SECONDS_MAX = 6.0
"""Workers report their statistics every three seconds."""
GIVE_UP_MARGIN_SECONDS = 8.0
"""Beyond the longest drain, a load process that is silent is taken for dead."""
_TICK_SECONDS = 0.02


@dataclass(slots=True)
class _Member:
    """One load process of this run."""

    client_id: str
    prepared: messages.WorkerPrepared | None = None
    drained: messages.WorkerDrained | None = None
    reported: bool = False


@dataclass(slots=True)
class Crew:
    """All load processes of one run; where nothing is distributed, this process alone."""

    environment: Any
    members: dict[str, _Member] = field(default_factory=dict)

    # --- what comes in -----------------------------------------------------------------------

    def hear(self, message: messages.WorkerPrepared | messages.WorkerDrained) -> None:
        """Take over what a load process says of itself."""
        if (member := self.members.get(message.name)) is None:
            return
        if isinstance(message, messages.WorkerPrepared):
            member.prepared = message
        else:
            member.drained = message

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """Statistics of a load process; its last ones say so."""
        name = data.get(messages.REPORTED_KEY)
        member = self.members.get(name) if name else None
        if member is not None and member.client_id == client_id:
            member.reported = True

    # --- what goes out -----------------------------------------------------------------------

    def prepare(self, run_dir: Path, edge_url: str, accounts: dict[int, LoadAccount]) -> None:
        """Hand every load process its part.

        Raises:
            HarnessError: there is none, one cannot take part, or one runs on another host.
        """
        clients = self._clients()
        if not clients:
            raise HarnessError("no load process is connected: start workers first")
        self.members = {f"load-{i}": _Member(client) for i, client in enumerate(clients)}
        for index, (name, member) in enumerate(self.members.items()):
            order = messages.PrepareLoad(
                name=name,
                run_dir=str(run_dir),
                index=index,
                count=len(self.members),
                edge_url=edge_url,
                accounts=accounts,
                boot_id=boot_id(),
            )
            self._send(order, member)
        self._wait(lambda member: member.prepared is not None, PREPARE_SECONDS_MAX)
        for name, member in self.members.items():
            self._check_prepared(name, member)

    def _check_prepared(self, name: str, member: _Member) -> None:
        reply = member.prepared
        if reply is None:
            raise HarnessError(f"{name} did not get ready within {PREPARE_SECONDS_MAX:g}s")
        if reply.boot_id != boot_id():
            raise HarnessError(
                f"{name} runs on another host: all load processes must share one monotonic clock,"
                " so start them on this host (--processes)"
            )
        if reply.error is not None:
            raise HarnessError(f"{name} cannot take part: {reply.error}")

    def go(self, zero_ns: int) -> None:
        """Let every load process start its arrivals; ``zero_ns`` lies ahead."""
        for member in self.members.values():
            self._send(messages.StartLoad(zero_ns), member)

    def stop(self, at_ns: int) -> None:
        """Let no load process start what was due after ``at_ns``."""
        for member in self.members.values():
            self._send(messages.EndLoad(at_ns), member)

    def wait_drained(self, timeout_s: float) -> list[str]:
        """Wait until nothing is under way anywhere; returns what went wrong, in words."""

        def gone_or_done(member: _Member) -> bool:
            return member.drained is not None or member.client_id not in self._clients()

        self._wait(gone_or_done, timeout_s + GIVE_UP_MARGIN_SECONDS)
        self._wait(lambda member: member.drained is not None, 0.2)
        troubles = []
        for name, member in self.members.items():
            if member.drained is None:
                troubles.append(f"{name} died or fell silent: what it had not written is lost")
            elif member.drained.trouble:
                troubles.append(f"{name}: {member.drained.trouble}")
        return troubles

    @property
    def stalls(self) -> tuple[Stall, ...]:
        """When load processes did not run, as far as they could still tell."""
        drained = [member.drained for member in self.members.values() if member.drained]
        return tuple(stall for reply in drained for stall in reply.stalls)

    def wait_reported(self) -> None:
        """Wait, within bounds, for the last statistics, so that Locust's own reports are whole."""
        if not self._is_local:
            alive = set(self._clients())
            self._wait(lambda m: m.reported or m.client_id not in alive, REPORT_SECONDS_MAX)

    @property
    def is_gone(self) -> bool:
        """True when no load process is left."""
        clients = set(self._clients())
        return not any(member.client_id in clients for member in self.members.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The load processes, as their rows in the record call them."""
        return tuple(self.members)

    @property
    def _is_local(self) -> bool:
        return not hasattr(self.environment.runner, "clients")

    def _clients(self) -> list[str]:
        runner = self.environment.runner
        if self._is_local:
            return [runner.client_id]
        known = [c.id for c in runner.clients.all if c.state != "missing"]
        return sorted(known, key=runner.get_worker_index)

    def _send(self, message: messages.ToWorker, member: _Member) -> None:
        line = messages.FOR_WORKER.encode(message)
        self.environment.runner.send_message(messages.TO_WORKER, line, member.client_id)

    def _wait(self, holds: Any, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(holds(member) for member in self.members.values()):
                return
            gevent.sleep(_TICK_SECONDS)
