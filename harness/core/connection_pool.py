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

from harness.core.http_messages import Reader, Reply, remaining_s

_IDLE_SECONDS_MAX = 20.0
"""Older idle connections are not used again: a server's own idle limit may be about to end them."""
_POLL_INPUT_OR_HANG_UP = 0x001 | 0x2000  # POLLIN | POLLRDHUP


class ConnectionPool:
    """At most ``kept_max`` idle connections, reused the latest first; threads may share it."""

    def __init__(
        self,
        address: tuple[str, int],
        kept_max: float = math.inf,
        new_poll: Callable[[], Any] = select.poll,
    ) -> None:
        """``new_poll`` is the own `select.poll` of the standard library, where that is patched.

        Never ``select``: that refuses file numbers above 1,023, which an outage reaches easily, and
        every request would then open a connection of its own.
        """
        self._address = address
        self._kept_max = kept_max
        self._new_poll = new_poll
        self._idle: deque[tuple[socket.socket, float]] = deque()

    def take(self) -> socket.socket | None:
        """An idle connection that the other side has not ended; None where there is none."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                connection, idle_since = self._idle.pop()
                if time.monotonic() - idle_since <= _IDLE_SECONDS_MAX:
                    poll = self._new_poll()
                    poll.register(connection.fileno(), _POLL_INPUT_OR_HANG_UP)
                    # Else the peer hung up, or sent what no one asked for.
                    if not poll.poll(0):
                        return connection
                connection.close()
        return None

    def connect(self, seconds: float) -> socket.socket:
        """A new connection, made in that time; OSError where there is none."""
        connected = socket.create_connection(self._address, seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def exchange(
        self,
        connection: socket.socket,
        message: bytes,
        reader: Reader,
        is_whole: Callable[[bytes], bool],
    ) -> Reply:
        """Send once and read the answer with a reader of this connection; raises as that does."""
        try:
            connection.settimeout(remaining_s(reader.deadline))
            connection.sendall(message)
            answer = reader.read(is_whole)
        except BaseException:  # also where it is ended from outside: it is half used
            connection.close()
            raise
        if answer.reusable and len(self._idle) < self._kept_max:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close what is idle."""
        with suppress(IndexError):
            while True:
                self._idle.pop()[0].close()
