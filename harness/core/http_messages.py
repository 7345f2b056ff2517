"""HTTP/1.1 as bytes: a request as it leaves, and one answer as it comes in.

One reader for everything that asks a target, in the load, at set-up and of the ledger: what one of
them takes for an answer is one for all. It is as lenient as RFC 9112 allows where that leaves no
doubt (folded headers, lines that end in LF alone), and takes nothing else for an answer.
"""

import dataclasses
import json
import math
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.core.shortage import shortage_of

CODINGS_MAX = 3
"""Applied one after the other; more of them serve no purpose but to hide a bomb."""
MEMBERS_MAX = 16
"""Of one gzip stream: each one costs a copy of all that follow it."""
_HEAD_BYTES_MAX = 64 * 1024
_INTERIM_ANSWERS_MAX = 100
_LISTS = ("connection", "content-encoding", "content-length", "transfer-encoding")
"""Headers that may come in several lines, which are one list."""
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_END_OF_LINE = re.compile(rb"\n")
_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?: .*)?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_TOO_LONG = "the answer took too long"
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_LENGTH = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?")


class BrokenConnectionError(Exception):
    """A request ended without a whole answer; ``code`` is ``end_of_file`` or ``malformed``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer; headers by name in lower case, the body unpacked.

    ``reusable`` says whether its connection can carry another request.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reusable: bool = False

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error

    def field(self, name: str) -> Any:
        """A member of a JSON body; None if there is none."""
        try:
            content = self.json()
        except ValueError:
            return None
        return content.get(name) if isinstance(content, dict) else None

    @property
    def json_bytes(self) -> bytes:
        """The body in UTF-8, in whichever encoding of JSON it came; ValueError when in none."""
        return self.body.decode(json.detect_encoding(self.body)).encode()

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode(errors="replace")


def merged(*several: Mapping[str, str]) -> dict[str, str]:
    """Headers of which the last one of a name counts, in whatever case each is written."""
    each = [header for headers in several for header in headers.items()]
    return dict({name.lower(): (name, value) for name, value in each}.values())


def unsendable(headers: Mapping[str, str]) -> Iterator[str]:
    """Why headers cannot be sent; a value is not shown, as it may be a secret."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            yield f"its header {name!r:.40} must have a name of ASCII letters, digits and -"
        elif not _HEADER_VALUE.fullmatch(value):
            yield f"its header {name!r:.40} must be Latin-1 text in one line"


def request(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """One request; ValueError where a header cannot be sent."""
    # Packing costs both sides time that is measured; a packed answer is still read.
    headers = merged({"Host": host, "Accept-Encoding": "identity"}, headers)
    if body or method != "GET":
        headers = merged(headers, {"Content-Length": str(len(body))})
    lines = [f"{method} {target} HTTP/1.1"]
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

    def read(self, is_whole: Callable[[bytes], bool] = lambda _: True) -> Reply:
        """Wait for the whole answer.

        ``is_whole`` is asked of a body of a 2xx that only the end of the connection ends, which may
        as well have broken it off. OSError where the connection broke, or nothing came in time;
        BrokenConnectionError where no whole answer came.
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
        reusable = framed and not self._buffer and "close" not in closing
        return Reply(status, body, headers, reusable)

    def read_head(self) -> Reply:
        """Wait for status and headers only; raises what `read` does."""
        try:
            status, _, headers = self._final_head()
        except ValueError as error:
            raise _malformed(error) from error
        return Reply(status, b"", headers)

    # --- the parts of an answer; each raises ValueError where it is none -------------------------

    def _final_head(self) -> tuple[int, int, dict[str, str]]:
        """The head of the answer that counts: interim ones (1xx) decide nothing."""
        for _ in range(_INTERIM_ANSWERS_MAX):
            status, minor, headers = self._head()
            if status == 101:  # noqa: PLR2004  # HTTP's word for another protocol
                raise ValueError("no one asked for another protocol")
            if status >= 200:  # noqa: PLR2004  # HTTP's words
                return status, minor, headers
        raise ValueError("interim answers have no end")

    def _head(self) -> tuple[int, int, dict[str, str]]:
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
        """Whether the body says where it ends, and the body."""
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
        while True:
            found = _CHUNK_LENGTH.fullmatch(self._until(_END_OF_LINE))
            if found is None:
                raise ValueError("a chunk has no length")
            if not (length := int(found[1], 16)):
                break
            if len(body) + length > self.body_max:
                raise ValueError("it is too large")
            body += self._exactly(length)
            if self._until(_END_OF_LINE):
                raise ValueError("a chunk is longer than it says")
        while self._until(_END_OF_LINE):
            pass  # trailers say nothing that matters here
        return bytes(body)

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
            if len(self._buffer) > _HEAD_BYTES_MAX:
                raise ValueError("a line has no end")
            self._more_or_end()
        before = bytes(self._buffer[: found.start()])
        end = found.end()
        del found  # it holds the buffer
        del self._buffer[:end]
        return before.removesuffix(b"\r")

    def _exactly(self, length: int) -> bytes:
        if length > self.body_max:
            raise ValueError("it is too large")
        while len(self._buffer) < length:
            self._more_or_end()
        found = bytes(self._buffer[:length])
        del self._buffer[:length]
        return found

    def _rest(self) -> bytes:
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
    """What is left of the time; TimeoutError where nothing is."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError(_TOO_LONG)
    return left_s


def _items(listed: str) -> list[str]:
    items = (item.strip().lower() for item in listed.split(","))
    return [item for item in items if item]


# --- codings ------------------------------------------------------------------------------------


def decode(body: bytes, content_encoding: str, size_max: int) -> bytes:
    """The body without its codings (``gzip``, ``deflate`` as zlib or raw), the last one first.

    ValueError where a coding is unknown, the stream is broken or ends early, or a coding makes more
    than ``size_max`` bytes of it.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [name for name in names if name not in ("", "identity")]
    if len(codings) > CODINGS_MAX:
        raise ValueError(f"{len(codings)} codings in a row")
    for coding in reversed(codings if body else []):
        body = _decoded(body, coding, size_max)
    return body


def _decoded(body: bytes, coding: str, size_max: int) -> bytes:
    how = {"gzip": _gunzipped, "x-gzip": _gunzipped, "deflate": _inflated}.get(coding)
    if how is None:
        raise ValueError(f"unknown coding {coding}")
    try:
        return how(body, size_max)
    except zlib.error as error:
        raise ValueError(f"{coding}: {error}") from error


def _gunzipped(body: bytes, size_max: int) -> bytes:
    """All members of a gzip file, which may be several."""
    found, members = b"", 0
    while body:
        if (members := members + 1) > MEMBERS_MAX:
            raise ValueError(f"more than {MEMBERS_MAX} members")
        part, body = _expanded(body, 16 + zlib.MAX_WBITS, size_max - len(found))
        found += part
    return found


def _inflated(body: bytes, size_max: int) -> bytes:
    """The standard asks for the zlib format; some servers send the bare stream."""
    try:
        found, rest = _expanded(body, zlib.MAX_WBITS, size_max)
    except zlib.error:
        found, rest = _expanded(body, -zlib.MAX_WBITS, size_max)
    if rest:
        raise ValueError("bytes follow the stream")
    return found


def _expanded(body: bytes, window_bits: int, size_max: int) -> tuple[bytes, bytes]:
    """One whole stream, and what follows it."""
    stream = zlib.decompressobj(window_bits)
    found = stream.decompress(body, size_max + 1)  # 0 would mean without a bound
    if len(found) > size_max:
        raise ValueError(f"it is too large, more than {size_max} bytes")
    if not stream.eof:
        raise ValueError("the stream ends early")
    return found, stream.unused_data
