"""One HTTP server asked over a few connections that are kept: small, because borrows wait for it.

HTTP/1.1 with Content-Length only, which is what our own servers speak.
"""

import asyncio
from dataclasses import dataclass

IDLE_MAX = 8
_HEAD_BYTES_MAX = 16_384
_BODY_BYTES_MAX = 1_000_000


class HttpError(Exception):
    """The server could not be reached, broke off, or did not speak the HTTP that we do."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status and body of an answer."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def has_gone(self) -> bool:
        """Whether the other side closed it while it was idle."""
        return self.reader.at_eof() or self.writer.is_closing()

    def drop(self) -> None:
        """Closes it at once, with whatever is still under way."""
        self.writer.transport.abort()


class HttpClient:
    """Asks ``host:port``; ``token`` becomes a bearer token. Its own waits have no limit.

    A caller limits a call by cancelling it (`asyncio.timeout`): that closes the connection, so
    that a late answer is never taken for that of a later call.
    """

    def __init__(self, host: str, port: int, token: str | None) -> None:
        self._address = (host, port)
        bearer = "" if token is None else f"Authorization: Bearer {token}\r\n"
        self._headers = f"Host: {host}:{port}\r\n{bearer}"
        self._idle: list[_Connection] = []

    async def call(self, method: str, path: str, body: bytes = b"") -> HttpAnswer:
        """Sends one request and reads its answer.

        Raises:
            HttpError: when there is none.
        """
        try:
            connection = await self._take()
        except OSError as error:
            raise HttpError(f"cannot connect: {error}") from error
        keep = False
        try:
            answer, keep = await self._exchange(connection, method, path, body)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise HttpError(f"no whole answer: {error or type(error).__name__}") from error
        finally:
            if keep and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
            else:
                connection.drop()
        return answer

    def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            self._idle.pop().drop()

    async def _take(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_gone:
                return connection
            connection.drop()
        return _Connection(*await asyncio.open_connection(*self._address, limit=_HEAD_BYTES_MAX))

    async def _exchange(
        self, connection: _Connection, method: str, path: str, body: bytes
    ) -> tuple[HttpAnswer, bool]:
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        connection.writer.write(head.encode("ascii") + body)
        await connection.writer.drain()
        status, length, keep = _parse(await connection.reader.readuntil(b"\r\n\r\n"))
        content = await connection.reader.readexactly(length) if length else b""
        return HttpAnswer(status, content), keep


def _parse(head: bytes) -> tuple[int, int, bool]:
    """Status, length of the body, and whether the connection may be kept.

    Raises:
        ValueError: when it is not the head of an answer with a Content-Length.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version != "HTTP/1.1":
        raise ValueError(f"not HTTP/1.1: {first[:40]!r}")
    headers = {
        name.strip().lower(): value.strip()
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    }
    length = int(headers.get("content-length", "-1"))
    if not 0 <= length <= _BODY_BYTES_MAX:
        raise ValueError("no usable Content-Length")
    return int(rest[:3]), length, headers.get("connection", "").lower() != "close"
