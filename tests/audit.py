"""A target of which only the audit exists, honest until a test has it fail, lag or lie."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.core import http_calls
from harness.target import ledger_watch
from harness.target.interface import Target
from harness.target.ledger import Ledger
from harness.target.ledger_watch import LedgerSource

ACCOUNTS = frozenset({"account-1"})
Answer = tuple[int, bytes]


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits as ever, a tenth as long."""
    monkeypatch.setattr(ledger_watch, "BETWEEN_READINGS_SECONDS", 0.1)
    monkeypatch.setattr(ledger_watch, "QUIET_SECONDS_MAX", 0.6)
    monkeypatch.setattr(http_calls, "PAUSES_SECONDS", (0.02, 0.05))


def source_of(ledger: Ledger, after: int = 0, **hooks: Any) -> LedgerSource:
    """Where to read a target that has nothing but this ledger."""
    return LedgerSource(cast("Target", SimpleNamespace(ledger=ledger)), after, **hooks)


def loan(cursor: int, **changes: Any) -> dict[str, Any]:
    """One line of an audit listing."""
    return {
        "cursor": cursor,
        "loan_id": f"loan-{cursor}",
        "account_id": "account-1",
        "idempotency_key": f"key-{cursor}",
        "principal_fen": 10_000,
        "status": "disbursed",
        "disbursements": 1,
        "ledger_balance_fen": 10_000,
        "created_at": "2026-01-01T00:00:00Z",
        **changes,
    }


def page(*loans: dict[str, Any]) -> bytes:
    """Loans as the audit sends them, one a line."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in loans)


class Audit:
    """A target of which only the audit exists; tests replace what it answers."""

    def __init__(self) -> None:
        self.loans = [loan(1), loan(2), loan(3)]
        self.listing: Callable[[int, int], Answer] = self.honest_listing
        self.invariants: Answer = (200, b'{"ok": true, "violations": []}')
        self.hidden: list[dict[str, Any]] = []
        """Loans that only a question by key shows."""
        self.tokens: set[str] = set()
        """When not empty, the only sessions that may ask by key; a log-in adds one."""
        self.logged_in: list[str] = []
        self.by_key: Answer | None = None
        """When set, what every question by key is answered with."""
        self.filters_by_key = True
        """Whether a question by key is answered for this key alone, not for all of a borrower's."""
        self.asked: list[str] = []
        self.put_off: list[tuple[str, int, dict[str, str]]] = []
        """Beginnings of paths, each put off once, with this status and these headers."""
        self.interim = b""
        """When set, what is sent before each answer."""
        self.drip_seconds = 0.0
        """When set, answers come byte by byte, with this pause before each."""

    def honest_listing(self, after: int, limit: int) -> Answer:
        """Every loan behind the cursor, a page at a time, then nothing."""
        rows = [row for row in self.loans if row["cursor"] > after]
        return 200, page(*rows[:limit])

    def answer(self, path: str, token: str) -> Answer:
        """Route one GET."""
        self.asked.append(path)
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/admin/audit/loans":
            return self.listing(int(query["after"]), int(query["limit"]))
        if parts.path == "/v1/admin/audit/invariants":
            return self.invariants
        if self.by_key is not None:
            return self.by_key
        if self.tokens and token not in self.tokens:
            return 401, b"{}"
        key = query["idempotency_key"]
        account = f"account-{token.rpartition('-')[2]}"
        name, value = ("idempotency_key", key) if self.filters_by_key else ("account_id", account)
        found = [row for row in self.loans + self.hidden if row[name].lower() == value]
        return 200, json.dumps({"loans": found}).encode()

    def log_in(self, phone: str) -> Answer:
        """Open a session."""
        self.logged_in.append(phone)
        self.tokens.add(f"fresh-{phone}")
        return 201, json.dumps({"token": f"fresh-{phone}"}).encode()

    def putting_off(self, path: str) -> tuple[int, dict[str, str]] | None:
        """Status and headers of a request that is put off."""
        for at, (beginning, status, headers) in enumerate(self.put_off):
            if path.startswith(beginning):
                del self.put_off[at]
                return status, headers
        return None


@contextmanager
def serving(audit: Audit) -> Iterator[str]:
    """The audit behind a real HTTP server; its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            self.send(lambda: audit.answer(self.path, token))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(lambda: audit.log_in(body["phone"]))

        def send(self, answer: Callable[[], Answer]) -> None:
            self.wfile.write(audit.interim)
            put_off = audit.putting_off(self.path)
            status, body = (put_off[0], b"{}") if put_off else answer()
            self.send_response(status)
            for name, value in put_off[1].items() if put_off else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not audit.drip_seconds:
                self.wfile.write(body)
                return
            with contextlib.suppress(OSError):  # whoever asked may have given up
                for byte in body:
                    time.sleep(audit.drip_seconds)
                    self.wfile.write(bytes([byte]))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
