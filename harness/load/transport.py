"""HTTP/1.1 over plain sockets: one attempt is one send, and how it ended is known exactly.

No request is ever sent again by this module, whatever becomes of its connection: client libraries
that re-send on a reset hide the very faults that are measured here, and would borrow twice. Every
request has one deadline for connecting, sending and reading together, so that an answer that
trickles in byte by byte does not outlive it. Under gevent the sockets are cooperative.
"""

import json
import socket
import time
from urllib.parse import urlsplit

from gevent.monkey import get_original

from harness.core.errors import UsageError
from harness.core.http_messages import (
    BrokenConnectionError,
    Connection,
    Reader,
    remaining_s,
    request,
)
from harness.core.shortage import shortage_of
from harness.load.outcomes import Answer

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Of an answer's body as it comes, and of what is unpacked from it."""
_original_poll = get_original("select", "poll")


class Transport:
    """Requests to one server, over connections that are kept and reused, the latest first."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or parts.hostname is None:
            raise UsageError(f"cannot send load to {base_url}: an http:// address is needed")
        self._address = (parts.hostname, parts.port or 80)
        self._prefix = parts.path.rstrip("/")
        self._host = parts.netloc
        self._idle: list[Connection] = []

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send once and wait for the whole answer, at most ``timeout_s`` seconds for all of it."""
        deadline = time.monotonic() + timeout_s
        message = request(method, self._prefix + path, self._host, headers, body)
        connection = self._take_idle()
        reused = connection is not None
        if connection is None:
            try:
                connection = Connection(self._connect(deadline))
            except OSError as error:
                return Answer(error=_name(error), sent=False)
        try:
            connection.socket.settimeout(remaining_s(deadline))
            connection.socket.sendall(message)
            found = Reader(connection.socket, deadline, BODY_BYTES_MAX).read(_is_json)
        except (OSError, BrokenConnectionError) as error:
            connection.socket.close()
            return Answer(error=_name(error), connection_reused=reused)
        except BaseException:  # the journey was ended from outside: its connection is half used
            connection.socket.close()
            raise
        if found.reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.socket.close()
        return Answer(
            status=found.status,
            body=found.body,
            replayed=found.headers.get("idempotency-replayed", "").lower() == "true",
            connection_reused=reused,
            headers=found.headers,
        )

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().socket.close()

    def _connect(self, deadline: float) -> socket.socket:
        connected = socket.create_connection(self._address, remaining_s(deadline))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_alive(_original_poll()):
                return connection
            connection.socket.close()
        return None


def _name(error: Exception) -> str:
    match error:
        case BrokenConnectionError():
            return error.code
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
    shortage = shortage_of(error)
    return "other" if shortage is None else shortage.code


def _is_json(body: bytes) -> bool:
    """The end of the connection ends a body or breaks it off: only a whole one can be read."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
