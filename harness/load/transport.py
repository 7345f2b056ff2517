"""HTTP/1.1 over plain sockets: one attempt is one send, and how it ended is known exactly.

No request is ever sent again by this module, whatever becomes of its connection: client libraries
that re-send on a reset hide the very faults that are measured here, and would borrow twice. Every
request has one deadline for connecting, sending and reading together, so that an answer that
trickles in byte by byte does not outlive it. Under gevent the sockets are cooperative.
"""

import json
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from gevent.monkey import get_original

from harness.errors import UsageError
from harness.load.encodings import decode
from harness.load.outcomes import Answer
from harness.shortage import shortage_of

IDLE_SECONDS_MAX = 20.0
"""Older idle connections are not used again: a server's own idle limit may be about to end them."""
HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 16 * 1024 * 1024
"""Of an answer's body as it comes, and of what is unpacked from it."""
_LISTS = ("connection", "content-encoding", "transfer-encoding")
"""Headers that may come in several lines, which are one list."""
_POLL_INPUT_OR_HANG_UP = 0x001 | 0x2000  # POLLIN | POLLRDHUP
_original_poll = get_original("select", "poll")


class _BrokenOffError(Exception):
    """The request ended without a whole answer; ``str`` of it names how."""


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    idle_since: float = 0.0

    def is_alive(self, now: float) -> bool:
        """False when the peer hung up, or sent what nobody asked for.

        ``poll``, never ``select``: select refuses file numbers above 1,023, which an outage reaches
        easily, and every request would then open a connection of its own.
        """
        if now - self.idle_since > IDLE_SECONDS_MAX:
            return False
        poll = _original_poll()
        poll.register(self.socket.fileno(), _POLL_INPUT_OR_HANG_UP)
        return not poll.poll(0)


class Transport:
    """Requests to one server, over connections that are kept and reused, the latest first."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or parts.hostname is None:
            raise UsageError(f"cannot send load to {base_url}: an http:// address is needed")
        self._address = (parts.hostname, parts.port or 80)
        self._prefix = parts.path.rstrip("/")
        self._host = parts.netloc
        self._idle: list[_Connection] = []

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send once and wait for the whole answer, at most ``timeout_s`` seconds for all of it."""
        deadline = time.monotonic() + timeout_s
        connection = self._take_idle()
        reused = connection is not None
        if connection is None:
            try:
                connection = _Connection(self._connect(deadline))
            except OSError as error:
                return Answer(error=_name(error), sent=False)
        message = self._message(method, path, headers, body)
        try:
            connection.socket.settimeout(_remaining(deadline))
            connection.socket.sendall(message)
            answer, reusable = _read_answer(connection.socket, deadline, reused=reused)
        except (OSError, _BrokenOffError) as error:
            connection.socket.close()
            return Answer(error=_name(error), connection_reused=reused)
        except BaseException:  # the journey was ended from outside: its connection is half used
            connection.socket.close()
            raise
        if reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.socket.close()
        return answer

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().socket.close()

    def _connect(self, deadline: float) -> socket.socket:
        connected = socket.create_connection(self._address, _remaining(deadline))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _take_idle(self) -> _Connection | None:
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_alive(now):
                return connection
            connection.socket.close()
        return None

    def _message(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host}"]
        # Packing costs both sides time that is measured; whoever packs all the same is understood.
        headers = {"Accept-Encoding": "identity", **headers}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _name(error: Exception) -> str:
    match error:
        case _BrokenOffError():
            return str(error)
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
    shortage = shortage_of(error)
    return "other" if shortage is None else shortage.code


# --- reading an answer ---------------------------------------------------------------------------


class _Reader:
    """Bytes of one answer as they come."""

    def __init__(self, source: socket.socket, deadline: float) -> None:
        self._source = source
        self._deadline = deadline
        self.buffer = b""

    def more(self) -> bool:
        """Wait for further bytes; False at the end of the file."""
        self._source.settimeout(_remaining(self._deadline))
        received = self._source.recv(65536)
        self.buffer += received
        return bool(received)

    def until(self, mark: bytes, limit: int) -> bytes:
        """What comes before ``mark``, which is dropped."""
        while (end := self.buffer.find(mark)) < 0:
            if len(self.buffer) > limit:
                raise _BrokenOffError("malformed")
            if not self.more():
                raise _BrokenOffError("end_of_file")
        found, self.buffer = self.buffer[:end], self.buffer[end + len(mark) :]
        return found

    def exactly(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        if not 0 <= length <= BODY_BYTES_MAX:
            raise _BrokenOffError("malformed")
        while len(self.buffer) < length:
            if not self.more():
                raise _BrokenOffError("end_of_file")
        found, self.buffer = self.buffer[:length], self.buffer[length:]
        return found

    def rest(self) -> bytes:
        """All until the end of the file."""
        while self.more():
            if len(self.buffer) > BODY_BYTES_MAX:
                raise _BrokenOffError("malformed")
        return self.buffer


def _read_answer(source: socket.socket, deadline: float, *, reused: bool) -> tuple[Answer, bool]:
    """One whole answer, and whether its connection can carry another request."""
    reader = _Reader(source, deadline)
    try:
        status, version, headers = _read_head(reader)
        while 100 <= status < 200:  # noqa: PLR2004  # interim answers precede the one that counts
            status, version, headers = _read_head(reader)
        framed, body = _read_body(reader, status, headers)
        body = decode(body, headers.get("content-encoding", ""), BODY_BYTES_MAX)
    except ValueError as error:
        raise _BrokenOffError("malformed") from error
    closing = headers.get("connection", "keep-alive" if version >= b"HTTP/1.1" else "close")
    answer = Answer(
        status=status,
        body=body,
        replayed=headers.get("idempotency-replayed", "").lower() == "true",
        connection_reused=reused,
        headers=headers,
    )
    return answer, framed and not reader.buffer and "close" not in closing.lower()


def _read_head(reader: _Reader) -> tuple[int, bytes, dict[str, str]]:
    first, *lines = reader.until(b"\r\n\r\n", HEAD_BYTES_MAX).split(b"\r\n")
    version, status, *_ = first.split(b" ", 2)
    if not version.startswith(b"HTTP/1.") or len(status) != 3:  # noqa: PLR2004  # HTTP's grammar
        raise _BrokenOffError("malformed")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise _BrokenOffError("malformed")
        name, value = name.strip().lower(), value.strip()
        known = headers.get(name) if name in _LISTS else None
        headers[name] = f"{known}, {value}" if known else value
    return int(status), version, headers


def _read_body(reader: _Reader, status: int, headers: dict[str, str]) -> tuple[bool, bytes]:
    """Whether the body says where it ends, and the body."""
    if status in (204, 304):
        return True, b""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return True, _read_chunks(reader)
    if "content-length" in headers:
        return True, reader.exactly(int(headers["content-length"]))
    body = reader.rest()
    # The end of the connection ends the body or breaks it off: only a whole one can be read.
    if 200 <= status < 300 and "content-encoding" not in headers and not _is_json(body):  # noqa: PLR2004  # HTTP's words
        raise _BrokenOffError("end_of_file")
    return False, body


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _read_chunks(reader: _Reader) -> bytes:
    body = b""
    while length := int(reader.until(b"\r\n", HEAD_BYTES_MAX).split(b";")[0], 16):
        body += reader.exactly(length)
        if len(body) > BODY_BYTES_MAX or reader.exactly(2) != b"\r\n":
            raise _BrokenOffError("malformed")
    while reader.until(b"\r\n", HEAD_BYTES_MAX):
        pass  # trailers say nothing that matters here
    return body
