"""Borrowing over HTTP against a real database: each answer the contract names."""

import json
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

pytestmark = pytest.mark.live

DECLINES = [
    ({"score": 300}, 403, "risk_decline", "score_below_minimum"),
    ({"limit_fen": 9_999}, 422, "risk_decline", "credit_limit_exceeded"),
    ({"region": "closed"}, 451, "regulatory_decline", "policy_region_closed"),
    ({"flags": ["overdue"]}, 403, "behaviour_decline", "overdue_balance"),
    ({"flags": ["risk_isolation"]}, 403, "behaviour_decline", "risk_isolation"),
    ({"flags": ["velocity"]}, 429, "behaviour_decline", "too_many_loans"),
]
PROBLEM_MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "code",
    "category",
    "retryable",
    "outcome",
    "trace_id",
}


def test_a_good_borrower_gets_the_money(borrower) -> None:
    """201 with the loan, and the credit line shows it."""
    answer = borrower.borrow(10_000)
    assert answer.status_code == 201
    assert answer.json().items() >= {"status": "disbursed", "principal_fen": 10_000}.items()
    line = borrower.service.call("GET", "/v1/credit-line", headers=borrower.headers())
    assert line.json() == {
        "limit_fen": 1_000_000,
        "used_fen": 10_000,
        "available_fen": 990_000,
        "tier": "A",
    }


@pytest.mark.parametrize(("changes", "status", "category", "code"), DECLINES)
def test_declines(*, service, open_borrower, changes, status, category, code) -> None:
    """Each reason has its status, category and code, and a replay repeats it."""
    borrower, key = open_borrower(service, **changes), str(uuid.uuid4())
    first, again = borrower.borrow(10_000, key), borrower.borrow(10_000, key)
    body = first.json()
    assert (first.status_code, body["category"], body["code"]) == (status, category, code)
    assert set(body) == PROBLEM_MEMBERS
    assert first.headers["Content-Type"] == "application/problem+json"
    assert (again.status_code, again.content) == (status, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ("Retry-After" in again.headers) == (status == 429)


def test_a_large_amount_is_referred(service, open_borrower) -> None:
    """202 without a payout; the amount is reserved."""
    borrower = open_borrower(service, limit_fen=5_000_000)
    key = str(uuid.uuid4())
    answer = borrower.borrow(2_000_001, key)
    assert answer.status_code == 202
    assert set(answer.json()) == {"loan_id", "status"}
    assert answer.json()["status"] == "under_review"
    line = borrower.service.call("GET", "/v1/credit-line", headers=borrower.headers())
    assert line.json()["used_fen"] == 2_000_001


def test_a_replay_repeats_code_and_body(borrower, migrated_url) -> None:
    """The same bytes, a header that says so, one loan, and a write that counted it."""
    key = str(uuid.uuid4())
    first, again = borrower.borrow(key=key), borrower.borrow(key=key)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    with psycopg.connect(migrated_url) as reader:
        row = reader.execute("SELECT replays FROM idempotency_key WHERE key = %s", [key])
        assert row.fetchone() == (1,)


def test_a_key_belongs_to_one_request(borrower) -> None:
    """Another amount with a used key is refused, and the first loan stays the only one."""
    key = str(uuid.uuid4())
    assert borrower.borrow(10_000, key).status_code == 201
    answer = borrower.borrow(10_001, key)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reuse_mismatch")
    found = borrower.service.call(
        "GET", f"/v1/loans?idempotency_key={key}", headers=borrower.headers()
    )
    assert [loan["principal_fen"] for loan in found.json()["loans"]] == [10_000]


def test_two_borrowers_may_use_the_same_key(service, open_borrower) -> None:
    """Keys are private to an account."""
    key = str(uuid.uuid4())
    answers = [open_borrower(service).borrow(10_000, key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["loan_id"] != answers[1].json()["loan_id"]


def test_one_key_at_once_gives_one_loan(borrower) -> None:
    """Sixteen concurrent requests with one key all get the same loan."""
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: borrower.borrow(10_000, key), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


def test_concurrent_borrowing_never_exceeds_the_limit(service, open_borrower) -> None:
    """Of sixteen concurrent requests exactly as many succeed as the limit has room for."""
    borrower = open_borrower(service, limit_fen=50_000)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: borrower.borrow(10_000), range(16)))
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {201: 5, 422: 11}


def test_a_key_in_progress_elsewhere_is_refused(borrower, migrated_url) -> None:
    """A key that an unfinished transaction holds gives 409, not a second loan."""
    key = str(uuid.uuid4())
    with psycopg.connect(migrated_url) as other:
        other.execute(
            "INSERT INTO idempotency_key (account_id, key, request_fp, state) "
            "VALUES (%s, %s, '', 'in_progress')",
            [borrower.account_id, key],
        )
        answer = borrower.borrow(10_000, key)
        other.rollback()
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")
    assert borrower.borrow(10_000, key).status_code == 201


def test_unknown_key_finds_no_loans(borrower) -> None:
    """Looking for a key nobody used gives an empty list, not an error."""
    path = f"/v1/loans?idempotency_key={uuid.uuid4()}"
    found = borrower.service.call("GET", path, headers=borrower.headers())
    assert (found.status_code, found.json()) == (200, {"loans": []})


def test_repayment_reduces_what_is_owed(borrower) -> None:
    """Receipts replay, overpaying is refused, and the last repayment frees the whole line."""
    loan_id, key = borrower.borrow(10_000).json()["loan_id"], str(uuid.uuid4())
    first, again = borrower.repay(loan_id, 4_000, key), borrower.repay(loan_id, 4_000, key)
    assert (first.status_code, first.json()["outstanding_fen"]) == (201, 6_000)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    over = borrower.repay(loan_id, 6_001)
    assert (over.status_code, over.json()["code"]) == (422, "overpayment")
    assert borrower.repay(loan_id, 6_000).json()["outstanding_fen"] == 0
    line = borrower.service.call("GET", "/v1/credit-line", headers=borrower.headers())
    assert line.json()["used_fen"] == 0


def test_concurrent_repayments_never_overpay(borrower) -> None:
    """Eight repayments of a third of the loan at once: three are taken."""
    loan_id = borrower.borrow(9_000).json()["loan_id"]

    def repay(_: int) -> requests.Response:
        key, tries_left = str(uuid.uuid4()), 20
        answer = borrower.repay(loan_id, 3_000, key)
        while answer.status_code == 503 and tries_left:  # a busy machine: the same one again
            tries_left -= 1
            answer = borrower.repay(loan_id, 3_000, key)
        return answer

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(repay, range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 422: 5}


def test_nobody_repays_anothers_loan(service, open_borrower, borrower) -> None:
    """A loan of another account does not exist for the caller."""
    loan_id = borrower.borrow(10_000).json()["loan_id"]
    assert open_borrower(service).repay(loan_id, 1).status_code == 404


@pytest.mark.parametrize("password", ["wrong horse", "correct horse "])
def test_a_wrong_password_opens_no_session(service, new_account, password) -> None:
    """401 invalid_credentials, for a known phone as for an unknown one."""
    wanted = new_account()
    service.admin("POST", "/v1/admin/accounts", json={"accounts": [wanted]})
    for phone in (wanted["phone"], "nobody-has-this"):
        answer = service.call("POST", "/v1/sessions", json={"phone": phone, "password": password})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


def test_an_expired_session_is_refused(borrower, migrated_url) -> None:
    """A token past its time gives 401 and lends nothing."""
    with psycopg.connect(migrated_url) as operator:
        operator.execute(
            "UPDATE session SET expires_at = now() WHERE account_id = %s", [borrower.account_id]
        )
    answer = borrower.borrow()
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_the_log_has_a_line_for_every_request(service, borrower) -> None:
    """A line names the loan and the answer, and holds neither token nor password."""
    key = str(uuid.uuid4())
    loan_id = borrower.borrow(12_345, key).json()["loan_id"]
    deadline = time.monotonic() + 5
    while key not in (text := service.log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)  # the line is written after the answer
    line = next(
        entry for entry in map(json.loads, text.splitlines()) if entry["idempotency_key"] == key
    )
    expected = {
        "instance": "replica-1",
        "method": "POST",
        "path": "/v1/loans",
        "status": 201,
        "loan_id": loan_id,
        "account_id": borrower.account_id,
        "amount_fen": 12_345,
        "code": None,
    }
    assert line.items() >= expected.items()
    assert line["ts"].endswith("Z")
    assert line["duration_ms"] > 0
    assert borrower.token not in text
    assert "correct horse" not in text
