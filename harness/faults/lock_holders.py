"""Sessions of others that hold a lock which the service waits for, in the stack's own database.

The service has a role of its own there, and the harness names its sessions. Whoever else holds a
lock is on the machine, as a `psql` that was left open or a dump: no service can help that.
"""

import contextlib

import psycopg

from harness.connections import connect
from harness.errors import HarnessError
from harness.fault_facts import LockHolder
from harness.stack.postgres import SERVICE_USER
from harness.stack.state import Stack

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_MS = 2000
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
