"""What a target is asked, as its class writes it: requests, and for whom they are. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from harness.core.money import YUAN, Currency
from harness.plan.population import AccountClass

KEY_HEADER = "Idempotency-Key"
TERM_DAYS = 30
"""Of a loan, where the plan says nothing else."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; ``json`` is sent as JSON, ``key`` in the header Idempotency-Key.

    ``expects`` are the statuses of success at set-up, one or several; none for any 2xx. ``name`` is
    what Locust's statistics call it, where the path has identifiers in it.
    """

    method: str
    path: str
    json: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, int | str] | None = None
    expects: int | tuple[int, ...] = ()
    key: str = ""
    name: str = ""

    def __str__(self) -> str:
        """As messages name it: without its query, which may hold what no one should read."""
        return f"{self.method} {self.path.partition('?')[0]}"

    @property
    def target(self) -> str:
        """Path and query, as the load sends them."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def key_header(self) -> dict[str, str]:
        """The header with the key, if it has one."""
        return {KEY_HEADER: self.key} if self.key else {}

    def accepts(self, status: int) -> bool:
        """Whether this status is success."""
        if self.expects == ():
            return 200 <= status < 300  # noqa: PLR2004  # HTTP's words
        return status in ((self.expects,) if isinstance(self.expects, int) else self.expects)

    @property
    def expected(self) -> str:
        """The statuses of success, in words."""
        if self.expects == ():
            return "2xx"
        each = (self.expects,) if isinstance(self.expects, int) else self.expects
        return " or ".join(f"{status:d}" for status in each)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A borrower to register, with the ground truth that the target has to know.

    ``name`` is 15 digits, fresh for every run; ``limit`` is their credit limit, in minor units.
    """

    name: str
    password: str = field(repr=False)
    account_class: AccountClass
    limit: int


@dataclass(frozen=True, slots=True)
class BorrowerAccount:
    """A registered borrower, as a step of theirs sees them; ``token`` is "" before a log-in.

    ``id`` is what the target calls the account.
    """

    name: str
    id: str
    password: str = field(repr=False, default="")
    token: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class LoanRequest:
    """A loan that a borrower asks for; a further try sends the same key. Money in minor units."""

    account: BorrowerAccount
    key: str
    amount: int
    term_days: int = TERM_DAYS
    method: str = "daily"
    currency: Currency = YUAN

    @property
    def decimal(self) -> str:
        """The amount as a decimal, like "1234.50"."""
        return self.currency.decimal(self.amount)
