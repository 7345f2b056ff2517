"""Reads the target's ledger once the load is over, around the proxies, and sceptically.

The audit may fail, be slow, end early or lie: what could not be read is said to be unread, never
taken for a clean ledger. A commit may still be under way when the load ends, so the listing is read
until two readings a second apart agree (and, where we have SQL, no transaction is active).
"""

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import requests
import urllib3
from pydantic import TypeAdapter, ValidationError

from harness.connections import connect, http_session
from harness.errors import HarnessError
from harness.events import LedgerEntry, LedgerReading

PAGE_ENTRIES = 1000
PAGES_MAX = 2000
"""Two million loans: beyond that a listing that never ends is the likelier explanation."""
CALL_TIMEOUT_SECONDS = 10.0
"""Of connecting, and of the wait for the next byte."""
CALL_SECONDS_MAX = 30.0
CHUNK_BYTES = 65_536
LISTING_SECONDS_MAX = 300.0
"""All pages of one listing together; two million loans take a third of it."""
QUIET_SECONDS_MAX = 20.0
"""Twice the longest deadline any part of a borrow has; a ledger still moving then is unread."""
BETWEEN_READINGS_SECONDS = 1.0
BY_KEY_SECONDS_MAX = 60.0
BY_KEY_MAX = 500
"""Acknowledged keys asked for one by one; if more are missing, the listing itself is broken."""

_ENTRY: TypeAdapter[LedgerEntry] = TypeAdapter(LedgerEntry)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that has been read to its end."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body)


def _http_get(url: str, seconds: float | None = None, **kwargs: Any) -> _Answer:
    """A GET that no proxy from the environment comes between, read within a bounded time.

    A redirect is not followed: it would carry our token elsewhere.

    Raises:
        RequestException: no answer, or one that drips in for longer than ``seconds``
            (`CALL_SECONDS_MAX` for None).
    """
    seconds = CALL_SECONDS_MAX if seconds is None else seconds
    deadline = time.monotonic() + seconds
    timeout_s = min(CALL_TIMEOUT_SECONDS, seconds)
    with (
        http_session() as session,
        session.get(url, timeout=timeout_s, allow_redirects=False, stream=True, **kwargs) as answer,
    ):
        body = bytearray()
        # What has come in so far, however little: a body that drips would hold up a plain read.
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if time.monotonic() > deadline:
                raise requests.Timeout(f"the answer took over {seconds:g} s")
        return _Answer(answer.status_code, bytes(body))


@dataclass(frozen=True, slots=True)
class Ledger:
    """How to read one target's ledger: the audit call, and SQL where the database is ours."""

    service_url: str
    admin_token: str
    database_url: str | None = None

    def cursor(self) -> int | str:
        """The cursor behind the newest loan, taken before the load; 0 for an empty ledger.

        Raises:
            HarnessError: the listing cannot be read, so that no run could be reconciled.
        """
        return self._listing(0)[1]

    def _get(self, path: str, seconds: float | None = None, **parameters: int | str) -> _Answer:
        try:
            answer = _http_get(
                self.service_url + path,
                seconds,
                params=parameters,
                headers={"X-Admin-Token": self.admin_token},
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise HarnessError(f"GET {path}: {error}") from error
        if answer.status != requests.codes.ok:
            raise HarnessError(f"GET {path} answered {answer.status}, 200 was expected")
        return answer

    def _listing(self, after: int | str) -> tuple[list[LedgerEntry], int | str]:
        """Every loan behind a cursor, page by page until the empty one, and the last cursor."""
        entries: list[LedgerEntry] = []
        deadline = time.monotonic() + LISTING_SECONDS_MAX
        for _ in range(PAGES_MAX):
            if time.monotonic() > deadline:
                raise HarnessError(f"the audit listing took over {LISTING_SECONDS_MAX:g} s")
            found = self.page(after)
            if not found:
                return entries, after
            entries += found
            after = entries[-1].cursor
        raise HarnessError(f"the audit listing does not end within {PAGES_MAX} pages")

    def page(self, after: int | str, seconds: float | None = None) -> list[LedgerEntry]:
        """The next loans behind a cursor, at most `PAGE_ENTRIES`; none at the end of the listing.

        Raises:
            HarnessError: it cannot be read in time (``seconds``), or is not as agreed.
        """
        path = "/v1/admin/audit/loans"
        body = self._get(path, seconds, after=after, limit=PAGE_ENTRIES).body
        try:
            entries = [_ENTRY.validate_json(line) for line in body.splitlines()]
        except ValidationError as error:
            why = error.errors()[0]
            raise HarnessError(
                f"the audit listing breaks off or is not as agreed: {why['msg']}"
            ) from error
        if entries and entries[-1].cursor == after:
            raise HarnessError("the audit listing repeats itself: its cursor does not move")
        return entries

    def read(self, after: int | str, accounts: frozenset[str]) -> LedgerReading:
        """Every loan behind a cursor, once the ledger is quiet; never raises.

        ``accounts`` are those whose loans a second source is compared on.
        """
        deadline = time.monotonic() + QUIET_SECONDS_MAX
        before: list[LedgerEntry] | None = None
        trouble = "it did not come to rest"
        while True:
            # Also before the first: a commit may still be a moment behind the last answer.
            time.sleep(BETWEEN_READINGS_SECONDS)
            try:
                entries, _ = self._listing(after)
                if before is not None and entries == before and not self._busy():
                    return self._complete(entries, accounts)
                before = entries
                trouble = "it did not come to rest"
            except HarnessError as error:
                before = None
                trouble = str(error)
            if time.monotonic() > deadline:
                break
        why = f"the ledger could not be read within {QUIET_SECONDS_MAX:g} s: {trouble}"
        return LedgerReading(read=False, complete=False, source="audit", error=why)

    def _busy(self) -> bool:
        """Whether a transaction of the service is active; False where we have no SQL."""
        if self.database_url is None:
            return False
        row = self._sql(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return bool(row[0][0])

    def _sql(self, query: str) -> list[tuple[Any, ...]]:
        try:
            with connect(self.database_url or "", connect_timeout=3) as connection:
                connection.read_only = True
                connection.execute("SET statement_timeout = '10s'")
                return connection.execute(query).fetchall()
        except psycopg.Error as error:
            raise HarnessError(f"the database cannot be read: {error}") from error

    def _complete(self, entries: list[LedgerEntry], accounts: frozenset[str]) -> LedgerReading:
        """Add what else is known: the target's own invariants, and what SQL says."""
        reading = LedgerReading(read=True, complete=True, source="audit", entries=tuple(entries))
        try:
            says_ok, violations = self._invariants()
            reading = replace(reading, says_ok=says_ok, violations=violations)
            if self.database_url is not None:
                disagree = tuple(sorted(_differences(entries, self._rows(), accounts)))
                reading = replace(reading, source="audit and SQL", sql_disagrees=disagree)
        except HarnessError as error:
            reading = replace(reading, complete=False, error=str(error))
        return reading

    def _invariants(self) -> tuple[bool, tuple[str, ...]]:
        """Whether the target says that all its invariants hold, and which it says do not."""
        try:
            body = self._get("/v1/admin/audit/invariants").json()
            rows = [f"{row['invariant']}: {row['detail']}" for row in body["violations"]]
            says_ok = body["ok"]
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"the invariants call is not as agreed: {error!r}") from error
        if not isinstance(says_ok, bool):
            raise HarnessError(f"the invariants call is not as agreed: ok is {says_ok!r}")
        if not says_ok and not rows:
            rows = ["the target says that its invariants do not hold, without naming one"]
        return says_ok and not rows, tuple(rows)

    def _rows(self) -> list[LedgerEntry]:
        """Every loan of the database, from the tables themselves."""
        rows = self._sql(
            "SELECT l.id::text, l.account_id::text, l.idem_key, l.principal_fen, l.status,"
            " (SELECT count(*) FROM disbursement d WHERE d.loan_id = l.id) FROM loan l"
        )
        return [LedgerEntry(0, r[0], r[1], r[2], r[3], r[4], r[5], 0, "") for r in rows]

    def ask_for_missing(
        self,
        reading: LedgerReading,
        acknowledged: dict[str, str],
        progress: Callable[[str], None],
    ) -> LedgerReading:
        """Ask once, key by key, for acknowledged loans that the listing lacks.

        ``acknowledged`` maps each key to its borrower's session token. True: the target knows the
        key. False: it clearly does not. None: no clear answer, also for all beyond `BY_KEY_MAX`.
        """
        if not reading.read:
            return reading
        listed = {entry.idempotency_key for entry in reading.entries}
        missing = {key: token for key, token in acknowledged.items() if key not in listed}
        asked = dict(list(missing.items())[:BY_KEY_MAX])
        if asked:
            progress(f"asking for {len(asked)} acknowledged loans that the listing lacks")
        deadline = time.monotonic() + BY_KEY_SECONDS_MAX

        def knows(item: tuple[str, str]) -> bool | None:
            return None if time.monotonic() > deadline else self._knows(*item)

        with ThreadPoolExecutor(4, thread_name_prefix="by-key") as pool:
            answers = pool.map(knows, asked.items())
            found = dict(zip(asked, answers, strict=True))
        return replace(reading, found_by_key={key: found.get(key) for key in missing})

    def _knows(self, key: str, token: str) -> bool | None:
        try:
            answer = _http_get(
                f"{self.service_url}/v1/loans",
                params={"idempotency_key": key},
                headers={"Authorization": f"Bearer {token}"},
            )
            if answer.status != requests.codes.ok:
                return None
            return bool(answer.json()["loans"])
        except (
            *(requests.RequestException, urllib3.exceptions.HTTPError),
            *(ValueError, KeyError, TypeError),
        ):
            return None


def _differences(
    listed: Iterable[LedgerEntry], rows: Iterable[LedgerEntry], accounts: frozenset[str]
) -> set[str]:
    """Keys of these accounts on which the listing and the tables differ, either way."""

    def essence(entries: Iterable[LedgerEntry]) -> set[tuple[str, str, int, str, int]]:
        return {
            (e.idempotency_key, e.loan_id, e.principal_fen, e.status, e.disbursements)
            for e in entries
            if e.account_id in accounts
        }

    return {key for key, *_ in essence(listed) ^ essence(rows)}
