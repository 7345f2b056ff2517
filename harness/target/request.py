"""What a class of a target is written with: requests, for whom they are, what answers hold.

Plain data.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core.http_calls import with_query
from harness.core.http_messages import unsendable
from harness.core.money import YUAN, Currency
from harness.plan.population import AccountClass

KEY_HEADER = "Idempotency-Key"
_METHOD = re.compile("[A-Z]+")
_PATH = re.compile(r"/[!-~]*")
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
        return with_query(self.path, self.query)

    def wrong(self) -> Iterator[str]:
        """Why it cannot be sent. The path is shown, and no other value: it may be a secret."""
        if not (isinstance(self.method, str) and _METHOD.fullmatch(self.method)):
            yield 'its method must be in capitals, like "POST"'
        if not (isinstance(self.path, str) and _PATH.fullmatch(self.path)):
            yield f"its path {self.path!r:.80} must be printable ASCII that begins with a /"
        if _all(self.headers, str):
            yield from unsendable(self.headers)
        else:
            yield "its headers must be texts by name"
        if self.query is not None and not _all(self.query, str | int):
            yield "its query must be texts and whole numbers by name"
        if not (isinstance(self.key, str) and isinstance(self.name, str)):
            yield "its key and its name must be texts"
        else:
            yield from unsendable(self.key_header)
        expects = (self.expects,) if isinstance(self.expects, int) else self.expects
        if not (isinstance(expects, tuple) and all(isinstance(each, int) for each in expects)):
            yield f"its expects {expects!r:.80} must be a status, or several in a tuple"
        try:
            json.dumps(self.json, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            yield f"its json cannot be sent: {error}; JSON is the only kind of body"

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


def _all(found: Any, kind: Any) -> bool:
    """Whether this is a mapping from texts to values of this type."""
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(value, kind) for name, value in found.items()
    )


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


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a log-in gave; ``lifetime_s`` is how long it surely lives (None: not told)."""

    token: str = field(repr=False)
    lifetime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A header of an answer and its value, both compared without case."""

    name: str
    value: str

    def is_in(self, headers: Mapping[str, str]) -> bool:
        """Whether it is among these, whose names are in lower case."""
        return headers.get(self.name.lower(), "").lower() == self.value.lower()
