"""The ledger of our own contract: its audit calls, and the tables where the database is ours."""

from contextlib import closing
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from harness.core.connections import read_rows
from harness.core.errors import HarnessError, PutOffError
from harness.core.http_calls import NO_PATIENCE, PUT_OFF, Http, Patience
from harness.core.http_messages import Reply
from harness.core.http_times import retry_after_s
from harness.core.rows import reason_of
from harness.history.ledger_facts import LedgerEntry
from harness.target.interface import Request
from harness.target.ledger import PAGE_ENTRIES, Ledger
from harness.target.transport import call

LISTING = "/v1/admin/audit/loans"
INVARIANTS = "/v1/admin/audit/invariants"
_LOANS_OF_ACCOUNTS = """
SELECT l.id::text, l.account_id::text, l.idem_key, l.principal_fen, l.status,
       (SELECT count(*) FROM disbursement d WHERE d.loan_id = l.id)
FROM loan l WHERE l.account_id::text = ANY(%s)
"""


def _keyed(row: Any) -> Any:
    """A loan that was not asked for by the API has no key: null on the wire, empty here."""
    if isinstance(row, dict) and row.get("idempotency_key", "") is None:
        return {**row, "idempotency_key": ""}
    return row


_ENTRY: TypeAdapter[LedgerEntry] = TypeAdapter(Annotated[LedgerEntry, BeforeValidator(_keyed)])


@dataclass(frozen=True, slots=True)
class ContractLedger(Ledger):
    """The ledger of one service, asked at the service itself."""

    service_url: str
    admin_token: str = field(repr=False)
    database_url: str | None = field(default=None, repr=False)

    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """One loan a line, as `Ledger.page` says."""
        query = {"after": after, "limit": PAGE_ENTRIES}
        reply = self._get(LISTING, patience, query, seconds)
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
        """What the target says of them, as `Ledger.invariants` says."""
        try:
            body = self._get(INVARIANTS, patience).json()
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
        """One row for each loan, as `Ledger.rows` says."""
        if self.database_url is None:
            return None
        found = read_rows(self.database_url, _LOANS_OF_ACCOUNTS, sorted(accounts))
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

    def _get(
        self,
        path: str,
        patience: Patience,
        query: dict[str, int | str] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        request = Request("GET", path, headers={"X-Admin-Token": self.admin_token}, query=query)
        # A connection of its own: whichever replica answers, none that was killed holds us up.
        with closing(Http()) as http:
            reply = call(http, self.service_url, request, seconds=seconds, patience=patience)
        if reply.status != request.expects:
            text = f"{request} answered {reply.status}, {request.expects:d} was expected"
            wait_s = retry_after_s(reply.headers) if reply.status in PUT_OFF else None
            raise HarnessError(text) if wait_s is None else PutOffError(text, wait_s)
        return reply
