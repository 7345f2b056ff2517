"""One request, answered by whoever is there."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from harness.core.http_calls import exchange, get
from harness.core.http_messages import BrokenConnectionError, Reader, failure_code

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'


@contextmanager
def answering(
    parts: Iterable[bytes], pause_s: float = 0.0, asked: list[bytes] | None = None
) -> Iterator[str]:
    """The address of a server that takes one connection and says this, part by part."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard = [] if asked is None else asked

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(4096))
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    return
                time.sleep(pause_s)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/healthz"
    thread.join()
    listener.close()


@pytest.mark.parametrize("before", [b"", HINT, HINT * 3 + b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_interim_answers_are_skipped(before: bytes) -> None:
    """The answer that counts comes after them."""
    with answering([before + ANSWER]) as url:
        answer = get(url)

    assert answer is not None
    assert (answer.status, answer.field("status")) == (200, "ok")


def test_the_whole_address_is_asked_for() -> None:
    """A service may tell what it is asked for by what stands behind the path."""
    asked: list[bytes] = []
    with answering([ANSWER], asked=asked) as url:
        get(f"{url}?full=1")

    assert asked[0].startswith(b"GET /healthz?full=1 HTTP/1.1\r\n")


def test_an_answer_without_a_body_is_one() -> None:
    """Its status says what was asked for; it has no fields."""
    with answering([b"HTTP/1.1 200 OK\r\n\r\n"]) as url:
        answer = get(url)

    assert answer is not None
    assert (answer.status, answer.field("status")) == (200, None)


def test_an_answer_that_drips_in_is_none() -> None:
    """The time is that of the whole answer, not of each byte."""
    began_s = time.monotonic()
    with answering((ANSWER[n : n + 1] for n in range(len(ANSWER))), pause_s=0.05) as url:
        answer = get(url, 0.3)
        waited_s = time.monotonic() - began_s

    assert answer is None
    assert waited_s < 1.5


def test_only_the_head_is_waited_for_where_that_is_enough() -> None:
    """A body that never ends says nothing of the status."""
    endless = [b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n", b"x"]
    with answering(endless, pause_s=0.5) as url:
        assert exchange("GET", url, 0.4, read=Reader.read_head).status == 503


@pytest.mark.parametrize(
    ("said", "code"), [(b"", "end_of_file"), (b"220 mail.example\r\n\r\n", "malformed")]
)
def test_no_answer_has_a_name(said: bytes, code: str) -> None:
    """The same as in the load."""
    with answering([said]) as url, pytest.raises(BrokenConnectionError) as caught:
        exchange("GET", url, 1.0)

    assert failure_code(caught.value) == code
