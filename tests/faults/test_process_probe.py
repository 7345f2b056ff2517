"""Whether a process does its work: asked in its own language, and nothing else is asked of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from harness.core.errors import HarnessError
from harness.faults.process.process_fault import probe_for
from harness.plan.layout import LayoutPart, StackLayout, protocol_of

PING = '{"do": "ping"}\n'


class Server:
    """One listener; ``says`` is sent before, or after, something was received."""

    def __init__(self, *, greets: bytes = b"", answers: bytes = b"") -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.heard: list[bytes] = []
        self._greets, self._answers = greets, answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._greets)
                connection.settimeout(0.5)
                try:
                    self.heard.append(connection.recv(1000))
                except OSError:
                    self.heard.append(b"")
                connection.sendall(self._answers)


@pytest.fixture
def stood_still() -> Iterator[str]:
    """The address of a listener whose process takes nothing, as a stopped one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def silent(address: str, asks: str | None) -> tuple[bool, str]:
    """What its probe says of a part at this address."""
    part = LayoutPart("book", "book", address=address, protocol=protocol_of(asks), asks=asks)
    return probe_for(StackLayout(parts=(part,)), ("book",)).silent()


def test_it_is_asked_what_it_declares() -> None:
    """A page, a line of its own, or nothing where it speaks first."""
    page, line, first = Server(answers=b"H"), Server(answers=b"{"), Server(greets=b"+")
    seen = [
        silent(page.address, "/up"),
        silent(line.address, PING),
        silent(first.address, ""),
    ]

    assert [quiet for quiet, _ in seen] == [False, False, False]
    assert page.heard[0].startswith(b"GET /up HTTP/1.1\r\n")
    assert line.heard == [PING.encode()]


def test_without_a_question_a_connection_is_all(stood_still: str) -> None:
    """Nothing is sent; a stopped process seems well, so none is frozen without one."""
    server = Server(answers=b"x")
    quiet, how = silent(server.address, None)

    assert (quiet, how) == (False, "book takes connections")
    assert server.heard in ([], [b""])
    assert silent(stood_still, None)[0] is False
    assert silent(stood_still, PING) == (True, "book does not answer within 0.5 s")


@pytest.mark.parametrize("asks", [None, "", PING, "/up"])
def test_one_that_is_down_is_silent(asks: str | None) -> None:
    """Its port refuses."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

    assert silent(address, asks) == (True, "book does not answer (Connection refused)")


def test_one_without_an_address_is_not_asked() -> None:
    """No fault can be on it."""
    with pytest.raises(HarnessError, match="no address"):
        silent("", PING)
