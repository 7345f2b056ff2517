"""How a target's ledger is read: a listing in pages, its own invariants, and the tables.

The read is sceptical: it may fail, be slow, end early or lie. What could not be read counts as
unread, never as a clean ledger.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from harness.core.errors import HarnessError
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.history.ledger_facts import LedgerEntry

PAGE_ENTRIES = 1000
PAGES_MAX = 2000
"""Two million loans: beyond that a listing that never ends is the likelier explanation."""
LISTING_SECONDS_MAX = 240.0
"""All pages of one listing together; two million loans take half of it."""
PUT_OFF_SECONDS_MAX = 60.0
"""For which a target may put off its audit calls, the waits of one reading added up."""


class Ledger(ABC):
    """One target's ledger, read around every link. Cursor 0 is its beginning."""

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

    @abstractmethod
    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """The next loans behind a cursor, at most `PAGE_ENTRIES`; none at the end of the listing.

        Raises:
            HarnessError: it cannot be read in time (``seconds``), or is not as agreed.
        """

    @abstractmethod
    def invariants(self, patience: Patience) -> tuple[bool, tuple[str, ...]]:
        """Whether the target says that all its invariants hold, and which it says do not.

        Raises:
            HarnessError: it cannot be read, or is not as agreed.
        """

    @abstractmethod
    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """Every loan of these accounts, from the tables themselves; None where we have no SQL.

        Raises:
            HarnessError: the database cannot be read.
        """
