"""Targets that keep one session for each borrower: what our own log-ins end is no refusal."""

import json
import time
from dataclasses import replace
from pathlib import Path

import gevent
import pytest

from harness.history.event_writer import EventWriter
from harness.history.events import Outcome, Step
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journey, Journeys
from harness.load.sessions import Account, BorrowerSession, LogInOutcome
from harness.plan.plan import Load as StatedLoad
from harness.plan.plan import Scenario, Settings, expand
from harness.target.classification import Answer, Classification
from harness.target.transport import Transport
from tests.builders import LOCAL
from tests.load.lender import LOST, NEW, OLD, Lender, Load, Reply

NOT_APPLIED = {"category": "availability", "outcome": "not_applied"}
BUSY = Classification(Outcome.FAILED, "busy")


def test_a_log_in_of_the_borrowers_other_journey(tmp_path: Path, lender: Lender) -> None:
    """It ends the session with which this one is under way, which goes on with the new one."""
    load = Load(tmp_path, lender, expires_in_s=60.0)

    operation = load.perform(reads=0.0, meanwhile="logs in")

    assert lender.calls == ["sessions", "loans", "loans", "loans"]
    assert load.story == [
        ("log_in", 1, 201, False),
        ("borrow", 1, 201, False),
        ("borrow", 1, 401, False),
        ("borrow", 2, 201, False),
    ]
    assert (operation.outcome, operation.attempts) == ("approved", 2)
    assert not operation.false_declined


@pytest.mark.parametrize(
    ("reply", "false_declined"),
    [
        (LOST, False),
        ((500, {}, {}), False),
        ((504, NOT_APPLIED, {}), False),
        ((409, {}, {}), False),
        ((302, {}, {}), False),
        ((201, {"token": ""}, {}), False),
        ((503, NOT_APPLIED, {}), True),
        ((401, {}, {}), True),
        ((403, {}, {}), True),
        ((429, {}, {}), True),
    ],
)
def test_a_log_in_that_may_have_worked(
    tmp_path: Path, lender: Lender, reply: Reply, false_declined: bool
) -> None:
    """Its answer was lost, or does not say: it may have ended the session that is still held."""
    lender.first = {"sessions": [reply]}
    load = Load(tmp_path, lender, expires_in_s=60.0)
    assert load.perform(log_in_share=1.0).blocked_by == Step.LOG_IN
    lender.valid.discard(OLD)

    operation = load.perform(reads=0.0)

    assert load.story[0] == ("borrow", 1, 401, false_declined)
    assert operation.outcome == ("failed" if false_declined else "approved")


def test_a_log_in_that_never_left(tmp_path: Path, lender: Lender) -> None:
    """It has ended nothing."""
    load = Load(tmp_path, lender, expires_in_s=60.0)
    url, lender.url = lender.url, "http://127.0.0.1:1"
    load.perform(log_in_share=1.0)
    lender.url, lender.valid = url, set()

    load.perform(reads=0.0)

    assert load.story == [("borrow", 1, 401, True)]


def test_the_session_of_the_last_log_in(tmp_path: Path, lender: Lender) -> None:
    """Nothing of ours has ended it: a 401 to it is a refusal for nothing."""
    load = Load(tmp_path, lender, expires_in_s=60.0)

    operation = load.perform(log_in_share=1.0, meanwhile="lost")

    assert load.story[-1] == ("borrow", 1, 401, True)
    assert operation.false_declined


# --- which log-in may have ended which session ---------------------------------------------------


def _account() -> Account:
    return Account("1", "p", BorrowerSession(OLD))


def _took(account: Account, log_in: LogInOutcome, token: str) -> BorrowerSession:
    account.take(log_in, Classification(Outcome.OK, token=token), Answer(status=201))
    return account.session


def test_log_ins_one_after_the_other() -> None:
    """Each ends those before it, and not itself."""
    account = _account()
    sessions = [account.session]
    for token in ("a", "b"):
        with account.logging_in() as log_in:
            assert account.may_have_ended(sessions[-1])
        sessions.append(_took(account, log_in, token))

    assert [account.may_have_ended(session) for session in sessions] == [True, True, False]


def test_log_ins_at_the_same_time() -> None:
    """The target may have taken them in any order, whichever answer came last."""
    account = _account()
    with account.logging_in() as first:
        with account.logging_in() as second:
            pass
        inner = _took(account, second, "b")
    outer = _took(account, first, "a")

    assert account.may_have_ended(inner)
    assert account.may_have_ended(outer)

    with account.logging_in() as third:
        pass
    assert not account.may_have_ended(_took(account, third, "c"))


def test_a_log_in_without_an_answer() -> None:
    """It may be carried out at any time later, and end what was opened after it."""
    account = _account()
    with account.logging_in() as lost:
        pass
    account.take(lost, Classification(Outcome.FAILED, "timeout"), Answer(error="timeout"))
    with account.logging_in() as log_in:
        pass

    assert account.may_have_ended(_took(account, log_in, "a"))


def test_a_log_in_that_is_refused_ends_nothing() -> None:
    """Nor does one that could not be sent."""
    account = _account()
    for answer in (Answer(status=403), Answer(error="refused", sent=False), None):
        with account.logging_in() as log_in:
            pass
        account.take(log_in, BUSY, answer)

    assert not account.may_have_ended(account.session)


def test_a_lifetime_that_is_over() -> None:
    """Whoever logged in."""
    account = _account()

    assert account.may_have_ended(BorrowerSession(OLD, time.monotonic_ns() - 1))
    assert not account.may_have_ended(BorrowerSession(OLD, time.monotonic_ns() + 10**9))


# --- waiting for the other journey's log-in ------------------------------------------------------


def _log_in_for(account: Account, seconds: float) -> None:
    with account.logging_in():
        gevent.sleep(seconds)


def test_the_wait_ends_with_the_last_log_in_under_way() -> None:
    """It is told how long it was."""
    account = _account()
    for seconds in (0.02, 0.06):
        gevent.spawn(_log_in_for, account, seconds)
    gevent.sleep(0)

    assert 0.04 < account.wait_for_log_ins(5.0) < 1.0
    assert account.wait_for_log_ins(5.0) < 0.01


def test_the_wait_is_bounded() -> None:
    """A log-in that hangs holds nobody up for longer."""
    account = _account()
    hung = gevent.spawn(_log_in_for, account, 60.0)
    gevent.sleep(0)

    assert 0.02 < account.wait_for_log_ins(0.03) < 1.0
    hung.kill()
    assert account.wait_for_log_ins(5.0) < 0.01


class _Slow:
    """A target whose log-ins take a while, and which knows the new session only."""

    def __init__(self) -> None:
        self.under_way = 0
        self.log_ins: list[int] = []
        """How many others were under way as each began."""

    def log_in(self, journey: Journey) -> Classification:
        """Answered after 50 ms."""
        self.log_ins.append(self.under_way)
        self.under_way += 1
        gevent.sleep(0.05)
        self.under_way -= 1
        journey.answer = Answer(status=201)
        return Classification(Outcome.OK, token=NEW)

    def read_credit_line(self, journey: Journey) -> Classification:
        """Not asked for."""
        raise NotImplementedError

    def borrow(self, journey: Journey) -> Classification:
        """In the session that is held, answered after 10 ms."""
        token = journey.token
        gevent.sleep(0.01)
        journey.answer = Answer(status=201 if token == NEW else 401)
        if token == NEW:
            return Classification(Outcome.APPROVED, loan_id="loan")
        return Classification(Outcome.FAILED, false_declined=True)


@pytest.mark.parametrize("both_log_in", [False, True])
def test_a_pair_of_journeys(tmp_path: Path, both_log_in: bool) -> None:
    """A planned log-in begins when it is due; any other is left to the one that is under way."""
    settings = Settings(log_in_share=0, population="good", rate=5)
    plan = expand("a", "", Scenario(load=StatedLoad(credit_line_share=0)), settings, layout=LOCAL)
    first, second = (replace(a, borrower=0) for a in plan.arrivals[:2])
    events = EventWriter(RunDirectory.create(tmp_path, plan), "load-0")
    steps = _Slow()
    journeys = Journeys(
        plan=plan,
        steps=steps,
        accounts={0: _account()},
        transport=Transport("http://127.0.0.1:1"),
        events=events,
        worker="load-0",
        tell_locust=lambda **_: None,
    )
    now_ns = time.monotonic_ns()
    both = [
        gevent.spawn(journeys.perform, replace(first, logs_in=True), now_ns, now_ns),
        gevent.spawn(journeys.perform, replace(second, logs_in=both_log_in), now_ns, now_ns),
    ]
    gevent.joinall(both)
    events.close()

    assert steps.log_ins == ([0, 1] if both_log_in else [0])
    (path,) = tmp_path.rglob("events-load-0.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    operations = [row["operation"] for row in rows if "operation" in row]
    assert [each["outcome"] for each in operations] == ["approved"] * 2
    assert not any(row["attempt"]["false_declined"] for row in rows if "attempt" in row)
