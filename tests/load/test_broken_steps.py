"""Steps of a scenario that are wrong: told with file and line, and no failure of the target."""

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from harness.core.money import YUAN, Currency
from harness.history.events import Ending, Outcome, Step
from harness.load.journey import Journey
from harness.load.user_steps import require_planned
from harness.target.classification import Answer, Classification
from harness.target.interface import Target
from harness.target.request import LoanRequest, Request
from tests.load.walking import APPROVED, OK, UNKNOWN, Load, Script

NAMES = {Step.LOG_IN: "log_in", Step.CREDIT_LINE: "read_credit_line", Step.BORROW: "borrow"}


def test_a_step_that_raises_is_told_with_its_place(make_load: Callable[..., Load]) -> None:
    """The operation is written all the same, and is no failure of the target."""
    load = make_load(Script())

    operation = load.perform()

    assert (operation.outcome, operation.ending) == ("indeterminate", Ending.BROKEN)
    assert load.journeys.bug is None
    assert load.broken == [load.journeys.broken]
    place, _, said = load.broken[0].partition(": ")
    assert re.fullmatch(r"tests/load/walking\.py:\d+", place)
    assert said == "borrow raised IndexError: pop from empty list"
    assert "(broken)" in str(load.told[-1]["name"])


LINE = Script.borrow.__code__.co_firstlineno
WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (None, "None; it must return what the answer came to, a Classification"),
    "an answer": (Answer(body=b"a secret"), "a value of type Answer; it must return what"),
    "a word": (
        Classification(cast("Any", "approved")),
        "a Classification with a text as its outcome; write Outcome.APPROVED",
    ),
    "another word": (
        Classification(cast("Any", "a secret")),
        "a Classification whose outcome is of type str; it must be one of Outcome's",
    ),
    "fine": (OK, "Outcome.OK; a borrow is approved, referred, declined, failed or"),
    "a number as its loan": (
        Classification(Outcome.APPROVED, loan_id=cast("Any", 7)),
        "a Classification whose loan_id is of type int; it must be str | None",
    ),
    "a number as its code": (
        Classification(Outcome.FAILED, code=cast("Any", 404)),
        "a Classification whose code is of type int; it must be str | None",
    ),
    "bytes as its session": (
        Classification(Outcome.FAILED, token=cast("Any", b"a secret")),
        "a Classification whose token is of type bytes; it must be str | None",
    ),
    "a text as its cause": (
        Classification(Outcome.DECLINED, decline=cast("Any", "a secret")),
        "a Classification whose decline is of type str; it must be ",
    ),
    "no yes or no": (
        Classification(Outcome.FAILED, may_retry=cast("Any", None)),
        "a Classification whose may_retry is of type NoneType; it must be bool",
    ),
    "two headers": (
        Classification(Outcome.FAILED, token="a\nsecret"),
        "a Classification whose token fits no header; it must be printable ASCII",
    ),
    "for ever": (
        Classification(Outcome.FAILED, lifetime_s=float("inf")),
        "a Classification whose lifetime_s is no number of seconds",
    ),
}


@pytest.mark.parametrize(("result", "said"), WRONG.values(), ids=WRONG)
def test_a_step_that_returns_no_answer_is_told_with_its_place(
    make_load: Callable[..., Load], result: Any, said: str
) -> None:
    """Where it begins: the line that returned is not known."""
    load = make_load(Script(result))

    operation = load.perform()

    assert operation.ending == Ending.BROKEN
    (told,) = load.broken
    assert told.startswith(f"tests/load/walking.py:{LINE}: borrow returned {said}")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "None; "),
        (APPROVED, "Outcome.APPROVED; before the borrow, a step is ok, declined or failed"),
    ],
    ids=["nothing", "a loan"],
)
@pytest.mark.parametrize("step", [Step.LOG_IN, Step.CREDIT_LINE])
def test_an_earlier_step_without_an_answer_ends_the_journey(
    make_load: Callable[..., Load], step: Step, result: Any, said: str
) -> None:
    """No borrow is sent, and the method is named as the user wrote it."""
    script = Script(log_in=result) if step is Step.LOG_IN else Script(line=result)
    load = make_load(script, log_in_share=1.0)

    operation = load.perform()

    assert (operation.outcome, operation.ending) == ("failed", Ending.BROKEN)
    assert (operation.blocked_by, script.keys) == (step, [])
    name = "log_in" if step is Step.LOG_IN else "read_credit_line"
    assert f": {name} returned {said}" in load.broken[0]


def test_a_step_may_have_any_name(make_load: Callable[..., Load]) -> None:
    """Say that of a decorator's inner function."""
    script = Script(APPROVED)
    inner = script.borrow

    def wrapper(journey: Journey) -> Classification:
        return inner(journey)

    cast("Any", script).borrow = wrapper
    operation = make_load(script).perform()

    assert operation.outcome == "approved"


def test_only_the_first_mistake_is_told(make_load: Callable[..., Load]) -> None:
    """The others follow from it, or can wait."""
    load = make_load(Script())

    load.perform(0)
    load.perform(1)

    assert len(load.broken) == 1


def once(journey: Journey, amount_fen: int | None = None) -> None:
    """One request, which no one answers."""
    amount_fen = journey.arrival.amount_fen if amount_fen is None else amount_fen
    journey.send("POST", "/loans", {"amount_fen": amount_fen})


def twice(journey: Journey) -> None:
    """A try of its own that is on no record."""
    once(journey)
    once(journey)


def two_requests(journey: Journey) -> None:
    """An API that needs two, at one address, and is asked until they are done."""
    once(journey)
    journey.send("POST", "/loans", {"confirmed": True})
    for _ in range(2):
        journey.send("GET", "/loans/1")


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize(
    ("sends", "said"),
    [
        (lambda _: None, "sent no request"),
        (twice, "sent the same request twice in one try"),
        (once, None),
        (two_requests, None),
    ],
)
def test_a_step_that_does_not_send_once_is_told(
    make_load: Callable[..., Load], step: Step, sends: Callable[[Journey], None], said: str | None
) -> None:
    """Its outcome is none of the target's; more than one request, each once, is another API."""

    class Sending(Script):
        def _answer(self, journey: Journey, judged: Classification) -> Classification:
            if journey.step is not step:
                return super()._answer(journey, judged)
            sends(journey)
            return judged

    load = make_load(Sending(APPROVED), log_in_share=1.0, population="good")
    load.perform()

    told = str(load.journeys.broken)
    assert told == "None" if said is None else told.endswith(f": {NAMES[step]} {said}"), told


class Asks(Script):
    """Sends this body, and may keep what it is told of it to itself."""

    def __init__(self, body: Callable[[int], Any], *, hides: bool = False) -> None:
        super().__init__()
        self._body, self._hides = body, hides

    def borrow(self, journey: Journey) -> Classification:
        """To where nobody listens."""
        try:
            journey.send("POST", "/deals", self._body(journey.arrival.amount_fen))
        except Exception:
            if not self._hides:
                raise
        return UNKNOWN


PLANNED: dict[str, Callable[[int], Any]] = {
    "fen": lambda fen: {"amount_fen": fen},
    "yuan": lambda fen: {"amount": fen / 100},
    "text": lambda fen: {"Amount": f"{fen / 100:.4f}"},
    "deeper": lambda fen: {"loan": [{"principalAmount": fen}]},
    "one of several": lambda fen: {"amount": fen, "fee_amount": 5},
    "beside a fee": lambda fen: {"sum": fen, "fee_amount": 0},
    "in yuan beside a fee": lambda fen: {"loan": {"sum": f"{fen / 100:.2f}"}, "fee_amount": 5},
    "by another name": lambda _: {"sum": 5},
    "no number": lambda _: {"amount": "CNY", "amount_is_final": True},
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("body", PLANNED.values(), ids=PLANNED)
def test_the_planned_amount_may_be_written_in_any_unit(
    make_load: Callable[..., Load], body: Callable[[int], Any]
) -> None:
    """What is not named as an amount is not compared."""
    load = make_load(Asks(body))

    operation = load.perform()

    assert (operation.ending, load.broken) == (Ending.FINISHED, [])


OTHER: dict[str, tuple[Callable[[int], Any], str]] = {
    "constant": (lambda _: {"amount": 7}, "amount=7"),
    "ten times in fen": (lambda fen: {"amount_fen": 10 * fen}, "amount_fen="),
    "less": (lambda fen: {"loan": {"principal": fen - 1}}, "principal="),
    "against": (lambda fen: {"amount": -fen}, "amount=-"),
    "only a like number": (lambda fen: {"amount": 7, "sum": 10 * fen}, "amount=7"),
}


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize(("body", "said"), OTHER.values(), ids=OTHER)
def test_another_amount_is_not_sent(
    make_load: Callable[..., Load], body: Callable[[int], Any], said: str, hides: bool
) -> None:
    """It would be a corrupt loan of the target's; the step is told, also if it hides that."""
    load = make_load(Asks(body, hides=hides))

    operation = load.perform()

    assert operation.ending == Ending.BROKEN
    (told,) = load.broken
    assert re.match(rf"tests/load/test_broken_steps\.py:\d+: borrow asks for {said}", told)
    assert f"and {YUAN.text(operation.amount_fen)} was planned" in told
    assert f"`journey.arrival.amount_fen`, {operation.amount_fen} in minor units" in told
    assert load.rows()[-2].keys() == {"sent"}  # and no attempt: nothing left


class Lender(Target):
    """Asks for another amount, or gives no answer to a step."""

    url = "http://127.0.0.1:1"
    currency, decimal = Currency("EUR"), True

    def borrow(self, ask: LoanRequest) -> Request:
        """Always the same."""
        return Request("POST", "/credits", {"total_amount": "7.00"}, key=ask.key)

    def classify(self, *_: Any) -> Classification:
        """It forgets to return."""
        return cast("Any", None)


class Asked(Script):
    """As the borrower of the package asks a target."""

    def borrow(self, journey: Journey) -> Classification:
        """The loan that was planned."""
        ask = LoanRequest(journey.account.as_seen(), "k", journey.arrival.amount_fen)
        request = journey.target.borrow(ask)
        require_planned(journey, request.json, made_by=journey.target.borrow)
        return journey.ask(Step.BORROW, request)

    def read_credit_line(self, journey: Journey) -> Classification:
        """What comes back is judged by the target."""
        return journey.ask(Step.CREDIT_LINE, Request("GET", "/line"))


@pytest.mark.parametrize(
    ("reads", "method", "said"),
    [
        (False, "borrow", "borrow asks for total_amount=7.00, and "),
        (True, "classify", "Lender.classify returned None; it must return a Classification"),
    ],
)
def test_a_mistake_of_a_target_is_told_with_its_place(
    make_load: Callable[..., Load], reads: bool, method: str, said: str
) -> None:
    """No code of it is at work any more when it is seen; its own words for the amount are named."""
    load = make_load(Asked())
    load.journeys.target = Lender()
    arrival = replace(load.plan.arrivals[0], reads_credit_line=reads, logs_in=False)
    if reads:
        load.journeys.target.offers = lambda _: True  # type: ignore[method-assign]
    load.journeys.perform(arrival, 123, 123)

    (told,) = load.broken
    line = inspect.unwrap(getattr(Lender, method)).__code__.co_firstlineno
    assert told.startswith(f"tests/load/test_broken_steps.py:{line}: {said}")
    if method == "borrow":
        euros = Currency("EUR").text(arrival.amount_fen)
        assert f"{euros} was planned: it must ask for `ask.amount`, {arrival.amount_fen}" in told
