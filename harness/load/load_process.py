"""The processes that send the load of a run: one part of it in each, and a leading side for all."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.monkey import get_original

from harness.core import processes
from harness.core.errors import HarnessError, internal_error
from harness.core.user_module import UserReference
from harness.history.event_writer import EventWriter
from harness.history.events import Stall
from harness.history.run_directory import RunDirectory
from harness.load import load_protocol as messages
from harness.load.exception_text import ENDS
from harness.load.journey import Journeys
from harness.load.open_loop import OpenLoop, Ticker, own_arrivals
from harness.load.sessions import Account, BorrowerSession
from harness.load.user_steps import start_steps
from harness.plan.plan import Arrival
from harness.target.contract import Contract
from harness.target.loading import loaded
from harness.target.transport import Transport

PREPARE_SECONDS_MAX = 60.0
REPORT_SECONDS_MAX = 6.0
"""Workers report their statistics every three seconds."""
GIVE_UP_MARGIN_SECONDS = 8.0
"""Beyond the longest drain, a load process that is silent is taken for dead."""
ON_STOP_SECONDS_MAX = 5.0
_TICK_SECONDS = 0.02


def boot_id() -> str:
    """What tells one running kernel, and with it one monotonic clock, from another; HarnessError
    where it does not tell (gVisor).
    """
    if (found := processes.boot_id()) == processes.UNKNOWN_BOOT:
        raise HarnessError(
            f"no run here: {processes.BOOT_ID} cannot be read, by which load processes are known"
            " to have one clock; use another container runtime"
        )
    return found


@dataclass(slots=True)
class _Part:
    journeys: Journeys
    arrivals: list[Arrival]
    on_stop: Callable[[], None]
    loop: OpenLoop | None = None


class LoadProcess:
    """Listens to the leading process and sends the arrivals that it is given."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._part: _Part | None = None
        self._drained: str | None = None
        environment.runner.register_message(messages.TO_WORKER, self._hear)
        environment.events.report_to_master.add_listener(self._on_report)

    def record_error(self, text: str) -> None:
        """Something raised in the user's code, for the leading process to hear of."""
        self._send(messages.UserCodeRaised(text))

    def note_background(self, text: str) -> None:
        """The same of background load."""
        self._send(messages.UserCodeRaised(text, background=True))

    def ask_to_end(self) -> bool:
        """The user's code wants the process to end: the leading one ends the run in order."""
        self._send(messages.EndAsked())
        return True

    def _end_unwritten(self, text: str) -> None:
        """The disk takes no more: nothing more is sent, and the leading process ends the run."""
        self._end_early(messages.EndAsked(unwritten=text))

    def _end_broken(self, text: str) -> None:
        """A step of the scenario is wrong: the same."""
        self._end_early(messages.EndAsked(broken_step=text))

    def _end_early(self, asked: messages.EndAsked) -> None:
        if self._part is not None and self._part.loop is not None:
            self._part.loop.stop(time.monotonic_ns())
        gevent.spawn(self._send, asked)

    def _send(self, message: messages.ToLeader) -> None:
        self._environment.runner.send_message(
            messages.TO_LEADER, messages.FOR_LEADER.encode(message)
        )

    def _hear(self, msg: Any, **_: Any) -> None:
        part = self._part
        match messages.FOR_WORKER.decode(msg.data):
            case messages.PrepareLoad() as order:
                self._prepare(order)
            case messages.StartLoad(zero_ns) if part is not None:
                part.loop = OpenLoop(part.journeys, part.arrivals, zero_ns)
                gevent.spawn(self._run, part, part.loop)
            case messages.EndLoad(at_ns) if part is not None and part.loop is not None:
                part.loop.stop(at_ns)

    def _prepare(self, order: messages.PrepareLoad) -> None:
        boot = boot_id()
        error: str | None = None
        if boot == order.boot_id:
            try:
                self._part = self._part_of(order)
            except ENDS:
                raise
            except BaseException as raised:  # noqa: BLE001  # the leading process tells it
                error = f"{type(raised).__name__}: {raised}"
        self._send(messages.WorkerPrepared(order.name, boot, error))

    def _part_of(self, order: messages.PrepareLoad) -> _Part:
        classes = {each.__name__: each for each in self._environment.user_classes}
        if order.borrower not in classes:
            raise HarnessError(f"its locustfile has no class {order.borrower}")
        steps = classes[order.borrower](self._environment)
        start_steps(steps)
        run = RunDirectory(Path(order.run_dir))
        plan = run.read_plan()
        target = Contract() if order.target is None else loaded(order.target, order.url)
        journeys = Journeys(
            plan=plan,
            steps=steps,
            accounts={
                index: Account(
                    each.phone,
                    each.password,
                    BorrowerSession(each.token, each.expires_ns),
                    each.account_id,
                )
                for index, each in order.accounts.items()
            },
            # gevent's own poll would switch to another journey where one look is wanted.
            transport=Transport(order.edge_url, get_original("select", "poll")),
            events=EventWriter(run, order.name, self._end_unwritten),
            worker=order.name,
            tell_locust=self._environment.events.request.fire,
            tell_broken=self._end_broken,
            target=target,
        )
        arrivals = own_arrivals(plan.arrivals, order.index, order.count)
        return _Part(journeys, arrivals, steps.on_stop)

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        data[messages.REPORTED_KEY] = self._drained

    def _run(self, part: _Part, loop: OpenLoop) -> None:
        journeys, ticker = part.journeys, Ticker(part.journeys.worker)
        trouble: str | None = None
        try:
            loop.run(journeys.plan.settings.drain_s)
            trouble = journeys.bug
        except Exception as error:  # noqa: BLE001  # told, never swallowed
            trouble = internal_error(error)
        finally:
            # In a greenlet: what it raises is heard where all is that the user's code raises.
            last = gevent.spawn(part.on_stop)
            last.join(ON_STOP_SECONDS_MAX)
            last.kill(block=False)
            journeys.events.close()
            journeys.transport.close()
            self._part = None
            self._drained = journeys.worker
        self._send(messages.WorkerDrained(journeys.worker, trouble, tuple(ticker.stop())))


@dataclass(slots=True)
class _Worker:
    client_id: str
    prepared: messages.WorkerPrepared | None = None
    drained: messages.WorkerDrained | None = None
    reported: bool = False


@dataclass(slots=True)
class LoadWorkers:
    """All load processes of one run; where nothing is distributed, this process alone.

    ``borrower`` is the name of the class whose steps they take.
    """

    environment: Any
    borrower: str = ""
    by_name: dict[str, _Worker] = field(default_factory=dict)

    def hear(self, message: messages.WorkerPrepared | messages.WorkerDrained) -> None:
        """Take over what a load process says of itself."""
        if (worker := self.by_name.get(message.name)) is None:
            return
        if isinstance(message, messages.WorkerPrepared):
            worker.prepared = message
        else:
            worker.drained = message

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """Statistics of a load process; its last ones say so."""
        worker = self.by_name.get(data.get(messages.REPORTED_KEY) or "")
        if worker is not None and worker.client_id == client_id:
            worker.reported = True

    def prepare(
        self,
        run_dir: Path,
        edge_url: str,
        accounts: dict[int, messages.LoadAccount],
        target: UserReference | None = None,
        url: str | None = None,
    ) -> None:
        """Hand every load process its part, and which target to make with which address.

        HarnessError where there is none, or where one cannot take part or runs on another host.
        """
        clients = self._clients()
        if not clients:
            raise HarnessError("no load process is connected: start workers first")
        self.by_name = {f"load-{i}": _Worker(client) for i, client in enumerate(clients)}
        for index, (name, worker) in enumerate(self.by_name.items()):
            order = messages.PrepareLoad(
                name=name,
                run_dir=str(run_dir),
                index=index,
                count=len(self.by_name),
                borrower=self.borrower,
                edge_url=edge_url,
                accounts=accounts,
                boot_id=boot_id(),
                target=target,
                url=url,
            )
            self._send(order, worker)
        self._wait(lambda worker: worker.prepared is not None, PREPARE_SECONDS_MAX)
        for name, worker in self.by_name.items():
            if (reply := worker.prepared) is None:
                raise HarnessError(f"{name} did not get ready within {PREPARE_SECONDS_MAX:g}s")
            if reply.boot_id != boot_id():
                raise HarnessError(
                    f"{name} runs on another host: all load processes must share one monotonic"
                    " clock, so start them on this host (--processes)"
                )
            if reply.error is not None:
                raise HarnessError(f"{name} cannot take part: {reply.error}")

    def go(self, zero_ns: int) -> None:
        """Let every load process start its arrivals; ``zero_ns`` lies ahead."""
        for worker in self.by_name.values():
            self._send(messages.StartLoad(zero_ns), worker)

    def stop(self, at_ns: int) -> None:
        """Let no load process start what was due after ``at_ns``."""
        for worker in self.by_name.values():
            self._send(messages.EndLoad(at_ns), worker)

    def wait_drained(self, timeout_s: float) -> list[str]:
        """Wait until nothing is under way anywhere; returns what went wrong, in words."""

        def gone_or_done(worker: _Worker) -> bool:
            return worker.drained is not None or worker.client_id not in self._clients()

        self._wait(gone_or_done, timeout_s + GIVE_UP_MARGIN_SECONDS)
        self._wait(lambda worker: worker.drained is not None, 0.2)
        troubles = []
        for name, worker in self.by_name.items():
            if worker.drained is None:
                troubles.append(f"{name} died or fell silent: what it had not written is lost")
            elif worker.drained.trouble:
                troubles.append(f"{name}: {worker.drained.trouble}")
        return troubles

    @property
    def stalls(self) -> tuple[Stall, ...]:
        """When load processes did not run, as far as they could still tell."""
        drained = [worker.drained for worker in self.by_name.values() if worker.drained]
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
        return not any(worker.client_id in clients for worker in self.by_name.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The load processes, as their rows in the record call them."""
        return tuple(self.by_name)

    @property
    def _is_local(self) -> bool:
        return not hasattr(self.environment.runner, "clients")

    def _clients(self) -> list[str]:
        runner = self.environment.runner
        if self._is_local:
            return [runner.client_id]
        known = [c.id for c in runner.clients.all if c.state != "missing"]
        return sorted(known, key=runner.get_worker_index)

    def _send(self, message: messages.ToWorker, worker: _Worker) -> None:
        line = messages.FOR_WORKER.encode(message)
        self.environment.runner.send_message(messages.TO_WORKER, line, worker.client_id)

    def _wait(self, holds: Any, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(holds(worker) for worker in self.by_name.values()):
                return
            gevent.sleep(_TICK_SECONDS)
