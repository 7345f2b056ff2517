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

from harness.core.errors import HarnessError, UsageError
from harness.core.host_port import join_address, split_address

if TYPE_CHECKING:
    import psycopg


DATABASE_FORM = "an address like postgresql://user@127.0.0.1:5432/name"
POSTGRESQL_PORT = 5432


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


def database_addresses(url: str) -> tuple[str, ...]:
    """Every ``host:port`` that a connection to this address may go to, as libpq reads it: it may
    name several, and a ``host=`` behind the path is where it goes, whatever is before the path.

    UsageError where it is no address, or leaves the host open. Its text says what it must be, and
    repeats nothing of it: a password may be in it.
    """
    import psycopg  # noqa: PLC0415  # as in `connect`
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        found = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        raise UsageError(f"must be {DATABASE_FORM}") from None
    if "service" in found:
        raise UsageError(f"must name its host, not a service of a file: {DATABASE_FORM}")
    hosts = str(found.get("hostaddr") or found.get("host") or "").split(",")
    ports = str(found.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    if not all(hosts) or any(host.startswith(("/", "@")) for host in hosts):
        raise UsageError(f"must name a host, and no socket of Unix: {DATABASE_FORM}")
    if len(ports) != len(hosts):
        raise UsageError(f"must have one port for each host: {DATABASE_FORM}")
    try:
        pairs = [
            (host, int(port or POSTGRESQL_PORT)) for host, port in zip(hosts, ports, strict=True)
        ]
        addresses = tuple(join_address(*pair) for pair in pairs)
        for address in addresses:
            split_address(address)
    except (ValueError, UsageError):
        raise UsageError(f"must have ports from 1 to 65535: {DATABASE_FORM}") from None
    return addresses


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
