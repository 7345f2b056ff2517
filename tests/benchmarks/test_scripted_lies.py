"""Lenders that lie: what each told, and what it lists; the honest ones list what they told."""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks import scripted_lies
from benchmarks.scripted_lies import BAD_MOMENT, LENDERS, Honest

BORROWS = 400
REVIEWED_FEN = 2_500_000
Row = dict[str, Any]


@dataclass
class Told:
    """All that a lender said: answers by key, and its listing when all was over."""

    lender: Honest
    answers: dict[str, tuple[int, dict[str, Any]]]
    rows: list[Row]

    def keys(self, *statuses: int) -> set[str]:
        """Keys that were answered with one of these."""
        return {key for key, (status, _) in self.answers.items() if status in statuses}

    def of(self, *statuses: int) -> list[Row]:
        """Listed rows of the keys that were answered so."""
        keys = self.keys(*statuses)
        return [row for row in self.rows if row["idempotency_key"] in keys]


@pytest.fixture
def told_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Told]:
    """A lender of this name after many borrows, every tenth of them by somebody to decline."""
    monkeypatch.setattr(scripted_lies, "LATE_SECONDS", -1.0)
    monkeypatch.setattr(scripted_lies, "BATCH_SECONDS", 0.0)

    def run(name: str) -> Told:
        lender = LENDERS[name]()
        fields = {"password": "p", "limit_fen": 10**12, "flags": [], "region": "open"}
        phones = [{"phone": phone, "score": 700 if phone else 300, **fields} for phone in (0, 1)]
        lender.register(phones)
        accounts = list(lender.accounts.values())
        answers = {}
        for number in range(1, BORROWS + 1):
            amount_fen = REVIEWED_FEN if number % 20 == 1 else 100 * number
            body = {"amount_fen": amount_fen, "term_days": 30, "method": "daily"}
            key = str(uuid.uuid4())
            answers[key], _ = lender.borrow(accounts[bool(number % 10)], key, body)
        return Told(lender, answers, lender.listing(0, 1000))

    return run


@pytest.mark.parametrize("name", ["honest", "late_batches", "busy", "one_session"])
def test_the_honest_list_what_they_told(told_by: Callable[[str], Told], name: str) -> None:
    """Every loan once, nothing refused, whatever else is there; and there was a bad moment."""
    told = told_by(name)
    mine = [row for row in told.rows if row["idempotency_key"] in told.answers]

    assert Counter(row["idempotency_key"] for row in mine) == Counter(told.keys(201, 202))
    assert {row["status"] for row in told.of(201)} == {"disbursed"}
    assert {row["status"] for row in told.of(202)} == {"under_review"}
    assert len(told.keys(503)) == len(BAD_MOMENT) / 2
    assert len(told.keys(403)) > 30


def _shares_ids(told: Told) -> bool:
    ids = Counter(row["loan_id"] for row in told.of(201))
    said = {key: body["loan_id"] for key, (status, body) in told.answers.items() if status == 201}
    shown = {row["idempotency_key"]: row["loan_id"] for row in told.of(201)}
    return max(ids.values()) > 1 and said == shown


def _hides(told: Told) -> bool:
    hidden = {row["idempotency_key"] for row in told.lender.by_key_only}
    return hidden == told.keys(503) and not told.of(503)


def _repeats(told: Told) -> bool:
    per_key = Counter(row["idempotency_key"] for row in told.rows)
    return max(per_key.values()) == 2 and {row["disbursements"] for row in told.of(201)} == {1}


def _relists(told: Told) -> bool:
    payouts: dict[str, list[int]] = {}
    for row in told.lender.listing(0, 1000):  # listed again, and no third time
        payouts.setdefault(row["idempotency_key"], []).append(row["disbursements"])
    return [1, 2] in payouts.values() and max(map(len, payouts.values())) == 2


LIES: dict[str, Callable[[Told], bool]] = {
    "cancelled_some": lambda told: "cancelled" in {row["status"] for row in told.of(201)},
    "declined_some": lambda told: "declined" in {row["status"] for row in told.of(201)},
    "written_off_some": lambda told: "written_off" in {row["status"] for row in told.of(201)},
    "repaid_all": lambda told: {row["status"] for row in told.of(201)} == {"repaid"},
    "referred_declined": lambda told: {row["status"] for row in told.of(202)} == {"declined"},
    "referred_paid": lambda told: {row["status"] for row in told.of(202)} == {"disbursed"},
    "referred_repaid": lambda told: {row["status"] for row in told.of(202)} == {"repaid"},
    "notapplied_reserved": lambda told: {row["status"] for row in told.of(503)} == {"approved"},
    "notapplied_under_review": lambda told: (
        {row["status"] for row in told.of(503)} == {"under_review"}
    ),
    "declined_reserved": lambda told: {row["status"] for row in told.of(403)} == {"approved"},
    "hidden_phantom": _hides,
    "fails_open": lambda told: len(told.of(504)) == len(BAD_MOMENT) / 2,
    "shared_id": _shares_ids,
    "relisted_late": _relists,
    "row_for_each_payout": _repeats,
    "negative_payouts": lambda told: -1 in {row["disbursements"] for row in told.of(201)},
    "late_double": lambda told: 2 in {row["disbursements"] for row in told.of(201)},
    "notapplied_paidlater": lambda told: {row["disbursements"] for row in told.of(503)} == {1},
}


@pytest.mark.parametrize("name", LIES)
def test_each_lies_in_its_own_way(told_by: Callable[[str], Told], name: str) -> None:
    """The lie is there, and no other lender tells it by accident."""
    assert LIES[name](told_by(name))
    assert not LIES[name](told_by("honest"))


def test_one_keeps_one_session_for_each_borrower() -> None:
    """A log-in ends those before it, of nobody else."""
    lender = LENDERS["one_session"]()
    rows = [
        {"phone": phone, "password": "p", "limit_fen": 1, "score": 1, "flags": [], "region": "open"}
        for phone in ("1", "2")
    ]
    lender.register(rows)
    first, second = (lender.accounts[phone] for phone in ("1", "2"))
    tokens = [lender.log_in(who, "p")[1]["token"] for who in (first, second, first)]
    lender.log_in(first, "wrong")

    assert [token in lender.sessions for token in tokens] == [False, True, True]


def test_every_lender_is_looked_at() -> None:
    """None whose lie nobody has seen."""
    assert {"honest", "late_batches", "busy", "one_session", *LIES} == set(LENDERS)
