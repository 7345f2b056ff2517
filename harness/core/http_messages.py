"""HTTP/1.1 as bytes: a request as it leaves, and one answer as it comes in.

One reader for everything that asks a target, in the load, at set-up and of the ledger: what one of
them takes for an answer is one for all. It is as lenient as RFC 9112 allows where that leaves no
doubt (folded headers, lines that end in LF alone), and takes nothing else for an answer.
"""

import json
import math
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.core.encodings import decode
from harness.core.shortage import shortage_of

HEAD_BYTES_MAX = 64 * 1024
IDLE_SECONDS_MAX = 20.0
"""Older idle connections are not used again: a server's own idle limit may be about to end them."""
INTERIM_ANSWERS_MAX = 100
_POLL_INPUT_OR_HANG_UP = 0x001 | 0x2000  # POLLIN | POLLRDHUP
_LISTS = ("connection", "content-encoding", "content-length", "transfer-encoding")
"""Headers that may come in several lines, which are one list."""
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_END_OF_LINE = re.compile(rb"\n")
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?: .*)?")
_TOO_LONG = "the answer took too long"
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_LENGTH = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?")


class BrokenConnectionError(Exception):
    """A request ended without a whole answer; ``code`` is ``end_of_file`` or ``malformed``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """One whole answer; headers by name in lower case, the body unpacked.

    ``reusable`` says whether its connection can carry another request.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    reusable: bool

    def field(self, name: str) -> Any:
        """A member of a JSON body; None if there is none."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return content.get(name) if isinstance(content, dict) else None


@dataclass(slots=True)
class Connection:
    """A connection that is kept between two requests."""

    socket: socket.socket
    idle_since: float = 0.0

    def is_alive(self, poll: Any) -> bool:
        """False when the peer hung up, or sent what nobody asked for.

        ``poll`` is of the kind of ``select.poll``, never ``select``: that refuses file numbers
        above 1,023, which an outage reaches easily, and every request would then open a connection
        of its own.
        """
        if time.monotonic() - self.idle_since > IDLE_SECONDS_MAX:
            return False
        poll.register(self.socket.fileno(), _POLL_INPUT_OR_HANG_UP)
        return not poll.poll(0)


def request(method: str, target: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    """One request.

    Raises:
        ValueError: a header cannot be sent.
    """
    # Packing costs both sides time that is measured; whoever packs all the same is understood.
    headers = {"Accept-Encoding": "identity", **headers}
    if body or method != "GET":
        headers["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break would begin another header")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


class Reader:
    """One answer as it comes, until ``deadline`` (monotonic seconds)."""

    def __init__(
        self, source: socket.socket, deadline: float, body_max: int, wait_s: float = math.inf
    ) -> None:
        """``wait_s`` bounds the wait for the next byte, ``body_max`` a body, packed or not."""
        self._source = source
        self.deadline = deadline
        self._wait_s = wait_s
        self.body_max = body_max
        self._buffer = bytearray()
        self.untouched = True
        """Whether no byte has come yet."""

    def read(self, is_whole: Callable[[bytes], bool] = lambda _: True) -> Message:
        """Wait for the whole answer.

        ``is_whole`` is asked of a body of a 2xx that only the end of the connection ends, which may
        as well have broken it off.

        Raises:
            OSError: the connection broke, or nothing came in time.
            BrokenConnectionError: no whole answer came.
        """
        try:
            status, minor, headers = self._final_head()
            framed, packed = self._body(status, headers)
            body = decode(packed, headers.get("content-encoding", ""), self.body_max)
        except ValueError as error:
            raise _malformed(error) from error
        # A packed body says by itself where it ends, if there is any of it.
        ends = framed or (packed and "content-encoding" in headers)
        if not ends and 200 <= status < 300 and not is_whole(body):  # noqa: PLR2004
            raise BrokenConnectionError("end_of_file", "the connection ended in mid-answer")
        closing = headers.get("connection", "keep-alive" if minor else "close").lower()
        return Message(
            status, headers, body, framed and not self._buffer and "close" not in closing
        )

    def read_head(self) -> Message:
        """Wait for status and headers only; the connection can carry no other request.

        Raises:
            OSError: the connection broke, or nothing came in time.
            BrokenConnectionError: no head of an answer came.
        """
        try:
            status, _, headers = self._final_head()
        except ValueError as error:
            raise _malformed(error) from error
        return Message(status, headers, b"", reusable=False)

    # --- the parts of an answer ------------------------------------------------------------------

    def _final_head(self) -> tuple[int, int, dict[str, str]]:
        """The head of the answer that counts: interim ones (1xx) decide nothing.

        Raises:
            ValueError: there is none.
        """
        for _ in range(INTERIM_ANSWERS_MAX):
            status, minor, headers = self._head()
            if status == 101:  # noqa: PLR2004  # HTTP's word for another protocol
                raise ValueError("nobody asked for another protocol")
            if status >= 200:  # noqa: PLR2004  # HTTP's words
                return status, minor, headers
        raise ValueError("interim answers have no end")

    def _head(self) -> tuple[int, int, dict[str, str]]:
        """Status, minor version and headers.

        Raises:
            ValueError: this is no head.
        """
        head = self._until(_END_OF_HEAD).decode("latin-1")
        first, *lines = head.replace("\r\n", "\n").split("\n")
        found = _STATUS_LINE.fullmatch(first)
        if found is None:
            raise ValueError("it does not begin with a status of HTTP/1")
        headers: dict[str, str] = {}
        last = ""
        for line in lines:
            if line[:1] in (" ", "\t") and last:  # folded: RFC 9112 5.2 asks to take it as spaces
                headers[last] = f"{headers[last]} {line.strip()}".strip()
                continue
            name, colon, value = line.partition(":")
            last, value = name.strip().lower(), value.strip()
            if not colon or not last or name[:1].isspace():
                raise ValueError("a header has no name")
            known = headers.get(last) if last in _LISTS else None
            headers[last] = f"{known}, {value}" if known else value
        return int(found[2]), int(found[1]), headers

    def _body(self, status: int, headers: dict[str, str]) -> tuple[bool, bytes]:
        """Whether the body says where it ends, and the body.

        Raises:
            ValueError: its framing is broken.
        """
        if status in (204, 304):
            return True, b""
        codings = _items(headers.get("transfer-encoding", ""))
        if codings[-1:] == ["chunked"]:
            return True, decode(self._chunks(), ",".join(codings[:-1]), self.body_max)
        if codings and codings != ["identity"]:
            return False, decode(self._rest(), ",".join(codings), self.body_max)
        if "content-length" in headers:
            lengths = set(_items(headers["content-length"]))
            if len(lengths) != 1 or not _LENGTH.fullmatch(length := lengths.pop()):
                raise ValueError("its length is no number")
            return True, self._exactly(int(length))
        return False, self._rest()

    def _chunks(self) -> bytes:
        body = bytearray()
        while length := self._chunk_length():
            if len(body) + length > self.body_max:
                raise ValueError("it is too large")
            body += self._exactly(length)
            if self._until(_END_OF_LINE):
                raise ValueError("a chunk is longer than it says")
        while self._until(_END_OF_LINE):
            pass  # trailers say nothing that matters here
        return bytes(body)

    def _chunk_length(self) -> int:
        found = _CHUNK_LENGTH.fullmatch(self._until(_END_OF_LINE))
        if found is None:
            raise ValueError("a chunk has no length")
        return int(found[1], 16)

    # --- bytes -----------------------------------------------------------------------------------

    def _more(self) -> bool:
        """Wait for further bytes; False at the end of the file."""
        self._source.settimeout(min(remaining_s(self.deadline), self._wait_s))
        try:
            received = self._source.recv(65536)
        except TimeoutError:
            raise TimeoutError(_TOO_LONG) from None
        self._buffer += received
        self.untouched = self.untouched and not received
        return bool(received)

    def _until(self, mark: re.Pattern[bytes]) -> bytes:
        """What comes before ``mark``, which is dropped, with the CR that may precede its LF."""
        while (found := mark.search(self._buffer)) is None:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise ValueError("a line has no end")
            self._more_or_end()
        before = bytes(self._buffer[: found.start()])
        end = found.end()
        del found  # it holds the buffer
        del self._buffer[:end]
        return before.removesuffix(b"\r")

    def _exactly(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        if length > self.body_max:
            raise ValueError("it is too large")
        while len(self._buffer) < length:
            self._more_or_end()
        found = bytes(self._buffer[:length])
        del self._buffer[:length]
        return found

    def _rest(self) -> bytes:
        """All until the end of the file."""
        while self._more():
            if len(self._buffer) > self.body_max:
                raise ValueError("it is too large")
        return bytes(self._buffer)

    def _more_or_end(self) -> None:
        if not self._more():
            raise BrokenConnectionError("end_of_file", "the connection ended before a whole answer")


def failure_code(error: OSError | BrokenConnectionError) -> str:
    """How a request ended without its answer, in the one word that facts have for it."""
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


def _malformed(error: ValueError) -> BrokenConnectionError:
    return BrokenConnectionError("malformed", f"the answer cannot be read: {error}")


def remaining_s(deadline: float) -> float:
    """What is left of the time.

    Raises:
        TimeoutError: nothing is.
    """
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError(_TOO_LONG)
    return left_s


def _items(listed: str) -> list[str]:
    items = (item.strip().lower() for item in listed.split(","))
    return [item for item in items if item]
