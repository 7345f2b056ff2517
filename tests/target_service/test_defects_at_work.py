"""Planted defects at work on a real database: what they do, and that they tell every act of it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.target_service.conftest import Borrower, Service, StartService

pytestmark = pytest.mark.live

LATE = 0.3
LOANS = 30


def acts(service: Service, event: str = "harm") -> list[dict[str, Any]]:
    """What the defects of a replica told, in order."""
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def audited(service: Service) -> list[dict[str, Any]]:
    """Every loan that the audit lists."""
    listed = service.admin("GET", "/v1/admin/audit/loans?after=0&limit=10000").text
    return [json.loads(line) for line in listed.splitlines()]


def rows_of(borrower: Borrower) -> dict[str, dict[str, Any]]:
    """The listed loans of one borrower, by key."""
    mine = [row for row in audited(borrower.service) if row["account_id"] == borrower.account_id]
    return {row["idempotency_key"]: row for row in mine}


def borrow_often(borrower: Borrower, times: int = LOANS) -> dict[str, dict[str, Any]]:
    """Answers of loans of a few yuan, by key; each is one."""
    keys = [str(uuid.uuid4()) for _ in range(times)]
    answers = {key: borrower.borrow(1_000, key) for key in keys}
    assert {answer.status_code for answer in answers.values()} == {201}
    return {key: answer.json() for key, answer in answers.items()}


@pytest.fixture
def borrower_of(
    start_service: StartService, open_borrower: Callable[..., Borrower]
) -> Iterator[Callable[..., Borrower]]:
    """A borrower of a replica with these defects, which ends with the test: the database bears
    the connections of a few replicas.
    """
    started: list[Service] = []

    def of(defect: str, **changes: Any) -> Borrower:
        started.append(start_service(LENDING_DEFECT=defect))
        return open_borrower(started[-1], **changes)

    yield of
    for service in started:
        service.process.terminate()
        service.process.wait(10)


@pytest.mark.parametrize(
    ("defect", "status", "paid"),
    [("cancelled_after_approval", "cancelled", 0), ("repaid_without_repayment", "repaid", 1)],
)
def test_some_loans_stand_in_another_status(
    borrower_of: Callable[..., Borrower], defect: str, status: str, paid: int
) -> None:
    """Told as paid out, stored as something else; the acts name exactly those."""
    borrower = borrower_of(defect)
    told = borrow_often(borrower)
    rows = rows_of(borrower)
    wrong = {key for key, row in rows.items() if row["status"] == status}

    assert set(rows) == set(told)
    assert 0 < len(wrong) < LOANS
    assert {rows[key]["disbursements"] for key in wrong} == {paid}
    assert {act["key"] for act in acts(borrower.service)} == wrong


def test_a_decline_leaves_a_reservation(borrower_of: Callable[..., Borrower]) -> None:
    """Refused for a low score, and approved in the ledger."""
    borrower, key = borrower_of("declined_keeps_reservation", score=300), str(uuid.uuid4())
    answer = borrower.borrow(key=key)
    (act,) = acts(borrower.service)

    assert answer.json()["category"] == "risk_decline"
    assert rows_of(borrower)[key]["status"] == "approved"
    assert (act["key"], act["kind"]) == (key, "row")


def test_a_reservation_outlives_a_payout_that_fails(
    borrower_of: Callable[..., Borrower], migrated_url: str
) -> None:
    """Without a lock the loan is a loan; with one, "not applied" is told and it stands."""
    borrower, key = borrower_of("reserved_apart"), str(uuid.uuid4())
    (sound,) = borrow_often(borrower, 1)
    with psycopg.connect(migrated_url) as connection:
        connection.execute("LOCK TABLE disbursement IN ACCESS EXCLUSIVE MODE")
        refused = borrower.borrow(key=key)
    rows = rows_of(borrower)

    assert rows[sound]["status"] == "disbursed"
    assert (refused.status_code, refused.json()["outcome"]) == (503, "not_applied")
    assert (rows[key]["status"], rows[key]["disbursements"]) == ("approved", 0)
    assert [act["key"] for act in acts(borrower.service)] == [key]


def test_two_loans_share_an_id(borrower_of: Callable[..., Borrower]) -> None:
    """Told, listed and shown by key; the acts tell every id that was given out."""
    borrower = borrower_of("shared_loan_id")
    told = borrow_often(borrower)
    rows = rows_of(borrower)
    key = next(iter(told))
    asked = f"/v1/loans?idempotency_key={key}"
    shown = borrower.service.call("GET", asked, headers=borrower.headers()).json()["loans"]

    assert {key: row["loan_id"] for key, row in rows.items()} == {
        key: answer["loan_id"] for key, answer in told.items()
    }
    assert [loan["loan_id"] for loan in shown] == [told[key]["loan_id"]]
    assert all(uuid.UUID(row["loan_id"]).int < 4096 for row in rows.values())
    assert [act["shared"] for act in acts(borrower.service)] == [
        a["loan_id"] for a in told.values()
    ]


@pytest.mark.parametrize("defect", [f"refused_paid_later={LATE}", "refused_and_hidden"])
def test_what_was_refused_is_paid_out(
    borrower_of: Callable[..., Borrower], migrated_url: str, defect: str
) -> None:
    """Refused behind a lock, and a loan a moment later; shown by key, whatever the audit lists."""
    borrower, key = borrower_of(defect), str(uuid.uuid4())
    with psycopg.connect(migrated_url) as connection:
        connection.execute("LOCK TABLE disbursement IN ACCESS EXCLUSIVE MODE")
        refused = borrower.borrow(key=key)
    time.sleep(2.0)
    asked = f"/v1/loans?idempotency_key={key}"
    shown = borrower.service.call("GET", asked, headers=borrower.headers()).json()["loans"]
    (act,) = acts(borrower.service)

    assert (refused.status_code, refused.json()["outcome"]) == (503, "not_applied")
    assert [loan["status"] for loan in shown] == ["disbursed"]
    assert (key in rows_of(borrower)) is (defect != "refused_and_hidden")
    assert (act["key"], act["kind"]) == (key, "payout")
    assert "if_loans" not in act


def test_an_act_that_was_rolled_back_is_none(
    borrower_of: Callable[..., Borrower], migrated_url: str
) -> None:
    """What fails before its COMMIT harmed nobody."""
    borrower = borrower_of("amount_truncated")
    with psycopg.connect(migrated_url) as connection:
        connection.execute("LOCK TABLE disbursement IN ACCESS EXCLUSIVE MODE")
        assert borrower.borrow(1_001).status_code == 503
    before = acts(borrower.service)
    assert borrower.borrow(1_000).status_code == 201
    assert borrower.borrow(1_001).status_code == 201

    assert before == []
    assert [act["kind"] for act in acts(borrower.service)] == ["row"]


def test_what_is_acknowledged_first_and_committed_then_is_taken_back(
    borrower_of: Callable[..., Borrower],
) -> None:
    """Only an answer that no COMMIT follows is harm."""
    borrower = borrower_of("acknowledge_before_commit")
    told = borrow_often(borrower, 3)
    time.sleep(0.5)

    assert [act["key"] for act in acts(borrower.service)] == list(told)
    assert {act["key"] for act in acts(borrower.service, "harm_averted")} == set(told)
