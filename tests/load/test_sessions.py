"""Sessions that end by their lifetime, and waits that a target asks for, over real sockets."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.events import Operation, Step
from harness.load import outcomes
from harness.load.journey import Account, Journey, Journeys
from harness.load.outcomes import Judged
from harness.load.transport import Transport
from harness.plan import Plan, Scenario, Settings, expand
from harness.record import EventWriter, RunDirectory

Reply = tuple[int, dict[str, Any], dict[str, str]]
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
        if self.first.get(self.calls[-1]):
            return self.first[self.calls[-1]].pop(0)
        if path == "/v1/sessions":
            self.valid = {NEW}
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
        status, answer, headers = self.lender.answer(self.path, token, body)
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
    """The steps of the contract, as `harness.load.borrower.Borrower` takes them."""

    def log_in(self, journey: Journey) -> Judged:
        """Open a session."""
        return outcomes.judge_log_in(journey.send("POST", "/v1/sessions", {}))

    def read_credit_line(self, journey: Journey) -> Judged:
        """Read the limit."""
        return outcomes.judge_credit_line(
            journey.send("GET", "/v1/credit-line", headers=_bearer(journey))
        )

    def borrow(self, journey: Journey) -> Judged:
        """Ask for a loan."""
        amount_fen = journey.arrival.amount_fen
        answer = journey.send("POST", "/v1/loans", {"amount_fen": amount_fen}, _bearer(journey))
        return outcomes.judge_borrow(answer, None, amount_fen)


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
        self.account = Account("1", "p", OLD, expires_ns)

    def perform(self, *, reads: float = 1.0, **settings: Any) -> Operation:
        """Walk one journey that begins with a session."""
        chosen = {"rate": 5, "baseline_s": 1.0, "fault_s": 0.0, "recovery_s": 1.0, **settings}
        scenario = Scenario(credit_line_share=reads)
        shares = {"log_in_share": 0.0, "population": "good"}
        plan: Plan = expand("a", "", scenario, Settings(**chosen, **shares))
        run = RunDirectory.create(self._folder, plan)
        events = EventWriter(run, "load-0")
        arrival = plan.arrivals[0]
        transport = Transport(self._lender.url)
        journeys = Journeys(
            plan=plan,
            steps=Steps(),
            accounts={arrival.borrower: self.account},
            transport=transport,
            events=events,
            worker="load-0",
            tell_locust=lambda **_: None,
        )
        journeys.perform(arrival, time.monotonic_ns())
        events.close()
        transport.close()
        lines = (run.path / "events-load-0.jsonl").read_text().splitlines()[1:]
        rows = [json.loads(line) for line in lines]
        self.attempts = [row["attempt"] for row in rows if "attempt" in row]
        assert journeys.bug is None
        (operation,) = [Operation(**row["operation"]) for row in rows if "operation" in row]
        assert sum("sent" in row for row in rows) == operation.attempts
        return operation

    @property
    def story(self) -> list[tuple[str, int, int | None, bool]]:
        """Step, number, status and false decline of each attempt."""
        names = ("step", "attempt", "status", "false_declined")
        return [tuple(a[name] for name in names) for a in self.attempts]  # type: ignore[misc]


@pytest.fixture
def lender() -> Iterator[Lender]:
    """A lender behind a real HTTP server."""
    made = Lender()
    handler = type("Handler", (_Handler,), {"lender": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_that_is_over_is_renewed(tmp_path: Path, lender: Lender) -> None:
    """As an app does it: a log-in, and on with the step; nobody was refused."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()

    assert load.story == [
        ("credit_line", 1, 401, False),
        ("log_in", 1, 201, False),
        ("credit_line", 2, 200, False),
        ("borrow", 1, 201, False),
    ]
    assert (operation.outcome, operation.attempts) == ("approved", 1)
    assert load.account.token == NEW
    assert load.account.expires_ns is not None
    assert 57.5 < (load.account.expires_ns - time.monotonic_ns()) / 1e9 < 60.5


def test_a_borrow_goes_on_with_its_key(tmp_path: Path, lender: Lender) -> None:
    """Where the borrow is the first request that meets the end of the session."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform(reads=0.0)

    assert [a[:3] for a in load.story] == [
        ("borrow", 1, 401),
        ("log_in", 1, 201),
        ("borrow", 2, 201),
    ]
    assert len({a["key"] for a in load.attempts} - {None}) == 1
    assert (operation.outcome, operation.attempts) == ("approved", 2)
    assert not operation.false_declined


@pytest.mark.parametrize("expires_in_s", [60.0, None])
@pytest.mark.parametrize("reads", [0.0, 1.0])
def test_a_session_lost_before_its_time(
    tmp_path: Path, lender: Lender, expires_in_s: float | None, reads: float
) -> None:
    """Also where no lifetime was told: the borrower is refused for nothing."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s)

    operation = load.perform(reads=reads)

    assert load.story == [("credit_line" if reads else "borrow", 1, 401, True)]
    assert operation.outcome == "failed"
    assert "sessions" not in lender.calls


def test_a_session_that_outlives_its_time(tmp_path: Path, lender: Lender) -> None:
    """Nobody logs in before being asked to."""
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    load.perform()

    assert lender.calls == ["credit-line", "loans"]


def test_a_log_in_in_between_that_fails(tmp_path: Path, lender: Lender) -> None:
    """It takes the borrow with it, and is named."""
    lender.valid = set()
    lender.first = {"sessions": [(503, {"code": "busy"}, {})] * 2}
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()
    assert (operation.blocked_by, operation.code, operation.attempts) == (Step.LOG_IN, "busy", 0)

    operation = load.perform(reads=0.0)
    assert (operation.outcome, operation.blocked_by, operation.attempts) == ("failed", None, 1)
    assert not any(a["false_declined"] for a in load.attempts)


def test_one_log_in_a_journey(tmp_path: Path, lender: Lender) -> None:
    """A target whose sessions are over at once is not asked without end."""
    lender.valid, lender.lives_s = set(), 0.0
    expired = (401, {"code": "session_expired"}, {})
    lender.first = {"credit-line": [expired], "loans": [expired]}
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()

    assert lender.calls == ["credit-line", "sessions", "credit-line", "loans"]
    assert (operation.outcome, operation.false_declined) == ("failed", False)


def test_a_log_in_that_tells_no_lifetime(tmp_path: Path, lender: Lender) -> None:
    """From then on none is known."""
    lender.valid, lender.lives_s = set(), None
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    load.perform()

    assert (load.account.token, load.account.expires_ns) == (NEW, None)


# --- waits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {}),
        (503, {"outcome": "not_applied"}),
        (503, {}),
        (409, {"code": "in_progress"}),
        (425, {}),
    ],
)
def test_a_client_that_obeys_loses_nothing(
    tmp_path: Path, lender: Lender, status: int, body: dict[str, Any]
) -> None:
    """It asks again when it was told to, and not before."""
    lender.first = {"loans": [(status, body, {"Retry-After": "1"})]}
    load = Load(tmp_path, lender, None)

    operation = load.perform(reads=0.0, retries=1)

    assert (operation.outcome, operation.attempts) == ("approved", 2)
    assert 1.0 <= lender.times_s[1] - lender.times_s[0] < 2.0


@pytest.mark.parametrize("call", ["sessions", "credit-line"])
def test_an_earlier_step_that_is_put_off(tmp_path: Path, lender: Lender, call: str) -> None:
    """It is tried again as well, where the answer says when."""
    lender.first = {call: [(429, {}, {"Retry-After": "0"})]}
    load = Load(tmp_path, lender, None)
    load.account.token = "" if call == "sessions" else OLD

    assert load.perform(retries=1).outcome == "approved"
    assert lender.calls.count(call) == 2

    lender.first = {call: [(429, {}, {})]}
    load.account.token = "" if call == "sessions" else NEW
    assert load.perform(retries=1).outcome == "failed"


@pytest.mark.parametrize("case", [(0, "0", 1), (5, "6", 1), (5, "3", 2), (2, "0", 3)])
def test_patience_has_an_end(
    tmp_path: Path, lender: Lender, monkeypatch: pytest.MonkeyPatch, case: tuple[int, str, int]
) -> None:
    """Tries and waits are bounded, and nobody asks sooner than told to."""
    retries, asked, tries = case
    slept_s: list[float] = []
    monkeypatch.setattr("harness.load.journey.gevent.sleep", slept_s.append)
    lender.first = {"loans": [(503, {"outcome": "not_applied"}, {"Retry-After": asked})] * 10}
    load = Load(tmp_path, lender, None)

    operation = load.perform(reads=0.0, retries=retries)

    assert (operation.outcome, operation.attempts) == ("failed", tries)
    assert all(float(asked) <= each_s <= float(asked) + 1.0 for each_s in slept_s)


def test_a_decline_is_final(tmp_path: Path, lender: Lender) -> None:
    """Whatever its status, and whatever it asks for."""
    for status in (409, 425, 429):
        lender.calls.clear()
        answer = (status, {"category": "risk_decline"}, {"Retry-After": "0"})
        lender.first = {"loans": [answer]}
        load = Load(tmp_path, lender, None)

        load.perform(reads=0.0, retries=3)

        assert lender.calls == ["loans"]
        assert load.attempts[0]["decline"] == "credit"


def test_the_drain_allows_for_all_waits() -> None:
    """Deadlines of three steps and of every retry, own pauses, and those asked for."""
    assert Settings(request_timeout_s=2.0).drain_s == 7.0
    assert Settings(request_timeout_s=2.0, retries=2).drain_s == 16.0
