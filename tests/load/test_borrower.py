"""The borrower that scenario files subclass: what it sends, and what it judges an answer by."""

import json
import subprocess
import sys
from typing import Any

import pytest

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found() -> Found:
    """What each step came to, in a process of its own: it brings Locust."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.borrower_in_a_process"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_credit_line_is_judged_by_what_must_be_left_of_it(found: Found) -> None:
    """A borrower who is shown less is refused, whatever the status."""
    assert found["limit as asked for"]["false_declined"] is False
    assert found["limit too high"]["code"] == "credit_line_impossible"
    assert found["limit too low"]["code"] == "credit_line_too_low"
    assert found["limit too low"]["false_declined"] is True


def test_a_decline_is_judged_by_what_is_true_of_the_borrower(found: Found) -> None:
    """Wrong, right, or as right as a loan."""
    declines = [found[f"declined {how}"] for how in ("wrongly", "rightly", "maybe")]

    assert [each["false_declined"] for each in declines] == [True, False, False]
    assert [each["outcome"] for each in declines] == ["failed", "declined", "declined"]


def test_what_is_sent_is_the_contract(found: Found) -> None:
    """Credentials once, then the session; the loan under the arrival's key."""
    (log_in,), (line,), (borrow,) = (
        found[name]["sent"] for name in ("logs in", "limit too low", "declined maybe")
    )

    assert log_in == ["POST", "/v1/sessions", {"phone": "138", "password": "secret"}, {}]
    assert line == ["GET", "/v1/credit-line", None, {"Authorization": "Bearer t"}]
    assert borrow[:2] == ["POST", "/v1/loans"]
    assert borrow[2] == {"amount_fen": 100, "term_days": 90, "method": "daily"}
    assert borrow[3] == {"Authorization": "Bearer t", "Idempotency-Key": "k"}


def test_the_documented_step_works_on_a_service_of_the_contract(found: Found) -> None:
    """It sends what the borrower of the package sends, with one header more."""
    (theirs,), (ours,) = found["documented"]["sent"], found["declined maybe"]["sent"]

    assert found["documented"]["outcome"] == "approved"
    assert theirs[:3] == ours[:3]
    assert theirs[3] == {**ours[3], "X-Channel": "app"}
