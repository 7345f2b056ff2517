"""The side of a run that sends: one in each worker, or the only process itself."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.monkey import get_original

from harness.core import processes
from harness.core.errors import HarnessError
from harness.history.event_writer import EventWriter
from harness.history.run_directory import RunDirectory
from harness.load import worker_messages as messages
from harness.load.arrival_times import own_arrivals
from harness.load.journey import Journeys, Steps
from harness.load.open_loop import OpenLoop
from harness.load.raised import ENDS
from harness.load.sessions import Account, BorrowerSession
from harness.load.stalls import Ticker
from harness.plan.plan import Arrival, Plan
from harness.target.transport import Transport


def boot_id() -> str:
    """What tells one running kernel, and with it one monotonic clock, from another.

    Raises:
        HarnessError: The kernel does not tell (gVisor).
    """
    if (found := processes.boot_id()) == processes.UNKNOWN_BOOT:
        raise HarnessError(
            f"no run here: {processes.BOOT_ID} cannot be read, by which load processes are known"
            " to have one clock; use another container runtime"
        )
    return found


class _Part:
    """This process's part of one run, ready to go."""

    def __init__(
        self,
        order: messages.PrepareLoad,
        steps: Steps,
        tell_locust: Any,
        refused: Callable[[str], None],
    ) -> None:
        self.name = order.name
        run = RunDirectory(Path(order.run_dir))
        self.plan: Plan = run.read_plan()
        # gevent's own poll would switch to another journey where one look is wanted.
        self.transport = Transport(order.edge_url, get_original("select", "poll"))
        self.events = EventWriter(run, self.name, refused)
        accounts = {
            index: Account(each.phone, each.password, BorrowerSession(each.token, each.expires_ns))
            for index, each in order.accounts.items()
        }
        self.journeys = Journeys(
            plan=self.plan,
            steps=steps,
            accounts=accounts,
            transport=self.transport,
            events=self.events,
            worker=self.name,
            tell_locust=tell_locust,
        )
        self.arrivals: list[Arrival] = own_arrivals(self.plan.arrivals, order.index, order.count)
        self.ticker = Ticker(self.name)
        self.loop: OpenLoop | None = None


class LoadProcess:
    """Listens to the leading process and sends the arrivals that it is given."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._part: _Part | None = None
        self._drained: str | None = None
        environment.runner.register_message(messages.TO_WORKER, self._hear)
        environment.events.report_to_master.add_listener(self._on_report)

    def note_trouble(self, text: str) -> None:
        """Something raised in the user's code, for the leading process to hear of."""
        self._send(messages.UserCodeRaised(text))

    def ask_to_end(self) -> bool:
        """The user's code wants the process to end: the leading one ends the run in order."""
        self._send(messages.EndAsked())
        return True

    def _end_unwritten(self, text: str) -> None:
        """The disk takes no more: nothing more is sent, and the leading process ends the run."""
        if self._part is not None and self._part.loop is not None:
            self._part.loop.stop(time.monotonic_ns())
        gevent.spawn(self._send, messages.EndAsked(text))

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
                (user_class,) = self._environment.user_classes
                steps = user_class(self._environment)
                tell = self._environment.events.request.fire
                self._part = _Part(order, steps, tell, self._end_unwritten)
            except ENDS:
                raise
            except BaseException as raised:  # noqa: BLE001  # the leading process tells it
                error = f"{type(raised).__name__}: {raised}"
        self._send(messages.WorkerPrepared(order.name, boot, error))

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        data[messages.REPORTED_KEY] = self._drained

    def _run(self, part: _Part, loop: OpenLoop) -> None:
        trouble: str | None = None
        part.ticker.start()
        try:
            loop.run(part.plan.settings.drain_s)
            trouble = part.journeys.bug
        except Exception as error:  # noqa: BLE001  # told, never swallowed
            trouble = f"our bug, {type(error).__name__}: {error}"
        finally:
            part.events.close()
            part.transport.close()
            self._part = None
            self._drained = part.name
        self._send(messages.WorkerDrained(part.name, trouble, tuple(part.ticker.stop())))
