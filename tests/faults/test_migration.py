"""How a migration that got its lock before its time came to it: by what ended its holder."""

import threading
from types import SimpleNamespace
from typing import Any, NoReturn, Self, cast

import psycopg
import pytest
from psycopg import errors

from harness.faults import BlockingMigration
from harness.faults.database import blocking_migration as migration
from harness.faults.database.blocking_migration import BlockingMigrationInjector
from harness.history.fault_facts import EndedBy
from tests.builders import planned_fault


class Database:
    """Of both connections: a holder that ends as told, and an ALTER that waits for its end."""

    def __init__(self, end: psycopg.Error | None) -> None:
        self._end = end
        self.ended = threading.Event()

    def connect(self, *_: Any, **__: Any) -> Self:
        """One connection more."""
        return self

    def __enter__(self) -> Self:
        """As a connection that ends its block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def execute(self, statement: Any, *_: Any) -> SimpleNamespace:
        """An ALTER waits; pg_locks shows it; what comes after the end is answered by the end."""
        if "ALTER" in repr(statement):
            self.ended.wait(5)
        elif self.ended.is_set() and self._end is not None:
            self._fail(self._end)
        return SimpleNamespace(fetchone=lambda: (1,))

    def _fail(self, error: psycopg.Error) -> NoReturn:
        raise error


@pytest.mark.parametrize(
    ("end", "by"),
    [
        (errors.IdleInTransactionSessionTimeout("idle for too long"), EndedBy.WORK),
        (errors.lookup("25P04")("open for too long"), EndedBy.WORK),
        (errors.AdminShutdown("terminated by an administrator"), EndedBy.NOBODY),
        (psycopg.OperationalError("the connection is lost"), EndedBy.NOBODY),
        (None, EndedBy.NOBODY),
    ],
    ids=["idle too long", "open too long", "killed", "lost", "still there"],
)
def test_only_a_time_out_of_the_database_lets_a_migration_be_done(
    monkeypatch: pytest.MonkeyPatch, end: psycopg.Error | None, by: EndedBy
) -> None:
    """Whoever else ended the long transaction, it was no work of the migration's."""
    database = Database(end)
    monkeypatch.setattr(migration, "own_session", database.connect)
    stack = cast("Any", SimpleNamespace(database_url="postgresql://nowhere"))
    planned = planned_fault("1-blocking_migration", BlockingMigration(), 0.0, 60.0)
    injector = BlockingMigrationInjector(planned, BlockingMigration(), stack)
    injector.inject()
    assert injector.gone() is None
    database.ended.set()
    assert injector._alter is not None
    injector._alter.join(5)
    gone = injector.gone()

    assert gone is not None
    assert gone.by is by
    assert "got its lock" in gone.text
    assert str(end or "still open") in gone.text
