"""How this program connects: to what it names, and by nothing that the user's environment says.

A connection string leaves most settings open, and libpq takes them from ``PG…`` variables, service
files, ``~/.pgpass`` and ``~/.postgresql``: a `PGOPTIONS` with a lock time-out would end a migration
that should hurt, and a `PGHOSTADDR` would lead to another host. Every connection to a database is
made here. Those of HTTP are made by `harness.core.http_calls` and those of the load by
`harness.core.connection_pool`, which read nothing of their environment: no ``HTTP_PROXY``, no
``~/.netrc``.
"""

import os
from typing import TYPE_CHECKING, Any

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    import psycopg


def forget_libpq_variables() -> None:
    """Take every variable of libpq's out of this process and of what it starts.

    Not every one of them can be overruled in a connection string: `PGSERVICE` cannot. Processes of
    lendchaos call it at their start, before there are threads; a load process runs the user's own
    code, and keeps them.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def connect(url: str, **parameters: Any) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to a database, as `psycopg.connect` does; psycopg.Error where that fails.

    `harness.stack.parts.postgres.database_url` makes the address of a local stack's: with a
    password and without encryption, so that libpq looks for no file in the home.
    """
    # Here, as others only forget the variables and have to be started quickly. A process that heals
    # by SQL has imported the driver at its own start.
    import psycopg  # noqa: PLC0415

    forget_libpq_variables()  # for a process that is not ours from its start, like a test's
    return psycopg.connect(url, **parameters)


def read_rows(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What one query reads, in a transaction that can change nothing; HarnessError where not."""
    import psycopg  # noqa: PLC0415  # as in `connect`

    try:
        with connect(url, connect_timeout=3) as connection:
            connection.read_only = True
            connection.execute("SET statement_timeout = '10s'")
            return connection.execute(query, parameters).fetchall()
    except psycopg.Error as error:
        raise HarnessError(f"the database cannot be read: {error}") from error
