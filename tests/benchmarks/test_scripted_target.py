"""The scripted target over real sockets: every stretch does what its script says."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest

from benchmarks.outage_script import Decides, Kind, Pace, Script, Stretch, is_chosen
from benchmarks.real_runs import scripted_target
from benchmarks.target_log import read_log

TOKEN = "t"
ADMIN = {"X-Admin-Token": TOKEN}


@dataclass
class Client:
    """A client of one target, a connection for each request."""

    port: int
    log: Path
    token: str = ""
    account: str = ""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, parsed body and headers of one request."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            listing = answer.headers["Content-Type"] == "application/x-ndjson"
            parsed = text if listing else json.loads(text)
            return answer.status, parsed, {k.lower(): v for k, v in answer.headers.items()}
        finally:
            connection.close()

    def borrow(self, key: str | None = None, timeout_s: float = 5.0, amount_fen: int = 500) -> Any:
        """One borrow of the registered account."""
        headers = {"Authorization": f"Bearer {self.token}"}
        headers["Idempotency-Key"] = key or str(uuid.uuid4())
        body = {"amount_fen": amount_fen, "term_days": 30, "method": "daily"}
        return self.call("POST", "/v1/loans", body, headers, timeout_s)

    def log_in(self, phone: str) -> Any:
        """One log-in."""
        return self.call("POST", "/v1/sessions", {"phone": phone, "password": "p"})

    def register(self, phone: str, **shape: Any) -> None:
        """A borrower with a session."""
        row = {"phone": phone, "password": "p", "limit_fen": 10_000, "score": 700}
        row |= {"flags": [], "region": "open", **shape}
        status, body, _ = self.call("POST", "/v1/admin/accounts", {"accounts": [row]}, ADMIN)
        assert status == 201
        self.account = body["accounts"][0]["account_id"]
        self.token = self.log_in(phone)[1]["token"]

    def start(self, *stretches: Stretch, in_s: float = 0.05, pace: Pace | None = None) -> float:
        """Start a script a moment from now; its T0 in seconds on the monotonic clock."""
        t0_ns = time.monotonic_ns() + round(in_s * 1e9)
        body = {"t0_ns": t0_ns, "script": Script(stretches, t0_ns, 1, pace).as_json()}
        assert self.call("POST", "/v1/script/start", body, ADMIN)[0] == 201
        time.sleep(max(0.0, t0_ns / 1e9 - time.monotonic()) + 0.01)
        return t0_ns / 1e9


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A target of this test's own, with one good borrower."""
    log = tmp_path / "target.jsonl"
    with scripted_target(log, TOKEN) as address:
        found = Client(int(address.rpartition(":")[2]), log)
        found.register("1")
        yield found


def test_it_lends_by_the_contract(client: Client) -> None:
    """Loan, replay, key misuse, limit and decline, lookup by key, audit: without a script."""
    key = str(uuid.uuid4())
    status, loan, _ = client.borrow(key)
    replay, again, headers = client.borrow(key)
    bearer = {"Authorization": f"Bearer {client.token}"}
    listed = client.call("GET", "/v1/admin/audit/loans?after=0&limit=10", headers=ADMIN)[1]
    entry = json.loads(listed)

    assert (status, loan["status"], loan["principal_fen"]) == (201, "disbursed", 500)
    assert (replay, again, headers["idempotency-replayed"]) == (201, loan, "true")
    assert client.borrow(key, amount_fen=600)[0] == 422
    assert client.borrow(amount_fen=9_501)[1]["code"] == "credit_limit_exceeded"
    assert client.call("GET", "/v1/credit-line", headers=bearer)[1]["available_fen"] == 9_500
    known = client.call("GET", f"/v1/loans?idempotency_key={key}", headers=bearer)[1]
    assert known["loans"][0]["loan_id"] == loan["loan_id"]
    assert (entry["cursor"], entry["disbursements"], entry["ledger_balance_fen"]) == (1, 1, 500)
    assert client.call("GET", "/v1/admin/audit/loans?after=1&limit=10", headers=ADMIN)[1] == b""
    assert client.call("GET", "/v1/admin/audit/invariants", headers=ADMIN)[1]["ok"] is True
    assert client.call("GET", "/v1/admin/audit/invariants")[0] == 403
    client.register("2", score=300)
    assert client.borrow()[1]["category"] == "risk_decline"


def test_refused_and_slow_and_served_again(client: Client) -> None:
    """A hard outage answers 503 at once, a slow stretch answers late, then all is well."""
    t0_s = client.start(
        Stretch(Kind.REFUSE, 0, 0.4, label="a"), Stretch(Kind.SLOW, 0.5, 1.2, delay_s=0.3)
    )
    status, problem, _ = client.borrow()
    assert (status, problem["category"], problem["outcome"]) == (503, "availability", "not_applied")
    assert client.call("GET", "/healthz")[0] == 200
    time.sleep(max(0.0, t0_s + 0.6 - time.monotonic()))
    before_s = time.monotonic()
    assert client.borrow()[0] == 201
    assert time.monotonic() - before_s > 0.28
    time.sleep(max(0.0, t0_s + 1.25 - time.monotonic()))
    assert client.borrow()[0] == 201
    time.sleep(0.7)  # the log is flushed twice a second
    rows = [row for row in read_log(client.log).requests if row["step"] == "borrow"]
    assert [row["fate"] for row in rows] == ["refuse", "hold", "serve"]


def test_a_reset_is_a_reset(client: Client) -> None:
    """The connection ends with RST, and nothing was lent."""
    client.start(Stretch(Kind.RESET, 0, 5))

    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        client.borrow()
    assert client.call("GET", "/v1/admin/audit/loans", headers=ADMIN)[1] == b""


def test_a_black_hole_never_answers(client: Client) -> None:
    """The connection stays open and silent."""
    client.start(Stretch(Kind.BLACK_HOLE, 0, 5))

    with pytest.raises(socket.timeout):
        client.borrow(timeout_s=0.5)


def test_a_stall_answers_at_its_end(client: Client) -> None:
    """Held until the end, then served; who has gone by then gets no loan."""
    t0_s = client.start(Stretch(Kind.STALL, 0, 0.8, label="s"))
    with pytest.raises(socket.timeout):
        client.borrow(timeout_s=0.2)
    key = str(uuid.uuid4())
    assert client.borrow(key)[0] == 201
    over_s = time.monotonic() - t0_s
    listed = client.call("GET", "/v1/admin/audit/loans", headers=ADMIN)[1].splitlines()

    assert over_s > 0.79
    assert [json.loads(line)["idempotency_key"] for line in listed] == [key]


@pytest.mark.parametrize(("kind", "low", "high"), [(Kind.REFUSE, 40, 88), (Kind.RAMP, 10, 62)])
def test_a_share_of_the_requests_fails(client: Client, kind: Kind, low: int, high: int) -> None:
    """A third of them in a brownout; fewer and fewer in a ramp."""
    client.start(Stretch(kind, 0, 60 if kind is Kind.REFUSE else 1.0, share=0.33))
    fates = []
    for _ in range(200):
        fates.append(client.borrow(amount_fen=1)[0])
        time.sleep(0.004 if kind is Kind.RAMP else 0)

    assert low < fates.count(503) < high
    if kind is Kind.RAMP:
        assert fates[:60].count(503) > fates[-60:].count(503)


def test_some_users_cannot_log_in(client: Client) -> None:
    """Always the same accounts, at this step only."""
    accounts = {}
    for number in range(20):
        client.register(str(100 + number))
        accounts[str(100 + number)] = client.account
    client.start(Stretch(Kind.SILENT, 0, 60, share=0.5, steps=("log_in",)))
    failing = {phone for phone in accounts if client.log_in(phone)[0] == 503}

    assert failing == {phone for phone, account in accounts.items() if is_chosen(account, 0.5, 1)}
    assert 0 < len(failing) < 20
    assert all(client.log_in(phone)[0] == 503 for phone in failing)
    assert client.borrow()[0] == 201


def test_the_log_is_the_truth(client: Client) -> None:
    """Edges at their scripted nanosecond; each request with its instants, key and fate."""
    t0_s = client.start(Stretch(Kind.REFUSE, 0.1, 0.3, label="x/1"), in_s=0.2)
    keys = []
    while time.monotonic() < t0_s + 0.4:
        keys.append(str(uuid.uuid4()))
        client.borrow(keys[-1], amount_fen=1)
    time.sleep(0.7)  # the log is flushed twice a second
    lines = [json.loads(line) for line in client.log.read_text().splitlines()]
    edges = [line for line in lines if line["kind"] == "edge"]
    truth = read_log(client.log)
    begin_ns, end_ns = edges[0]["at_ns"], edges[1]["at_ns"]
    rows = [row for row in truth.requests if row["key"] in keys]

    assert [edge["edge"] for edge in edges] == ["begin", "end"]
    assert (begin_ns - truth.t0_ns, end_ns - truth.t0_ns) == (100_000_000, 300_000_000)
    assert len(rows) == len(keys)
    assert all(
        (row["fate"] == "refuse") is (begin_ns <= row["received_ns"] < end_ns) for row in rows
    )
    assert {row["fate"] for row in rows} == {"refuse", "serve"}
    assert truth.failures().total() == sum(row["fate"] == "refuse" for row in rows)


@pytest.mark.parametrize("decides", list(Decides))
def test_a_service_that_takes_its_time(client: Client, decides: Decides) -> None:
    """Answers take a step's latency; a fate is that of receipt, or of the latency after it.

    A request under way as the outage begins fails only where it is decided at the end, and one
    under way as it ends only where it is decided on arrival. What fails on arrival fails at once.
    """
    pace = Pace({"borrow": 0.3, "log_in": 0.1}, decides)
    t0_s = client.start(Stretch(Kind.REFUSE, 0.4, 1.0), in_s=0.3, pace=pace)
    seen = []
    for at_s in (0.2, 0.8):
        time.sleep(max(0.0, t0_s + at_s - time.monotonic()))
        before_s = time.monotonic()
        status = client.borrow()[0]
        seen.append((status, time.monotonic() - before_s > 0.29))
    time.sleep(max(0.0, t0_s + 1.05 - time.monotonic()))
    before_s = time.monotonic()
    assert client.log_in("1")[0] == 201
    logged_in_s = time.monotonic() - before_s
    time.sleep(0.7)  # the log is flushed twice a second
    borrows = [row for row in read_log(client.log).requests if row["step"] == "borrow"]
    shift_ns = 300_000_000 if decides is Decides.END else 0

    assert seen == ([(201, True), (503, False)] if not shift_ns else [(503, True), (201, True)])
    assert 0.1 <= logged_in_s < 0.3  # its own latency, and not a borrow's
    assert {row["decided_ns"] - row["received_ns"] for row in borrows} == {shift_ns}


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.BLACK_HOLE])
def test_cut_and_hung_at_the_end_of_its_work(client: Client, kind: Kind) -> None:
    """A connection is cut when the work is done, and one that hangs stays silent after it."""
    client.start(Stretch(kind, 0.2, 5), pace=Pace({"borrow": 0.3}, Decides.END))
    before_s = time.monotonic()
    if kind is Kind.RESET:
        with pytest.raises((ConnectionResetError, RemoteDisconnected)):
            client.borrow()
    else:
        with pytest.raises(TimeoutError):
            client.borrow(timeout_s=0.6)

    assert time.monotonic() - before_s > 0.29


@pytest.mark.parametrize(
    "pace", [{"latency_s": {"pay": 1}}, {"latency_s": {"borrow": -1}}, {"decides": "later"}]
)
def test_a_pace_that_cannot_be_meant_is_refused(client: Client, pace: dict[str, Any]) -> None:
    """Unknown steps, latencies below 0, no such rule: 400."""
    script = {"stretches": [], "pace": pace}
    body = {"t0_ns": time.monotonic_ns() + 10**10, "script": script}

    assert client.call("POST", "/v1/script/start", body, ADMIN)[0] == 400


def test_a_script_that_cannot_be_meant_is_refused(client: Client) -> None:
    """A stretch that ends before it begins, a first edge in the past: 400, and all goes on."""
    row = {"kind": "refuse", "start_s": 2, "end_s": 1}
    later_ns = time.monotonic_ns() + 10**10
    for t0_ns, rows in ((later_ns, [row]), (1, [{**row, "end_s": 3}])):
        body = {"t0_ns": t0_ns, "script": {"stretches": rows}}
        assert client.call("POST", "/v1/script/start", body, ADMIN)[0] == 400
    assert client.borrow()[0] == 201


def test_a_script_file_starts_at_a_given_instant(tmp_path: Path) -> None:
    """Without an admin call: script and T0 on the command line; SIGTERM leaves a whole log."""
    script, log = tmp_path / "script.json", tmp_path / "log.jsonl"
    t0_ns = time.monotonic_ns() + 3_600 * 10**9
    script.write_text(json.dumps(Script([Stretch(Kind.REFUSE, 0, 1)], t0_ns, 7).as_json()))
    command = [sys.executable, "-m", "benchmarks.scripted_target", "--log", str(log)]
    process = subprocess.Popen(
        [*command, "--script", str(script), "--t0-ns", str(t0_ns)],
        stdout=subprocess.PIPE,
        env={**os.environ, "LENDING_ADMIN_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)

    assert process.returncode == 0
    assert read_log(log).t0_ns == t0_ns
