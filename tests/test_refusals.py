"""What a 4xx or 5xx says of the borrower: every status, every step, and the page of it."""

import json
import re
from itertools import product
from pathlib import Path

import pytest

from harness.history.events import Outcome
from harness.plan.decline import Decline
from harness.target.classification import (
    Answer,
    Classification,
    GroundTruth,
    Refusal,
    judge_borrow,
    judge_credit_line,
    judge_log_in,
    may_have_worked,
    refusal_of,
)

PAGE = Path(__file__).parent.parent / "docs" / "contract.md"
STATUSES = range(400, 600)
DECLINES = {
    "risk_decline": Decline.CREDIT,
    "regulatory_decline": Decline.POLICY,
    "behaviour_decline": Decline.BEHAVIOUR,
}
CATEGORIES = (None, "client_error", "availability", "", 7, ["risk_decline"], *DECLINES)
OUTCOMES = (None, "not_applied", "unknown")
MUST_BE = (None, *Decline)
UNKNOWN, TURNED_AWAY, IN_PROGRESS = (401, 404, 410), (403, 423, 451), (408, 409, 425)


def _answers(status: int) -> list[tuple[Answer, Decline | None, object]]:
    """With every body, the cause of decline that it names, and its outcome."""
    found = []
    for category, outcome in product(CATEGORIES, OUTCOMES):
        body = json.dumps({"code": "c", "category": category, "outcome": outcome}).encode()
        names = isinstance(category, str) and status < 500 and status != 408
        cause = DECLINES.get(category) if names and isinstance(category, str) else None
        found.append((Answer(status=status, body=body), cause, outcome))
    return found


def _is_false(status: int, cause: Decline | None, rightly: set[Decline | None]) -> bool:
    if cause is not None:
        return cause not in rightly
    return status in UNKNOWN or (status in TURNED_AWAY and rightly == {None})


@pytest.mark.parametrize("status", STATUSES)
def test_the_steps_before_the_borrow(status: int) -> None:
    """Both judge alike, by what must be true of the borrower."""
    for (given, cause, _), must_be in product(_answers(status), MUST_BE):
        false = _is_false(status, cause, {must_be})
        outcome = Outcome.FAILED if cause is None or false else Outcome.DECLINED
        expected = Classification(outcome, "c", cause, false)

        assert judge_log_in(given, GroundTruth(must_be)) == expected
        assert judge_credit_line(given, GroundTruth(must_be)) == expected


@pytest.mark.parametrize("status", STATUSES)
def test_the_borrow(status: int) -> None:
    """By the same rule; and what it tells of the money."""
    truths = list(product(MUST_BE, (None, Decline.CREDIT)))
    for (given, cause, outcome), (must_be, may_be) in product(_answers(status), truths):
        judged = judge_borrow(given, GroundTruth(must_be, may_be, amount_fen=1))

        false = _is_false(status, cause, {must_be, may_be})
        assert (judged.false_declined, judged.decline) == (false, cause)
        if cause is not None:
            expected = Outcome.FAILED if false else Outcome.DECLINED
        elif status in IN_PROGRESS or status == 504:
            expected = Outcome.INDETERMINATE
        elif status < 500 or outcome == "not_applied":
            expected = Outcome.FAILED
        else:
            expected = Outcome.INDETERMINATE
        assert judged.outcome is expected
        assert may_have_worked(given) == (expected is Outcome.INDETERMINATE)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("category", [None, *DECLINES])
def test_a_decline_puts_nothing_off(status: int, category: str | None) -> None:
    """Whatever ``Retry-After`` says; a server's error is no decline."""
    body = json.dumps({"category": category}).encode()
    given = Answer(status=status, body=body, headers={"retry-after": "1"})

    waits = status == 503 or category is None
    assert judge_log_in(given).may_retry == waits
    assert judge_credit_line(given).may_retry == waits


def test_the_page_shows_the_rule() -> None:
    """Each kind with its statuses; "any other" are those that no row names."""
    section = PAGE.read_text().partition("| kind | answers |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines()[2:]]
    told = {kind: answers for kind, answers, *_ in rows}

    assert list(told) == [str(refusal) for refusal in Refusal]
    named = {
        int(status): kind for kind, text in told.items() for status in re.findall(r"\d{3}", text)
    }
    del named[408]  # named twice: "any 4xx but 408"
    named[408] = "in progress"
    for status in STATUSES:
        other = "request" if status < 500 else "server"
        assert refusal_of(status, {}) == named.get(status, other)
