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
from urllib.parse import urlencode

import urllib3

from harness.errors import HarnessError
from harness.final_response import FinalResponse
from harness.http_times import retry_after_s
from harness.shortage import shortage_of

CONNECT_SECONDS_MAX = 10.0
"""Of connecting, and of the wait for the next byte."""
CALL_SECONDS_MAX = 30.0
CHUNK_BYTES = 65_536
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


class _Connection(urllib3.connection.HTTPConnection):
    response_class = FinalResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class Http:
    """Calls over connections that are kept, for at most ``at_once`` threads."""

    def __init__(self, at_once: int = 1) -> None:
        self._pools = urllib3.PoolManager(maxsize=at_once, retries=False)
        self._pools.pool_classes_by_scheme = {
            **self._pools.pool_classes_by_scheme,
            "http": _Pool,
        }

    def close(self) -> None:
        """Close what is kept."""
        self._pools.clear()

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
            except urllib3.exceptions.HTTPError as error:
                shortage = shortage_of(error.__cause__)
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
        deadline = time.monotonic() + seconds
        wait_s = min(CONNECT_SECONDS_MAX, seconds)
        answer = self._pools.request(
            method,
            url,
            json=content,
            headers=headers,
            redirect=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=wait_s, read=wait_s),
        )
        try:
            body = _body(answer, deadline)
        except BaseException:
            answer.close()  # half read: it can carry no other answer
            raise
        answer.release_conn()
        return Reply(answer.status, body, answer.headers)


def _body(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    # What has come in so far, however little: a body that drips would hold up a plain read.
    while chunk := answer.read1(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise urllib3.exceptions.HTTPError("the answer is too large")
        if time.monotonic() > deadline:
            raise urllib3.exceptions.TimeoutError("the answer took too long")
    return bytes(body)


def _pause_s(reply: Reply, tries: int) -> float | None:
    """How long to wait before the next try; None for no further one."""
    asked_s = retry_after_s(reply.headers)
    if asked_s is not None:
        return max(asked_s, PAUSES_SECONDS[0])
    return PAUSES_SECONDS[tries] if tries < len(PAUSES_SECONDS) else None
