"""Reads what a run left in the ledger: once it is at rest, and for a while after that.

A commit may still be under way when the load ends, and a lender may book later than it answers. So
the listing is read until two readings a second apart agree on this run's rows (and the tables say
the same, where we have SQL), and then watched. Rows of other runs and clients count for nothing:
a target that others use never comes to rest.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.core.errors import HarnessError
from harness.core.http_calls import Patience
from harness.history.ledger_facts import LedgerEntry, LedgerReading
from harness.target.interface import Target
from harness.target.ledger import PUT_OFF_SECONDS_MAX, clear

BETWEEN_READINGS_SECONDS = 1.0
QUIET_SECONDS_MAX = 20.0
"""Twice the longest deadline any part of a borrow has; a ledger still moving then is unread."""
WATCH_FACTOR_MAX = 2
"""A change while the ledger is watched begins the watch anew, up to this many times its length."""
LOOKS = 3
"""Listings, however long one takes, that there is always time for."""
TELL_SECONDS = 10.0

_Identity = tuple[str, str, str, int, str, int]


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """Where to read, from which cursor on. ``is_cut_short`` ends what is not needed any more.

    ``check`` is called every second of a long wait, and may raise `HarnessError` to end it.
    """

    target: Target
    cursor: int | str
    progress: Callable[[str], object] = lambda _: None
    is_cut_short: Callable[[], bool] = lambda: False
    check: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class OwnLoans:
    """What is this run's: its idempotency keys, and its borrowers' accounts.

    ``acknowledged`` are keys for which a loan was reported to the borrower.
    """

    keys: frozenset[str]
    accounts: frozenset[str]
    acknowledged: frozenset[str] = frozenset()

    def of(self, entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
        """The rows of this run, and all others of the same loans; HarnessError where one of them
        is not clear.
        """
        entries = list(entries)
        loans = {
            entry.loan_id
            for entry in entries
            if entry.idempotency_key in self.keys or entry.account_id in self.accounts
        }
        return clear(entry for entry in entries if entry.loan_id in loans)


class LedgerWatch:
    """One reading of a ledger. To cut it short ends the watch, but not the wait for rest."""

    def __init__(self, source: LedgerSource, ours: OwnLoans) -> None:
        self._source = source
        if source.target.ledger is None:
            raise AssertionError("who has no ledger is not watched")
        self._ledger = source.target.ledger
        self._ours = ours
        self._patience = Patience(PUT_OFF_SECONDS_MAX, source.progress, source.check)
        self._last: list[LedgerEntry] = []
        self._tables: list[LedgerEntry] | None = None
        self._versions: list[LedgerEntry] = []
        self._state: object = None
        self._seen_s = 0.0
        self._took_s = 0.0
        self._told_s = -TELL_SECONDS
        self._trouble = ""

    def read(self, settle_s: float) -> LedgerReading:
        """This run's rows once they are at rest, and what became of them within ``settle_s``.

        Every version of a row that was seen is in it, in the order in which they were listed last.
        Never raises.
        """
        if not self._comes_to_rest():
            why = f"the ledger could not be read: {self._trouble}"
            return LedgerReading(read=False, complete=False, source="audit", error=why)
        rest_s = self._seen_s
        self._watch(settle_s)
        reading = LedgerReading(
            read=True,
            complete=not self._trouble,
            source="audit",
            entries=tuple(self._judged()),
            error=self._trouble or None,
            watched_s=round(self._seen_s - rest_s, 3),
        )
        return self._completed(reading)

    def _comes_to_rest(self) -> bool:
        began_s = time.monotonic()
        while not self._looks_the_same():
            self._trouble = self._trouble or "it did not come to rest"
            if time.monotonic() - began_s > self._bound_s(0.0):
                return False
            self._tell("waiting for the ledger to come to rest")
            time.sleep(BETWEEN_READINGS_SECONDS)
        return True

    def _watch(self, settle_s: float) -> None:
        """Look again and again, until nothing has changed for ``settle_s``, within a bound."""
        began_s = quiet_s = self._seen_s
        self._told_s = -TELL_SECONDS
        while self._seen_s - quiet_s < settle_s or self._trouble:
            now_s = time.monotonic()
            if now_s - began_s > self._bound_s(WATCH_FACTOR_MAX * settle_s):
                self._trouble = self._trouble or "it still changed at the end of the watch"
                return
            if self._source.is_cut_short():
                return
            self._tell(f"watching the ledger for {max(0.0, quiet_s + settle_s - now_s):.0f} s")
            left_s = quiet_s + settle_s - now_s
            pause_s = BETWEEN_READINGS_SECONDS
            time.sleep(min(pause_s, left_s) if left_s > 0 else pause_s)
            if not self._looks_the_same() and not self._trouble:
                quiet_s = self._seen_s

    def _bound_s(self, wanted_s: float) -> float:
        """A bound that a slow listing, or a target that puts us off, does not use up."""
        return wanted_s + QUIET_SECONDS_MAX + LOOKS * self._took_s + self._patience.spent_s

    def _tell(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_SECONDS:
            self._told_s = now_s
            self._source.progress(text)

    def _looks_the_same(self) -> bool:
        """Read listing and tables once more; whether both were read, and are as the last time."""
        began_s = time.monotonic()
        try:
            listed = self._ours.of(self._ledger.listing(self._source.cursor, self._patience)[0])
            rows = self._ledger.rows(self._ours.accounts)
            tables = None if rows is None else clear(rows)
        except HarnessError as error:
            self._trouble = str(error)
            return False
        self._took_s = max(self._took_s, time.monotonic() - began_s)
        state = (_essence(listed), None if tables is None else _essence(tables))
        same = state == self._state
        self._versions = _with(self._versions, listed)
        self._last, self._tables, self._state = listed, tables, state
        self._seen_s, self._trouble = began_s, ""
        return same

    def _judged(self) -> list[LedgerEntry]:
        """All versions that count.

        A loan that is gone from the last listing counts if it was paid out: money that left does
        not come back with its row. But where a loan was reported to its borrower and none of its
        key is left, it is as good as lost, whatever was listed before.
        """
        there = {entry.loan_id for entry in self._last}
        lost = self._ours.acknowledged - {entry.idempotency_key for entry in self._last}
        return [
            entry
            for entry in self._versions
            if entry.loan_id in there
            or (entry.disbursements > 0 and entry.idempotency_key not in lost)
        ]

    def _completed(self, reading: LedgerReading) -> LedgerReading:
        """Add what else is known: the target's own invariants, and what the tables say."""
        try:
            says_ok, violations = self._ledger.invariants(self._patience)
        except HarnessError as error:
            why = reading.error or str(error)
            reading = replace(reading, complete=False, error=why)
        else:
            reading = replace(reading, says_ok=says_ok, violations=violations)
        if self._tables is None:
            return reading
        differ = {
            key for _, _, key, *_ in _differences(self._ours.accounts, self._last, self._tables)
        }
        return replace(reading, source="audit and SQL", sql_disagrees=tuple(sorted(differ)))


def _identity(entry: LedgerEntry) -> _Identity:
    """What makes two rows the same version of one loan, whatever their cursor, time, balance."""
    return (
        *(entry.loan_id, entry.account_id, entry.idempotency_key),
        *(entry.principal_fen, entry.status, entry.disbursements),
    )


def _essence(entries: Iterable[LedgerEntry]) -> Counter[tuple[_Identity, int]]:
    return Counter((_identity(entry), entry.ledger_balance_fen) for entry in entries)


def _with(versions: list[LedgerEntry], listed: list[LedgerEntry]) -> list[LedgerEntry]:
    """All versions seen so far; those of the newest listing last, as it shows them.

    A version is in it as often as one listing showed it: reading twice repeats nothing.
    """
    again = Counter(map(_identity, listed))
    earlier = []
    for entry in versions:
        if again[_identity(entry)] > 0:
            again[_identity(entry)] -= 1
        else:
            earlier.append(entry)
    return earlier + listed


def _differences(
    accounts: frozenset[str], listed: Iterable[LedgerEntry], rows: Iterable[LedgerEntry]
) -> set[_Identity]:
    """Versions of these accounts' loans that only the listing shows, or only the tables."""
    return {_identity(e) for e in listed if e.account_id in accounts} ^ set(map(_identity, rows))
