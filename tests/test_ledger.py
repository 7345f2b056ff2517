"""The ledger is read sceptically: against audits that fail, end early, lag or lie."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from harness.core import http_calls
from harness.core.errors import HarnessError
from harness.history.ledger_facts import (
    BOOKED_STATUSES,
    LOAN_STATUSES,
    LedgerEntry,
    LedgerReading,
)
from harness.target import contract
from harness.target import ledger as ledger_module
from harness.target.contract import ContractLedger
from harness.target.ledger import Ledger, entry_of
from harness.target.ledger_watch import LedgerWatch, OwnLoans
from tests.audit import ACCOUNTS, Answer, Audit, hurry, loan, page, serving, source_of


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def audit() -> Audit:
    """An honest audit with three loans."""
    return Audit()


@pytest.fixture
def target(audit: Audit) -> Iterator[Ledger]:
    """The ledger of a target that is nothing but this audit."""
    with serving(audit) as url:
        yield ContractLedger(url, "secret")


def read(ledger: Ledger, after: int = 0) -> LedgerReading:
    """What is behind a cursor, once it is at rest."""
    return LedgerWatch(source_of(ledger, after), OwnLoans(frozenset(), ACCOUNTS)).read(0.0)


def test_reads_every_page_until_the_empty_one(
    target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three loans in pages of two are three loans, and the cursor is behind the last."""
    monkeypatch.setattr(contract, "PAGE_ENTRIES", 2)

    reading = read(target)

    assert (reading.read, reading.complete) == (True, True)
    assert [entry.idempotency_key for entry in reading.entries] == ["key-1", "key-2", "key-3"]
    assert target.cursor() == 3


def test_reads_only_what_is_behind_the_cursor(target: Ledger) -> None:
    """Loans from before the load are not ours to judge."""
    assert [entry.cursor for entry in read(target, 2).entries] == [3]


def test_a_ledger_without_statuses_is_read(audit: Audit, target: Ledger) -> None:
    """Its payouts are judged; a status that is null is none that was agreed."""
    for row in audit.loans:
        del row["status"]
    reading = read(target)

    assert (reading.read, {entry.status for entry in reading.entries}) == (True, {""})
    audit.loans[0]["status"] = None
    assert not read(target).read


def test_an_audit_that_answers_500_is_unread(audit: Audit, target: Ledger) -> None:
    """A failing audit is said to be unread, with the status; never an empty ledger."""
    audit.listing = lambda *_: (500, b"")

    reading = read(target)

    assert (reading.read, reading.complete, reading.entries) == (False, False, ())
    assert "500" in (reading.error or "")


def test_an_audit_that_comes_back_is_read(audit: Audit, target: Ledger) -> None:
    """One failed call is tried again within the deadline."""
    failures = iter([(500, b"")])
    audit.listing = lambda after, limit: next(failures, None) or audit.honest_listing(after, limit)

    assert read(target).complete is True


def test_a_line_cut_short_is_unread(audit: Audit, target: Ledger) -> None:
    """Half a line is no loan, and a listing that breaks off is no listing."""
    audit.listing = lambda *_: (200, page(loan(1)) + b'{"cursor": 2, "loan_')

    reading = read(target)

    assert reading.read is False
    assert "breaks off" in (reading.error or "")


def test_a_listing_that_repeats_itself_is_unread(audit: Audit, target: Ledger) -> None:
    """A cursor that does not move would never end."""
    audit.listing = lambda *_: (200, page(loan(1)))

    assert "does not move" in (read(target).error or "")


def test_a_commit_that_shows_late_is_waited_for(audit: Audit, target: Ledger) -> None:
    """Two readings must agree, so a loan that appears between them is seen."""
    appears_at = time.monotonic() + 0.05

    def listing(after: int, limit: int) -> Answer:
        if time.monotonic() > appears_at and len(audit.loans) == 3:
            audit.loans.append(loan(4))
        return audit.honest_listing(after, limit)

    audit.listing = listing

    assert [entry.cursor for entry in read(target).entries] == [1, 2, 3, 4]


def test_a_ledger_that_never_rests_is_unread(audit: Audit, target: Ledger) -> None:
    """Still moving at the deadline: nothing can be said."""

    def listing(after: int, limit: int) -> Answer:
        if after == 0:
            audit.loans.append(loan(len(audit.loans) + 1))
        return audit.honest_listing(after, limit)

    audit.listing = listing
    reading = read(target)

    assert reading.read is False
    assert "rest" in (reading.error or "")


def test_violations_of_the_target_itself_are_kept(audit: Audit, target: Ledger) -> None:
    """What the target says against itself is evidence."""
    audit.invariants = (200, b'{"ok": false, "violations": [{"invariant": "I5", "detail": "d"}]}')

    assert read(target).violations == ("I5: d",)


def test_an_unreadable_invariants_call_makes_the_reading_incomplete(
    audit: Audit, target: Ledger
) -> None:
    """Half of the evidence is not all of it."""
    audit.invariants = (503, b"")

    reading = read(target)

    assert (reading.read, reading.complete) == (True, False)


@pytest.mark.parametrize("answer", [(200, b"<html>sign in</html>\n"), (200, b"[]\n"), (302, b"")])
def test_what_is_no_listing_is_unread(audit: Audit, target: Ledger, answer: Answer) -> None:
    """A page of somebody in between, another format, a redirect: none is an empty ledger."""
    audit.listing = lambda *_: answer

    assert read(target).read is False


def test_a_listing_that_fails_on_a_later_page_is_unread(
    audit: Audit, target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a listing is not taken for all of it."""
    monkeypatch.setattr(contract, "PAGE_ENTRIES", 2)
    audit.listing = lambda after, limit: (
        audit.honest_listing(after, limit) if after == 0 else (500, b"")
    )

    reading = read(target)

    assert (reading.read, reading.entries) == (False, ())


def test_a_slow_listing_is_waited_for(audit: Audit, target: Ledger) -> None:
    """Slow is not broken."""

    def listing(after: int, limit: int) -> Answer:
        time.sleep(0.1)
        return audit.honest_listing(after, limit)

    audit.listing = listing

    assert len(read(target).entries) == 3


def test_a_listing_without_an_end_is_given_up(
    audit: Audit, target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page after a page, each in time: all together are bounded, too."""
    monkeypatch.setattr(ledger_module, "LISTING_SECONDS_MAX", 0.2)

    def listing(after: int, _: int) -> Answer:
        time.sleep(0.05)
        return 200, page(loan(after + 1))

    audit.listing = listing
    began = time.monotonic()

    reading = read(target)

    assert "took over 0.2 s" in (reading.error or "")
    assert time.monotonic() - began < 3


def test_an_answer_that_drips_is_given_up(
    audit: Audit, target: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then keeps every wait for the next one short, and would never end."""
    monkeypatch.setattr(http_calls, "CALL_SECONDS_MAX", 0.2)
    audit.drip_seconds = 0.05
    began = time.monotonic()

    reading = read(target)

    assert "took too long" in (reading.error or "")
    assert time.monotonic() - began < 3


def test_the_targets_word_is_kept(audit: Audit, target: Ledger) -> None:
    """Whether it says that all holds is compared with its listing later."""
    assert read(target).says_ok is True

    audit.invariants = (200, b'{"ok": true, "violations": [{"invariant": "I5", "detail": "d"}]}')
    reading = read(target)

    assert (reading.says_ok, reading.violations) == (False, ("I5: d",))


@pytest.mark.parametrize("body", [b'{"ok": "false", "violations": []}', b"[]", b"ok"])
def test_a_word_that_is_none_makes_the_reading_incomplete(
    audit: Audit, target: Ledger, body: bytes
) -> None:
    """The text "false" is not taken for true."""
    audit.invariants = (200, body)

    reading = read(target)

    assert (reading.says_ok, reading.complete) == (None, False)


def test_no_cursor_without_an_audit(audit: Audit, target: Ledger) -> None:
    """A target whose ledger cannot be read before the load is refused, not measured blindly."""
    audit.listing = lambda *_: (404, b"")

    with pytest.raises(HarnessError, match="404"):
        target.cursor()


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [(503, {"Retry-After": "7"}, 7.0), (429, {"Retry-After": "0"}, 0.0), (503, {}, None)],
)
def test_a_page_that_is_put_off_says_for_how_long(
    audit: Audit, target: Ledger, status: int, headers: dict[str, str], wait_s: float | None
) -> None:
    """For whoever has no time to wait for it here."""
    audit.put_off = [("/v1/admin/audit/loans", status, headers)]

    with pytest.raises(HarnessError, match=f"answered {status}") as caught:
        target.page(0)
    assert getattr(caught.value, "wait_s", None) == wait_s


LINES = page(loan(1), loan(2))
PACKED = gzip.compress(LINES)
NO_LENGTH = b"Connection: close\r\n\r\n"
CUT_OFF = {
    "a length, nothing": b"Content-Length: %d\r\n\r\n" % len(LINES),
    "a length, one line": b"Content-Length: %d\r\n\r\n%s" % (len(LINES), page(loan(1))),
    "chunked, nothing": b"Transfer-Encoding: chunked\r\n\r\n",
    "packed, a length": b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + PACKED[:12],
    "packed, no length": b"Content-Encoding: gzip\r\n" + NO_LENGTH + PACKED[:40],
    "packed, no length, nothing": b"Content-Encoding: gzip\r\n" + NO_LENGTH,
    "no length, nothing": NO_LENGTH,
    "no length, half a line": NO_LENGTH + LINES[:30],
}


@pytest.mark.parametrize("answer", CUT_OFF.values(), ids=CUT_OFF)
def test_a_page_that_is_cut_off_does_not_end_the_listing(answer: bytes) -> None:
    """Only an empty page that says that it is empty does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + answer)
                connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=serve).start()
        ledger = ContractLedger(f"http://127.0.0.1:{server.getsockname()[1]}", "secret")
        with pytest.raises(HarnessError, match=r"connection ended|cannot be read|breaks off"):
            ledger.page(0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_the_load_can_read_is_read(audit: Audit, target: Ledger, encoding: str) -> None:
    """Bytes before the text that name its encoding: the load reads such answers, too."""
    audit.listing = lambda after, limit: (
        200,
        audit.honest_listing(after, limit)[1].decode().encode(encoding),
    )

    assert [entry.cursor for entry in read(target).entries] == [1, 2, 3]


def test_a_loan_without_a_key_is_read(audit: Audit, target: Ledger) -> None:
    """Somebody lends in another way than by the API; whose loan it is says whether it is ours."""
    audit.loans[0] |= {"idempotency_key": None, "account_id": "a stranger's"}
    audit.loans[1] |= {"idempotency_key": None}
    reading = read(target)

    assert (reading.read, reading.complete) == (True, True)
    assert [(e.cursor, e.idempotency_key) for e in reading.entries] == [(2, ""), (3, "key-3")]


def test_a_row_that_names_no_key_at_all_is_none(audit: Audit, target: Ledger) -> None:
    """A listing without keys is not as agreed."""
    del audit.loans[0]["idempotency_key"]

    assert not read(target).read


# --- rows of a lender's own ---------------------------------------------------------------------


def test_a_whole_number_may_come_with_a_point() -> None:
    """As a driver gives it: it stays the id and the cursor that the API shows."""
    large = {"cursor": Decimal(2**60), "account": Decimal("1E+17"), "key": Decimal("5.0")}
    row = {"cursor": 7.0, "key": 5.0, "account": 12.0, "principal": 1, "loan": 12.5}
    found, exact = entry_of(row, int, {}), entry_of(row | large, int, {})
    assert (found.cursor, found.idempotency_key, found.account_id) == (7, "5", "12")
    assert (exact.cursor, exact.idempotency_key, exact.account_id) == (2**60, "5", str(10**17))
    assert found.loan_id == "12.5"


@pytest.mark.parametrize(
    ("status", "payments"),
    [("", 1), *((s, int(s in BOOKED_STATUSES)) for s in LOAN_STATUSES if s != "cancelled")],
)
def test_what_is_not_told_of_payments_is_told_by_the_status(status: str, payments: int) -> None:
    """A decline without a column of payments is no loan that was paid out."""
    row = {"cursor": 1, "key": "k", "account": "a", "principal": 9, "status": f"x{status}"}
    found = entry_of(row, int, {f"x{status}": status})
    assert (found.disbursements, found.ledger_balance_fen) == (payments, 9 * payments)
    assert entry_of({**row, "payments": 2}, int, {f"x{status}": status}).disbursements == 2


@pytest.mark.parametrize(
    ("more", "known"),
    [
        ({}, None),
        ({"payments": None}, None),
        ({"balance": 0}, None),
        ({"balance": None}, None),
        ({"payments": 0}, (0, 0)),
        ({"payments": 1, "balance": 0}, (1, 0)),
        ({"balance": 9}, (1, 9)),
    ],
)
def test_a_cancelled_loan_may_have_been_paid_out_before(more: Any, known: Any) -> None:
    """Where nothing but its status is known, none of it is: the run must not pass by it."""
    row = {"cursor": 1, "key": "k", "account": "a", "principal": 9, "status": "VOID", **more}
    found = entry_of(row, int, {"VOID": "cancelled"})
    assert OwnLoans(frozenset("b"), frozenset("b")).of([found]) == []
    ours = OwnLoans(frozenset("k"), frozenset())
    if known is None:
        with pytest.raises(HarnessError, match="status cancelled; whether it was paid out"):
            ours.of([found])
    else:
        assert [(e.disbursements, e.ledger_balance_fen) for e in ours.of([found])] == [known]


def test_a_status_that_is_not_mapped_is_named() -> None:
    """In rows of this run; whatever a class of the user's reads, too. Nothing is judged by it."""

    class Own(Ledger):
        def page(self, *_: Any, **__: Any) -> list[LedgerEntry]:
            return [LedgerEntry(1, "1", "a", "k", 9, 1, 9, "", "ACTIVE")]

    row = {"cursor": 1, "key": "k", "account": "a", "principal": 9, "status": "ACTIVE"}
    for found in (entry_of(row, int, {"PAID": "repaid"}), *Own().page(0)):
        assert OwnLoans(frozenset("b"), frozenset("b")).of([found]) == []
        with pytest.raises(HarnessError, match="loan 1 has the status 'ACTIVE'; it must be one of"):
            OwnLoans(frozenset("k"), frozenset()).of([found])
    huge = {**row, "status": "", "principal": 10**19}
    with pytest.raises(HarnessError, match="loan 1 is not as declared: ledger_balance_fen: input"):
        OwnLoans(frozenset("k"), frozenset()).of([entry_of(huge, int, {})])
