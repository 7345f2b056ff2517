"""Database migrations that hurt: real DDL on the real database, undone afterwards.

One process runs a long transaction that has merely read the table. An ALTER TABLE queues behind it
for its ACCESS EXCLUSIVE lock, and every later statement on the table queues behind the ALTER: the
classic lock queue. Both connections go around the proxies, as an operator's would.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.faults.base import Gone, Injector
from harness.faults.probes import own_session, wait_for
from harness.faults.registry import register
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy, LockHolder
from harness.plan.fault import FaultPage, FaultSpec, Phrase, PlannedFault
from harness.plan.layout import Need, Thing
from harness.stack.state import Stack

if TYPE_CHECKING:
    import psycopg

COLUMN = "lendchaos_probe"
ALTER_SECONDS_MAX = 0.5
"""After the long transaction ends, adding a column without a default takes milliseconds. What holds
it up longer is a session of someone else, and everybody waits behind the ALTER meanwhile."""
ANSWER_SECONDS_MAX = 3.0
"""For the server to end our sessions; a frozen one never answers."""
QUEUED_SECONDS_MAX = 2.0
TIMED_OUT = frozenset({"25P03", "25P04"})
"""SQLSTATE: `idle_in_transaction_session_timeout` or `transaction_timeout` ended the session."""
READ_MS_MAX = 2000
HELD_SECONDS_MIN = 0.3
"""How long a transaction of someone else has held the table to be named as what held it up."""
CANARY_TIMEOUT_MS = 300
PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
CLEAN_UP_TRIES = 50
"""Times 0.1 s of waiting for the lock plus a pause: about ten seconds under full load."""


@dataclass(frozen=True, slots=True)
class BlockingMigration(FaultSpec):
    """An ALTER TABLE queued behind a long transaction, so that everything queues behind the
    ALTER.
    """

    table: str = "loan"
    kind = "blocking_migration"
    told = "ALTER TABLE {0.table} waits behind a long transaction; borrows wait behind it"
    phrase = Phrase("a migration blocked {target}", "end of the migration")
    page = FaultPage(
        effect=(
            "an `ALTER TABLE` waits behind a long transaction, and every later statement waits "
            "behind"
            " the `ALTER`"
        ),
        canary="a plain read of the table gets no answer in 300 ms",
        heal=(
            "the long transaction ends, and the `ALTER` with it, which is cancelled if it has not "
            "finished in 0.5 s; its column is dropped after the load"
        ),
        example=(
            "scenario `database_migration`, or `lendchaos run --inject "
            "'BlockingMigration(\"risk_flag\")'`"
        ),
    )
    stops_service = True

    def objections(self) -> list[str]:
        """A name that has to be quoted, or that is in another schema than the first."""
        if not PLAIN_NAME.fullmatch(self.table):
            return [f"table {self.table!r} must be a plain name: lower-case letters, digits and _"]
        return []

    @property
    def target(self) -> str:
        """What it is on, as reports name it."""
        return f"table {self.table}"

    @property
    def needs(self) -> tuple[Need, ...]:
        """A table of a database that SQL reaches."""
        return (Need(Thing.TABLE, self.table),)

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """The database server: the migration runs in it, and ends with it."""
        return (Need(Thing.DATABASE),)

    @property
    def switches(self) -> tuple[Need, ...]:
        """The table: two migrations of one table would wait for each other."""
        return self.needs


class BlockingMigrationInjector(Injector):
    """The ALTER that waits, and the transaction that makes it wait."""

    def __init__(self, planned: PlannedFault, spec: BlockingMigration, stack: Stack) -> None:
        from psycopg import sql

        self._url = stack.database_url or ""
        self._table = sql.Identifier(spec.table)
        self._table_name = spec.table
        # Names our sessions in pg_stat_activity, so that they are found even after our death.
        self._application = f"lendchaos-{planned.name}"
        self._holder: psycopg.Connection | None = None
        self._aside: psycopg.Connection | None = None
        """Opened before anything is broken, so that no heal has to wait for a connection."""
        self._alter: threading.Thread | None = None
        self._ended_ns: int | None = None
        self._failure: str | None = None

    def _connect(self, statement_ms: int | None = None) -> "psycopg.Connection":
        import psycopg

        try:
            return own_session(self._url, self._application, statement_ms)
        except psycopg.Error as error:
            raise HarnessError(f"no connection to the database: {error}") from error

    def ready(self) -> Proof:
        """The table can be read at once."""
        reads, text = self._read()
        return Proof("canary", reads, f"before: {text}")

    def inject(self) -> None:
        """Open the long transaction, then let the ALTER queue behind it."""
        import psycopg
        from psycopg import sql

        self._aside = aside = self._connect()
        self._holder = self._connect(READ_MS_MAX)
        self._holder.autocommit = False
        try:
            self._holder.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(self._table))
        except psycopg.Error as error:
            raise HarnessError(f"{self._table_name} cannot be read: {error}") from error
        self._alter = threading.Thread(target=self._run_alter, name="alter", daemon=True)
        self._alter.start()
        # Everybody waits from now on, and a heal that is asked for waits for us.
        wait_for(lambda: self._ended_ns is not None or self._waits(aside), QUEUED_SECONDS_MAX)

    def _run_alter(self) -> None:
        import psycopg
        from psycopg import sql

        try:
            with self._connect() as connection:
                connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} integer").format(
                        self._table, sql.Identifier(COLUMN)
                    )
                )
        except (psycopg.Error, HarnessError) as error:
            self._failure = str(error)
        finally:
            self._ended_ns = time.monotonic_ns()

    def _waiting(self) -> bool:
        """Whether the ALTER is waiting for its ACCESS EXCLUSIVE lock."""
        with self._connect() as connection:
            return self._waits(connection)

    def _waits(self, connection: "psycopg.Connection") -> bool:
        found = connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE application_name = %s AND relation = %s::regclass"
            " AND mode = 'AccessExclusiveLock' AND NOT granted",
            (self._application, self._table_name),
        )
        return found.fetchone() is not None

    def read_back(self) -> Proof:
        """`pg_locks` shows the ALTER waiting for the table."""
        waiting = self._waiting()
        verb = "waits for" if waiting else "does not wait for"
        text = f"pg_locks: the ALTER {verb} ACCESS EXCLUSIVE on {self._table_name}"
        text += f" ({self._failure})" if self._failure else ""
        return Proof("control_plane", waiting, text)

    def canary(self) -> Proof:
        """A plain read of the table has to wait."""
        reads, text = self._read()
        return Proof("canary", not reads, f"during: {text}")

    def gone(self) -> Gone | None:
        """Whether the ALTER ended although our transaction stood in its way.

        Done is its work only if the database's own time-out took our transaction out of the way.
        """
        if self._ended_ns is None:
            return None
        if self._failure is not None:
            failed = f"the ALTER failed: {self._failure.strip()}"
            return Gone(EndedBy.NOBODY, failed, self._ended_ns)
        by, how = self._how_the_holder_ended()
        text = f"the ALTER got its lock and is done; the transaction it waited for: {how}"
        return Gone(by, text, self._ended_ns)

    def _how_the_holder_ended(self) -> tuple[EndedBy, str]:
        """By what, and what its connection was told last; for once the ALTER has got its lock."""
        import psycopg

        if self._holder is None:
            raise AssertionError("the ALTER begins after it")
        try:
            self._holder.execute("SELECT 1")
        except psycopg.Error as error:
            by = EndedBy.WORK if error.sqlstate in TIMED_OUT else EndedBy.NOBODY
            return by, (str(error).strip().splitlines() or [type(error).__name__])[0]
        return EndedBy.NOBODY, "still open"

    def heal(self) -> int:
        """End the long transaction, and the ALTER if it does not end at once; the instant it ended.

        Someone else's transaction may hold the table as well: no one is to wait for that one.
        """
        import psycopg

        if self._holder is not None:
            with contextlib.suppress(psycopg.Error):
                self._holder.close()
        if self._alter is not None:
            self._alter.join(ALTER_SECONDS_MAX)
        _within(ANSWER_SECONDS_MAX, self._end_our_sessions)
        if self._alter is not None:
            self._alter.join(ANSWER_SECONDS_MAX)
        return self._ended_ns or time.monotonic_ns()

    def _end_our_sessions(self) -> None:
        """End what still runs under our name: an ALTER that waits, or what a dead run left."""
        aside, self._aside = self._aside, None
        if aside is None or aside.broken:
            aside = self._connect()
        with contextlib.closing(aside):
            if self._alter is not None and self._alter.is_alive():
                self.held_up_by = self._holders(aside)
            aside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND pid <> pg_backend_pid()",
                (self._application,),
            )

    def _holders(self, connection: "psycopg.Connection") -> tuple[LockHolder, ...]:
        """Whose transactions hold the table, other than ours, and have for a while."""
        rows = connection.execute(
            "SELECT DISTINCT pid, application_name, coalesce(state, backend_type),"
            """ to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
            " FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE relation = %s::regclass AND granted AND application_name <> %s"
            " AND pid <> pg_backend_pid() AND xact_start < now() - %s * interval '1 second'",
            (self._table_name, self._application, HELD_SECONDS_MIN),
        ).fetchall()
        return tuple(LockHolder(*row) for row in rows)

    def healed(self) -> Proof:
        """The ALTER no longer waits and the table can be read at once."""
        waiting = self._waiting()
        reads, text = self._read()
        lock = "still waits" if waiting else "has ended"
        return Proof("healed", not waiting and reads, f"after: the ALTER {lock}; {text}")

    def clean_up(self) -> None:
        """Drop the column again, so that runs can repeat; short lock waits, many tries."""
        from psycopg import errors, sql

        drop = sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS {}").format(
            self._table, sql.Identifier(COLUMN)
        )
        with self._connect() as connection:
            connection.execute("SET lock_timeout = '100ms'")
            for _ in range(CLEAN_UP_TRIES):
                if not self._has_column(connection):  # or the DROP would wait for nothing
                    return
                try:
                    connection.execute(drop)
                except errors.LockNotAvailable:
                    time.sleep(0.1)
            holders = self._holders(connection)
        held = f": {'; '.join(map(str, holders))} holds the table" if holders else ""
        raise HarnessError(
            f"column {COLUMN} of {self._table_name} could not be dropped again{held}"
        )

    def _has_column(self, connection: "psycopg.Connection") -> bool:
        row = connection.execute(
            "SELECT 1 FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
            (self._table_name, COLUMN),
        ).fetchone()
        return row is not None

    def _read(self) -> tuple[bool, str]:
        """Whether a plain read of the table answers, and that in words."""
        import psycopg
        from psycopg import sql

        told = f"a plain read of {self._table_name}"
        try:
            with self._connect(CANARY_TIMEOUT_MS) as connection:
                connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(self._table))
        except psycopg.Error:
            return False, f"{told} does not answer within {CANARY_TIMEOUT_MS} ms"
        return True, f"{told} answers"


def _within(seconds: float, act: Callable[[], None]) -> None:
    """Do what a server could hold up for ever; `HarnessError` if it fails or takes too long."""
    import psycopg

    failure: list[Exception] = []

    def do() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  # raised again where it is waited for
            failure.append(error)

    thread = threading.Thread(target=do, name="bounded", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise HarnessError(f"the database does not answer within {seconds:g} s")
    if failure and isinstance(failure[0], psycopg.Error):
        raise HarnessError(f"the database refused: {failure[0]}") from failure[0]
    if failure:
        raise failure[0]


register(BlockingMigration, BlockingMigrationInjector)
