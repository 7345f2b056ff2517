"""What was sent and is not listed is asked for by key, by whoever sent it."""

import time
from collections.abc import Iterator

import pytest

from harness.history.ledger_facts import KeyedLoan
from harness.target import read_ledger
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.contract import Contract
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import KeyQuestions, SentKey, chosen
from tests.audit import Audit, hurry, loan, serving


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def audit() -> Audit:
    """A target that shows one loan by key, and lists none."""
    audit = Audit()
    audit.loans = []
    audit.hidden = [loan(1)]
    return audit


@pytest.fixture
def questions(audit: Audit) -> Iterator[KeyQuestions]:
    """Questions to this target."""
    with serving(audit) as url:
        yield KeyQuestions(LedgerSource(Contract(url), 0))


def sent(number: int, borrower: int = 0, *, acknowledged: bool = False) -> SentKey:
    """A key of a borrower who holds a session."""
    account = f"account-{borrower}"
    secrets = "password", f"token-{borrower}"
    who = ProvisionedBorrower(borrower, account, f"phone-{borrower}", *secrets)
    return SentKey(f"key-{number}", who, acknowledged)


THERE = (KeyedLoan("loan-1", "disbursed", 10_000),)


def test_a_loan_that_is_not_listed_is_found_whatever_its_borrower_was_told(
    questions: KeyQuestions,
) -> None:
    """Refused or acknowledged: it is there, or it is clearly not."""
    assert questions.ask([sent(1), sent(2)]) == {"key-1": THERE, "key-2": ()}


def test_a_session_that_has_ended_is_opened_again_once(
    audit: Audit, questions: KeyQuestions
) -> None:
    """Of each borrower, however many keys they sent."""
    audit.tokens = {"token-9"}
    asked = [sent(1, 0), sent(2, 0), sent(3, 0), sent(4, 1), sent(5, 9)]

    assert questions.ask(asked) == {"key-1": THERE, **{f"key-{n}": () for n in (2, 3, 4, 5)}}
    assert sorted(audit.logged_in) == ["phone-0", "phone-1"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"loans": [{"loan_id": "x"}]}'])
def test_an_answer_that_is_none_is_not_clear(
    audit: Audit, questions: KeyQuestions, body: bytes
) -> None:
    """Nor is one that lacks what a loan has."""
    audit.by_key = (200, body)

    assert questions.ask([sent(1)]) == {"key-1": None}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_the_load_can_read_is_clear(
    audit: Audit, questions: KeyQuestions, encoding: str
) -> None:
    """Bytes before the text that name its encoding: the load reads such answers, too."""
    audit.by_key = (200, '{"loans": []}'.encode(encoding))

    assert questions.ask([sent(1)]) == {"key-1": ()}


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_refusal_is_not_clear(audit: Audit, questions: KeyQuestions, status: int) -> None:
    """It says nothing of the loan."""
    audit.by_key = (status, b"{}")

    assert questions.ask([sent(1)]) == {"key-1": None}


def test_what_is_not_clear_is_asked_once_more(audit: Audit, questions: KeyQuestions) -> None:
    """One stray failure leaves no doubt about a loan."""
    audit.put_off = [("/v1/loans?idempotency_key=key-1", 500, {})]

    assert questions.ask([sent(1), sent(2)]) == {"key-1": THERE, "key-2": ()}


def test_a_target_that_asks_for_patience_is_given_it(audit: Audit, questions: KeyQuestions) -> None:
    """429 with Retry-After, at the question and at the log-in."""
    audit.tokens = {"none"}
    wait = {"Retry-After": "1"}
    audit.put_off = [("/v1/loans", 429, wait), ("/v1/sessions", 429, wait)]
    began_s = time.monotonic()

    assert questions.ask([sent(1)]) == {"key-1": THERE}
    assert time.monotonic() - began_s > 1.9


def test_what_there_is_no_time_for_is_not_asked(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, questions: KeyQuestions
) -> None:
    """A key that was not asked for is not in the answer."""
    monkeypatch.setattr(read_ledger, "SECONDS_MAX", 0.3)
    monkeypatch.setattr(read_ledger, "ASKED_PER_SECOND", 20.0)
    found = questions.ask([sent(n) for n in range(1, 40)])

    assert set(found) == {f"key-{n}" for n in range(1, 1 + len(found))}
    assert 0 < len(found) < 20
    assert len(audit.asked) == len(found)


def test_nothing_is_asked_where_nobody_waits(audit: Audit) -> None:
    """Whoever started the run has quit."""
    with serving(audit) as url:
        source = LedgerSource(Contract(url), 0, is_cut_short=lambda: True)
        assert KeyQuestions(source).ask([sent(1)]) == {}


def test_questions_are_paced(questions: KeyQuestions, monkeypatch: pytest.MonkeyPatch) -> None:
    """No faster than stated, however fast the target is."""
    monkeypatch.setattr(read_ledger, "ASKED_PER_SECOND", 20.0)
    began_s = time.monotonic()
    questions.ask([sent(n) for n in range(11)])

    assert time.monotonic() - began_s >= 0.5


def test_acknowledged_keys_come_first_and_the_others_are_a_sample_of_the_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All acknowledged ones; of the others as many as stated, the same again with one seed."""
    monkeypatch.setattr(read_ledger, "OTHERS_MAX", 5)
    missing = [sent(n, acknowledged=n % 10 == 0) for n in range(100)]
    asked = chosen(missing, seed=3)

    assert [key.key for key in asked[:10]] == [f"key-{n}" for n in range(0, 100, 10)]
    assert len({key.key for key in asked[10:]}) == 5
    assert not any(key.acknowledged for key in asked[10:])
    assert chosen(missing, seed=3) == asked
    assert chosen(missing, seed=4) != asked
