"""One attempt is one send, and how it ended is known."""

import functools
import gzip
import resource
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.target.classification import Answer
from harness.target.contract import Contract
from harness.target.transport import Transport

pack = functools.partial(gzip.compress, mtime=0)
"""Without the time of day, which would name a test anew in each test process."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n"
Behaviour = Callable[[socket.socket], None]


class Server:
    """A plain TCP server that counts connections and requests."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.connections = 0
        self.requests = 0
        self.seen: list[bytes] = []
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                while data := connection.recv(65536):
                    self.requests += 1
                    self.seen.append(data)
                    self._behaviour(connection)
            except OSError:
                pass

    def close(self) -> None:
        """Stop listening and wait for every connection to end."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[tuple[Server, Transport]]:
    """A server and a transport to it."""
    server = Server(behaviour)
    transport = Transport(server.url)
    try:
        yield server, transport
    finally:
        transport.close()
        server.close()


def say(*parts: bytes, pause_s: float = 0.0) -> Behaviour:
    """Send these bytes, one after the other."""

    def behaviour(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)

    return behaviour


def hang_up(connection: socket.socket) -> None:
    """End the connection in order, without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """End the connection rudely."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def ask(transport: Transport, method: str = "GET", timeout_s: float = 2.0) -> Answer:
    """One attempt."""
    return transport.request(
        method, "/x", {"A": "b"}, b"{}" if method == "POST" else b"", timeout_s
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("behaviour", "error"), [(hang_up, "end_of_file"), (reset, "reset")])
def test_sends_equal_attempts(method: str, behaviour: Behaviour, error: str) -> None:
    """A connection that breaks after the request was read: one request for each attempt."""
    with serving(behaviour) as (server, transport):
        answers = [ask(transport, method) for _ in range(20)]

        assert server.requests == 20
    assert {(a.error, a.sent, a.status) for a in answers} == {(error, True, None)}


def test_a_request_as_it_leaves() -> None:
    """One message, with everything HTTP/1.1 asks for."""
    with serving(say(OK)) as (server, transport):
        ask(transport, "POST")

    host = server.url.removeprefix("http://").encode()
    assert server.seen == [
        b"POST /x HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\n"
        b"A: b\r\nContent-Length: 2\r\n\r\n{}"
    ]


def test_connections_are_reused() -> None:
    """Twenty requests, one connection, and the answers say so."""
    with serving(say(OK)) as (server, transport):
        answers = [ask(transport) for _ in range(20)]

        assert server.connections == 1
    assert [a.connection_reused for a in answers] == [False] + [True] * 19
    assert {(a.status, a.body) for a in answers} == {(200, b"{}")}


@contextmanager
def many_open_files(count: int) -> Iterator[None]:
    """So many files open that new sockets get numbers above 1,023."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], count + 500), limits[1]))
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(open("/dev/null"))  # noqa: PTH123  # numbers matter, not paths
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_connections_are_reused_above_1024_open_files() -> None:
    """Where `select` gives up, an outage's own open sockets would end all reuse."""
    with many_open_files(1100), serving(say(OK)) as (server, transport):
        answers = [ask(transport) for _ in range(20)]

        assert server.connections == 1
    assert {a.status for a in answers} == {200}


def test_a_connection_that_the_peer_closed_is_not_used_again() -> None:
    """The next request opens a new one and succeeds, with a single send."""

    def answer_and_hang_up(connection: socket.socket) -> None:
        connection.sendall(OK)
        hang_up(connection)

    with serving(answer_and_hang_up) as (server, transport):
        first = ask(transport)
        time.sleep(0.1)
        second = ask(transport)

        assert (server.connections, server.requests) == (2, 2)
    assert (first.status, second.status, second.connection_reused) == (200, 200, False)


def test_refused_is_never_sent() -> None:
    """Nobody listens, so nothing can have been applied."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    answer = ask(Transport(url))

    assert (answer.error, answer.sent) == ("refused", False)


def test_a_connection_that_is_not_accepted_times_out_unsent() -> None:
    """A full backlog: the deadline holds while connecting, too."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        answer = ask(Transport(url), timeout_s=0.2)

    assert (answer.error, answer.sent) == ("timeout", False)


@pytest.mark.parametrize(
    "behaviour",
    [say(), say(*[bytes([byte]) for byte in OK], pause_s=0.05)],
    ids=["silence", "trickle"],
)
def test_one_deadline_for_the_whole_answer(behaviour: Behaviour) -> None:
    """Bytes that trickle in do not extend it."""
    with serving(behaviour) as (_, transport):
        started = time.monotonic()
        answer = ask(transport, timeout_s=0.3)
        took_s = time.monotonic() - started

    assert (answer.error, answer.sent) == ("timeout", True)
    assert 0.25 < took_s < len(OK) * 0.05  # which is how long it trickles


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (OK, 200, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"{}"),
        (CHUNKED, 200, b"{}"),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n", 503, b""),
    ],
)
def test_framed_answers(raw: bytes, status: int, body: bytes) -> None:
    """Whole, and its connection carries the next one."""
    with serving(say(raw)) as (server, transport):
        answers = [ask(transport) for _ in range(2)]

        assert server.connections == 1
    assert {(a.status, a.body) for a in answers} == {(status, body)}


def test_an_answer_that_ends_with_its_connection() -> None:
    """Without a length, the end of the file is the end of the body."""

    def answer_and_hang_up(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"all": "of it"}')
        hang_up(connection)

    with serving(answer_and_hang_up) as (_, transport):
        assert ask(transport).body == b'{"all": "of it"}'


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "malformed"),
        (b"HTTP/1.1 abc Hm\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "end_of_file"),
        (b'HTTP/1.0 201 Created\r\n\r\n{"loan_id": "lo', "end_of_file"),
    ],
)
def test_answers_that_are_none(raw: bytes, error: str) -> None:
    """Half an answer, or none in HTTP, is a failure after sending."""

    def answer_and_hang_up(connection: socket.socket) -> None:
        connection.sendall(raw)
        hang_up(connection)

    with serving(answer_and_hang_up) as (_, transport):
        answer = ask(transport)

    assert (answer.error, answer.sent, answer.status) == (error, True, None)


def packed(encoding: str, body: bytes) -> bytes:
    """An answer that says how its body is packed, in one line for each coding."""
    lines = "".join(f"Content-Encoding: {coding}\r\n" for coding in encoding.split(","))
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (packed("gzip", pack(b"{}")), (200, b"{}", None)),
        (packed("deflate", zlib.compress(b"{}")), (200, b"{}", None)),
        (packed("gzip,gzip", pack(pack(b"{}"))), (200, b"{}", None)),
        (packed("identity", b"{}"), (200, b"{}", None)),
        (packed("br", b"{}"), (None, b"", "malformed")),
        (packed("gzip", b"{}"), (None, b"", "malformed")),
        (packed("gzip", pack(bytes(20_000_000))), (None, b"", "malformed")),
    ],
)
def test_packed_answers(raw: bytes, expected: tuple[int | None, bytes, str | None]) -> None:
    """Nobody asked for it, and it is read all the same; what cannot be read is no answer."""
    with serving(say(raw)) as (server, transport):
        answers = [ask(transport) for _ in range(2)]

        assert server.requests == 2
    assert {(a.status, a.body, a.error) for a in answers} == {expected}


def test_headers_of_an_answer() -> None:
    """By name in lower case."""
    with serving(say(b"HTTP/1.1 429 Hm\r\nRetry-After:  7 \r\nContent-Length: 0\r\n\r\n")) as (
        _,
        transport,
    ):
        assert ask(transport).headers["retry-after"] == "7"


def test_a_replay_is_seen() -> None:
    """The service says that it repeats an earlier answer."""
    raw = b"HTTP/1.1 201 Created\r\nIdempotency-Replayed: true\r\nContent-Length: 0\r\n\r\n"
    with serving(say(raw)) as (_, transport):
        assert Contract().replayed.is_in(ask(transport, "POST").headers)


def test_only_http() -> None:
    """Through a proxy of ours no certificate would fit."""
    with pytest.raises(UsageError, match="http://"):
        Transport("https://bank.example")


def test_the_same_holds_under_gevent() -> None:
    """Sockets are cooperative in the load process: the same counts, in a process of its own."""
    script = Path(__file__).with_name("transport_under_gevent.py")
    with serving(say(OK)) as (good, _), serving(hang_up) as (bad, _):
        subprocess.run([sys.executable, str(script), good.url, bad.url], check=True, timeout=30)

        assert (good.connections, good.requests) == (1, 50)
        assert bad.requests == 100
