"""How this program connects: to what it names, and by nothing that the user's environment says.

A connection string leaves most settings open, and libpq takes them from ``PG…`` variables, service
files, ``~/.pgpass`` and ``~/.postgresql``: a `PGOPTIONS` with a lock time-out would end a migration
that should hurt, and a `PGHOSTADDR` would lead to another host. Every connection to a database is
made here. Those of HTTP are made by `harness.core.http_calls` and `harness.core.http_probe`, and
those of the load by `harness.core.connection_pool`, which read nothing of their environment: no
``HTTP_PROXY``, no ``~/.netrc``.
"""

import os
from typing import TYPE_CHECKING, Any

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    import psycopg

_LIBPQ_PREFIX = "PG"


def forget_libpq_variables() -> None:
    """Take every variable of libpq's out of this process and of what it starts.

    Not every one of them can be overruled in a connection string: `PGSERVICE` cannot. For processes
    of ours at their start, before there are threads; a load process runs the user's own code, and
    keeps them.
    """
    for name in [name for name in os.environ if name.startswith(_LIBPQ_PREFIX)]:
        del os.environ[name]


def connect(url: str, **parameters: Any) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to a database of our own stack.

    Args:
        url: `harness.stack.postgres.database_url` makes it: with a password and without encryption,
            so that libpq looks for no file in the home.
        parameters: As `psycopg.connect` takes them.

    Raises:
        psycopg.Error: there is no connection.
    """
    # Here, as others only forget the variables and have to be started quickly. Whoever heals by SQL
    # has imported the driver at its own start.
    import psycopg  # noqa: PLC0415

    forget_libpq_variables()  # for a process that is not ours from its start, like a test's
    return psycopg.connect(url, **parameters)


def read_rows(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What one query reads, in a transaction that can change nothing.

    Raises:
        HarnessError: the database cannot be read.
    """
    import psycopg  # noqa: PLC0415  # as in `connect`

    try:
        with connect(url, connect_timeout=3) as connection:
            connection.read_only = True
            connection.execute("SET statement_timeout = '10s'")
            return connection.execute(query, parameters).fetchall()
    except psycopg.Error as error:
        raise HarnessError(f"the database cannot be read: {error}") from error
