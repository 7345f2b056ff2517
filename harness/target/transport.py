"""How a target's requests leave: `Transport` sends those of the load, `call` all others.

Both send over a `ConnectionPool`. In the load one attempt is one send, and how it ended is known
exactly. Every attempt has one deadline for connecting, sending and reading together, so that an
answer that trickles in byte by byte does not outlive it. Nothing here knows gevent: the load
process patches the sockets.
"""

import json
import select
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.core.connection_pool import ConnectionPool
from harness.core.errors import UsageError
from harness.core.http_calls import Http
from harness.core.http_messages import (
    BrokenConnectionError,
    Reader,
    Reply,
    failure_code,
    merged,
    remaining_s,
    request,
)
from harness.target.classification import Answer
from harness.target.request import Request

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Of an answer's body as it comes, and of what is unpacked from it."""
NETWORK_MARGIN_MS = 300
"""How much earlier than ourselves the service has to give up, so that its answer still arrives."""


def call(http: Http, base_url: str, asked: Request, **bounds: Any) -> Reply:
    """Send a request outside the load, again while the target puts it off.

    ``bounds`` and what is raised are as of `Http.call`.
    """
    what: dict[str, Any] = {"headers": asked.headers, "query": asked.query, "content": asked.json}
    return http.call(asked.method, base_url + asked.path, **what, **bounds)


def in_json(
    body: Any, headers: Mapping[str, str] | None, left_ms: int
) -> tuple[dict[str, str], bytes]:
    """Headers and content of a request of the load, which says how long its borrower will wait."""
    service_ms = max(left_ms - NETWORK_MARGIN_MS, left_ms // 2)
    all_headers = {"X-Request-Deadline-Ms": str(service_ms), "Accept": "application/json"}
    content = b""
    if body is not None:
        content = json.dumps(body).encode()
        all_headers["Content-Type"] = "application/json"
    return merged(all_headers, headers or {}), content


class Transport:
    """Requests of the load to one server, over connections that are kept and reused."""

    def __init__(self, base_url: str, new_poll: Callable[[], Any] = select.poll) -> None:
        """``new_poll`` is the own `select.poll` of the standard library, where that is patched."""
        parts = urlsplit(base_url)
        if parts.scheme != "http" or parts.hostname is None:
            raise UsageError(f"cannot send load to {base_url}: an http:// address is needed")
        self._prefix = parts.path.rstrip("/")
        self._host = parts.netloc
        self._pool = ConnectionPool((parts.hostname, parts.port or 80), new_poll=new_poll)

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send once and wait for the whole answer, at most ``timeout_s`` seconds for all of it."""
        deadline = time.monotonic() + timeout_s
        message = request(method, self._prefix + path, self._host, headers, body)
        connection = self._pool.take()
        reused = connection is not None
        if connection is None:
            try:
                connection = self._pool.connect(remaining_s(deadline))
            except OSError as error:
                return Answer(error=failure_code(error), sent=False)
        reader = Reader(connection, deadline, BODY_BYTES_MAX)
        try:
            found = self._pool.exchange(connection, message, reader, _is_json)
        except (OSError, BrokenConnectionError) as error:
            return Answer(error=failure_code(error), connection_reused=reused)
        return Answer(found.status, found.body, connection_reused=reused, headers=found.headers)

    def close(self) -> None:
        """Close what is idle."""
        self._pool.close()


def _is_json(body: bytes) -> bool:
    """The end of the connection ends a body or breaks it off: only a whole one can be read."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
