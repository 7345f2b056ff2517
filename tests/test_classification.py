"""What an answer means, case by case."""

import json
from itertools import product
from typing import Any

import pytest

from harness.history.events import Outcome
from harness.plan.decline import Decline
from harness.target.classification import (
    Answer,
    Classification,
    GroundTruth,
    judge_borrow,
    judge_credit_line,
    judge_log_in,
)

AMOUNT_FEN = 10_000
ASKED = GroundTruth(amount_fen=AMOUNT_FEN)
LOAN = {"loan_id": "loan-1", "status": "disbursed", "principal_fen": AMOUNT_FEN}
REVIEW = {"loan_id": "loan-1", "status": "under_review"}
LINE = {"limit_fen": 5, "used_fen": 0, "available_fen": 5, "tier": "A"}
NOT_APPLIED = {"code": "db_unavailable", "category": "availability", "outcome": "not_applied"}


def answer(status: int, body: Any = None, **fields: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer(status=status, body=json.dumps(body).encode(), **fields)


def problem(status: int, category: str, code: str = "a_code") -> Answer:
    """An answer with a problem body."""
    return answer(status, {"code": code, "category": category})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(201, {"token": "t"}), Classification(Outcome.OK, token="t")),
        (
            answer(200, {"token": "t"}),
            Classification(Outcome.FAILED, "invalid_answer", invalid_answer=True),
        ),
        (
            answer(201, {"token": ""}),
            Classification(Outcome.FAILED, "invalid_answer", invalid_answer=True),
        ),
        (
            answer(201, ["token"]),
            Classification(Outcome.FAILED, "invalid_answer", invalid_answer=True),
        ),
        (
            answer(401, {"code": "invalid_credentials"}),
            Classification(Outcome.FAILED, "invalid_credentials", false_declined=True),
        ),
        (answer(404), Classification(Outcome.FAILED, false_declined=True)),
        (answer(503, NOT_APPLIED), Classification(Outcome.FAILED, "db_unavailable")),
        (Answer(error="timeout"), Classification(Outcome.FAILED, "timeout")),
    ],
)
def test_log_in(given: Answer, expected: Classification) -> None:
    """Valid credentials open a session; whatever else comes is a failure, never indeterminate."""
    assert judge_log_in(given) == expected


@pytest.mark.parametrize(
    ("category", "decline"),
    [
        ("risk_decline", Decline.CREDIT),
        ("regulatory_decline", Decline.POLICY),
        ("behaviour_decline", Decline.BEHAVIOUR),
    ],
)
def test_a_decline_before_the_borrow(category: str, decline: Decline) -> None:
    """As right as in the borrow, for whoever must be declined for this cause; else a false one."""
    for status, expected in product((403, 429, 451), (None, *Decline)):
        given, truth = problem(status, category), GroundTruth(expected)
        for judged in (judge_log_in(given, truth), judge_credit_line(given, truth)):
            right = expected is decline
            assert judged.outcome is (Outcome.DECLINED if right else Outcome.FAILED)
            assert (judged.decline, judged.false_declined) == (decline, not right)
            assert judged.may_retry is False


@pytest.mark.parametrize(
    ("given", "outcome", "false_declined"),
    [
        (answer(200, LINE), Outcome.OK, False),
        (answer(200, {**LINE, "used_fen": 0.5}), Outcome.FAILED, False),
        (answer(200, {**LINE, "used_fen": True}), Outcome.FAILED, False),
        (answer(403), Outcome.FAILED, True),
        (answer(401), Outcome.FAILED, True),
        (answer(500), Outcome.FAILED, False),
        (Answer(error="reset"), Outcome.FAILED, False),
    ],
)
def test_credit_line(given: Answer, outcome: Outcome, false_declined: bool) -> None:
    """A limit is three integers; refusing it to a borrower who is logged in is a false decline."""
    judged = judge_credit_line(given)

    assert (judged.outcome, judged.false_declined) == (outcome, false_declined)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(201, LOAN), Classification(Outcome.APPROVED, loan_id="loan-1")),
        (answer(202, REVIEW), Classification(Outcome.REFERRED, loan_id="loan-1")),
    ],
)
def test_a_borrow_is_accepted(given: Answer, expected: Classification) -> None:
    """Paid out, or taken in for review."""
    assert judge_borrow(given, ASKED) == expected


@pytest.mark.parametrize(
    ("status", "body", "loan_id"),
    [
        (201, {**LOAN, "principal_fen": AMOUNT_FEN + 1}, "loan-1"),
        (201, {**LOAN, "principal_fen": float(AMOUNT_FEN)}, "loan-1"),
        (201, {**LOAN, "status": "under_review"}, "loan-1"),
        (201, {**LOAN, "loan_id": 7}, None),
        (201, "not an object", None),
        (202, LOAN, "loan-1"),
        (200, LOAN, "loan-1"),
        (204, None, None),
    ],
)
def test_an_acceptance_that_breaks_the_contract(
    status: int, body: Any, loan_id: str | None
) -> None:
    """It may have been applied, so it is indeterminate, and told as invalid."""
    judged = judge_borrow(answer(status, body), ASKED)

    assert judged.outcome is Outcome.INDETERMINATE
    assert (judged.invalid_answer, judged.code) == (True, "invalid_answer")
    assert judged.loan_id == loan_id


@pytest.mark.parametrize(
    ("category", "decline"),
    [
        ("risk_decline", Decline.CREDIT),
        ("regulatory_decline", Decline.POLICY),
        ("behaviour_decline", Decline.BEHAVIOUR),
    ],
)
def test_a_decline_is_right_for_its_own_cause_only(category: str, decline: Decline) -> None:
    """The expected cause is a decline; any other, or none expected, a false one."""
    for status, expected in product((403, 409, 425, 429), (None, *Decline)):
        judged = judge_borrow(problem(status, category), GroundTruth(expected))

        right = expected is decline
        assert judged.decline is decline
        assert judged.outcome is (Outcome.DECLINED if right else Outcome.FAILED)
        assert judged.false_declined is not right
        assert judged.may_retry is False


@pytest.mark.parametrize(
    ("given", "outcome", "false_declined", "may_retry"),
    [
        (answer(503, NOT_APPLIED), Outcome.FAILED, False, True),
        (answer(503, {**NOT_APPLIED, "outcome": "unknown"}), Outcome.INDETERMINATE, False, True),
        (answer(504, {"category": "availability"}), Outcome.INDETERMINATE, False, True),
        (answer(500), Outcome.INDETERMINATE, False, True),
        (answer(504, NOT_APPLIED), Outcome.INDETERMINATE, False, True),
        (answer(502, {"outcome": "not_applied"}), Outcome.FAILED, False, True),
        (answer(599, "not an object"), Outcome.INDETERMINATE, False, True),
        (problem(500, "risk_decline"), Outcome.INDETERMINATE, False, True),
        (problem(504, "risk_decline"), Outcome.INDETERMINATE, False, True),
        (answer(301), Outcome.INDETERMINATE, False, True),
        (answer(308, LOAN), Outcome.INDETERMINATE, False, True),
        (answer(408), Outcome.INDETERMINATE, False, True),
        (problem(408, "risk_decline"), Outcome.INDETERMINATE, False, True),
        (problem(409, "client_error"), Outcome.INDETERMINATE, False, True),
        (answer(409, NOT_APPLIED), Outcome.INDETERMINATE, False, True),
        (answer(425), Outcome.INDETERMINATE, False, True),
        (answer(429, NOT_APPLIED), Outcome.FAILED, False, True),
        (problem(429, "availability"), Outcome.FAILED, False, True),
        (answer(429), Outcome.FAILED, False, True),
        (answer(400), Outcome.FAILED, False, False),
        (answer(403), Outcome.FAILED, True, False),
        (problem(422, "client_error"), Outcome.FAILED, False, False),
        (answer(401), Outcome.FAILED, True, False),
        (answer(404), Outcome.FAILED, True, False),
        (Answer(error="refused", sent=False), Outcome.FAILED, False, True),
        (Answer(error="timeout", sent=False), Outcome.FAILED, False, True),
        (Answer(error="timeout"), Outcome.INDETERMINATE, False, True),
        (Answer(error="reset"), Outcome.INDETERMINATE, False, True),
        (Answer(error="end_of_file"), Outcome.INDETERMINATE, False, True),
        (Answer(error="malformed"), Outcome.INDETERMINATE, False, True),
    ],
)
def test_a_borrow_fails(
    given: Answer, outcome: Outcome, false_declined: bool, may_retry: bool
) -> None:
    """Surely not applied, or nobody knows; and whether the same key may be tried again."""
    judged = judge_borrow(given, ASKED)

    assert judged.outcome is outcome
    assert judged.false_declined is false_declined
    assert judged.may_retry is may_retry


@pytest.mark.parametrize("token", ["a\r\nX-Other: b", "\u501f", "\x00", "", 7])
def test_a_token_that_no_header_can_carry(token: Any) -> None:
    """The log-in opened no session that could be used."""
    judged = judge_log_in(answer(201, {"token": token}))

    assert (judged.outcome, judged.code) == (Outcome.FAILED, "invalid_answer")
    assert judged.token is None


def test_a_body_that_is_nested_without_end_is_no_object() -> None:
    """It ends the attempt, never the journey."""
    assert judge_log_in(Answer(status=201, body=b"[" * 100_000)).code == "invalid_answer"


@pytest.mark.parametrize("status", [300, 302, 307, 399])
def test_a_redirect_is_named_as_what_it_is(status: int) -> None:
    """It breaks no format, and it is not followed."""
    judged = [
        judge_log_in(answer(status)),
        judge_credit_line(answer(status)),
        judge_borrow(answer(status), ASKED),
    ]

    assert {j.code for j in judged} == {"redirect"}
    assert not any(j.invalid_answer or j.false_declined for j in judged)


@pytest.mark.parametrize(
    ("category", "outcome"),
    [("risk_decline", Outcome.DECLINED), ("behaviour_decline", Outcome.FAILED)],
)
def test_near_the_limit_a_loan_and_a_decline_are_right(category: str, outcome: Outcome) -> None:
    """Only for the one cause that is possible; any other contradicts what is true of them."""
    given = problem(422, category, "credit_limit_exceeded")
    near = GroundTruth(possible_decline=Decline.CREDIT, amount_fen=AMOUNT_FEN)
    declined = judge_borrow(given, near)
    granted = judge_borrow(answer(201, LOAN), near)

    assert (declined.outcome, declined.false_declined) == (outcome, outcome is Outcome.FAILED)
    assert granted.outcome is Outcome.APPROVED


@pytest.mark.parametrize(
    ("shown", "refused"),
    [
        ({"limit_fen": 1000, "available_fen": 400}, False),
        ({"limit_fen": 1000, "available_fen": 399}, True),
        ({"limit_fen": 1000, "available_fen": 0}, True),
        ({"limit_fen": 0, "available_fen": 1000}, True),
        ({"limit_fen": 1000, "available_fen": -1}, True),
    ],
)
def test_a_credit_line_below_what_must_be_left_is_a_false_decline(
    shown: dict[str, int], refused: bool
) -> None:
    """A limit of 1,000, and 600 asked for in this run: no fact of life takes more."""
    judged = judge_credit_line(
        answer(200, {"used_fen": 0, **shown}), GroundTruth(least_credit_fen=400)
    )

    assert judged.false_declined is refused
    assert judged.outcome is (Outcome.FAILED if refused else Outcome.OK)
    assert judged.code == ("credit_line_too_low" if refused else None)


@pytest.mark.parametrize(
    "shown",
    [
        {"limit_fen": 1001},
        {"limit_fen": 10_000},
        {"available_fen": 1001},
        {"used_fen": -1},
        {"limit_fen": -1000, "available_fen": 0},
    ],
)
def test_a_credit_line_that_cannot_be_is_an_invalid_answer(shown: dict[str, int]) -> None:
    """More than the borrower was registered with, maybe somebody else's; or less than nothing."""
    line = {"limit_fen": 1000, "used_fen": 0, "available_fen": 1000, **shown}
    judged = judge_credit_line(answer(200, line), GroundTruth(most_credit_fen=1000))

    assert (judged.outcome, judged.invalid_answer) == (Outcome.FAILED, True)
    assert judged.code == "credit_line_impossible"


def test_what_a_borrower_was_registered_with_is_no_more_than_that() -> None:
    """All of the limit may be left; where it is not known, no limit is too high."""
    line = {"limit_fen": 1000, "used_fen": 0, "available_fen": 1000}
    known = GroundTruth(most_credit_fen=1000)

    assert judge_credit_line(answer(200, line), known).outcome is Outcome.OK
    assert judge_credit_line(answer(200, line)).outcome is Outcome.OK
