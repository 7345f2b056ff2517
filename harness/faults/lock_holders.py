"""Sessions of others that hold a lock which the service waits for, in the stack's own database.

The service has a role of its own there, and the harness names its sessions. Whoever else holds a
lock is on the machine, as a `psql` that was left open or a dump: no service can help that.
"""

import contextlib
import time
from collections.abc import Callable
from types import TracebackType

import psycopg

from harness.core.connections import connect
from harness.core.errors import HarnessError
from harness.faults.change_watch import ChangeWatch
from harness.history.fault_facts import LockHolder
from harness.stack.postgres import SERVICE_USER
from harness.stack.state import Stack

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_MS = 2000
HELD_SECONDS_MAX = 10.0
"""How long a wait of ours may last while the same session of somebody else is in the way."""
SEEN_SECONDS_MAX = 3.0
"""The service does not wait all the time: it gives a try up, and makes the next one later."""
_QUERY = """
SELECT DISTINCT holder.pid, holder.application_name, coalesce(holder.state, holder.backend_type),
       to_char(holder.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM pg_stat_activity waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
JOIN pg_stat_activity holder ON holder.pid = blocking.pid
WHERE waiting.wait_event_type = 'Lock' AND waiting.usename = %(service)s
  AND holder.usename <> %(service)s AND holder.application_name NOT LIKE 'lendchaos-%%'
  AND holder.backend_type = 'client backend'
"""


class LockHolders:
    """Asks one stack's database, over one connection that is opened when it is needed."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.database_url
        self._connection: psycopg.Connection | None = None

    def look(self) -> set[str]:
        """Each session that stands in the service's way now, in words.

        Raises:
            HarnessError: the database does not answer.
        """
        if self._url is None:
            return set()
        try:
            rows = self._connected(self._url).execute(_QUERY, {"service": SERVICE_USER}).fetchall()
        except psycopg.Error as error:
            self.close()
            raise HarnessError(f"the database does not say who holds its locks: {error}") from error
        return {f"{LockHolder(*row)} holds a lock that the service waits for" for row in rows}

    def _connected(self, url: str) -> psycopg.Connection:
        if self._connection is None:
            self._connection = connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="lendchaos-lock-holders",
            )
            self._connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        return self._connection

    def close(self) -> None:
        """Leave no session behind."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


class LockGuard:
    """Watches who stands in the service's way while we wait for it.

    A context that gives `check`, which calls ``also`` first: for whoever waits, every second.
    Set-up and reconciliation obey a service that puts them off. For a lock of somebody else that
    would be in vain.
    """

    def __init__(self, stack: Stack, also: Callable[[], object] = lambda: None) -> None:
        self._also = also
        self._holders = LockHolders(stack)
        self._watch = ChangeWatch("lock-guard", self._holders.look)

    def __enter__(self) -> Callable[[], None]:
        """Begin to look."""
        self._watch.start()
        return self.check

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Leave no session behind."""
        self._watch.stop()
        self._holders.close()

    def check(self) -> None:
        """End a wait.

        Raises:
            HarnessError: one session has been in the way for too long, and still is; it says which.
        """
        self._also()
        now_ns = time.monotonic_ns()
        first_ns: dict[str, int] = {}
        for change in self._watch.found:
            begin_ns = first_ns.setdefault(change.text, change.begin_ns)
            last_ns = now_ns if change.end_ns is None else change.end_ns
            still = now_ns - last_ns <= SEEN_SECONDS_MAX * 1e9
            if still and now_ns - begin_ns >= HELD_SECONDS_MAX * 1e9:
                raise HarnessError(change.text)
