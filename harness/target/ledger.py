"""Reads the target's ledger around the proxies, and sceptically.

The audit may fail, be slow, end early or lie: what could not be read is said to be unread, never
taken for a clean ledger.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import psycopg
from pydantic import BeforeValidator, TypeAdapter

from harness.core.connections import connect
from harness.core.errors import HarnessError, PutOffError
from harness.core.http_calls import NO_PATIENCE, PUT_OFF, Http, Patience, Reply
from harness.core.http_times import retry_after_s
from harness.core.rows import reason_of
from harness.history.ledger_facts import LedgerEntry

PAGE_ENTRIES = 1000
PAGES_MAX = 2000
"""Two million loans: beyond that a listing that never ends is the likelier explanation."""
LISTING_SECONDS_MAX = 240.0
"""All pages of one listing together; two million loans take half of it."""
PUT_OFF_SECONDS_MAX = 60.0
"""For which a target may put off its audit calls, the waits of one reading added up."""


def _keyed(row: Any) -> Any:
    """A loan that was not asked for by the API has no key: null on the wire, empty here."""
    if isinstance(row, dict) and row.get("idempotency_key", "") is None:
        return {**row, "idempotency_key": ""}
    return row


_ENTRY: TypeAdapter[LedgerEntry] = TypeAdapter(Annotated[LedgerEntry, BeforeValidator(_keyed)])


@dataclass(frozen=True, slots=True)
class Ledger:
    """How to read one target's ledger: the audit call, and SQL where the database is ours."""

    service_url: str
    admin_token: str
    database_url: str | None = None

    def cursor(self, check: Callable[[], object] = lambda: None) -> int | str:
        """The cursor behind the newest loan, taken before the load; 0 for an empty ledger.

        ``check`` is called every second of a long wait, and may raise to end it.

        Raises:
            HarnessError: the listing cannot be read, so that no run could be reconciled.
        """
        return self.listing(0, Patience(PUT_OFF_SECONDS_MAX, check=check))[1]

    def listing(self, after: int | str, patience: Patience) -> tuple[list[LedgerEntry], int | str]:
        """Every loan behind a cursor, page by page until the empty one, and the last cursor.

        Raises:
            HarnessError: it cannot be read to its end.
        """
        entries: list[LedgerEntry] = []
        deadline = time.monotonic() + LISTING_SECONDS_MAX
        for _ in range(PAGES_MAX):
            if time.monotonic() > deadline:
                raise HarnessError(f"the audit listing took over {LISTING_SECONDS_MAX:g} s")
            found = self.page(after, patience=patience)
            if not found:
                return entries, after
            entries += found
            after = entries[-1].cursor
        raise HarnessError(f"the audit listing does not end within {PAGES_MAX} pages")

    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """The next loans behind a cursor, at most `PAGE_ENTRIES`; none at the end of the listing.

        Raises:
            HarnessError: it cannot be read in time (``seconds``), or is not as agreed.
        """
        path = "/v1/admin/audit/loans"
        reply = self._get(path, patience, seconds, after=after, limit=PAGE_ENTRIES)
        try:
            entries = [_ENTRY.validate_json(line) for line in reply.json_bytes.splitlines()]
        except ValueError as error:
            raise HarnessError(
                f"the audit listing breaks off or is not as agreed: {reason_of(error)}"
            ) from error
        if entries and entries[-1].cursor == after:
            raise HarnessError("the audit listing repeats itself: its cursor does not move")
        return entries

    def invariants(self, patience: Patience) -> tuple[bool, tuple[str, ...]]:
        """Whether the target says that all its invariants hold, and which it says do not.

        Raises:
            HarnessError: it cannot be read, or is not as agreed.
        """
        try:
            body = self._get("/v1/admin/audit/invariants", patience).json()
            rows = [f"{row['invariant']}: {row['detail']}" for row in body["violations"]]
            says_ok = body["ok"]
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"the invariants call is not as agreed: {error!r}") from error
        if not isinstance(says_ok, bool):
            raise HarnessError(f"the invariants call is not as agreed: ok is {says_ok!r}")
        if not says_ok and not rows:
            rows = ["the target says that its invariants do not hold, without naming one"]
        return says_ok and not rows, tuple(rows)

    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """Every loan of these accounts, from the tables themselves; None where we have no SQL.

        Raises:
            HarnessError: the database cannot be read.
        """
        if self.database_url is None:
            return None
        found = self._sql(
            "SELECT l.id::text, l.account_id::text, l.idem_key, l.principal_fen, l.status,"
            " (SELECT count(*) FROM disbursement d WHERE d.loan_id = l.id) FROM loan l"
            " WHERE l.account_id::text = ANY(%s)",
            sorted(accounts),
        )
        return [
            LedgerEntry(
                cursor=0,
                loan_id=loan_id,
                account_id=account_id,
                idempotency_key=key,
                principal_fen=principal_fen,
                status=status,
                disbursements=disbursements,
                ledger_balance_fen=0,
                created_at="",
            )
            for loan_id, account_id, key, principal_fen, status, disbursements in found
        ]

    def _sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        try:
            with connect(self.database_url or "", connect_timeout=3) as connection:
                connection.read_only = True
                connection.execute("SET statement_timeout = '10s'")
                return connection.execute(query, parameters).fetchall()
        except psycopg.Error as error:
            raise HarnessError(f"the database cannot be read: {error}") from error

    def _get(
        self,
        path: str,
        patience: Patience,
        seconds: float | None = None,
        **query: int | str,
    ) -> Reply:
        # A connection of its own: whichever replica answers, none that was killed holds us up.
        with closing(Http()) as http:
            reply = http.call(
                "GET",
                self.service_url + path,
                headers={"X-Admin-Token": self.admin_token},
                query=query,
                seconds=seconds,
                patience=patience,
            )
        if reply.status != HTTPStatus.OK:
            text = f"GET {path} answered {reply.status}, 200 was expected"
            wait_s = retry_after_s(reply.headers) if reply.status in PUT_OFF else None
            raise HarnessError(text) if wait_s is None else PutOffError(text, wait_s)
        return reply
