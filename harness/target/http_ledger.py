"""A lender's ledger as its own API lists it, read at the service itself, around every link."""

from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from harness.core.errors import HarnessError, UsageError
from harness.core.host_port import join_address, split_address
from harness.core.http_calls import NO_PATIENCE, Patience
from harness.core.money import whole_minor
from harness.history.ledger_facts import LedgerEntry
from harness.plan.checked import type_problems
from harness.target.answers import ABSENT, json_in, require_path, value_at
from harness.target.ledger import (
    COLUMNS,
    PAGE_ENTRIES,
    REQUIRED,
    Ledger,
    asked,
    entry_of,
    moving,
    require_statuses,
    unclear,
)
from harness.target.request import Request

if TYPE_CHECKING:
    from harness.target.interface import Target

HTTP_PORT = 80


@dataclass(frozen=True)
class HttpLedger(Ledger):
    """A listing of loans behind a cursor, a page at a time, the oldest first.

    ``columns`` says for each of `harness.target.ledger.COLUMNS` which field of a listed loan it is;
    ``entries`` is the field of the answer that holds the list, "" for the answer itself. ``after``
    and ``limit`` are what the query calls the cursor and the length of a page. ``url`` is for a
    listing at another address than that of the target; its path has no prefix of the target's.
    """

    path: str
    columns: Mapping[str, str]
    entries: str = ""
    after: str = "after"
    limit: str = "limit"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    statuses: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    minor: Callable[[Any], int] = field(default=whole_minor, repr=False, init=False)
    addresses: tuple[str, ...] = field(default=(), repr=False, init=False)

    def __post_init__(self) -> None:
        """Refuse invalid values, before anything is read."""
        for wrong in type_problems(self):
            raise UsageError(f"HttpLedger: {wrong}")
        require_statuses("HttpLedger", self.statuses)
        if missing := [name for name in REQUIRED if name not in self.columns]:
            raise UsageError(f"HttpLedger: columns lack {', '.join(missing)}")
        if unknown := [name for name in self.columns if name not in COLUMNS]:
            said = f"columns are {', '.join(COLUMNS)}, not {', '.join(map(repr, unknown))}"
            raise UsageError(f"HttpLedger: {said}")
        for path in (*self.columns.values(), *filter(None, [self.entries])):
            require_path(path)
        for wrong in self.request.wrong():
            raise UsageError(f"HttpLedger: {wrong}")
        if self.url:
            object.__setattr__(self, "addresses", (_address_of(self.url),))

    def of(self, target: "Target") -> Self:
        """With money as this target writes it; at its address, unless it has one of its own."""
        made = self if self.url else replace(self, path=f"{target.prefix}{self.path}")
        made = copy(made)
        object.__setattr__(made, "url", (self.url or target.url).rstrip("/"))
        object.__setattr__(made, "minor", target.minor)
        return made

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
        columns = self.columns.items()
        nowhere = {n for n, path in columns if all(value_at(r, path) is ABSENT for r in listed)}
        entries = moving([self._entry(row, nowhere) for row in listed], after)
        cursors = [entry.cursor for entry in entries if isinstance(entry.cursor, int)]
        if cursors and cursors[0] > cursors[-1]:
            text = f"the oldest must be first, and {cursors[0]} is listed before {cursors[-1]}"
            raise HarnessError(f"the audit listing is not as declared: {text}")
        return entries

    def _entry(self, row: Any, nowhere: Collection[str]) -> LedgerEntry:
        """A field that a row lacks is null; a row of this run must have the needed ones, and those
        that no row has: their names are misspelt, most likely.
        """
        found = {name: value_at(row, path) for name, path in self.columns.items()}
        missing = [name for name, value in found.items() if value is ABSENT]
        needed = {*REQUIRED, *nowhere}
        lacks = ", ".join(self.columns[name] for name in missing if name in needed)
        if "cursor" in missing:
            raise HarnessError(f"the audit listing is not as declared: a loan has no {lacks}")
        entry = entry_of(found | dict.fromkeys(missing), self.minor, self.statuses)
        return unclear(entry, f"a loan of this run has no {lacks}") if lacks else entry


def _address_of(url: str) -> str:
    """``host:port`` of an address of HTTP; UsageError where it is none."""
    try:
        parts = urlsplit(url)
        address = join_address(parts.hostname or "", parts.port or HTTP_PORT)
        split_address(address)
    except (ValueError, UsageError):
        address = ""
    if not address or parts.scheme != "http" or parts.username is not None or parts.query:
        raise UsageError(f'HttpLedger: url {url!r:.80} must be like "http://127.0.0.1:8000"')
    return address
