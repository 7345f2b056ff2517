"""A lender's ledger as its own API lists it, read at the service itself, around every link."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from harness.core.errors import HarnessError, UsageError
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.core.money import whole_minor
from harness.history.ledger_facts import LedgerEntry
from harness.target.answers import ABSENT, json_in, require_path, value_at
from harness.target.ledger import COLUMNS, PAGE_ENTRIES, REQUIRED, Ledger, asked, entry_of, moving
from harness.target.request import Request

if TYPE_CHECKING:
    from harness.target.interface import Target


@dataclass(frozen=True)
class HttpLedger(Ledger):
    """A listing of loans behind a cursor, a page at a time, the oldest first.

    ``columns`` says for each of `harness.target.ledger.COLUMNS` which field of a listed loan it is;
    ``entries`` is the field of the answer that holds the list, "" for the answer itself. ``after``
    and ``limit`` are what the query calls the cursor and the length of a page.
    """

    path: str
    columns: Mapping[str, str]
    entries: str = ""
    after: str = "after"
    limit: str = "limit"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    statuses: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    minor: Callable[[Any], int] = field(default=whole_minor, repr=False)

    def __post_init__(self) -> None:
        """Refuse columns that are none, before anything is read."""
        if missing := [name for name in REQUIRED if name not in self.columns]:
            raise UsageError(f"HttpLedger: columns lack {', '.join(missing)}")
        if unknown := [name for name in self.columns if name not in COLUMNS]:
            said = f"columns are {', '.join(COLUMNS)}, not {', '.join(map(repr, unknown))}"
            raise UsageError(f"HttpLedger: {said}")
        for path in (*self.columns.values(), *filter(None, [self.entries])):
            require_path(path)

    def of(self, target: "Target") -> Self:
        """At the address of this target, with money as it writes it."""
        path = f"{target.prefix}{self.path}"
        return replace(self, url=target.url, path=path, minor=target.minor)

    @property
    def request(self) -> Request:
        """What is asked for, without the cursor."""
        query = {self.limit: PAGE_ENTRIES} if self.limit else {}
        return Request("GET", self.path, headers=self.headers, query=query)

    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """The next loans, as `Ledger.page` says."""
        request = self.request
        if after != 0:
            request = replace(request, query={**(request.query or {}), self.after: after})
        body = json_in(asked(self.url, request, patience, seconds).body)
        listed = value_at(body, self.entries) if self.entries else body
        if not isinstance(listed, list):
            where = self.entries or "the answer"
            raise HarnessError(f"the audit listing is not as declared: {where} is no list")
        return moving([self._entry(row) for row in listed], after)

    def _entry(self, row: Any) -> LedgerEntry:
        found = {name: value_at(row, path) for name, path in self.columns.items()}
        if missing := [name for name, value in found.items() if value is ABSENT]:
            fields = ", ".join(self.columns[name] for name in missing)
            raise HarnessError(f"the audit listing is not as declared: a loan has no {fields}")
        return entry_of(found, self.minor, self.statuses)
