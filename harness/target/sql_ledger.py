"""A lender's ledger in its own database, read by one query over any driver of Python's DB-API.

The query is the user's; what is asked of it is added around it: what lies behind a cursor, the
newest entry, one key. Every question is a connection of its own, around every link.
"""

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from harness.core.connections import DATABASE_FORM, connect, database_addresses
from harness.core.errors import HarnessError, UsageError
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.core.money import whole_minor
from harness.core.places import message_of, place_of
from harness.core.rows import reason_of
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.plan.checked import type_problems
from harness.target.ledger import (
    COLUMNS,
    PAGE_ENTRIES,
    REQUIRED,
    Ledger,
    clear,
    entry_of,
    keyed,
    moving,
    require_statuses,
)

if TYPE_CHECKING:
    from harness.target.interface import Target

CONNECT_SECONDS_MAX = 3
_READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=10000"
_MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s", "numeric": ":1", "named": ":1"}
"""Where a value goes, by the ``paramstyle`` of a driver (PEP 249)."""
_DATABASE = f"database must be {DATABASE_FORM}, or a function that opens a connection"
_PART = re.compile(
    r"(?<![\w$])(\$(?:[^\W\d]\w*)?\$).*?\1|(?<!\w)[eE]'(?:\\.|''|[^'\\])*'"
    r"|'(?:''|[^'])*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|.",
    re.DOTALL,
)
"""A text (in dollars, with escapes, or plain), a name, a comment, or any other character."""
_SAYS_NOTHING = re.compile(r"\s|;|--|/\*")
SHOWN_MAX = 20
"""Rows of one check that are reported."""


@dataclass(frozen=True)
class SqlLedger(Ledger):
    """One row for each loan, with columns named like `harness.target.ledger.COLUMNS`.

    ``query`` is a SELECT whose ``cursor`` rises with every new row. ``database`` is an address of
    PostgreSQL, or a function that opens a connection of any DB-API driver, read-only if it can.
    ``checks`` are queries by what they check, each row of which is a violation. ``statuses`` maps
    the lender's statuses to ours (docs/money.md); without a ``status``, payments alone count.
    """

    query: str
    database: str | Callable[[], Any] = field(repr=False)
    checks: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    minor: Callable[[Any], int] = field(default=whole_minor, repr=False, init=False)
    addresses: tuple[str, ...] = field(default=(), repr=False, init=False)

    def __post_init__(self) -> None:
        """Refuse invalid values, before anything is read."""
        for wrong in type_problems(self):
            is_secret = wrong.startswith("database ")
            raise UsageError(f"SqlLedger: {_DATABASE if is_secret else wrong}")
        require_statuses("SqlLedger", self.statuses)
        if not self.query.strip():
            raise UsageError(f"SqlLedger: {self.query!r:.60} must be a SELECT with {_wanted()}")
        if isinstance(self.database, str):
            try:
                object.__setattr__(self, "addresses", database_addresses(self.database))
            except UsageError as error:
                raise UsageError(f"SqlLedger: database {error}") from error

    def of(self, target: "Target") -> Self:
        """With money as this target writes it."""
        made = copy(self)
        object.__setattr__(made, "minor", target.minor)
        return made

    def cursor(self, check: Callable[[], object] = lambda: None) -> int | str:
        """That of the newest entry alone."""
        check()
        rows = self._entries("ORDER BY entries.cursor DESC LIMIT 1")
        return rows[0].cursor if rows else 0

    def page(
        self,
        after: int | str,
        seconds: float | None = None,  # noqa: ARG002  # a driver has bounds of its own
        patience: Patience = NO_PATIENCE,  # noqa: ARG002  # a database puts no one off
    ) -> list[LedgerEntry]:
        """The next loans, as `Ledger.page` says."""
        end = f"ORDER BY entries.cursor LIMIT {PAGE_ENTRIES}"
        if after == 0:
            return self._entries(end)
        return moving(self._entries(f"WHERE entries.cursor > {{}} {end}", after), after)

    def by_key(self, key: str) -> tuple[KeyedLoan, ...]:
        """Every loan under one key."""
        rows = clear(self._entries("WHERE entries.key = {}", key))
        found = {each.loan_id: each for each in rows}
        return tuple(map(keyed, found.values()))

    def invariants(self, patience: Patience) -> tuple[bool | None, tuple[str, ...]]:  # noqa: ARG002
        """Every row that a check found; nothing is known where there is no check."""
        violations = tuple(
            f"{name}: {', '.join(map(str, row.values()))}"
            for name, query in self.checks.items()
            for row in self._rows(query)[:SHOWN_MAX]
        )
        return (not violations if self.checks else None), violations

    def _entries(self, end: str, *values: Any) -> list[LedgerEntry]:
        query = f"SELECT * FROM ({_without_end(self.query)}) AS entries"  # noqa: S608  # the user's own
        rows = self._rows(query, end, *values)
        if rows and (missing := [name for name in REQUIRED if name not in rows[0]]):
            text = f"the query of the ledger has no {', '.join(missing)}; it needs {_wanted()}"
            raise HarnessError(text)
        return [entry_of(row, self.minor, self.statuses) for row in rows]

    def _rows(self, query: str, end: str = "", *values: Any) -> list[dict[str, Any]]:
        """What a query reads, by column; ``{}`` in its ``end`` is where the value goes."""
        try:
            with closing(self._open()) as connection:
                cursor = connection.cursor()
                mark = _mark(connection)
                if values and mark == "%s":
                    query = query.replace("%", "%%")
                text = f"{query} {end.replace('{}', mark)}"
                cursor.execute(text, values) if values else cursor.execute(text)
                names = [str(column[0]).lower() for column in cursor.description]
                return [_by_name(names, row) for row in cursor.fetchall()]
        except HarnessError:
            raise
        except Exception as error:  # a driver may raise anything: unread is not clean
            raise HarnessError(f"the ledger cannot be read: {reason_of(error)}") from error

    def _open(self) -> Any:
        if isinstance(self.database, str):
            bounds = {"connect_timeout": CONNECT_SECONDS_MAX, "options": _READ_ONLY}
            return connect(self.database, **bounds)
        try:
            return self.database()
        except Exception as error:
            text = f"{place_of(error)}: to open the ledger raised {message_of(error)}"
            raise HarnessError(text) from error


def _by_name(names: list[str], row: Any) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return {str(name).lower(): value for name, value in row.items()}
    return dict(zip(names, row, strict=True))


def _mark(connection: Any) -> str:
    """How its driver marks the place of a value."""
    drivers = [
        sys.modules.get(each.__module__.partition(".")[0]) for each in type(connection).mro()
    ]
    styles = filter(None, (getattr(driver, "paramstyle", None) for driver in drivers))
    return _MARKS.get(next(styles, "format"), "%s")


def _without_end(query: str) -> str:
    """A query that can stand in brackets: without semicolons, and what is behind them.

    One without is left alone: no text that only looks like a comment is lost. A comment at its end
    ends with the line.
    """
    parts = [*_PART.finditer(query)]
    end = max((part.end() for part in parts if not _SAYS_NOTHING.match(part[0])), default=0)
    is_ended = any(part[0] == ";" and part.start() >= end for part in parts)
    return f"{query[:end] if is_ended else query}\n"


def _wanted() -> str:
    more = [name for name in COLUMNS if name not in REQUIRED]
    return f"columns {', '.join(REQUIRED)}, and as there are {', '.join(more)}"
