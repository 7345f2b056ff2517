"""The audit tells every loan once and notices when the books are wrong."""

import json
import threading
import time
import uuid
from contextlib import contextmanager

import psycopg
import pytest

pytestmark = pytest.mark.live


def listing(service, after: int, limit: int = 1000) -> list[dict]:
    """One page of the audit."""
    answer = service.admin("GET", f"/v1/admin/audit/loans?after={after}&limit={limit}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def whole_listing(service, after: int = 0, limit: int = 1000) -> list[dict]:
    """Every page until the empty one."""
    loans: list[dict] = []
    while page := listing(service, loans[-1]["cursor"] if loans else after, limit):
        loans += page
    return loans


def newest_cursor(service) -> int:
    """Where the listing ends now."""
    return max((loan["cursor"] for loan in whole_listing(service)), default=0)


def violated(service) -> set[str]:
    """Names of the broken rules."""
    checked = service.admin("GET", "/v1/admin/audit/invariants").json()
    assert checked["ok"] == (not checked["violations"])
    return {violation["invariant"] for violation in checked["violations"]}


@pytest.fixture
def tampering(migrated_url):
    """Runs a statement as somebody who can switch the guards off, and undoes it."""

    @contextmanager
    def tamper(statement: str, parameter: str, undo: str):
        with psycopg.connect(migrated_url, autocommit=True) as intruder:
            intruder.execute("SET session_replication_role = replica")
            assert intruder.execute(statement, [parameter]).rowcount >= 1
            try:
                yield
            finally:
                intruder.execute(undo, [parameter])

    return tamper


def test_paging_tells_every_loan_once_in_order(service, borrower) -> None:
    """Five loans in pages of two, then an empty body."""
    start = newest_cursor(service)
    keys = [str(uuid.uuid4()) for _ in range(5)]
    ids = [borrower.borrow(10_000, key).json()["loan_id"] for key in keys]
    loans = whole_listing(service, start, limit=2)
    assert [loan["loan_id"] for loan in loans] == ids
    assert [loan["idempotency_key"] for loan in loans] == keys
    cursors = [loan["cursor"] for loan in loans]
    assert cursors == sorted(set(cursors))
    assert listing(service, cursors[-1]) == []


def test_a_line_tells_the_money(service, open_borrower) -> None:
    """Payouts and balance of a repaid-in-part loan, and of one under review."""
    borrower, start = open_borrower(service, limit_fen=9_000_000), newest_cursor(service)
    loan_id = borrower.borrow(10_000).json()["loan_id"]
    borrower.repay(loan_id, 4_000)
    borrower.borrow(3_000_000)
    paid, waiting = whole_listing(service, start)
    expected = {
        "loan_id": loan_id,
        "account_id": borrower.account_id,
        "principal_fen": 10_000,
        "status": "disbursed",
        "disbursements": 1,
        "ledger_balance_fen": 6_000,
    }
    assert paid.items() >= expected.items()
    assert paid["created_at"].endswith("Z")
    expected = {"status": "under_review", "disbursements": 0, "ledger_balance_fen": 0}
    assert waiting.items() >= expected.items()


def test_a_slow_commit_is_never_skipped(service, borrower, migrated_url) -> None:
    """A loan numbered first but committed last is listed before the later number."""
    start = newest_cursor(service)
    with psycopg.connect(migrated_url) as slow:
        slow.execute(
            "INSERT INTO loan (id, account_id, idem_key, principal_fen, term_days, rate_ppm_day, "
            "method, status) VALUES (gen_random_uuid(), %s, 'slow', 1, 1, 0, 'daily', 'cancelled')",
            [borrower.account_id],
        )
        assert borrower.borrow(10_000).status_code == 201
        threading.Timer(0.4, slow.commit).start()
        started = time.monotonic()
        loans = whole_listing(service, start)
        assert time.monotonic() - started > 0.35
        # The timer's commit is over by now; the loan has no story and must not stay in the books.
        slow.execute("DELETE FROM loan WHERE idem_key = 'slow'")
    assert [loan["idempotency_key"] == "slow" for loan in loans] == [True, False]


def test_a_listing_that_cannot_be_complete_is_refused(service, borrower, migrated_url) -> None:
    """503 audit_not_settled while a transaction that writes loans stays open."""
    borrower.borrow(10_000)
    with psycopg.connect(migrated_url) as slow:
        slow.execute("UPDATE loan SET status = status WHERE account_id = %s", [borrower.account_id])
        answer = service.admin("GET", "/v1/admin/audit/loans")
        slow.rollback()
    assert (answer.status_code, answer.json()["code"]) == (503, "audit_not_settled")


def test_what_others_write_does_not_hold_a_listing_up(service, borrower, migrated_url) -> None:
    """A forgotten transaction that adds no loan: an update of an account, an id of its own."""
    start = newest_cursor(service)
    with psycopg.connect(migrated_url) as slow:
        slow.execute("UPDATE account SET region = region WHERE id <> %s", [borrower.account_id])
        assert borrower.borrow(10_000).status_code == 201
        loans = whole_listing(service, start)
        slow.rollback()
    assert len(loans) == 1


def test_clean_books_hold_every_rule(service, borrower) -> None:
    """Loans, repayments and reviews leave no violation behind."""
    loan_id = borrower.borrow(10_000).json()["loan_id"]
    borrower.repay(loan_id, 10_000)
    assert violated(service) == set()


def test_a_changed_credit_line_is_noticed(service, borrower, tampering) -> None:
    """Used credit that no loan explains."""
    with tampering(
        "UPDATE credit_line SET used_fen = used_fen + 1 WHERE account_id = %s",
        borrower.account_id,
        "UPDATE credit_line SET used_fen = used_fen - 1 WHERE account_id = %s",
    ):
        assert violated(service) == {"credit_used_is_outstanding"}
    assert violated(service) == set()


def test_a_changed_entry_is_noticed(service, borrower, tampering) -> None:
    """An entry one fen off breaks both sums, the booking and the balance."""
    loan_id = borrower.borrow(10_000).json()["loan_id"]
    with tampering(
        "UPDATE ledger_entry SET amount_fen = amount_fen + 1 "
        "WHERE line = 1 AND txn_id = (SELECT id FROM ledger_txn WHERE ref_id = %s)",
        loan_id,
        "UPDATE ledger_entry SET amount_fen = amount_fen - 1 "
        "WHERE line = 1 AND txn_id = (SELECT id FROM ledger_txn WHERE ref_id = %s)",
    ):
        assert violated(service) == {
            "ledger_transaction_sums_to_zero",
            "ledger_sums_to_zero",
            "paid_out_loan_has_its_booking",
            "loan_balance_is_principal_less_repaid",
        }


def test_a_missing_payout_is_noticed(service, borrower, tampering) -> None:
    """A disbursed loan whose payout has another amount."""
    loan_id = borrower.borrow(10_000).json()["loan_id"]
    with tampering(
        "UPDATE disbursement SET amount_fen = amount_fen + 1 WHERE loan_id = %s",
        loan_id,
        "UPDATE disbursement SET amount_fen = amount_fen - 1 WHERE loan_id = %s",
    ):
        assert violated(service) == {"paid_out_loan_has_its_booking"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET amount_fen = 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_txn CASCADE",
        "DELETE FROM credit_score",
    ],
)
def test_the_ledger_is_append_only(migrated_url, statement) -> None:
    """The database itself refuses to change what was booked."""
    with (
        psycopg.connect(migrated_url) as intruder,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        intruder.execute(statement)


@pytest.mark.usefixtures("borrower")
def test_an_unbalanced_booking_cannot_commit(migrated_url) -> None:
    """The zero-sum rule is checked at COMMIT."""
    txn_id = uuid.uuid4()
    with psycopg.connect(migrated_url, autocommit=True) as intruder:
        intruder.execute("BEGIN")
        intruder.execute(
            "INSERT INTO ledger_txn VALUES (%s, 'accrue', 'loan', %s)", [txn_id, uuid.uuid4()]
        )
        intruder.execute(
            "INSERT INTO ledger_entry SELECT %s, 1, id, 5 FROM ledger_account LIMIT 1", [txn_id]
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            intruder.execute("COMMIT")


def test_migrating_again_changes_nothing(run_command, migrated_url) -> None:
    """`migrate` is idempotent and says so by exit code 0."""
    finished = run_command("migrate", LENDING_DATABASE_URL=migrated_url)
    assert (finished.returncode, finished.stderr) == (0, "")
