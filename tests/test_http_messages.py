"""What is an answer, and what is none: the same in the load and in every call of ours."""

import contextlib
import gzip
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from harness.core.errors import HarnessError
from harness.core.http_calls import Http
from harness.core.http_messages import request
from harness.target.transport import Transport

Told = tuple[int, bytes] | None
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(b"{}", mtime=0)


@dataclass
class Server:
    """Says ``parts`` on its connections, the next one to each request; then it hangs up.

    ``per_connection`` requests are answered on each before that; with ``late`` it hangs up when the
    next one is there.
    """

    parts: list[bytes] = field(default_factory=list)
    per_connection: int = 1
    late: bool = False
    requests: int = 0
    url: str = ""

    def serve(self, connection: socket.socket) -> None:
        """One connection."""
        with connection:
            for _ in range(self.per_connection):
                if not connection.recv(65536):
                    return
                self.requests += 1
                if not self.parts:
                    return
                connection.sendall(self.parts.pop(0))
            connection.settimeout(1.0)
            if self.late:
                connection.recv(65536)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)


@pytest.fixture
def server() -> Iterator[Server]:
    """It at work, one connection after the other."""
    made = Server()
    listener = socket.create_server(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def work() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                made.serve(connection)

    thread = threading.Thread(target=work)
    thread.start()
    yield made
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def in_the_load(url: str) -> Told:
    """One request of a borrower."""
    transport = Transport(url)
    answer = transport.request("GET", "/x", {}, b"", 5.0)
    transport.close()
    return None if answer.status is None else (answer.status, answer.body)


def in_a_call(url: str) -> Told:
    """One call of set-up, audit or a question by key."""
    http = Http()
    try:
        reply = http.call("GET", f"{url}/x", headers={})
    except HarnessError:
        return None
    finally:
        http.close()
    return reply.status, reply.body


BOTH: tuple[Callable[[str], Told], ...] = (in_the_load, in_a_call)


@pytest.mark.parametrize(
    "raw",
    [
        OK,
        OK.replace(b"\r\n", b"\n"),
        OK.replace(b"OK\r\n", b"OK\r\nX-Long: first\r\n  second\r\n\tthird\r\n"),
        OK.replace(b": 2", b":\r\n 2"),
        OK.replace(b" OK", b""),
        OK.replace(b"HTTP/1.1 200 OK", b"HTTP/1.1  200  OK"),
        OK.replace(b": 2", b" :\t2 "),
        OK.replace(b": 2", b": 2, 2"),
        OK.replace(b"Content", b"Content-Length: 2\r\nContent"),
        OK.replace(b"OK", "Créé".encode()),
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" + OK,
        CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"01 ; a=b\n{\n1\n}\n00\nX: y\n\n",
        CHUNKED.replace(b"chunked", b"gzip, chunked")
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PACKED), PACKED),
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n") + b"2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
    ],
)
def test_what_is_an_answer(server: Server, raw: bytes) -> None:
    """What RFC 9112 lets a server send, and what it lets a client put up with."""
    for ask in BOTH:
        server.parts = [raw]

        assert ask(server.url) == (200, b"{}")


@pytest.mark.parametrize(
    "raw",
    [
        OK.replace(b": 2", b": +2"),
        OK.replace(b": 2", b": 2, 3"),
        OK.replace(b": 2", b": \xb2"),
        OK.replace(b": 2", b": -1"),
        OK.replace(b": 2", b": 3"),
        OK.replace(b"Content", b" Content"),
        OK.replace(b"Content", b"no colon\r\nContent"),
        OK.replace(b"200", b"2000"),
        OK.replace(b"200", b"2_0"),
        OK.replace(b"200 OK", b"101 Switching Protocols"),
        OK.replace(b"HTTP/1.1", b"HTTP/2"),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200 + OK,
        CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\n",
        b"X-Y: 1\r\n\r\n",
        b"",
    ],
)
def test_what_is_none(server: Server, raw: bytes) -> None:
    """A length that is none, a head that is none, a body that breaks off."""
    for ask in BOTH:
        server.parts = [raw]

        assert ask(server.url) is None


def mutations(count: int, seed: int) -> Iterator[bytes]:
    """Valid answers with one to three places changed."""
    chance = random.Random(seed)  # to be repeated, not to be secret
    valid = (
        OK,
        OK.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
        CHUNKED + b"1;x=y\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 422 No\r\nX-Long: a\r\n b\r\nContent-Length: 7\r\n\r\n\x00\xff{}\r\n ",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(PACKED), PACKED),
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n{}",
    )
    pieces = (b"\r", b"\n", b"\r\n", b"\n\n", b" ", b"\t", b":", b",", b";", b"0", b"9", b"\x00")
    words = (b"chunked", b"gzip", b"HTTP/1.1 200 OK\r\n", b"Content-Length: 1\r\n", b"\xff", b"+")
    for _ in range(count):
        raw = bytearray(chance.choice(valid))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(raw) + 1)
            end = min(len(raw), at + chance.choice((0, 0, 1, 1, 2, 8)))
            raw[at:end] = chance.choice((b"", *pieces, *words, bytes(raw[at:end]) * 2))
        yield bytes(raw)


def test_both_take_the_same_for_an_answer(server: Server) -> None:
    """Whatever a broken server sends; but the load wants JSON where the connection's end ends it.

    Both come to an end for every one of them.
    """
    taken = 0
    for raw in mutations(300, seed=12):
        told = []
        for ask in BOTH:
            server.parts = [raw]
            told.append(ask(server.url))
        load, call = told
        if load is None and call is not None and not is_json(call[1]):
            continue
        assert load == call, raw
        taken += load is not None
    assert 50 < taken < 250


def is_json(body: bytes) -> bool:
    """Whether a body can be read."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("per_connection", [1, 3])
def test_a_kept_connection_that_was_closed_ends_no_call(
    server: Server, per_connection: int, late: bool
) -> None:
    """A server may close one after any answer without a word: then the call is sent once more, on
    a new connection, and only where no byte of an answer came.
    """
    server.parts, server.per_connection, server.late = [OK] * 40, per_connection, late
    http = Http()

    assert {http.call("POST", server.url, headers={}, content=1).status for _ in range(40)} == {200}
    assert server.requests == 40
    http.close()


def test_a_new_connection_that_is_closed_is_not_tried_again(server: Server) -> None:
    """It tells that something is wrong."""
    with pytest.raises(HarnessError, match="ended before a whole answer"):
        Http().call("GET", server.url, headers={})
    assert server.requests == 1


def test_half_an_answer_on_a_kept_connection_is_not_asked_for_again(server: Server) -> None:
    """The call was carried out, it seems; whoever asked must know."""
    server.parts, server.per_connection = [OK, OK[:-1], OK], 2
    http = Http()
    http.call("GET", server.url, headers={})
    with pytest.raises(HarnessError, match="ended before a whole answer"):
        http.call("GET", server.url, headers={})
    http.close()

    assert server.requests == 2


def test_no_line_break_leaves_in_a_header() -> None:
    """It would begin another one."""
    with pytest.raises(ValueError, match="line break"):
        request("GET", "/", "here", {"A": "b\r\nC: d"}, b"")
