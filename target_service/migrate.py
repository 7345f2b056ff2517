"""Brings the database's schema to the newest version; a second time it changes nothing."""

import random
import time
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import OperationalError

# Two migrations started together must not interleave; the number only has to be ours.
_ADVISORY_LOCK = 4_207_311_556
_ATTEMPTS_MAX = 10
_CONNECT_SECONDS = 5
# A migration that waits for a lock makes every later query wait behind it. It gives up quickly
# instead and tries again, so that borrowers never queue for longer than this.
_LOCK_TIMEOUT_MS = 500


def migrate(database_url: str) -> None:
    """Applies every outstanding migration, each in its own transaction.

    Raises:
        OperationalError: from SQLAlchemy, when the database cannot be reached or a lock was not
            to be had in several attempts, or it took no connection in all of them.
    """
    passing = (psycopg.errors.LockNotAvailable, psycopg.errors.ConnectionTimeout)
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            _upgrade(database_url)
        except OperationalError as error:
            if attempt == _ATTEMPTS_MAX or not isinstance(error.orig, passing):
                raise
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 (jitter needs no secrecy)
        else:
            return


def _upgrade(database_url: str) -> None:
    conninfo = make_conninfo(
        database_url,
        connect_timeout=_CONNECT_SECONDS,
        application_name="lending-migrate",
        options=f"-c lock_timeout={_LOCK_TIMEOUT_MS}",
    )
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(conninfo),
        poolclass=pool.NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
