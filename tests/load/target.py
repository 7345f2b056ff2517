"""A small real HTTP server that speaks the core of the borrowing contract, and counts."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Target(ThreadingHTTPServer):
    """Approves whatever is asked for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Target

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> dict[str, Any]:
        with self.server.lock:
            self.server.calls[f"{self.command} {self.path}"] += 1
        return dict(
            json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        )

    def do_GET(self) -> None:
        """The credit line, or that it is there."""
        self._body()
        if self.path == "/healthz":
            self._answer(200, {})
            return
        assert self.headers["Authorization"].startswith("Bearer token-")
        line = {"limit_fen": 10**11, "used_fen": 0, "available_fen": 10**11, "tier": "A"}
        self._answer(200, line)

    def do_POST(self) -> None:
        """A log-in, or a loan."""
        body = self._body()
        if self.path == "/v1/sessions":
            self._answer(201, {"token": "token-new", "account_id": "a", "expires_at": "never"})
            return
        key = self.headers["Idempotency-Key"]
        with self.server.lock:
            self.server.keys[key] += 1
        loan = {"loan_id": f"loan-{key}", "status": "disbursed"}
        self._answer(201, {**loan, "principal_fen": body["amount_fen"]})

    def log_message(self, *_: Any) -> None:
        """Silence."""


@contextmanager
def running_target() -> Iterator[Target]:
    """A target for the time of a test."""
    target = Target()
    thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield target
    finally:
        target.shutdown()
        thread.join()
        target.server_close()
