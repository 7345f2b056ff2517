"""One GET, answered by whoever is there."""

import socket
import threading

import pytest

from harness.core.http_probe import get

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'


@pytest.mark.parametrize("before", [b"", HINT, HINT * 3 + b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_interim_answers_are_skipped(before: bytes) -> None:
    """The answer that counts comes after them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(before + ANSWER)

    thread = threading.Thread(target=serve)
    thread.start()
    answer = get(f"http://127.0.0.1:{listener.getsockname()[1]}/healthz")
    thread.join()
    listener.close()

    assert answer is not None
    assert (answer.status, answer.field("status")) == (200, "ok")
