"""A lender's own ledger, in its database or its API, becomes rows of ours."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.http_calls import NO_PATIENCE
from harness.core.money import Currency
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.target import ledger as ledgers
from harness.target import sql_ledger
from harness.target.http_ledger import HttpLedger
from harness.target.interface import Target
from harness.target.ledger import Ledger
from harness.target.ledger_watch import OwnLoans
from harness.target.request import LoanRequest, Request
from harness.target.sql_ledger import SqlLedger

QUERY = (
    "SELECT seq AS cursor, 'L-' || seq AS loan, who AS account, request AS key,"
    " total AS principal, paid AS payments, state AS status FROM credit"
    " WHERE who LIKE '%' OR who IS NULL"
)


class Euros(Target):
    """Writes money as decimals."""

    url = "http://127.0.0.1:1"
    currency, decimal = Currency("EUR"), True

    def borrow(self, ask: LoanRequest) -> Request:
        """It is asked for its ledger alone."""
        return Request("POST", "/", {"total": ask.decimal})


@pytest.fixture
def open_book(tmp_path: Path) -> Callable[[], sqlite3.Connection]:
    """A book of three credits, one of them of a stranger."""
    path = tmp_path / "book"
    with sqlite3.connect(path) as book:
        book.execute(
            "CREATE TABLE credit (seq INTEGER PRIMARY KEY, who, request, total, paid, state)"
        )
        rows = [("C-1", "k1", "12.34", 1, "PAID"), (None, None, None, None, "?")]
        book.executemany(
            "INSERT INTO credit (who, request, total, paid, state) VALUES (?, ?, ?, ?, ?)",
            [*rows, ("C-2", "k2", "5.00", 0, "OPEN")],
        )
    return lambda: sqlite3.connect(path)


@pytest.fixture
def ledger(open_book: Callable[[], sqlite3.Connection]) -> SqlLedger:
    """It, as this lender's class declares it."""
    statuses = {"PAID": "disbursed", "OPEN": "under_review"}
    checks = {"no owner": "SELECT seq FROM credit WHERE who IS NULL"}
    return SqlLedger(QUERY, open_book, checks, statuses).of(Euros())


def test_every_row_of_the_query_is_a_loan(ledger: SqlLedger) -> None:
    """In the target's money, with null for what a stranger's row does not have."""
    first, stranger, open_one = ledger.listing(0, NO_PATIENCE)[0]

    assert (first.loan_id, first.account_id, first.idempotency_key) == ("L-1", "C-1", "k1")
    assert (first.principal_fen, first.disbursements, first.status) == (1234, 1, "disbursed")
    assert first.ledger_balance_fen == 1234
    assert (stranger.account_id, stranger.idempotency_key, stranger.principal_fen) == ("", "", 0)
    assert (open_one.status, open_one.ledger_balance_fen) == ("under_review", 0)


def test_the_end_is_found_without_reading_the_rest(
    ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rows and no listing; what comes behind a cursor is read page by page."""
    assert ledger.cursor() == 3
    monkeypatch.setattr(SqlLedger, "listing", None)
    assert ledger.cursor() == 3
    monkeypatch.undo()
    monkeypatch.setattr(sql_ledger, "PAGE_ENTRIES", 1)
    assert [e.loan_id for e in ledger.listing(1, NO_PATIENCE)[0]] == ["L-2", "L-3"]


def test_a_key_is_asked_for_alone(ledger: SqlLedger) -> None:
    """A key of nobody has clearly no loan."""
    assert ledger.by_key("k1") == (KeyedLoan("L-1", "disbursed", 1234),)
    assert ledger.by_key("k9") == ()


def test_checks_are_the_invariants(ledger: SqlLedger) -> None:
    """Each row that one finds is a violation."""
    assert ledger.invariants(NO_PATIENCE) == (False, ("no owner: 2",))


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1 AS cursor", "no key, account, principal"),
        ("SELECT * FROM nowhere", "cannot be read: no such table"),
        ("SELECT 1.5 AS cursor, 'k' AS key, 'a' AS account, 1 AS principal", "cursor 1.5 must be"),
    ],
)
def test_what_cannot_be_read_is_unread(
    open_book: Callable[[], sqlite3.Connection], query: str, why: str
) -> None:
    """In one line, and never a clean ledger."""
    with pytest.raises(HarnessError, match=why):
        SqlLedger(query, open_book).of(Euros()).listing(0, NO_PATIENCE)


def test_a_driver_that_cannot_connect_is_unread() -> None:
    """Whatever it raises, with the place of it."""

    def refuse() -> Any:
        raise RuntimeError("no such host")

    with pytest.raises(HarnessError, match=r"test_lender_ledgers\.py:\d+: .*no such host"):
        SqlLedger(QUERY, refuse).cursor()


HTTP: Any = HttpLedger
SQL: Any = SqlLedger
MONEY = "'k' AS key, 'a' AS account, {} AS principal"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (MONEY.format("'much'"), "'much' is no amount"),
        (MONEY.format("'1.005'"), "no amount with at most 2 decimals"),
        (f"{MONEY.format('1')}, 'x' AS payments", "invalid literal"),
        (f"{MONEY.format('1')}, '?' AS balance", "'[?]' is no amount"),
    ],
)
def test_money_that_cannot_be_read_matters_in_rows_of_this_run(
    open_book: Callable[[], sqlite3.Connection], row: str, why: str
) -> None:
    """Those of other clients do no harm."""
    ledger = SqlLedger(f"SELECT 1 AS cursor, {row}", open_book).of(Euros())
    (entry,), end = ledger.listing(0, NO_PATIENCE)
    ours = OwnLoans(frozenset("k"), frozenset())

    assert (entry.idempotency_key, end) == ("k", 1)
    assert OwnLoans(frozenset("b"), frozenset("b")).of([entry]) == []
    for read in (lambda: ours.of([entry]), lambda: ledger.by_key("k")):
        with pytest.raises(HarnessError, match=f"loan 1 is not as declared: .*{why}"):
            read()


def test_a_loan_without_an_id_is_called_by_its_cursor(
    open_book: Callable[[], sqlite3.Connection],
) -> None:
    """Each is a loan of its own: two under review have none yet."""
    query = "SELECT seq AS cursor, NULL AS loan, who AS account, request AS key, 1 AS principal"
    entries, _ = SqlLedger(f"{query} FROM credit", open_book).listing(0, NO_PATIENCE)

    assert [entry.loan_id for entry in entries] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "cursor",
    [
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("1.5"), Decimal("1E+999999")),
        *(1.5, float("nan"), 1e30, float(2**53), True),
    ],
)
def test_a_cursor_that_is_none_leaves_the_ledger_unread(cursor: Any) -> None:
    """No page could be asked for behind it."""
    row = {"cursor": cursor, "key": "k", "account": "a", "principal": 1}
    with pytest.raises(HarnessError, match="must be a whole number or text"):
        ledgers.entry_of(row, int, {})


@pytest.mark.parametrize("text", ["$$a -- b$$", "$a_1$a; -- b$a_1$", "'a /* b'", "'a;--'"])
@pytest.mark.parametrize("end", ["", ";", " -- x"])
def test_a_text_that_looks_like_a_comment_stays(text: str, end: str) -> None:
    """Whatever marks it as a text; a bracket behind the query is in no comment."""
    made = sql_ledger._without_end(f"SELECT {text}{end}")
    assert made == f"SELECT {text}{'' if end == ';' else end}\n"


@pytest.mark.parametrize("end", ["", " ;", " -- newest last", "; -- end\n", " /* a; */ ; -- b;"])
def test_a_query_may_end_as_it_likes(open_book: Any, end: str) -> None:
    """A comment or a semicolon behind it ends nothing but itself; one in a text stays."""
    query = f"{QUERY} OR who = '; -- x'{end}"
    assert len(SqlLedger(query, open_book).of(Euros()).listing(0, NO_PATIENCE)[0]) == 3


def test_the_driver_of_a_connection_is_found_where_its_class_is_the_user_s(tmp_path: Path) -> None:
    """It says how values are marked."""

    class Mine(sqlite3.Connection):
        pass

    with sqlite3.connect(tmp_path / "book") as book:
        book.execute("CREATE TABLE credit (seq, who, request, total, paid, state)")
    ledger = SqlLedger(QUERY, lambda: sqlite3.connect(tmp_path / "book", factory=Mine))
    assert ledger.by_key("k") == ()


def test_without_checks_nothing_is_known_of_the_invariants(
    open_book: Callable[[], sqlite3.Connection],
) -> None:
    """A ledger that checks nothing does not say that all is well."""

    class Own(Ledger):
        def page(self, *_: Any, **__: Any) -> list[LedgerEntry]:
            return []

    for ledger in (SqlLedger(QUERY, open_book), HttpLedger("/loans", COLUMNS), Own()):
        assert ledger.invariants(NO_PATIENCE) == (None, ())
    checked = SqlLedger(QUERY, open_book, {"none": "SELECT 1 FROM credit WHERE seq > 9"})
    assert checked.invariants(NO_PATIENCE) == (True, ())
    assert [each.finds_by_key for each in (checked, Own())] == [True, False]


def test_per_cent_signs_of_a_query_stay() -> None:
    """Drivers that mark values by %s want them doubled, as soon as there are values."""
    seen: list[tuple[Any, ...]] = []

    class Cursor:
        description = (("cursor",),)

        def execute(self, *words: Any) -> None:
            seen.append(words)

        def fetchall(self) -> list[Any]:
            return []

    class Connection:
        def cursor(self) -> Cursor:
            return Cursor()

        def close(self) -> None:
            """Nothing."""

    ledger = SqlLedger(QUERY, Connection)
    ledger.page(0)
    ledger.page(7)

    assert "LIKE '%'" in seen[0][0]
    assert "LIKE '%%'" in seen[1][0]
    assert "entries.cursor > %s" in seen[1][0]
    assert seen[1][1] == (7,)


# --- over HTTP ----------------------------------------------------------------------------------

COLUMNS = {
    "cursor": "id",
    "loan": "ref",
    "account": "meta.who",
    "key": "meta.key",
    "principal": "sum",
}


@pytest.fixture
def api() -> Iterator[tuple[str, list[Any]]]:
    """An API that lists what is in a list; its address, and the list."""
    loans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: int(v[0]) for name, v in parse_qs(urlsplit(self.path).query).items()}
            found = [one for one in loans if one["id"] > query.get("since", 0)][: query["size"]]
            content = json.dumps({"data": {"items": found}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield f"http://127.0.0.1:{server.server_port}", loans
    server.shutdown()
    server.server_close()


def test_a_listing_is_read_page_by_page(
    api: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the address of the target, in its money."""
    url, loans = api
    loans += [
        {"id": n, "ref": n, "meta": {"who": "a", "key": f"k{n}"}, "sum": n} for n in (1, 2, 3)
    ]
    monkeypatch.setattr("harness.target.http_ledger.PAGE_ENTRIES", 2)
    declared = HttpLedger("/loans", COLUMNS, entries="data.items", after="since", limit="size")
    ledger = declared.of(Euros(url))
    found, end = ledger.listing(0, NO_PATIENCE)

    assert [(e.idempotency_key, e.principal_fen) for e in found] == [
        ("k1", 100),
        ("k2", 200),
        ("k3", 300),
    ]
    assert (end, ledger.by_key("k1")) == (3, None)


def test_a_listed_loan_may_lack_what_other_clients_do_not_send(
    api: tuple[str, list[Any]],
) -> None:
    """One of this run may not, and each needs its cursor."""
    url, loans = api
    declared = HttpLedger("/loans", COLUMNS, entries="data.items", after="since", limit="size")
    ledger, ours = declared.of(Euros(url)), OwnLoans(frozenset({"k"}), frozenset({"a"}))
    loans += [{"id": 1, "ref": 1}, {"id": 2, "meta": {"who": "b"}, "sum": "1.005"}]
    assert ours.of(ledger.listing(0, NO_PATIENCE)[0]) == []
    for lacking, lacks in [
        ({"ref": 3, "meta": {"who": "a"}, "sum": 1}, r"meta\.key"),
        ({"ref": 3, "meta": {"key": "k"}}, r"meta\.who, sum"),
    ]:
        loans[2:] = [{"id": 3, **lacking}]
        with pytest.raises(HarnessError, match=f"a loan of this run has no {lacks}"):
            ours.of(ledger.listing(0, NO_PATIENCE)[0])
    spelt = replace(declared, columns={**COLUMNS, "payments": "paid_out"}).of(Euros(url))
    loans[2:] = [{"id": 3, "ref": 3, "meta": {"who": "a", "key": "k"}, "sum": 1, "payouts": 1}]
    with pytest.raises(HarnessError, match="a loan of this run has no paid_out"):
        ours.of(spelt.listing(0, NO_PATIENCE)[0])
    loans[0]["paid_out"] = 0
    assert [entry.disbursements for entry in ours.of(spelt.listing(0, NO_PATIENCE)[0])] == [0]
    loans[:] = [{"id": n, "ref": n, "meta": {"who": "a"}, "sum": 1} for n in (3, 2)]
    with pytest.raises(HarnessError, match="the oldest must be first, and 3 is listed before 2"):
        declared.of(Euros(url)).page(0)
    with pytest.raises(HarnessError, match="a loan has no seq"):
        replace(declared, columns={**COLUMNS, "cursor": "seq"}).of(Euros(url)).page(0)


def test_a_listing_may_be_elsewhere() -> None:
    """Its own address is kept, without the target's prefix, and named."""

    class Prefixed(Euros):
        prefix = "/api"

    there = HttpLedger("/loans", COLUMNS, url="http://127.0.0.1:9/").of(Prefixed())
    here = HttpLedger("/loans", COLUMNS).of(Prefixed())

    assert (there.url, there.path, there.addresses) == (
        *("http://127.0.0.1:9", "/loans", ("127.0.0.1:9",)),
    )
    assert (here.url, here.path, here.addresses) == ("http://127.0.0.1:1", "/api/loans", ())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: HTTP("/loans", COLUMNS, url="https://ledger"), "must be like"),
        (lambda: HTTP("/loans", COLUMNS, url="ledger:9"), "must be like"),
        (lambda: HTTP("/loans", COLUMNS, url="http://ledger:0x"), "must be like"),
        (lambda: HTTP("loans", COLUMNS), "its path 'loans' must be"),
        (lambda: HTTP("/loans", ["id"]), "HttpLedger: columns"),
        (lambda: SQL(QUERY, 5), "must be an address like postgresql://.*, or a function"),
        (lambda: SQL(QUERY, "postgresql:///x"), "SqlLedger: database must name a host"),
        (lambda: SQL(QUERY, "postgresql://h:x/y"), "database must have ports"),
        (lambda: SQL(QUERY, print, checks=["SELECT 1"]), "SqlLedger: checks"),
        (lambda: SQL(" ", print), "must be a SELECT"),
        (lambda: SQL(QUERY, print, statuses={"A": "paid"}), "'paid' must be one of disbursed, "),
        (lambda: HTTP("/", COLUMNS, statuses={"A": "x"}), "HttpLedger: statuses: 'x' must be one"),
        (lambda: HTTP("/", {**COLUMNS, "key": "$.k"}), "'\\$.k' is no field: write it like"),
        (lambda: HTTP("/", COLUMNS, headers={"A": "\n"}), "its header 'A' must be Latin-1"),
    ],
)
def test_what_is_no_ledger_is_refused_where_it_is_written(
    make: Callable[[], Any], why: str
) -> None:
    """In one line, with what would be valid."""
    with pytest.raises(UsageError, match=why):
        make()


def test_how_a_lender_writes_money_is_the_target_s() -> None:
    """It cannot be given to a ledger, where it would be lost."""
    for make in (SQL, HTTP):
        with pytest.raises(TypeError, match="minor"):
            make(QUERY, COLUMNS, minor=int)


def test_columns_that_are_none_are_refused_where_they_are_written() -> None:
    """With those that there are."""
    with pytest.raises(UsageError, match="columns lack key, account, principal"):
        HttpLedger("/loans", {"cursor": "id"})
    with pytest.raises(UsageError, match=rf"columns are {', '.join(ledgers.COLUMNS)}, not 'id'"):
        HttpLedger("/loans", {**COLUMNS, "id": "id"})
