"""A lender that knows nothing of our contract, and its book of loans behind TCP.

``book PORT FOLDER`` keeps customers and credits in SQLite and speaks one JSON object a line.
``serve PORT BOOK FOLDER DEFECTIVE`` is the API in front of it: a connection to the book each time.
"""

import json
import socket
import socketserver
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS customer (id TEXT PRIMARY KEY, segment TEXT);
CREATE TABLE IF NOT EXISTS credit (seq INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT, customer TEXT,
                     request_id TEXT, total TEXT, paid INTEGER);
"""
BOOK_SECONDS_MAX = 1.0
EVERY, PLANTED = 25, {9: "double", 15: "lost", 21: "short"}
"""Which of so many loans is booked twice, is in nobody's name, or is of another amount."""
Order = dict[str, Any]


class Book:
    """Customers and credits; one order at a time."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._tables = sqlite3.connect(folder / "book.sqlite", check_same_thread=False)
        self._tables.executescript(TABLES)

    def apply(self, order: Order) -> Order:
        """Do one order, wholly."""
        with self._lock, self._tables:
            return getattr(self, order.pop("do"))(**order)  # type: ignore[no-any-return]

    def ping(self) -> Order:
        """Answer."""
        return {"well": True}

    def open(self, customer: str, segment: str) -> Order:
        """Register somebody; again changes nothing."""
        self._tables.execute("INSERT OR IGNORE INTO customer VALUES (?, ?)", (customer, segment))
        return {"customer": customer}

    def lend(self, customer: str, request_id: str, total: str, *, defective: bool) -> Order:
        """Book a credit, or say why not; the same again for a known request."""
        found = self._tables.execute(
            "SELECT ref, total FROM credit WHERE request_id = ?", (request_id,)
        ).fetchone()
        if found:
            return {"ref": found[0], "total": found[1]}
        segment = self._tables.execute("SELECT segment FROM customer WHERE id = ?", (customer,))
        if segment.fetchone() != ("prime",):
            return {"refused": "NO_CREDIT"}
        (count,) = self._tables.execute("SELECT count(*) FROM credit").fetchone()
        planted = PLANTED.get(count % EVERY) if defective else None
        if planted == "lost":
            self._add("nobody", f"lost-{request_id}", total)
            return {"ref": "CR-0", "total": total}
        booked = f"{float(total) - 1:.2f}" if planted == "short" else total
        for _ in range(2 if planted == "double" else 1):
            ref = self._add(customer, request_id, booked)
        return {"ref": ref, "total": total}

    def _add(self, customer: str, request_id: str, total: str) -> str:
        made = self._tables.execute(
            "INSERT INTO credit (customer, request_id, total, paid) VALUES (?, ?, ?, 1)",
            (customer, request_id, total),
        )
        ref = f"CR-{made.lastrowid}"
        self._tables.execute("UPDATE credit SET ref = ? WHERE seq = ?", (ref, made.lastrowid))
        return ref


def keep_book(port: int, folder: Path) -> None:
    """Serve the book until the process is ended."""
    book = Book(folder)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(json.dumps(book.apply(json.loads(line))).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


class Lender:
    """The API, in front of the book at this address."""

    def __init__(self, book: str, *, defective: bool) -> None:
        host, _, port = book.rpartition(":")
        self._book, self._defective = (host, int(port)), defective

    def ask(self, **order: Any) -> Order:
        """Have the book apply one order."""
        with socket.create_connection(self._book, BOOK_SECONDS_MAX) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile("rb") as answers:
                return json.loads(answers.readline())  # type: ignore[no-any-return]

    def answer(self, asked: str, body: Order, headers: Any) -> tuple[int, Order]:
        """Status and body of one answer."""
        if asked == "GET /ping":
            return 200, {}
        if asked == "GET /ready":
            return 200, self.ask(do="ping")
        if asked == "POST /api/customers":
            return 201, self.ask(do="open", customer=body["id"], segment=body["segment"])
        if asked != "POST /api/credits":
            return 404, {"error": {"code": "NO_SUCH_PATH"}}
        order = {"customer": headers["X-Customer"], "request_id": headers["X-Request-Id"]}
        done = self.ask(do="lend", total=body["total"], defective=self._defective, **order)
        if "refused" in done:
            return 422, {"error": {"code": done["refused"]}}
        return 200, {"result": done}


def lend(port: int, book: str, folder: Path, *, defective: bool) -> None:
    """Serve the API until the process is ended."""
    lender = Lender(book, defective=defective)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            asked = f"{self.command} {self.path}"
            with (folder / "asked.log").open("a") as log:
                log.write(f"{asked}\n")
            try:
                status, said = lender.answer(asked, body, self.headers)
            except (OSError, ValueError):
                status, said = 503, {"error": {"code": "NO_BOOK"}}
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815  # the name that the standard library asks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    what, own_port, *rest = sys.argv[1:]
    if what == "book":
        keep_book(int(own_port), Path(rest[0]))
    else:
        lend(int(own_port), rest[0], Path(rest[1]), defective=bool(rest[2]))
