"""Canaries through a link: what a user of it would meet, measured on the harness's own connection.

Connecting proves little: Toxiproxy accepts by itself, whatever became of the far side. So every
probe asks a first question of the far side's own protocol. It speaks bytes and no client's words:
what counts is whether one byte comes back, and how a connection ends, which a client would hide.
"""

import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from harness.core.connections import connect
from harness.core.errors import HarnessError
from harness.core.shortage import Shortage, shortage_of
from harness.plan.fault import Direction
from harness.plan.layout import POSTGRESQL, LayoutLink, LayoutPart
from harness.stack.state import Stack, StackLink

if TYPE_CHECKING:
    import psycopg

CANARY_TIMEOUT_SECONDS = 0.5
"""On loopback an answer takes milliseconds; half a second of silence is a cut, not a delay."""
HEALED_TIMEOUT_SECONDS = 2.0
"""After a heal the far side may have a queue to work off, and another fault may slow the link."""

STATEMENT_TIMEOUT_MS = 2000
_POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # answered by one byte, S or N
_PADDING_BYTES_MAX = 4_000  # one header of a request; servers refuse more than 8 KB or so
_TRANSFER_SECONDS = 0.4


def own_session(
    url: str, name: str, statement_ms: int | None = STATEMENT_TIMEOUT_MS
) -> "psycopg.Connection":
    """A session around the proxies, under that name, whose statements end in ``statement_ms``."""
    bound = {} if statement_ms is None else {"options": f"-c statement_timeout={statement_ms}"}
    return connect(url, autocommit=True, connect_timeout=3, application_name=name, **bound)


def link_canaries(stack: Stack) -> Iterator[tuple[str, bool]]:
    """Every link of the stack through which something may be asked, and whether its far side
    answers.
    """
    wires = (StackLink(name, wire.address, wire.address) for name, wire in stack.wires.items())
    for link in (*stack.links.values(), *wires):
        probe = LinkProbe(link, stack)
        if probe.has_question:
            yield link.name, probe.answers()


class LinkProbe:
    """Questions asked through one link of a stack."""

    def __init__(self, link: StackLink, stack: Stack) -> None:
        host, _, port = link.listen.rpartition(":")
        self.address = (host, int(port))
        self._link = link
        is_database = stack.layout.leads_to_database(link.name)
        self._database_url = stack.database_url if is_database else None
        self._lacked: Shortage | None = None
        found = stack.layout.link(link.name) or LayoutLink(link.name)
        self._path = (found.asks or "") if found.protocol == "http" else ""
        self._question = first_question(found, link.upstream)

    @property
    def has_question(self) -> bool:
        """Whether there is anything that may be asked through it."""
        return self._question is not None

    def answers(self, seconds: float = CANARY_TIMEOUT_SECONDS) -> bool:
        """Whether the far side answers a first question in time."""
        return self.round_trip_seconds(seconds) is not None

    def is_cut(self, seconds: float = CANARY_TIMEOUT_SECONDS) -> bool:
        """Whether the far side was asked in vain; `HarnessError` if our machine could not ask."""
        self._lacked = None
        cut = not self.answers(seconds)
        if cut and self._lacked is not None:
            raise HarnessError(f"our own machine: {self._lacked.text}")
        return cut

    def round_trip_seconds(self, seconds_max: float = CANARY_TIMEOUT_SECONDS) -> float | None:
        """How long a fresh connection's first answer takes; None when there is none in time."""
        if self._question is None:
            return None
        start = time.monotonic()
        try:
            with self.connect(seconds_max) as connection:
                connection.sendall(self._question)
                answered = bool(connection.recv(1))
        except OSError as error:
            self._lacked = shortage_of(error)
            return None
        return time.monotonic() - start if answered else None

    def connect(self, seconds_max: float = CANARY_TIMEOUT_SECONDS) -> socket.socket:
        """A connection through the link, whose every call ends in that time."""
        return socket.create_connection(self.address, timeout=seconds_max)

    def end_of(self, connection: socket.socket) -> str:
        """How a connection ends when a question is sent on it.

        One of ``reset``, ``closed``, ``silent`` and ``answers``.
        """
        try:
            connection.sendall(self._question or b"")
            return "answers" if connection.recv(1) else "closed"
        except TimeoutError:
            return "silent"
        except ConnectionResetError:
            return "reset"
        except OSError:
            return "closed"

    def refuses(self) -> bool:
        """Whether a new connection is refused."""
        try:
            self.connect().close()
        except OSError as error:
            return isinstance(error, ConnectionRefusedError)
        return False

    def transfer(self, direction: Direction, kilobytes_per_second: int) -> float | None:
        """Carry data for about half a second at the given rate; at what rate, None for none at all.

        Towards the database a statement's parameter and its result are long; elsewhere requests
        with a padded header follow each other on one connection, so that answers stay short.
        """
        import psycopg

        wanted = max(round(kilobytes_per_second * 1000 * _TRANSFER_SECONDS), 400)
        carry = self._carry_http if self._database_url is None else self._carry_postgres
        try:
            carried, seconds = carry(direction, wanted)
        except (OSError, psycopg.Error):
            return None
        return carried / 1000 / max(seconds, 1e-6) if carried else None

    def _carry_http(self, direction: Direction, wanted: int) -> tuple[int, float]:
        """How many bytes were carried, and in how many seconds."""
        if not self._path:
            return 0, 0.0  # how its far side would carry data is not known
        padding = 0 if direction == "downstream" else min(wanted // 2, _PADDING_BYTES_MAX)
        question = http_question(self._link.upstream, self._path, padding)
        sent = received = 0
        count = 1
        with self.connect(HEALED_TIMEOUT_SECONDS) as connection:
            start = time.monotonic()
            while time.monotonic() - start < _TRANSFER_SECONDS:
                # Many at once, or a delayed acknowledgement for each would be what is measured.
                connection.sendall(question * count)
                answers = _read_answers(connection, count)
                if not answers:
                    break
                sent, received = sent + count * len(question), received + answers
                count = min(2 * count, 64)
            seconds = time.monotonic() - start
        return received if direction == "downstream" else sent, seconds

    def _carry_postgres(self, direction: Direction, wanted: int) -> tuple[int, float]:
        size = min(wanted, 4_000_000)
        with connect(self.database_url, autocommit=True) as connection:
            start = time.monotonic()
            if direction == "downstream":
                connection.execute("SELECT repeat('x', %s)", [size]).fetchone()
            else:
                connection.execute("SELECT length(%s)", ["x" * size]).fetchone()
            return size, time.monotonic() - start

    @property
    def database_url(self) -> str:
        """The way through the link, as a superuser; only where the far side is the database."""
        if self._database_url is None:
            raise AssertionError(f"the link {self._link.name} does not lead to the database")
        from psycopg.conninfo import make_conninfo

        host, port = self.address
        return make_conninfo(self._database_url, host=host, port=port, connect_timeout=3)


def first_question(of: LayoutLink | LayoutPart, host: str) -> bytes | None:
    """What it is asked first, to see that it answers; None where nothing may be asked.

    It is empty where the far side speaks first. ``host`` is its address in the words of HTTP.
    """
    if of.protocol == POSTGRESQL:
        return _POSTGRES_SSL_REQUEST
    if of.asks is None:
        return None
    return of.asks.encode() if of.protocol == "raw" else http_question(host, of.asks)


def wait_for(condition: Callable[[], bool], seconds_max: float) -> bool:
    """Look until it holds, at most for that time; whether it did."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def http_question(host: str, path: str, padding: int | None = None) -> bytes:
    """A GET of a page; with ``padding`` bytes in a header the connection is kept."""
    more = "Connection: close" if padding is None else f"X-Padding: {'x' * padding}"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n\r\n".encode()


def _read_answers(connection: socket.socket, count: int) -> int:
    """The length of so many HTTP answers of known length; 0 at the connection's end."""
    received, start = b"", 0
    for _ in range(count):
        whole = math.inf
        while len(received) - start < whole:
            head, end, _rest = received[start:].partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head) if end else None
            if length is not None:
                whole = len(head) + len(end) + int(length[1])
            if len(received) - start < whole:
                if not (piece := connection.recv(65_536)):
                    return 0
                received += piece
        start += int(whole)
    return len(received)
