"""Connections to one server, kept between requests. One exchange is one send.

Load, set-up, audit and questions by key all send through it. It never sends anything again: client
libraries that do so on a reset hide the very faults that are measured here, and would borrow twice.
Under gevent its sockets are cooperative, as any others are.
"""

import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from harness.core.http_messages import Connection, Message, Reader, remaining_s


class ConnectionPool:
    """At most ``kept_max`` idle connections, reused the latest first; threads may share it."""

    def __init__(
        self,
        address: tuple[str, int],
        kept_max: float = math.inf,
        new_poll: Callable[[], Any] = select.poll,
    ) -> None:
        """``new_poll`` is the own `select.poll` of the standard library, where that is patched."""
        self._address = address
        self._kept_max = kept_max
        self._new_poll = new_poll
        self._idle: deque[Connection] = deque()

    def take(self) -> Connection | None:
        """An idle connection that the other side has not ended; None where there is none."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                connection = self._idle.pop()
                if connection.is_alive(self._new_poll()):
                    return connection
                connection.socket.close()
        return None

    def connect(self, seconds: float) -> Connection:
        """A new connection, made in that time.

        Raises:
            OSError: there is none.
        """
        connected = socket.create_connection(self._address, seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(connected)

    def exchange(
        self,
        connection: Connection,
        message: bytes,
        reader: Reader,
        is_whole: Callable[[bytes], bool],
    ) -> Message:
        """Send once and read the whole answer with a reader of this connection.

        Raises:
            OSError: the connection broke, or the answer took too long.
            BrokenConnectionError: no whole answer came.
        """
        try:
            connection.socket.settimeout(remaining_s(reader.deadline))
            connection.socket.sendall(message)
            answer = reader.read(is_whole)
        except BaseException:  # also where it is ended from outside: it is half used
            connection.socket.close()
            raise
        if answer.reusable and len(self._idle) < self._kept_max:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.socket.close()
        return answer

    def close(self) -> None:
        """Close what is idle."""
        with suppress(IndexError):
            while True:
                self._idle.pop().socket.close()
