"""A target's ledger, as it is read in pages, around every link.

The read is sceptical: it may fail, be slow, end early or lie. What could not be read counts as
unread, never as a clean ledger.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from harness.core.errors import HarnessError, PutOffError, UsageError
from harness.core.http_calls import NO_PATIENCE, PUT_OFF, Http, Patience
from harness.core.http_messages import Reply
from harness.core.http_times import retry_after_s
from harness.core.rows import reason_of
from harness.history.ledger_facts import (
    LOAN_STATUSES,
    KeyedLoan,
    LedgerEntry,
)
from harness.plan.checked import unlike_fields
from harness.target.request import Request
from harness.target.transport import call
from harness.target.user_methods import (
    Method,
    UnlikeError,
    each,
    guard,
    kind_of,
    one_of,
    or_none,
    pair,
    record,
)

PAGE_ENTRIES = 1000
PAGES_MAX = 2000
"""Two million loans: beyond that a listing that never ends is the likelier explanation."""
LISTING_SECONDS_MAX = 240.0
"""All pages of one listing together; two million loans take half of it."""
PUT_OFF_SECONDS_MAX = 60.0
"""For which a target may put off its audit calls, the waits of one reading added up."""
_EXACT_MAX = 2**53
"""Below it, a float holds every whole number."""
_DIGITS_MAX = 10**40
"""A Decimal holds every one, and may be too large to be written."""
_NEVER_PAID = ("under_review", "approved", "declined")
"""Where only one of these statuses is shown, nothing was ever paid out."""
_EITHER = "cancelled"
"""Before or after it was paid out."""
_NOT_KNOWN = "whether it was paid out is not known: give payments, 0 for none"
REQUIRED = ("cursor", "key", "account", "principal")
COLUMNS = (*REQUIRED, "loan", "payments", "status", "balance", "at")
"""What a ledger of SQL or HTTP shows of a loan."""
KEYED_LOANS = f"a tuple of KeyedLoans, each with a status of {', '.join(LOAN_STATUSES)}"
_KEYED_LOAN = record(KeyedLoan)
_WHOSE = ("cursor", "loan_id", "account_id", "idempotency_key")


def _read_entry(found: Any) -> LedgerEntry:
    """An `UnclearEntry` where it is not as it must be: that of someone else does no harm.

    `UnlikeError` where no one can know whose it is, or what comes behind it.
    """
    entry: LedgerEntry = one_of(LedgerEntry)(found)
    known: dict[str, Any] = {}
    trouble = ""
    ours = LedgerEntry.__dataclass_fields__  # a class of the user's may have more
    for name, value, why in (found for found in unlike_fields(entry) if found[0] in ours):
        wrong = f"{name} is {kind_of(value)} ({why})"
        if name == "cursor" or (name in _WHOSE and value is not None):
            raise UnlikeError(f"a {LedgerEntry.__name__} whose {wrong}")
        # None is no key and no account, as in the rows of `entry_of`.
        names = {"loan_id": str(entry.cursor), "account_id": "", "idempotency_key": ""}
        known[name] = names.get(name, "" if name in ("created_at", "status") else 0)
        trouble = f"the ledger's loan {known.get('loan_id', entry.loan_id)}: its {wrong}"
    trouble = trouble or _wrong_status(entry.loan_id, entry.status)
    return unclear(entry, trouble, **known) if trouble else entry


def read_keyed(found: Any) -> KeyedLoan:
    """What a class of the user's shows of a loan; `UnlikeError` where it is none."""
    loan: KeyedLoan = _KEYED_LOAN(found)
    if loan.status not in LOAN_STATUSES:
        raise UnlikeError(f"a KeyedLoan with the status {loan.status!r:.40}")
    return loan


_ENTRIES = each(_read_entry, list)
_METHODS = {
    "cursor": Method("a whole number or text", one_of(int, str)),
    "listing": Method("a list of LedgerEntries and a cursor", pair(_ENTRIES, one_of(int, str))),
    "page": Method("a list of LedgerEntries", _ENTRIES),
    "invariants": Method(
        "True, False or None, and a tuple of texts",
        pair(or_none(one_of(bool)), each(one_of(str))),
    ),
    "rows": Method("a list of LedgerEntries, or None", or_none(_ENTRIES)),
    "by_key": Method(f"{KEYED_LOANS}, or None", or_none(each(read_keyed))),
}


class Ledger(ABC):
    """One target's ledger. Cursor 0 is its beginning, any other one that of an entry.

    ``addresses`` are each ``host:port`` at which it is read, beside that of the target itself.

    Raises:
        HarnessError: it cannot be read to its end or in time, or is not as agreed. Whatever a class
            of the user's raises becomes one, with its place: unread is not clean.
    """

    addresses: tuple[str, ...] = ()

    def __init_subclass__(cls, **more: Any) -> None:
        """Have mistakes in the methods of a user's class told with their place."""
        super().__init_subclass__(**more)
        guard(cls, _METHODS, HarnessError)

    def of(self, target: Any) -> Self:  # noqa: ARG002
        """The same for one target, whose address, headers and money it may need."""
        return self

    def cursor(self, check: Callable[[], object] = lambda: None) -> int | str:
        """The cursor behind the newest loan, taken before the load; 0 for an empty ledger.

        ``check`` is called every second of a long wait, and may raise to end it. Override it where
        the end can be found without reading everything before it.
        """
        return self.listing(0, Patience(PUT_OFF_SECONDS_MAX, check=check))[1]

    def listing(self, after: int | str, patience: Patience) -> tuple[list[LedgerEntry], int | str]:
        """Every loan behind a cursor, page by page until the empty one, and the last cursor."""
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

    @abstractmethod
    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """The next loans behind a cursor, at most `PAGE_ENTRIES`, read within ``seconds``; none at
        the end of the listing.
        """

    def invariants(self, patience: Patience) -> tuple[bool | None, tuple[str, ...]]:  # noqa: ARG002
        """Whether the target says that all its invariants hold, and which it says do not; None
        where it says nothing of them.
        """
        return None, ()

    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:  # noqa: ARG002
        """Every loan of these accounts, from a second source; None where there is none."""
        return None

    def by_key(self, key: str) -> tuple[KeyedLoan, ...] | None:  # noqa: ARG002
        """The loans under one key, asked for alone; None where they are not known."""
        return None

    @property
    def finds_by_key(self) -> bool:
        """Whether it can be asked for one key at all."""
        return type(self).by_key is not Ledger.by_key


@dataclass(frozen=True, slots=True)
class UnclearEntry(LedgerEntry):
    """A row whose money cannot be read, for this reason; that of someone else does no harm."""

    trouble: str = ""


def clear(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Rows that count; HarnessError where one of them is not clear."""
    found = list(entries)
    for entry in found:
        if isinstance(entry, UnclearEntry):
            raise HarnessError(entry.trouble)
    return found


def asked(url: str, request: Request, patience: Patience, seconds: float | None = None) -> Reply:
    """What a ledger answers by HTTP; HarnessError where that is no success."""
    # A connection of its own: whichever replica answers, none that was killed holds us up.
    with closing(Http()) as http:
        reply = call(http, url, request, seconds=seconds, patience=patience)
    if request.accepts(reply.status):
        return reply
    text = f"{request} answered {reply.status}, {request.expected} was expected"
    wait_s = retry_after_s(reply.headers) if reply.status in PUT_OFF else None
    raise HarnessError(text) if wait_s is None else PutOffError(text, wait_s)


def moving(entries: list[LedgerEntry], after: int | str) -> list[LedgerEntry]:
    """The entries of a page behind a cursor; HarnessError where the page is the one before."""
    if entries and entries[-1].cursor == after:
        raise HarnessError("the audit listing repeats itself: its cursor does not move")
    return entries


def entry_of(
    row: Mapping[str, Any], minor: Callable[[Any], int], statuses: Mapping[str, str]
) -> LedgerEntry:
    """One loan from its `COLUMNS`, an `UnclearEntry` where its money is not as declared.

    Null is no key, no account and no money: a row of someone else must not end the reading.
    HarnessError for a cursor that is none.
    """
    cursor = _whole(row["cursor"])
    if isinstance(cursor, bool) or not isinstance(cursor, int | str):
        raise HarnessError(f"the ledger's cursor {cursor!r} must be a whole number or text")
    loan_id = _text(row.get("loan")) or _text(cursor)
    status = _text(row.get("status"))
    status = statuses.get(status, status)
    trouble = _wrong_status(loan_id, status)
    principal, payments, balance = 0, 0, 0
    try:
        principal = _money(row["principal"], minor)
        payments = int(row.get("payments", 0 if status in _NEVER_PAID else 1) or 0)
        balance = principal if payments > 0 else 0
        if "balance" in row:
            balance = _money(row["balance"], minor)
        # What was paid out and then cancelled may have a balance of 0, too.
        if status == _EITHER and row.get("payments") is None and not ("balance" in row and balance):
            trouble = f"the ledger's loan {loan_id} has the status {status}; {_NOT_KNOWN}"
    except Exception as error:  # noqa: BLE001  # a class may read its money in its own way
        trouble = f"the ledger's loan {loan_id} is not as declared: {reason_of(error)}"
    entry = LedgerEntry(
        cursor=cursor,
        loan_id=loan_id,
        account_id=_text(row["account"]),
        idempotency_key=_text(row["key"]),
        principal_fen=principal,
        disbursements=payments,
        ledger_balance_fen=balance,
        created_at=_text(row.get("at")),
        status=status,
    )
    for name, _, why in unlike_fields(entry):  # a number too large to be stored
        trouble = f"the ledger's loan {loan_id} is not as declared: {name}: {why}"
    return unclear(entry, trouble) if trouble else entry


def unclear(entry: LedgerEntry, trouble: str, **known: Any) -> UnclearEntry:
    """The same row, of which this is not clear; ``known`` replaces fields of another type."""
    shown = {name: getattr(entry, name) for name in LedgerEntry.__dataclass_fields__}
    return UnclearEntry(**{**shown, **known, "trouble": trouble})


def keyed(entry: LedgerEntry) -> KeyedLoan:
    """A loan of the listing as it shows when it is asked for by its key."""
    status = entry.status or ("disbursed" if entry.disbursements else "approved")
    return KeyedLoan(entry.loan_id, status, entry.principal_fen)


def _money(shown: Any, minor: Callable[[Any], int]) -> int:
    return 0 if shown is None else minor(shown)


def _text(shown: Any) -> str:
    return "" if shown is None else str(_whole(shown))


def _whole(shown: Any) -> Any:
    """A whole number as one, which a driver may give as 12.0; anything else as it is."""
    exact = Decimal(shown) if isinstance(shown, float | Decimal) else Decimal("NaN")
    bound = _EXACT_MAX if isinstance(shown, float) else _DIGITS_MAX
    is_whole = exact.is_finite() and abs(exact) < bound and exact == int(exact)
    return int(exact) if is_whole else shown


def _wrong_status(loan_id: str, status: str) -> str:
    """Why a status can't be judged; a ledger may have none."""
    if not status or status in LOAN_STATUSES:
        return ""
    must = f"it must be one of {', '.join(LOAN_STATUSES)}, or be mapped to one"
    return f"the ledger's loan {loan_id} has the status {status!r:.40}; {must}"


def require_statuses(what: str, statuses: Mapping[str, str]) -> None:
    """UsageError where a lender's status is mapped to none of `LOAN_STATUSES`."""
    for ours in statuses.values():
        if ours not in LOAN_STATUSES:
            must = f"must be one of {', '.join(LOAN_STATUSES)}"
            raise UsageError(f"{what}: statuses: {ours!r:.40} {must}")
