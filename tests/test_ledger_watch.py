"""A ledger is read at rest and then watched: what is booked late is seen, what others do is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from harness.core.errors import HarnessError
from harness.history.ledger_facts import LedgerEntry, LedgerReading
from harness.target import ledger_watch
from harness.target.contract import ContractLedger
from harness.target.ledger_watch import LedgerWatch, OwnLoans
from tests.audit import ACCOUNTS, Answer, Audit, loan, page, serving, source_of

OURS = OwnLoans(frozenset(f"key-{n}" for n in range(1, 10)), ACCOUNTS, frozenset({"key-1"}))
Step = tuple[float, Callable[[], object]]


@dataclass
class Clock:
    """A clock that only waits move, in place of the module ``time``."""

    now_s: float = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the watch."""
    clock = Clock()
    monkeypatch.setattr(ledger_watch, "time", clock)
    return clock


@pytest.fixture
def audit(clock: Clock) -> Audit:
    """An honest audit with three loans."""
    assert clock.now_s
    return Audit()


def watched(audit: Audit, settle_s: float, **hooks: Callable[[], bool]) -> LedgerReading:
    """What a run of nine keys and one account reads of this audit."""
    with serving(audit) as url:
        source = source_of(ContractLedger(url, "secret"), **hooks)
        return LedgerWatch(source, OURS).read(settle_s)


def later(audit: Audit, clock: Clock, *steps: Step) -> None:
    """Do each of these so many seconds from now; the ledger is at rest after one."""
    todo = [(clock.now_s + at_s, step) for at_s, step in steps]

    def listing(after: int, limit: int) -> Answer:
        while todo and clock.now_s >= todo[0][0]:
            todo.pop(0)[1]()
        return audit.honest_listing(after, limit)

    audit.listing = listing


def keys(reading: LedgerReading) -> list[str]:
    """Keys of the rows, in order."""
    return [entry.idempotency_key for entry in reading.entries]


@pytest.mark.parametrize(
    ("at_s", "settle_s", "seen"), [(4, 5, True), (26, 30, True), (26, 10, False)]
)
def test_a_loan_that_is_booked_late_is_seen_while_the_ledger_is_watched(
    audit: Audit, clock: Clock, at_s: float, settle_s: float, *, seen: bool
) -> None:
    """What is booked after that is not, and the reading says how long was watched."""
    later(audit, clock, (at_s, lambda: audit.loans.append(loan(4))))
    reading = watched(audit, settle_s)

    assert keys(reading) == ["key-1", "key-2", "key-3", *(["key-4"] if seen else [])]
    assert (reading.complete, reading.error) == (True, None)
    assert (reading.watched_s or 0.0) >= settle_s
    assert seen or reading.watched_s == settle_s


def test_loans_that_appear_in_batches_are_all_seen(audit: Audit, clock: Clock) -> None:
    """Each batch begins the watch anew."""
    later(
        audit, clock, *[(4.0 * n - 12, lambda n=n: audit.loans.append(loan(n))) for n in (4, 5, 6)]
    )
    reading = watched(audit, 5.0)

    assert keys(reading) == [f"key-{n}" for n in (1, 2, 3, 4, 5, 6)]
    assert reading.complete is True


def test_a_ledger_that_changes_for_ever_is_not_watched_for_ever(audit: Audit, clock: Clock) -> None:
    """At rest for a moment, then never again: the watch ends, and says so."""
    later(audit, clock, *[(2.0 + n, lambda n=n: audit.loans.append(loan(n))) for n in range(4, 99)])
    began_s = clock.now_s
    reading = watched(audit, 5.0)

    assert (reading.read, reading.complete) == (True, False)
    assert "still changed" in (reading.error or "")
    assert clock.now_s - began_s < 40


def test_the_traffic_of_others_does_not_keep_a_ledger_from_rest(audit: Audit) -> None:
    """A shared target books all the time; none of that is ours."""
    numbers = iter(range(100, 10_000))

    def listing(after: int, limit: int) -> Answer:
        if after == 0:
            n = next(numbers)
            audit.loans.append(loan(n, account_id="stranger", idempotency_key=f"strange-{n}"))
        return audit.honest_listing(after, limit)

    audit.listing = listing
    reading = watched(audit, 3.0)

    assert (reading.read, reading.complete) == (True, True)
    assert keys(reading) == ["key-1", "key-2", "key-3"]


def test_a_row_of_another_client_on_a_loan_of_ours_is_kept(audit: Audit) -> None:
    """One loan id under two keys is for the judge to see."""
    audit.loans.append(loan(7, loan_id="loan-1", account_id="stranger", idempotency_key="strange"))

    assert keys(watched(audit, 0.0)) == ["key-1", "key-2", "key-3", "strange"]


def versions(reading: LedgerReading, loan_id: str) -> list[tuple[str, int]]:
    """Status and payouts of every version of one loan, in order."""
    return [(e.status, e.disbursements) for e in reading.entries if e.loan_id == loan_id]


def test_a_loan_listed_again_with_two_payouts_is_kept_in_both_versions(
    audit: Audit, clock: Clock
) -> None:
    """The first listing does not win."""
    again = loan(4, loan_id="loan-1", idempotency_key="key-1", disbursements=2)
    later(audit, clock, (3, lambda: audit.loans.append(again)))
    reading = watched(audit, 5.0)

    assert versions(reading, "loan-1") == [("disbursed", 1), ("disbursed", 2)]


def test_a_status_that_changes_is_kept_in_the_order_in_which_it_was_listed_last(
    audit: Audit, clock: Clock
) -> None:
    """The status listed last is the newest, also where it is one that was seen before."""

    def becomes(status: str) -> Callable[[], None]:
        return lambda: audit.loans[0].update(status=status, disbursements=0)

    audit.loans[0].update(status="approved", disbursements=0)
    later(audit, clock, (3, becomes("cancelled")), (5, becomes("approved")))
    reading = watched(audit, 5.0)

    assert versions(reading, "loan-1") == [("cancelled", 0), ("approved", 0)]


def test_reading_again_and_again_repeats_no_row(audit: Audit, clock: Clock) -> None:
    """Nor does a balance, a cursor or a time that moves make another version."""

    def touch() -> None:
        audit.loans[0].update(ledger_balance_fen=9_000, created_at="later")

    later(audit, clock, (3, touch))
    reading = watched(audit, 5.0)

    assert [e.ledger_balance_fen for e in reading.entries if e.loan_id == "loan-1"] == [9_000]
    assert len(reading.entries) == 3


def test_rows_that_one_listing_repeats_stay_repeated(audit: Audit) -> None:
    """A listing that joins payments cannot be told from one that repeats itself."""
    audit.loans.append({**audit.loans[0], "cursor": 4})

    assert versions(watched(audit, 3.0), "loan-1") == [("disbursed", 1)] * 2


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"idempotency_key": "key-1"}, False),
        ({"status": "approved", "disbursements": 0}, False),
        ({}, True),
    ],
    ids=["told of it", "only reserved", "paid, and told of nothing"],
)
def test_a_row_that_is_gone_again_counts_if_it_was_paid_to_one_who_was_not_told(
    audit: Audit, clock: Clock, changes: dict[str, object], kept: bool
) -> None:
    """An acknowledged loan that was listed for a moment is lost all the same."""
    audit.loans = [loan(2), loan(5, **changes)]
    later(audit, clock, (3, audit.loans.pop))
    reading = watched(audit, 5.0)

    assert [entry.loan_id for entry in reading.entries if entry.loan_id == "loan-5"] == (
        ["loan-5"] if kept else []
    )


def test_a_second_payout_that_is_gone_again_counts(audit: Audit, clock: Clock) -> None:
    """The first one is still there: nothing is lost, and money left twice."""
    audit.loans = [loan(1), loan(5, idempotency_key="key-1")]
    later(audit, clock, (3, audit.loans.pop))
    reading = watched(audit, 5.0)

    assert {entry.loan_id for entry in reading.entries} == {"loan-1", "loan-5"}


def test_a_watch_that_nobody_waits_for_ends_at_once(audit: Audit) -> None:
    """What was read so far stands, and how long it was watched."""
    reading = watched(audit, 60.0, is_cut_short=lambda: True)

    assert (keys(reading), reading.complete) == (["key-1", "key-2", "key-3"], True)
    assert reading.watched_s == 0.0


def test_an_audit_that_fails_while_it_is_watched_is_asked_again(audit: Audit, clock: Clock) -> None:
    """One failed reading ends no watch; it lasts until one succeeds after its time."""
    began_s = clock.now_s
    later(audit, clock, (6, lambda: audit.loans.append(loan(4))))
    good = audit.listing
    audit.listing = lambda after, limit: (
        (500, b"") if 4 < clock.now_s - began_s < 9 else good(after, limit)
    )
    reading = watched(audit, 5.0)

    assert (len(reading.entries), reading.complete) == (4, True)


def test_an_audit_that_stays_broken_while_it_is_watched_is_incomplete(audit: Audit) -> None:
    """What was read before it broke counts, and it is said that the rest is not known."""
    audit.listing = lambda after, limit: (
        audit.honest_listing(after, limit) if len(audit.asked) <= 4 else (500, b"")
    )
    reading = watched(audit, 3.0)

    assert (reading.read, reading.complete, len(reading.entries)) == (True, False, 3)
    assert "500" in (reading.error or "")


def test_an_audit_that_asks_for_patience_is_given_it(audit: Audit) -> None:
    """429 and 503 with Retry-After are obeyed."""
    wait = {"Retry-After": "1"}
    audit.put_off = [("/v1/admin/audit/loans", 429, wait), ("/v1/admin/audit/inv", 503, wait)]
    began_s = time.monotonic()
    reading = watched(audit, 0.0)

    assert (reading.read, reading.complete) == (True, True)
    assert time.monotonic() - began_s > 1.9


def test_a_wait_that_would_be_in_vain_is_ended_from_outside(audit: Audit) -> None:
    """By whoever knows why it would be, who is asked before each wait; the reason is told."""
    audit.put_off = [("/v1/admin/audit/loans", 503, {"Retry-After": "1"})] * 100

    def check() -> bool:
        raise HarnessError("session 7 (psql) holds a lock")

    began_s = time.monotonic()
    reading = watched(audit, 0.0, check=check)

    assert not reading.read
    assert "session 7 (psql) holds a lock" in (reading.error or "")
    assert time.monotonic() - began_s < 20  # and not a hundred seconds


def test_interim_answers_of_the_audit_are_skipped(audit: Audit) -> None:
    """103 Early Hints come before the answer that counts."""
    audit.interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    assert watched(audit, 0.0).complete is True


class Tables(ContractLedger):
    """A ledger whose tables are ours, too."""

    shown: ClassVar[list[LedgerEntry]] = []

    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """What the tables hold of these accounts."""
        return [row for row in self.shown if row.account_id in accounts]


def test_the_tables_must_be_at_rest_and_agree(audit: Audit, clock: Clock) -> None:
    """A loan that only the tables have is a disagreement, whatever the audit lists."""
    rows = [LedgerEntry(**row) for row in audit.loans]
    late = LedgerEntry(**loan(8))
    Tables.shown = list(rows)
    later(audit, clock, (3, lambda: Tables.shown.append(late)))
    with serving(audit) as url:
        reading = LedgerWatch(source_of(Tables(url, "secret", "ours")), OURS).read(5.0)

    assert reading.source == "audit and SQL"
    assert reading.sql_disagrees == ("key-8",)
    # What is not clear in the tables agrees with nothing, and disagrees with nothing.
    Tables.shown = [*rows[1:], replace(rows[0], created_at=None)]  # type: ignore[arg-type]
    with serving(audit) as url:
        reading = LedgerWatch(source_of(Tables(url, "secret", "ours")), OURS).read(5.0)
    assert (reading.read, "its created_at is None" in (reading.error or "")) == (False, True)


def test_a_listing_in_pages_is_one_listing(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is repeated from one page to the next is repeated."""
    monkeypatch.setattr("harness.target.contract.PAGE_ENTRIES", 2)

    def listing(after: int, limit: int) -> Answer:
        rows = [loan(1), loan(2), {**loan(2), "cursor": 3}, loan(4)]
        return 200, page(*[row for row in rows if row["cursor"] > after][:limit])

    audit.listing = listing

    assert keys(watched(audit, 0.0)) == ["key-1", "key-2", "key-2", "key-4"]
