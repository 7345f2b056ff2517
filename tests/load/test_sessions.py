"""Sessions that end by their lifetime, and waits that a target asks for, over real sockets."""

import time
from pathlib import Path
from typing import Any

import pytest

from harness.history.events import Step
from harness.load.sessions import BorrowerSession
from harness.plan.plan import Settings
from tests.load.lender import NEW, OLD, Lender, Load

# --- sessions ------------------------------------------------------------------------------------


def test_a_session_that_is_over_is_renewed(tmp_path: Path, lender: Lender) -> None:
    """As an app does it: a log-in, and on with the step; nobody was refused."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()

    assert load.story == [
        ("credit_line", 1, 401, False),
        ("log_in", 1, 201, False),
        ("credit_line", 2, 200, False),
        ("borrow", 1, 201, False),
    ]
    assert (operation.outcome, operation.attempts) == ("approved", 1)
    assert load.account.session.token == NEW
    expires_ns = load.account.session.expires_ns
    assert expires_ns is not None
    assert 57.5 < (expires_ns - time.monotonic_ns()) / 1e9 < 60.5


def test_a_borrow_goes_on_with_its_key(tmp_path: Path, lender: Lender) -> None:
    """Where the borrow is the first request that meets the end of the session."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform(reads=0.0)

    assert [a[:3] for a in load.story] == [
        ("borrow", 1, 401),
        ("log_in", 1, 201),
        ("borrow", 2, 201),
    ]
    assert len({a["key"] for a in load.attempts} - {None}) == 1
    assert (operation.outcome, operation.attempts) == ("approved", 2)
    assert not operation.false_declined


@pytest.mark.parametrize("expires_in_s", [60.0, None])
@pytest.mark.parametrize("reads", [0.0, 1.0])
def test_a_session_lost_before_its_time(
    tmp_path: Path, lender: Lender, expires_in_s: float | None, reads: float
) -> None:
    """Also where no lifetime was told: the borrower is refused for nothing."""
    lender.valid = set()
    load = Load(tmp_path, lender, expires_in_s)

    operation = load.perform(reads=reads)

    assert load.story == [("credit_line" if reads else "borrow", 1, 401, True)]
    assert operation.outcome == "failed"
    assert "sessions" not in lender.calls


def test_a_session_that_outlives_its_time(tmp_path: Path, lender: Lender) -> None:
    """Nobody logs in before being asked to."""
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    load.perform()

    assert lender.calls == ["credit-line", "loans"]


def test_a_log_in_in_between_that_fails(tmp_path: Path, lender: Lender) -> None:
    """It takes the borrow with it, and is named."""
    lender.valid = set()
    lender.first = {"sessions": [(503, {"code": "busy"}, {})] * 2}
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()
    assert (operation.blocked_by, operation.code, operation.attempts) == (Step.LOG_IN, "busy", 0)

    operation = load.perform(reads=0.0)
    assert (operation.outcome, operation.blocked_by, operation.attempts) == ("failed", None, 1)
    assert not any(a["false_declined"] for a in load.attempts)


def test_one_log_in_a_journey(tmp_path: Path, lender: Lender) -> None:
    """A target whose sessions are over at once is not asked without end."""
    lender.valid, lender.lives_s = set(), 0.0
    expired = (401, {"code": "session_expired"}, {})
    lender.first = {"credit-line": [expired], "loans": [expired]}
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    operation = load.perform()

    assert lender.calls == ["credit-line", "sessions", "credit-line", "loans"]
    assert (operation.outcome, operation.false_declined) == ("failed", False)


def test_a_log_in_that_tells_no_lifetime(tmp_path: Path, lender: Lender) -> None:
    """From then on none is known."""
    lender.valid, lender.lives_s = set(), None
    load = Load(tmp_path, lender, expires_in_s=-1.0)

    load.perform()

    session = load.account.session
    assert (session.token, session.expires_ns) == (NEW, None)


# --- waits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {}),
        (503, {"outcome": "not_applied"}),
        (503, {}),
        (409, {"code": "in_progress"}),
        (425, {}),
    ],
)
def test_a_client_that_obeys_loses_nothing(
    tmp_path: Path, lender: Lender, status: int, body: dict[str, Any]
) -> None:
    """It asks again when it was told to, and not before."""
    lender.first = {"loans": [(status, body, {"Retry-After": "1"})]}
    load = Load(tmp_path, lender, None)

    operation = load.perform(reads=0.0, retries=1)

    assert (operation.outcome, operation.attempts) == ("approved", 2)
    assert 1.0 <= lender.times_s[1] - lender.times_s[0] < 10.0


@pytest.mark.parametrize("call", ["sessions", "credit-line"])
def test_an_earlier_step_that_is_put_off(tmp_path: Path, lender: Lender, call: str) -> None:
    """It is tried again as well, where the answer says when."""
    lender.first = {call: [(429, {}, {"Retry-After": "0"})]}
    load = Load(tmp_path, lender, None)
    load.account.session = BorrowerSession("" if call == "sessions" else OLD)

    assert load.perform(retries=1).outcome == "approved"
    assert lender.calls.count(call) == 2

    lender.first = {call: [(429, {}, {})]}
    load.account.session = BorrowerSession("" if call == "sessions" else NEW)
    assert load.perform(retries=1).outcome == "failed"


@pytest.mark.parametrize("case", [(0, "0", 1), (5, "6", 1), (5, "3", 2), (2, "0", 3)])
def test_patience_has_an_end(
    tmp_path: Path, lender: Lender, monkeypatch: pytest.MonkeyPatch, case: tuple[int, str, int]
) -> None:
    """Tries and waits are bounded, and nobody asks sooner than told to."""
    retries, asked, tries = case
    slept_s: list[float] = []
    monkeypatch.setattr("harness.load.journey.gevent.sleep", slept_s.append)
    lender.first = {"loans": [(503, {"outcome": "not_applied"}, {"Retry-After": asked})] * 10}
    load = Load(tmp_path, lender, None)

    operation = load.perform(reads=0.0, retries=retries)

    assert (operation.outcome, operation.attempts) == ("failed", tries)
    assert all(float(asked) <= each_s <= float(asked) + 1.0 for each_s in slept_s)


def test_a_decline_is_final(tmp_path: Path, lender: Lender) -> None:
    """Whatever its status, and whatever it asks for."""
    for status in (409, 425, 429):
        lender.calls.clear()
        answer = (status, {"category": "risk_decline"}, {"Retry-After": "0"})
        lender.first = {"loans": [answer]}
        load = Load(tmp_path, lender, None)

        load.perform(reads=0.0, retries=3)

        assert lender.calls == ["loans"]
        assert load.attempts[0]["decline"] == "credit"


def test_the_drain_allows_for_all_waits() -> None:
    """Deadlines of three steps and of every retry, own pauses, and those asked for."""
    assert Settings(request_timeout_s=2.0).drain_s == 7.0
    assert Settings(request_timeout_s=2.0, retries=2).drain_s == 16.0
