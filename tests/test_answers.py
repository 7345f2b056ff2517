"""A lender's answers mean what the first rule says that matches, else what their status says."""

import json
from decimal import Decimal
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.money import Currency
from harness.history.events import Outcome, Step
from harness.plan.decline import Decline
from harness.target.answers import (
    ABSENT,
    Answers,
    approved,
    declined,
    failed,
    in_progress,
    referred,
    throttled,
    unknown,
    value_at,
)
from harness.target.classification import Answer, Classification, GroundTruth, denies_session
from harness.target.declared import lacking
from harness.target.interface import Target
from harness.target.request import BorrowerAccount, LoanRequest, Request

EURO = Currency("EUR")
RULES = Answers(
    [
        ((200, "state", "WAITING"), referred(loan="data.id")),
        (200, approved(loan="data.id", principal="data.postings[0].amount")),
        ((400, "errorCode", "INSUFFICIENT_FUND"), declined("credit")),
        ((409, "errorCode", "CONFLICT"), in_progress),
        (429, throttled),
        ((400, "errorCode", "BROKEN"), failed),
        (5, unknown),
    ]
)


def of(status: int, body: Any) -> Answer:
    """An answer of this lender."""
    return Answer(status=status, body=json.dumps(body).encode())


def lent(amount: Any, loan: Any = 7) -> dict[str, Any]:
    """The body of a loan that was paid out."""
    return {"data": {"id": loan, "postings": [{"amount": amount}]}}


@pytest.mark.parametrize(
    ("status", "body", "outcome", "more"),
    [
        (200, lent("12.34"), Outcome.APPROVED, {"loan_id": "7"}),
        (200, lent(12.34, "x"), Outcome.APPROVED, {"loan_id": "x"}),
        (200, {**lent("12.34"), "state": "WAITING"}, Outcome.REFERRED, {"loan_id": "7"}),
        # A used key is answered with an old loan.
        (200, lent("12.00"), Outcome.INDETERMINATE, {"invalid_answer": True, "loan_id": "7"}),
        (200, {}, Outcome.INDETERMINATE, {"invalid_answer": True, "may_retry": True}),
        (200, lent("12.34", None), Outcome.INDETERMINATE, {"invalid_answer": True}),
        (409, {"errorCode": "CONFLICT"}, Outcome.INDETERMINATE, {"may_retry": True}),
        (429, {}, Outcome.FAILED, {"may_retry": True}),
        (400, {"errorCode": "BROKEN"}, Outcome.FAILED, {"may_retry": False}),
        (503, {}, Outcome.INDETERMINATE, {"may_retry": True}),
        # No rule: by the status alone, whatever our own contract would make of the body.
        (201, {}, Outcome.INDETERMINATE, {"invalid_answer": True}),
        (404, {}, Outcome.FAILED, {"false_declined": True}),
        (422, {"category": "risk_decline"}, Outcome.FAILED, {"decline": None}),
    ],
)
def test_a_borrow_is_judged_by_the_first_rule_that_matches(
    status: int, body: Any, outcome: Outcome, more: dict[str, Any]
) -> None:
    """With the loan, and whether another try could help."""
    judged = RULES.of_borrow(of(status, body), GroundTruth(amount_fen=1234), EURO.minor)

    assert judged.outcome is outcome
    assert {name: getattr(judged, name) for name in more} == more


@pytest.mark.parametrize(
    ("truth", "outcome"),
    [
        (GroundTruth(), Outcome.FAILED),
        (GroundTruth(expected_decline=Decline.CREDIT), Outcome.DECLINED),
        (GroundTruth(possible_decline=Decline.CREDIT), Outcome.DECLINED),
        (GroundTruth(expected_decline=Decline.POLICY), Outcome.FAILED),
    ],
)
def test_a_decline_is_right_or_wrong_by_what_is_true(truth: GroundTruth, outcome: Outcome) -> None:
    """Of the borrower, at every step."""
    answer = of(400, {"errorCode": "INSUFFICIENT_FUND"})
    for judged in (RULES.of_borrow(answer, truth, EURO.minor), RULES.of_step(answer, truth)):
        assert (judged.outcome, judged.decline) == (outcome, Decline.CREDIT)
        assert judged.false_declined is (outcome is Outcome.FAILED)
        assert judged.code == "INSUFFICIENT_FUND"


@pytest.mark.parametrize(
    ("value", "found", "matches"),
    [
        (0.1, 0.1, True),
        (2, 2.0, True),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        ((1, 2.5), [1, 2.5], True),
        (Decimal("0.10"), 0.1, True),
        (None, None, True),
        ("1", 1, False),
    ],
)
def test_a_value_is_compared_as_json_has_it(value: Any, found: Any, matches: bool) -> None:
    """A decimal exactly; true is not 1."""
    answers = Answers([((200, "rate", value), declined("credit"))])
    judged = answers.of_step(of(200, {"rate": found}), GroundTruth())

    assert (judged.decline is Decline.CREDIT) is matches


@pytest.mark.parametrize(
    ("rule", "denies"),
    [
        ((4, failed), True),
        (((401, "code", "TOKEN_EXPIRED"), failed), True),
        ((401, throttled), True),
        ((4, unknown), True),
        ((401, declined("credit")), False),
        ((500, failed), True),
    ],
)
def test_a_rule_does_not_hide_that_a_session_is_over(rule: Any, denies: bool) -> None:
    """At every step; unless it names a cause that lies in the borrower."""
    answer, truth = of(401, {"code": "TOKEN_EXPIRED"}), GroundTruth()
    answers = Answers([rule])
    for judged in (answers.of_step(answer, truth), answers.of_borrow(answer, truth, EURO.minor)):
        assert denies_session(answer, judged) is denies
    assert not denies_session(of(403, {}), answers.of_step(of(403, {}), truth))


def test_no_answer_may_have_been_applied() -> None:
    """If it was sent."""
    for sent, outcome in ((True, Outcome.INDETERMINATE), (False, Outcome.FAILED)):
        answer = Answer(error="reset", sent=sent)
        assert RULES.of_borrow(answer, GroundTruth(), EURO.minor).outcome is outcome
        assert RULES.of_step(answer, GroundTruth()).outcome is Outcome.FAILED


def test_any_2xx_is_well_before_the_borrow() -> None:
    """Rules for loans say nothing of other steps."""
    for status, outcome in ((200, Outcome.OK), (204, Outcome.OK), (500, Outcome.FAILED)):
        assert RULES.of_step(of(status, {}), GroundTruth()).outcome is outcome


@pytest.mark.parametrize(
    "rules",
    [
        [200],
        [(200, "approved")],
        [(42, unknown)],
        [((400, "a..b", 1), unknown)],
        [((400, "code"), unknown)],
        [(True, unknown)],
        [((True, "code", 1), unknown)],
        [((400, "code", object()), unknown)],
    ],
)
def test_what_is_no_rule_is_refused_where_it_is_written(rules: Any) -> None:
    """With what would be valid."""
    with pytest.raises(UsageError, match=r"approved\(loan=|write it like data|no value of JSON"):
        Answers(rules)


@pytest.mark.parametrize("wrong", ["poverty", "CREDIT"])
def test_a_cause_is_one_of_three(wrong: str) -> None:
    """They are what borrowers are known by."""
    with pytest.raises(UsageError, match="credit, policy, behaviour"):
        declined(wrong)


def test_fields_are_found_by_their_path() -> None:
    """Names and places in lists; what is not there is absent, which null is not."""
    body = {"a": [{"b.c": 1}, None], "d": None}

    assert value_at(body, "a[0]") == {"b.c": 1}
    assert value_at(body, "d") is None
    assert value_at([[1, 2]], "[0][1]") == 2
    for path in ("a[2]", "a.b", "d.e", "x", "a[0][0]"):
        assert value_at(body, path) is ABSENT


def test_the_fields_that_an_answer_lacks_are_named() -> None:
    """With what the class declares of it; nothing where it reads answers in a way of its own."""

    class Reads(Target):
        url = "http://127.0.0.1:1"
        answers = Answers([(200, approved("data.id", "data.sum"))])
        available = "data.left"

        def borrow(self, ask: LoanRequest) -> Request:
            return Request("POST", "/", {"sum": ask.amount})

        def log_in(self, account: BorrowerAccount) -> Request:
            return Request("POST", "/", {"who": account.name})

    class Own(Reads):
        def classify(self, *_: Any) -> Classification:
            return Classification(Outcome.OK)

    answer, truth = Answer(200, b'{"data": {"sum": 7}}'), GroundTruth(amount_fen=5)
    lacks = {
        Step.BORROW: ["data.id", "data.sum with the amount asked for"],
        Step.LOG_IN: ["token"],
        Step.CREDIT_LINE: ["data.left"],
    }
    for step, fields in lacks.items():
        assert lacking(Reads(), step, answer, truth) == fields
        assert lacking(Own(), step, answer, truth) == []
    right = Answer(200, b'{"data": {"sum": "7", "id": 1}}')
    assert lacking(Reads(), Step.BORROW, right, GroundTruth(amount_fen=7)) == []
