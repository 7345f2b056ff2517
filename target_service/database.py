"""The way to the database: pool, deadlines that hold, and what each failure means for money.

A request's work is one function that runs on one connection (`Database.run`). The deadline ends
it even when the link is a black hole: the connection is closed on our side at once, never
cancelled through the link, and the pool opens another. Whether COMMIT had been sent by then
decides between "nothing was applied" and "unknown".
"""

import asyncio
import select
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors, waiting
from psycopg.abc import RV, PQGen, QueryNoTemplate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from target_service import problems
from target_service.problems import ProblemError
from target_service.settings import Settings

T = TypeVar("T")
Params = dict[str, Any]
Row = tuple[Any, ...]

CONNECT_SECONDS = 1.0
POOL_WAIT_SECONDS = 0.75
# The driver's own; zero would have it look all the time instead of waiting.
WAIT_INTERVAL_SECONDS = 0.1
ROLLBACK_SECONDS = 0.5
# A second attempt inside the service needs at least this much of the deadline to be worth it.
RETRY_SECONDS_MIN = 0.3
WAITING_PER_CONNECTION = 4

_TUNED_CONNINFO = {
    "connect_timeout": 2,
    "tcp_user_timeout": 2000,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}
_TUNED_OPTIONS = (
    "-c statement_timeout=1500 -c lock_timeout=800 -c idle_in_transaction_session_timeout=5000"
)


class ServiceConnection(AsyncConnection[Row]):
    """A connection that notices when PostgreSQL stopped waiting for its standby.

    COMMIT then reports success although the change exists on one server only.
    """

    replication_wait_cancelled = False
    opened_at = 0.0

    def note(self, diagnostic: errors.Diagnostic) -> None:
        """Remembers the warning that takes the word of a COMMIT back."""
        message = diagnostic.message_primary or ""
        if diagnostic.sqlstate == "01000" and "synchronous replication" in message:
            self.replication_wait_cancelled = True


class ImpatientConnection(ServiceConnection):
    """A connection that is closed, not cancelled through the link, when its task is cancelled.

    The driver's own way asks the server to cancel and waits for that; over a link that swallows
    everything this takes ten seconds, long after the borrower has gone. Closing is safe: a
    server that reads end-of-file, or nothing for a while, rolls the transaction back.
    """

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is the driver's)
    ) -> RV:
        """Like the driver's, but a cancelled wait closes the connection and returns at once."""
        try:
            return await waiting.wait_async(
                gen, self.pgconn.socket, interval=interval, timeout=timeout
            )
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Like the driver's, within a time that libpq (two seconds at least) cannot express."""
        async with asyncio.timeout(CONNECT_SECONDS):
            return await super().connect(conninfo, **kwargs)


class PassingError(ProblemError):
    """A failure before COMMIT that a second attempt on a fresh connection may well not meet."""


@dataclass(slots=True)
class Transaction:
    """One connection in use, and whether its work may already be durable."""

    connection: ServiceConnection
    commit_sent: bool = False

    async def execute(
        self, query: QueryNoTemplate, params: Params | None = None
    ) -> AsyncCursor[Row]:
        """Runs one statement."""
        return await self.connection.execute(query, params)

    def pipeline(self) -> AbstractAsyncContextManager[Any]:
        """Statements executed inside are sent together and cost one round trip."""
        return self.connection.pipeline()

    async def execute_durably(self, query: QueryNoTemplate, params: Params | None = None) -> None:
        """Runs one statement that commits by itself."""
        self.commit_sent = True
        await self.execute(query, params)
        self._check_replication()

    async def commit(self) -> None:
        """Sends COMMIT as a step of its own and returns when the change is durable.

        Raises:
            ProblemError: ``commit_unknown`` when PostgreSQL gave up waiting for its standby.
        """
        self.commit_sent = True
        cursor = await self.execute("COMMIT")
        self._check_replication()
        if cursor.statusmessage != "COMMIT":
            raise RuntimeError(f"COMMIT was answered with {cursor.statusmessage}")

    def _check_replication(self) -> None:
        if self.connection.replication_wait_cancelled:
            self.connection.replication_wait_cancelled = False
            raise ProblemError(problems.COMMIT_UNKNOWN, "The standby has not confirmed")


@dataclass(slots=True)
class _Attempt:
    """One try of a request's work; it has no transaction while it waits for a connection."""

    transaction: Transaction | None = None

    @property
    def commit_sent(self) -> bool:
        return self.transaction is not None and self.transaction.commit_sent


async def sole_row(cursor: AsyncCursor[Row]) -> Row:
    """The row of a statement that always has one."""
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("a statement that always gives a row gave none")
    return row


Work = Callable[[Transaction], Awaitable[T]]


class Database:
    """A bounded pool of connections and the only place that runs work on them."""

    def __init__(self, settings: Settings) -> None:
        self.tuned = settings.is_tuned
        self.pool = tuned_pool(settings) if self.tuned else naive_pool(settings)
        self._background: set[asyncio.Task[None]] = set()
        self._drained_at = 0.0
        self._waiting = 0
        self._waiting_max = WAITING_PER_CONNECTION * settings.pool_size

    async def open(self) -> None:
        """Starts to connect, without waiting: a service may start before its database."""
        await self.pool.open(wait=False)

    async def close(self, seconds: float) -> None:
        """Closes the connections, waiting for background work at most ``seconds``."""
        await self.pool.close(timeout=seconds)

    async def run(self, work: Work[T], seconds: float) -> T:
        """Runs ``work`` on one connection; when tuned, ends within ``seconds`` whatever happens.

        A lost connection, a deadlock or a serialisation failure before COMMIT is tried once
        more on a fresh connection if there is time for it; after COMMIT was sent, never.

        Raises:
            ProblemError: what ``work`` refused with, or which failure it was and whether
                anything can have been applied.
        """
        if not self.tuned:
            return await self._bounded(work, None)
        ends_at = time.monotonic() + seconds
        try:
            return await self._bounded(work, seconds)
        except PassingError:
            left = ends_at - time.monotonic()
            if left < RETRY_SECONDS_MIN:
                raise
        return await self._bounded(work, left)

    async def _bounded(self, work: Work[T], seconds: float | None) -> T:
        attempt = _Attempt()
        try:
            async with asyncio.timeout(seconds):
                return await self._on_connection(work, attempt)
        except TimeoutError:
            problem = (
                problems.DEADLINE_EXCEEDED
                if attempt.commit_sent
                else problems.DEADLINE_BEFORE_COMMIT
            )
            raise ProblemError(problem) from None
        except psycopg.Error as error:
            self._drain_after_demotion(error, attempt)
            raise problem_of(error, commit_sent=attempt.commit_sent) from error

    async def _on_connection(self, work: Work[T], attempt: _Attempt) -> T:
        if not self.tuned:
            async with self.pool.connection() as connection:
                attempt.transaction = Transaction(connection)
                return await work(attempt.transaction)
        connection = await self._check_out()
        attempt.transaction = Transaction(connection)
        try:
            return await work(attempt.transaction)
        except psycopg.Error:
            connection.pgconn.finish()  # for the same reason as an aborted transaction's, below
            raise
        finally:
            # Returning may have to roll back through a dead link, and a return that is cancelled
            # half-way would lose the pool's slot. So the request never waits for it.
            self._in_background(self._give_back(connection))

    async def _check_out(self) -> ServiceConnection:
        """A connection from the pool that has not been closed by the other side meanwhile."""
        while True:
            connection = await self._wait_for_connection()
            if not has_gone(connection):
                return connection
            connection.pgconn.finish()
            self._in_background(self.pool.putconn(connection))

    async def _wait_for_connection(self) -> ServiceConnection:
        # The pool's own bound, max_waiting, also counts those who gave up until a connection
        # arrives; and because a refused request does not make the pool connect, a long outage
        # would fill that queue with the departed and never end.
        if self._waiting >= self._waiting_max:
            raise ProblemError(problems.OVERLOADED)
        self._waiting += 1
        try:
            return await self.pool.getconn()
        finally:
            self._waiting -= 1

    async def _give_back(self, connection: ServiceConnection) -> None:
        status = connection.pgconn.transaction_status
        if status == TransactionStatus.INTRANS:
            try:
                async with asyncio.timeout(ROLLBACK_SECONDS):
                    await connection.execute("ROLLBACK")
            except (psycopg.Error, TimeoutError):
                connection.pgconn.finish()
        elif status != TransactionStatus.IDLE:  # a plain number, so never "is"
            # Also after an error: the driver may take a statement that the failed pipeline skipped
            # for one that is prepared, and would then fail for as long as the connection lives.
            connection.pgconn.finish()
        await self.pool.putconn(connection)

    def _drain_after_demotion(self, error: psycopg.Error, attempt: _Attempt) -> None:
        """Drops every connection to a server that turned out to be a standby.

        Only once for each generation of connections, or a burst of late errors would keep
        throwing away good new ones.
        """
        if not self.tuned or error.sqlstate != "25006" or attempt.transaction is None:
            return
        if attempt.transaction.connection.opened_at > self._drained_at:
            self._drained_at = time.monotonic()
            self._in_background(self.pool.drain())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def has_gone(connection: ServiceConnection) -> bool:
    """Whether an idle connection was closed by the other side, found without a round trip.

    An idle server sends nothing, so anything to read is end-of-file or its last words.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


# The first that fits counts, so the general kinds come last.
_MEANINGS: list[tuple[tuple[type[psycopg.Error], ...], Callable[[], ProblemError]]] = [
    ((PoolTimeout,), lambda: ProblemError(problems.POOL_TIMEOUT)),
    ((PoolClosed,), lambda: ProblemError(problems.DATABASE_UNAVAILABLE, "Stopping")),
    ((errors.ReadOnlySqlTransaction,), lambda: ProblemError(problems.READ_ONLY)),
    ((errors.QueryCanceled,), lambda: ProblemError(problems.STATEMENT_TIMEOUT)),
    (
        (errors.SerializationFailure, errors.DeadlockDetected),
        lambda: PassingError(problems.DATABASE_REFUSED),
    ),
    (
        (psycopg.OperationalError, psycopg.InterfaceError),
        lambda: PassingError(problems.DATABASE_UNAVAILABLE),
    ),
]


def problem_of(error: psycopg.Error, *, commit_sent: bool) -> ProblemError:
    """What a database error means for the request. Without COMMIT nothing can be applied."""
    if commit_sent:
        return ProblemError(problems.COMMIT_UNKNOWN)
    if isinstance(error, errors.LockNotAvailable):
        # Two causes share one code. Waiting for another row with the same unique key is the
        # borrower's own concurrent request; only that wait has this context.
        same_key = "while inserting index tuple" in (error.diag.context or "")
        return ProblemError(problems.IN_PROGRESS if same_key else problems.LOCK_TIMEOUT)
    for kinds, meaning in _MEANINGS:
        if isinstance(error, kinds):
            return meaning()
    return ProblemError(problems.DATABASE_REFUSED)


async def _configure(connection: ServiceConnection) -> None:
    connection.opened_at = time.monotonic()
    connection.add_notice_handler(connection.note)


def tuned_pool(settings: Settings) -> AsyncConnectionPool[ServiceConnection]:
    """A small pool that bounds every wait: connecting, queueing, statements, locks."""
    given = conninfo_to_dict(settings.database_url)
    options = f"{given.get('options') or ''} {_TUNED_OPTIONS}".strip()
    conninfo = make_conninfo(
        settings.database_url,
        **_TUNED_CONNINFO,
        options=options,
        application_name=f"borrow-{settings.instance}",
    )
    return AsyncConnectionPool(
        conninfo,
        connection_class=ImpatientConnection,
        kwargs={"autocommit": True},
        configure=_configure,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        timeout=POOL_WAIT_SECONDS,
        max_lifetime=300,
        # Giving up at once frees the slot, and the next request that needs it connects anew.
        # The pool's own retries double their delay and would sleep past the link's return.
        reconnect_timeout=0,
        num_workers=min(4, settings.pool_size),
        open=False,
    )


def naive_pool(settings: Settings) -> AsyncConnectionPool[ServiceConnection]:
    """The driver's and the pool's defaults, as an untuned service has them."""
    return AsyncConnectionPool(
        settings.database_url,
        connection_class=ServiceConnection,
        kwargs={"autocommit": True},
        configure=_configure,
        min_size=settings.pool_size,
        max_size=settings.pool_size,
        open=False,
    )
