"""HTTP calls outside the load: direct, bounded in time, and put off when the target asks for it.

No proxy from the environment comes between, no cookie is kept, and no redirect is followed: it
would carry our token elsewhere.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from harness.core.connection_pool import ConnectionPool
from harness.core.errors import HarnessError
from harness.core.http_messages import (
    BrokenConnectionError,
    Connection,
    Message,
    Reader,
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
PUT_OFF = (429, 503)
"""Too many requests, and busy: the target may say in ``Retry-After`` when to ask again."""
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Before each further try where it does not say."""
CHECK_SECONDS = 1.0
TELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that has been read to its end; ``headers`` are asked for in any case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error

    @property
    def json_bytes(self) -> bytes:
        """The body in UTF-8, in whichever encoding of JSON it came; ValueError when in none."""
        return self.body.decode(json.detect_encoding(self.body)).encode()

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode(errors="replace")


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

        Raises:
            HarnessError: no answer, or one that is too large or drips in for longer than
                ``seconds``.
        """
        where = f"{method} {url}"
        seconds = CALL_SECONDS_MAX if seconds is None else seconds
        if query:
            url = f"{url}?{urlencode(query)}"
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
        parts = urlsplit(url)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        body = b""
        if content is not None:
            body = json.dumps(content).encode()
            headers = {"Content-Type": "application/json", **headers}
        message = request(method, target, parts.netloc, dict(headers), body)
        address = (parts.hostname or "", parts.port or 80)
        pool = self._pools.setdefault(address, ConnectionPool(address, self._at_once))
        kept = pool.take()
        if kept is not None:
            reader = _reader(kept, deadline)
            try:
                return _reply(pool.exchange(kept, message, reader, bool))
            except (ConnectionError, BrokenConnectionError):
                if not reader.untouched:
                    raise
        fresh = pool.connect(min(CONNECT_SECONDS_MAX, remaining_s(deadline)))
        # Nothing at all may be the end of a listing, or half of it.
        return _reply(pool.exchange(fresh, message, _reader(fresh, deadline), bool))


def _reader(connection: Connection, deadline: float) -> Reader:
    return Reader(connection.socket, deadline, BODY_BYTES_MAX, CONNECT_SECONDS_MAX)


def _reply(answer: Message) -> Reply:
    return Reply(answer.status, answer.body, answer.headers)


def _pause_s(reply: Reply, tries: int) -> float | None:
    """How long to wait before the next try; None for no further one."""
    asked_s = retry_after_s(reply.headers)
    if asked_s is not None:
        return max(asked_s, PAUSES_SECONDS[0])
    return PAUSES_SECONDS[tries] if tries < len(PAUSES_SECONDS) else None
