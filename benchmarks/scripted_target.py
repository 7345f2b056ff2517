"""A small, fast server that speaks the borrowing contract's core and goes wrong by a known script.

    python -m benchmarks.scripted_target --log target.jsonl [--script outages.json --t0-ns N]
        [--lender NAME]

The admin token is taken from LENDING_ADMIN_TOKEN. Without a script it serves everything until
``POST /v1/script/start`` (admin) brings ``{"t0_ns": N, "script": {...}}``, T0 being an instant on
this host's monotonic clock. Its log is the truth of a benchmark, one JSON object a line: ``script``
with all that was asked for, ``edge`` with the nanosecond at which it takes effect, ``request`` with
the nanosecond of receipt and that which decided its fate, and ``answered`` for requests that were
held. It knows nothing of the harness. Its lender is without a bug, or one of those that lie
(`scripted_lies`).
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import parse_qs, urlsplit

import httptools
import uvloop

from benchmarks.outage_script import SERVED, Decides, Decision, Fate, Pace, Script, script_of
from benchmarks.scripted_ledger import UNAUTHORISED, UNAVAILABLE, Account, Answer, Lender, problem
from benchmarks.scripted_lies import LENDERS

TOKEN_VARIABLE = "LENDING_ADMIN_TOKEN"  # noqa: S105  # a variable's name
BODY_BYTES_MAX = 4 * 1024 * 1024
FLUSH_SECONDS = 0.5
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 503: "Service Unavailable"}
_NOT_FOUND = problem(404, "not_found", "client_error")


class Connection(asyncio.Protocol):
    """One client's connection; requests on it come one after the other."""

    def __init__(self, target: "Target") -> None:
        self._target = target
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = b""

    # --- asyncio -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers leave at once."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waited here has gone."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.reset()

    # --- httptools ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The next request."""
        self._url, self._headers, self._body = b"", {}, b""

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body += body
        if len(self._body) > BODY_BYTES_MAX:
            self.reset()

    def on_message_complete(self) -> None:
        """The request is whole: this is the instant at which it was received."""
        received_ns = time.monotonic_ns()
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, self._url.decode("latin-1"), self._headers, self._body)
        self._target.handle(request, self, received_ns)

    # --- answering ---------------------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Whether the client hung up."""
        return self._transport is None or self._transport.is_closing()

    def answer(self, status: int, content: bytes, kind: str, extra: str = "") -> None:
        """Send one answer; nothing happens if the client is gone."""
        if self._transport is None or self.is_gone:
            return
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Answer')}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(content)}\r\n{extra}\r\n"
        )
        self._transport.write(head.encode("latin-1") + content)

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly close."""
        if self._transport is not None:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class Request:
    """One request as it came."""

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        parts = urlsplit(url)
        self.method = method
        self.path = parts.path
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.headers = headers
        try:
            parsed = json.loads(body) if body else {}
        except ValueError:
            parsed = {}
        self.body: dict[str, Any] = parsed if isinstance(parsed, dict) else {}

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Target:
    """Routes, script and log."""

    def __init__(self, log: TextIO, admin_token: str, lender: Lender) -> None:
        self.lender = lender
        self.script: Script | None = None
        self._log = log
        self._admin_token = admin_token
        self._borrowing: dict[tuple[str, str], tuple[str, Callable[..., Any]]] = {
            ("POST", "/v1/sessions"): ("log_in", self._log_in),
            ("GET", "/v1/credit-line"): ("credit_line", self._credit_line),
            ("POST", "/v1/loans"): ("borrow", self._borrow),
        }

    def write(self, kind: str, **fields: Any) -> None:
        """One line of the log."""
        self._log.write(json.dumps({"kind": kind, **fields}) + "\n")

    def flush(self) -> None:
        """Hand the log to the kernel."""
        self._log.flush()

    def start(self, script: dict[str, Any], t0_ns: int) -> None:
        """Let a script run from ``t0_ns`` on.

        Raises:
            ValueError, TypeError, KeyError: it is no script, or its first edge has passed.
        """
        found = script_of(script, t0_ns)
        edges = found.edges()
        if edges and edges[0][0] <= time.monotonic_ns():
            raise ValueError("the first edge lies in the past")
        self.script = found
        self.write("script", t0_ns=t0_ns, script=found.as_json())
        for at_ns, which, kind, label in edges:
            self.write("edge", at_ns=at_ns, edge=which, stretch=kind, label=label)
        self.flush()

    # --- one request -------------------------------------------------------------------------

    def handle(self, request: Request, connection: Connection, received_ns: int) -> None:
        """Answer a request, or do what the script says instead."""
        known = self._borrowing.get((request.method, request.path))
        if known is None:
            self._answer_other(request, connection)
            return
        step, act = known
        account = self._account(step, request)
        account_id = account.account_id if account else ""
        script, decided_ns, decision = self.script, received_ns, SERVED
        if script is not None:
            decided_ns = script.pace.decided_ns(received_ns, step)
            decision = script.decide(decided_ns, step, account_id)
        fields = {"step": step, "key": request.headers.get("idempotency-key")}
        self.write(
            "request",
            received_ns=received_ns,
            decided_ns=decided_ns,
            **fields,
            account=account_id,
            fate=str(decision.fate),
            label=decision.label,
        )

        def serve() -> None:
            gone = connection.is_gone
            if decision.fate is Fate.HOLD:
                at_ns = time.monotonic_ns()
                self.write("answered", at_ns=at_ns, **fields, account=account_id, gone=gone)
            # Nothing is applied for a client that has gone.
            if not gone:
                act(request, account, connection)

        doing: dict[Fate, Callable[[], None]] = {
            Fate.SERVE: serve,
            Fate.HOLD: serve,
            Fate.REFUSE: lambda: _send(connection, UNAVAILABLE),
            Fate.RESET: connection.reset,
            Fate.FORGET: lambda: self._borrow(request, account, connection, keep=False),
            Fate.NEVER: lambda: None,
        }
        pace = Pace() if script is None else script.pace
        _at(_answer_ns(decision, pace, received_ns, step), doing[decision.fate])

    def _account(self, step: str, request: Request) -> Account | None:
        if step == "log_in":
            return self.lender.accounts.get(str(request.body.get("phone")))
        return self.lender.sessions.get(request.token)

    # --- borrowing ---------------------------------------------------------------------------

    def _log_in(self, request: Request, account: Account | None, connection: Connection) -> None:
        _send(connection, self.lender.log_in(account, request.body.get("password")))

    def _credit_line(self, _: Request, account: Account | None, connection: Connection) -> None:
        _send(connection, self.lender.credit_line(account) if account else UNAUTHORISED)

    def _borrow(
        self,
        request: Request,
        account: Account | None,
        connection: Connection,
        *,
        keep: bool = True,
    ) -> None:
        if account is None:
            _send(connection, UNAUTHORISED)
            return
        key = request.headers.get("idempotency-key", "")
        answer, replayed = self.lender.borrow(account, key, request.body, keep=keep)
        _send(connection, answer, "Idempotency-Replayed: true\r\n" if replayed else "")

    # --- everything else ---------------------------------------------------------------------

    def _answer_other(self, request: Request, connection: Connection) -> None:
        """Health, loans by key and the admin calls: never touched by the script."""
        if request.path in ("/healthz", "/readyz"):
            _send(connection, (200, {"status": "ok"}))
        elif (request.method, request.path) == ("GET", "/v1/loans"):
            account = self.lender.sessions.get(request.token)
            key = request.query.get("idempotency_key", "")
            _send(connection, self.lender.by_key(account, key) if account else UNAUTHORISED)
        elif request.headers.get("x-admin-token") != self._admin_token:
            _send(connection, problem(403, "forbidden", "client_error"))
        elif request.path == "/v1/admin/audit/loans":
            page = self._page(request.query)
            lines = "".join(json.dumps(entry) + "\n" for entry in page)
            connection.answer(200, lines.encode(), "application/x-ndjson")
        else:
            _send(connection, self._admin(request))

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        after, limit = query.get("after", "0"), query.get("limit", "1000")
        if not (after.isdecimal() and limit.isdecimal()):
            return []
        return self.lender.listing(int(after), int(limit))

    def _admin(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/v1/admin/accounts":
                try:
                    return self.lender.register(request.body["accounts"])
                except (KeyError, TypeError, ValueError) as error:
                    return problem(400, f"bad_request: {error!r}", "client_error")
            case "GET", "/v1/admin/audit/invariants":
                return 200, {"ok": True, "violations": []}
            case "POST", "/v1/script/start":
                try:
                    self.start(request.body["script"], int(request.body["t0_ns"]))
                except (KeyError, TypeError, ValueError) as error:
                    return problem(400, f"bad_script: {error!r}", "client_error")
                return 201, {"now_ns": time.monotonic_ns()}
        return _NOT_FOUND


def _answer_ns(decision: Decision, pace: Pace, received_ns: int, step: str) -> int:
    """When a request gets what was decided: after its work, or at once if it fails on arrival."""
    at_once = pace.decides is Decides.ARRIVAL and decision.fate in (Fate.REFUSE, Fate.RESET)
    done_ns = received_ns + (0 if at_once else pace.latency_ns(step))
    return max(done_ns, decision.until_ns)


def _at(at_ns: int, act: Callable[[], None]) -> None:
    """Do something at an instant, or now if that has passed."""
    left_s = (at_ns - time.monotonic_ns()) / 1e9
    if left_s <= 0:
        act()
    else:
        asyncio.get_running_loop().call_later(left_s, act)


def _send(connection: Connection, answer: Answer, extra: str = "") -> None:
    status, body = answer
    kind = "application/json" if status < 400 else "application/problem+json"
    connection.answer(status, json.dumps(body).encode(), kind, extra)


async def serve(target: Target, port: int, ready: Callable[[int], None]) -> None:
    """Listen on the loopback until SIGTERM or SIGINT; ``ready`` is told the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(target), "127.0.0.1", port, backlog=2048)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    ready(server.sockets[0].getsockname()[1])
    while not over.is_set():
        target.flush()
        try:
            await asyncio.wait_for(over.wait(), FLUSH_SECONDS)
        except TimeoutError:
            continue
    server.close()
    target.flush()


def main() -> int:
    """Serve until told to end; prints the address once it listens."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scripted_target")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--t0-ns", type=int, help="monotonic; default: now and a second")
    parser.add_argument("--lender", choices=LENDERS, help="one with a bad moment, and maybe a lie")
    options = parser.parse_args()
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        parser.error(f"{TOKEN_VARIABLE} must hold an admin token")
    with options.log.open("a", encoding="utf-8") as log:
        lender = Lender() if options.lender is None else LENDERS[options.lender]()
        target = Target(log, token, lender)
        if options.script is not None:
            t0_ns = options.t0_ns or time.monotonic_ns() + 1_000_000_000
            target.start(json.loads(options.script.read_bytes()), t0_ns)
        uvloop.run(
            serve(target, options.port, lambda port: print(f"http://127.0.0.1:{port}", flush=True))
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
