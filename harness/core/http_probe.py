"""One request over a connection of its own, for asking a program whether it is there.

Never through a proxy from the environment, and without following redirects. Requests and answers
are those of `harness.core.http_messages`, as in every other call of ours.
"""

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from harness.core.http_messages import BrokenConnectionError, Message, Reader, remaining_s, request

BODY_BYTES_MAX = 16 * 2**20


def get(url: str, timeout_seconds: float = 1.0) -> Message | None:
    """The answer to a GET; None if there was none in time."""
    try:
        return exchange("GET", url, timeout_seconds)
    except (OSError, BrokenConnectionError):
        return None


def exchange(
    method: str,
    url: str,
    timeout_seconds: float,
    content: Any = None,
    read: Callable[[Reader], Message] = Reader.read,
) -> Message:
    """Connect, send once and read the answer, all of it in time; ``content`` is sent as JSON.

    Raises:
        OSError: there is no connection, it broke, or the answer took too long.
        BrokenConnectionError: no whole answer came.
    """
    deadline = time.monotonic() + timeout_seconds
    parts = urlsplit(url)
    headers, body = {"Connection": "close"}, b""
    if content is not None:
        headers["Content-Type"], body = "application/json", json.dumps(content).encode()
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    message = request(method, target, parts.netloc, headers, body)
    address = (parts.hostname or "", parts.port or 80)
    with socket.create_connection(address, timeout_seconds) as connection:
        connection.settimeout(remaining_s(deadline))
        connection.sendall(message)
        return read(Reader(connection, deadline, BODY_BYTES_MAX))
