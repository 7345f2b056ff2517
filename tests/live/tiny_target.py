"""The tiny lender as a target: other paths, decimal euros, another ledger, other identifiers."""

import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import Target
from harness.target import (
    Answers,
    BorrowerAccount,
    Currency,
    Link,
    LoanRequest,
    NewAccount,
    Program,
    Request,
    SqlLedger,
    approved,
    declined,
    unknown,
)

HOME = Path(os.environ["TINY_HOME"])
PORT, BOOK_PORT = os.environ["TINY_PORT"], os.environ["TINY_BOOK_PORT"]
SERVE = [sys.executable, os.environ["TINY_LENDER"], "serve", PORT, "{database}", str(HOME)]


def open_book() -> sqlite3.Connection:
    """The book itself, around the link, to be read only."""
    return sqlite3.connect(f"file:{HOME / 'book.sqlite'}?mode=ro", uri=True, timeout=5.0)


class Tiny(Target):
    """Lends euros to its prime customers, without log-in and without a credit line to read."""

    url = f"http://127.0.0.1:{PORT}"
    prefix = "/api"
    health, ready = "/ping", "/ready"
    currency, decimal = Currency("EUR"), True
    amounts = (50_00, 900_00)
    classes = ("good", "low_score")
    links = {"database": Link(f"127.0.0.1:{BOOK_PORT}", asks='{"do": "ping"}\n')}  # noqa: RUF012  # as users write it
    processes = {  # noqa: RUF012  # as above
        "lender": Program([*SERVE, os.environ.get("TINY_DEFECTS", "")], listens=f"127.0.0.1:{PORT}")
    }
    answers = Answers(
        [
            (200, approved(loan="result.ref", principal="result.total")),
            ((422, "error.code", "NO_CREDIT"), declined("credit")),
            (5, unknown),
        ]
    )
    ledger = SqlLedger(
        "SELECT seq AS cursor, ref AS loan, customer AS account, request_id AS key,"
        " total AS principal, paid AS payments FROM credit",
        open_book,
        checks={"a credit without a reference": "SELECT seq FROM credit WHERE ref IS NULL"},
    )

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
        """One customer each."""
        segments = {"good": "prime", "low_score": "poor"}
        bodies = [{"id": f"C-{a.name}", "segment": segments[a.account_class]} for a in wanted]
        return [Request("POST", "/customers", body, expects=201) for body in bodies]

    def account_ids(self, wanted: Sequence[NewAccount], _: object) -> Mapping[str, str]:
        """Customers are called by us."""
        return {account.name: f"C-{account.name}" for account in wanted}

    def headers(self, account: BorrowerAccount) -> Mapping[str, str]:
        """Who asks."""
        return {"X-Customer": account.id}

    def borrow(self, ask: LoanRequest) -> Request:
        """A credit, with the key in a header of its own."""
        return Request(
            "POST", "/credits", {"total": ask.decimal}, headers={"X-Request-Id": ask.key}
        )
