"""Fact: what a target's ledger showed, as frozen records; money in integer fen.

Identifiers that are UUIDs are kept in small letters, whatever case they were shown in.
"""

from dataclasses import dataclass, field

from harness.core.numbers import Fen, Length, Whole
from harness.core.rows import comparable

BOOKED_STATUSES = ("disbursed", "repaid")
"""A loan of such a status was paid out once, where only its status is shown."""
LOAN_STATUSES = (*BOOKED_STATUSES, "under_review", "approved", "declined", "cancelled")
"""All that a loan can be (docs/money.md)."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of the target's ledger.

    ``status`` is empty where the ledger has none, ``idempotency_key`` where the loan has none.
    """

    cursor: Whole | str
    loan_id: str
    account_id: str
    idempotency_key: str
    principal_fen: Fen
    disbursements: Whole
    ledger_balance_fen: Fen
    created_at: str
    status: str = ""

    def __post_init__(self) -> None:
        """Write identifiers as they are compared."""
        for name in ("loan_id", "account_id", "idempotency_key"):
            object.__setattr__(self, name, comparable(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class KeyedLoan:
    """One loan as the target shows it to its borrower, who asked for it by idempotency key."""

    loan_id: str
    status: str
    principal_fen: Fen

    def __post_init__(self) -> None:
        """Write the identifier as it is compared."""
        object.__setattr__(self, "loan_id", comparable(self.loan_id))


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """The ledger as read once it was quiet.

    ``violations`` are what the target says of its own invariants, and ``says_ok`` whether it says
    that all hold (None: not known).
    ``sql_disagrees`` lists keys on which a second source differs. ``by_key`` holds, for keys that
    were sent (all that the listing lacks, of the others a sample), the loans that the target shows
    for the key alone (none: an empty tuple; None: no clear answer); a key that is not in it was not
    asked for. ``unsent`` are the loans shown under a key that no one sent: there must be none.
    ``watched_s`` is how long the ledger was watched after it had come to rest.
    """

    read: bool
    complete: bool
    source: str
    entries: tuple[LedgerEntry, ...] = ()
    error: str | None = None
    violations: tuple[str, ...] = ()
    says_ok: bool | None = None
    sql_disagrees: tuple[str, ...] = ()
    by_key: dict[str, tuple[KeyedLoan, ...] | None] = field(default_factory=dict)
    unsent: tuple[KeyedLoan, ...] | None = None
    watched_s: Length | None = None

    @property
    def lent(self) -> frozenset[str]:
        """Every key with a loan, listed or shown by key."""
        by_key = (key for key, loans in self.by_key.items() if loans)
        return frozenset((*(entry.idempotency_key for entry in self.entries), *by_key))
