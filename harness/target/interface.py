"""The seam to a lending system: what to send to it, and what its answers mean.

A `Target` opens no connection for it: the harness sends, with one deadline, and writes down what
came back. Set-up, trial and load ask the same target for the same requests and have their answers
classified by it. `harness.target.contract` is the first implementation.

Its `Ledger` is read in pages. The read is sceptical: it may fail, be slow, end early or lie. What
could not be read counts as unread, never as a clean ledger.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from harness.core.errors import HarnessError
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.core.http_messages import Reply
from harness.history.events import Step
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.plan.population import AccountClass
from harness.target.classification import Answer, Classification, GroundTruth

PAGE_ENTRIES = 1000
PAGES_MAX = 2000
"""Two million loans: beyond that a listing that never ends is the likelier explanation."""
LISTING_SECONDS_MAX = 240.0
"""All pages of one listing together; two million loans take half of it."""
PUT_OFF_SECONDS_MAX = 60.0
"""For which a target may put off its audit calls, the waits of one reading added up."""
TERM_DAYS = 30
"""Of a loan, where the plan says nothing else."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; ``body`` is sent as JSON. ``expects`` is the status of success."""

    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, int | str] | None = None
    expects: int = HTTPStatus.OK

    def __str__(self) -> str:
        """As messages name it: without its query, which may hold what nobody should read."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A borrower to register, with the ground truth that the target has to be told."""

    phone: str
    password: str = field(repr=False)
    account_class: AccountClass


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a log-in gave; ``lifetime_s`` is how long it surely lives (None: not told)."""

    token: str = field(repr=False)
    lifetime_s: float | None = None


@dataclass(frozen=True, slots=True)
class LoanRequest:
    """A loan that a borrower asks for; a further try sends the same key."""

    key: str
    amount_fen: int
    term_days: int = TERM_DAYS
    method: str = "daily"


class Ledger(ABC):
    """One target's ledger, read around every link. Cursor 0 is its beginning.

    Raises:
        HarnessError: it cannot be read to its end or in time, or is not as agreed.
    """

    def cursor(self, check: Callable[[], object] = lambda: None) -> int | str:
        """The cursor behind the newest loan, taken before the load; 0 for an empty ledger.

        ``check`` is called every second of a long wait, and may raise to end it.
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

    @abstractmethod
    def invariants(self, patience: Patience) -> tuple[bool, tuple[str, ...]]:
        """Whether the target says that all its invariants hold, and which it says do not."""

    @abstractmethod
    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """Every loan of these accounts, from the tables themselves; None where we have no SQL."""


class Target(Protocol):
    """One lending system.

    What set-up reads of an answer, it reads leniently: it goes on with what it can use, and the
    load measures how well the target keeps to what was agreed. These methods raise ValueError,
    KeyError or TypeError where an answer has nothing of the kind.
    """

    @property
    def url(self) -> str:
        """The service itself, not through a link."""

    @property
    def health(self) -> Sequence[str]:
        """Paths that tell of its health, the one to prefer first; none where there is none."""

    @property
    def ledger(self) -> Ledger:
        """How to read its ledger, not through a link."""

    def create_accounts(self, accounts: Sequence[NewAccount]) -> Request:
        """Register borrowers, at the service itself; to send it again changes nothing."""

    def account_ids(self, reply: Reply) -> Mapping[str, str]:
        """The account ids that were given, by phone."""

    def log_in(self, phone: str, password: str) -> Request:
        """Open a session."""

    def session(self, reply: Reply) -> OpenedSession:
        """The session that a log-in of set-up opened."""

    def credit_line(self, token: str) -> Request:
        """Read the limit, as an app does before it offers a loan."""

    def borrow(self, token: str, loan: LoanRequest) -> Request:
        """Ask for a loan."""

    def grants(self, reply: Reply) -> bool:
        """Whether a borrow of set-up was granted."""

    def classify(self, step: Step, answer: Answer, truth: GroundTruth) -> Classification:
        """What the answer to one step of a borrower means, by what is true of the borrower."""

    def find_by_key(self, token: str, key: str) -> Request:
        """Ask for the loans of a borrower under one key."""

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """The loans that were found by key, none where the target clearly has none."""
