"""A lender behind a real HTTP server, with sessions, and one borrower's journeys to it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness.history.event_writer import EventWriter
from harness.history.events import Operation
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journey, Journeys
from harness.load.sessions import Account, BorrowerSession
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.scenario import Load as StatedLoad
from harness.target import classification
from harness.target.classification import Classification, GroundTruth
from harness.target.transport import Transport
from tests.builders import LOCAL

Reply = tuple[int, dict[str, Any], dict[str, str]]
LOST: Reply = (0, {}, {})
"""The request was carried out, and its answer never came."""
OLD, NEW = "old", "new"


@dataclass
class Lender:
    """Knows the sessions in ``valid``; what is in ``first`` is answered before anything else."""

    valid: set[str] = field(default_factory=lambda: {OLD})
    first: dict[str, list[Reply]] = field(default_factory=dict)
    lives_s: float | None = 60.0
    url: str = ""
    calls: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    def answer(self, path: str, token: str, body: dict[str, Any]) -> Reply:
        """Log-in, credit line or loan."""
        self.calls.append(path.rpartition("/")[2])
        self.times_s.append(time.monotonic())
        set_before = self.first.get(self.calls[-1])
        reply = set_before.pop(0) if set_before else None
        if path == "/v1/sessions" and reply in (None, LOST):
            self.valid = {NEW}
        if reply is not None:
            return reply
        if path == "/v1/sessions":
            ends = datetime.now(UTC) + timedelta(seconds=self.lives_s or 0)
            told = {} if self.lives_s is None else {"expires_at": ends.isoformat()}
            return 201, {"token": NEW, **told}, {}
        if token not in self.valid:
            return 401, {"code": "session_expired"}, {}
        if path == "/v1/credit-line":
            return 200, {"limit_fen": 1, "used_fen": 0, "available_fen": 1}, {}
        return 201, {"loan_id": "l", "status": "disbursed", "principal_fen": body["amount_fen"]}, {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    lender: Lender

    def do_POST(self) -> None:
        """A log-in, or a loan."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        reply = status, answer, headers = self.lender.answer(self.path, token, body)
        if reply == LOST:
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """The credit line."""
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Steps:
    """The steps of the contract, as `harness.apps.locust.borrower.Borrower` takes them.

    ``meanwhile`` happens once, when the borrow is about to leave with the session held by then.
    """

    meanwhile: Callable[[], None] | None = None

    def log_in(self, journey: Journey) -> Classification:
        """Open a session."""
        return classification.judge_log_in(journey.send("POST", "/v1/sessions", {}))

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit."""
        return classification.judge_credit_line(
            journey.send("GET", "/v1/credit-line", headers=_bearer(journey))
        )

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan."""
        amount_fen = journey.arrival.amount_fen
        headers = _bearer(journey)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        answer = journey.send("POST", "/v1/loans", {"amount_fen": amount_fen}, headers)
        return classification.judge_borrow(answer, GroundTruth(amount_fen=amount_fen))


def _bearer(journey: Journey) -> dict[str, str]:
    return {"Authorization": f"Bearer {journey.token}"}


class Load:
    """One borrower's journeys to one lender, with what they left on record."""

    def __init__(self, folder: Path, lender: Lender, expires_in_s: float | None) -> None:
        self._folder, self._lender = folder, lender
        self.attempts: list[dict[str, Any]] = []
        expires_ns = None
        if expires_in_s is not None:
            expires_ns = time.monotonic_ns() + round(expires_in_s * 1e9)
        self.account = Account("1", "p", BorrowerSession(OLD, expires_ns))

    def perform(
        self, *, reads: float = 1.0, meanwhile: str | None = None, **settings: Any
    ) -> Operation:
        """Walk one journey that begins with a session.

        ``meanwhile``: while its first borrow is about to leave, "logs in" walks another journey of
        the same borrower that begins with a log-in, "lost" ends all sessions.
        """
        chosen = {"rate": 5, "baseline_s": 1.0, "fault_s": 0.0, "recovery_s": 1.0, **settings}
        scenario = Scenario(load=StatedLoad(credit_line_share=reads))
        shares = {"log_in_share": 0.0, "population": "good", **settings}
        plan: Plan = expand("a", "", scenario, Settings(**{**chosen, **shares}), layout=LOCAL)
        run = RunDirectory.create(self._folder, plan)
        events = EventWriter(run, "load-0")
        arrival = plan.arrivals[0]
        transport = Transport(self._lender.url)
        other = replace(plan.arrivals[1], borrower=arrival.borrower, logs_in=True)
        steps = Steps()
        journeys = Journeys(
            plan=plan,
            steps=steps,
            accounts={arrival.borrower: self.account},
            transport=transport,
            events=events,
            worker="load-0",
            tell_locust=lambda **_: None,
        )

        def happens() -> None:
            if meanwhile == "logs in":
                journeys.perform(other, time.monotonic_ns(), time.monotonic_ns())
            elif meanwhile == "lost":
                self._lender.valid.clear()

        steps.meanwhile = happens
        journeys.perform(arrival, time.monotonic_ns(), time.monotonic_ns())
        events.close()
        transport.close()
        lines = (run.path / "events-load-0.jsonl").read_text().splitlines()[1:]
        rows = [json.loads(line) for line in lines]
        self.attempts = [row["attempt"] for row in rows if "attempt" in row]
        assert journeys.bug is None
        operations = [Operation(**row["operation"]) for row in rows if "operation" in row]
        assert sum("sent" in row for row in rows) == sum(each.attempts for each in operations)
        return operations[-1]

    @property
    def story(self) -> list[tuple[str, int, int | None, bool]]:
        """Step, number, status and false decline of each attempt."""
        names = ("step", "attempt", "status", "false_declined")
        return [tuple(a[name] for name in names) for a in self.attempts]  # type: ignore[misc]


@contextmanager
def at_work() -> Iterator[Lender]:
    """A lender that answers at its ``url``."""
    made = Lender()
    handler = type("Handler", (_Handler,), {"lender": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
