"""A run in the middle of a fault, made up, and the page that shows it on a real server."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from harness.apps.locust import chaos_page
from harness.apps.locust.live import Live, LiveSeries
from harness.apps.locust.page_access import Door
from harness.apps.locust.progress import Progress
from harness.faults import Partition
from harness.plan.plan import Scenario, Settings, expand
from tests.builders import LOCAL

NOW_S = 8.0
SETTINGS = Settings(rate=50, warm_up_s=1, baseline_s=5, fault_s=8, recovery_s=6)
FAULTS = [Partition("database", lasts=8), Partition("edge", at=6, lasts=2)]


def made_live(now_s: float = NOW_S) -> Live:
    """Two partitions: the first began at 5 s, and everything since has failed or waits."""
    plan = expand("game_day", "made up", Scenario(faults=list(FAULTS)), SETTINGS, layout=LOCAL)
    live = Live(plan)
    live.zero_ns = time.monotonic_ns() - round(now_s * 1e9)
    due_s = sorted(arrival.at_s for arrival in plan.arrivals)
    live._series = series = LiveSeries(due_s, live.start_s, plan.load_end_s)
    for number, at_s in enumerate(at for at in due_s if at < now_s - 0.5):
        outcome, wait_s = ("approved", 0.01) if number % 7 else ("declined", 0.03)
        if at_s > 5.0:
            outcome, wait_s = ("failed", 0.75) if number % 5 else ("indeterminate", 2.0)
        series.add(operation(at_s, outcome, wait_s), 0)
    live.board.tell("1-partition", "injected", live.zero_ns + 5_000_000_000)
    return live


def operation(at_s: float, outcome: str, wait_s: float | None = 0.01, **more: Any) -> Any:
    """One operation as it stands in an events file; zero is at 0 ns."""
    ended_ns = None if wait_s is None else round((at_s + wait_s) * 1e9)
    row = {"intended_ns": round(at_s * 1e9), "ended_ns": ended_ns}
    return {**row, "outcome": outcome, "ending": "finished", **more}


@dataclass
class MadeRun:
    """Takes orders and remembers them."""

    live: Live
    orders: list[tuple[str, str | None, str]] = field(default_factory=list)

    def order(self, do: str, fault: str | None, reason: str) -> str | None:
        """As the real one, without a conductor."""
        if do != "abort" and (objection := self.live.board.objection(do, fault)):
            return objection
        self.orders.append((do, fault, reason))
        if do != "abort":
            self.live.board.order(do, fault)
        return None


@dataclass
class MadeLeader:
    """The leading process of the made-up run."""

    run: MadeRun | None
    progress: Progress = field(default_factory=Progress)


def made_leader() -> MadeLeader:
    """In the middle of the load."""
    leader = MadeLeader(MadeRun(made_live()))
    leader.progress.begin("game_day")
    leader.progress.state, leader.progress.phase = "load", "fault"
    leader.progress.run_dir = "runs/1"
    return leader


def made_app(leader: Any, port: int = 1) -> tuple[Flask, str]:
    """The page in an app of its own, as Locust's would be; and its address with the token."""
    app = Flask(__name__)
    web_ui = SimpleNamespace(
        app=app, host="127.0.0.1", port=port, tls_cert=None, auth_required_if_enabled=lambda v: v
    )
    door = Door(web_ui, "")
    door.guard(app)
    return app, chaos_page.add_page(web_ui, door, leader, "")


@contextmanager
def served(leader: MadeLeader) -> Iterator[tuple[Flask, str]]:
    """The page on a real server on this machine; its app, and the address with the token."""
    proxy = Flask(__name__)
    server = make_server("127.0.0.1", 0, proxy, threaded=True)
    app, address = made_app(leader, server.server_port)
    server.app = app
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield app, address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
