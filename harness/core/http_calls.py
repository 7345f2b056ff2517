"""HTTP calls outside the load: direct, bounded in time, and put off when the target asks for it.

No proxy from the environment comes between, no cookie is kept, and no redirect is followed: it
would carry our token elsewhere. `get` and `exchange` ask once, over a connection of their own.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from harness.core.connection_pool import ConnectionPool
from harness.core.errors import HarnessError
from harness.core.http_messages import (
    BrokenConnectionError,
    Reader,
    Reply,
    merged,
    remaining_s,
    request,
)
from harness.core.http_times import retry_after_s
from harness.core.shortage import shortage_of

CONNECT_SECONDS_MAX = 10.0
"""Of connecting, and of the wait for the next byte."""
CALL_SECONDS_MAX = 30.0
BODY_BYTES_MAX = 64 * 2**20
"""Unpacked: two hundred times a page of a listing."""
_PROBE_BYTES_MAX = 16 * 2**20
PUT_OFF = (429, 503)
"""Too many requests, and busy: the target may say in ``Retry-After`` when to ask again."""
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Before each further try where it does not say."""
CHECK_SECONDS = 1.0
TELL_SECONDS = 5.0


def get(url: str, timeout_seconds: float = 1.0) -> Reply | None:
    """Ask a program whether it is there: the answer, or None if there was none in time."""
    try:
        return exchange("GET", url, timeout_seconds)
    except (OSError, BrokenConnectionError):
        return None


def exchange(
    method: str,
    url: str,
    timeout_seconds: float,
    content: Any = None,
    read: Callable[[Reader], Reply] = Reader.read,
) -> Reply:
    """Connect, send once and read the answer, all of it in time; ``content`` is sent as JSON.

    Raises as `Reader.read`, and OSError where there is no connection.
    """
    deadline = time.monotonic() + timeout_seconds
    address, message = _addressed(method, url, {"Connection": "close"}, content)
    with socket.create_connection(address, timeout_seconds) as connection:
        connection.settimeout(remaining_s(deadline))
        connection.sendall(message)
        return read(Reader(connection, deadline, _PROBE_BYTES_MAX))


def _addressed(
    method: str, url: str, headers: Mapping[str, str], content: Any
) -> tuple[tuple[str, int], bytes]:
    """Where a request goes, and the request."""
    parts = urlsplit(url)
    body = b""
    if content is not None:
        body = json.dumps(content).encode()
        headers = merged({"Content-Type": "application/json"}, headers)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    message = request(method, target, parts.netloc, headers, body)
    return (parts.hostname or "", parts.port or 80), message


def with_query(path: str, query: Mapping[str, int | str] | None) -> str:
    """A path or an address with a query, behind the one that it may have already."""
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query)}"


class Patience:
    """For how long calls may be put off, all waits added up; threads may share it.

    ``tell`` hears of long waits; ``check`` is called every second and may raise to end them.
    """

    def __init__(
        self,
        seconds: float,
        tell: Callable[[str], object] = lambda _: None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self.spent_s = 0.0
        self._seconds = seconds
        self._tell = tell
        self._check = check
        self._told_s = -TELL_SECONDS
        self._lock = threading.Lock()

    def wait(self, seconds: float, why: str) -> bool:
        """Wait and return True; at once False if that is more than is left."""
        with self._lock:
            if self.spent_s + seconds > self._seconds:
                return False
            self.spent_s += seconds
            now_s = time.monotonic()
            told = seconds < CHECK_SECONDS or now_s - self._told_s < TELL_SECONDS
            if not told:
                self._told_s = now_s
        if not told:
            self._tell(f"{why}: waiting for {seconds:g} s")
        until_s = now_s + seconds
        left_s = seconds
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                self._check()
                time.sleep(min(left_s, CHECK_SECONDS))
        finally:
            with self._lock:
                self.spent_s -= max(0.0, left_s)  # of a wait that was ended
        return True


NO_PATIENCE = Patience(0.0)


class Http:
    """Calls over connections, ``at_once`` of them kept for each address; threads may share it."""

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._pools: dict[tuple[str, int], ConnectionPool] = {}

    def close(self) -> None:
        """Close what is kept."""
        for pool in self._pools.values():
            pool.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, int | str] | None = None,
        content: Any = None,
        seconds: float | None = None,
        patience: Patience = NO_PATIENCE,
        is_final: Callable[[Reply], bool] = lambda _: False,
    ) -> Reply:
        """One call; where it is put off, made again until its answer is another, or final.

        ``content`` is sent as JSON, so a call that is made again must be safe to repeat.
        ``seconds`` bounds each try (`CALL_SECONDS_MAX` for None), ``patience`` the waits.
        HarnessError where there is no answer, or one that is too large or too slow.
        """
        where = f"{method} {url.partition('?')[0]}"  # a query may hold what no one should read
        seconds = CALL_SECONDS_MAX if seconds is None else seconds
        url = with_query(url, query)
        tries = 0
        while True:
            try:
                reply = self._once(method, url, headers, content, seconds)
            except (OSError, BrokenConnectionError) as error:
                shortage = shortage_of(error)
                text = error if shortage is None else f"our own machine: {shortage.text}"
                raise HarnessError(f"{where}: {text}") from error
            except ValueError:  # its text would repeat a token
                raise HarnessError(f"{where}: a header cannot be sent") from None
            if reply.status not in PUT_OFF or is_final(reply):
                return reply
            wait_s = _pause_s(reply, tries)
            why = f"{where} answered {reply.status}"
            if wait_s is None or not patience.wait(wait_s, why):
                return reply
            tries += 1

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], content: Any, seconds: float
    ) -> Reply:
        """One try. A connection that was kept may be closed by the other side just when it is used
        again: where no byte of an answer came, the request is sent once more on a new one.
        """
        deadline = time.monotonic() + seconds
        address, message = _addressed(method, url, headers, content)
        pool = self._pools.setdefault(address, ConnectionPool(address, self._at_once))
        kept = pool.take()
        if kept is not None:
            reader = _reader(kept, deadline)
            try:
                return pool.exchange(kept, message, reader, bool)
            except (ConnectionError, BrokenConnectionError):
                if not reader.untouched:
                    raise
        fresh = pool.connect(min(CONNECT_SECONDS_MAX, remaining_s(deadline)))
        # Nothing at all may be the end of a listing, or half of it.
        return pool.exchange(fresh, message, _reader(fresh, deadline), bool)


def _reader(connection: socket.socket, deadline: float) -> Reader:
    return Reader(connection, deadline, BODY_BYTES_MAX, CONNECT_SECONDS_MAX)


def _pause_s(reply: Reply, tries: int) -> float | None:
    """How long to wait before the next try; None for no further one."""
    asked_s = retry_after_s(reply.headers)
    if asked_s is not None:
        return max(asked_s, PAUSES_SECONDS[0])
    return PAUSES_SECONDS[tries] if tries < len(PAUSES_SECONDS) else None
