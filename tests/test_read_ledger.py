"""Which keys of a run are asked for by key, and by whom."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.history.events import Outcome
from harness.history.ledger_facts import KeyedLoan, LedgerReading
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.contract import Contract, ContractLedger
from harness.target.interface import Target
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import read_ledger
from harness.target.request import LoanRequest, Request
from tests import builders
from tests.audit import Audit, hurry, loan, serving


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def read(
    plan: Plan, facts: Facts, audit: Audit, check: Callable[[], object] = lambda: None
) -> LedgerReading:
    """What a run reads of this audit, each borrower with a session of their own."""
    borrowers = [
        ProvisionedBorrower(index, account, f"phone-{index}", "password", f"token-{index}")
        for index, account in facts.account_of.items()
    ]
    with serving(audit) as url:
        source = LedgerSource(Contract(url, "secret"), 0, check=check)
        return read_ledger(source, plan, facts, borrowers)


@pytest.fixture
def plan() -> Plan:
    """A short run; the ledger is watched for a moment."""
    return builders.plan_of(rate=2, ledger_settle_s=0.2)


def test_every_key_that_was_sent_is_asked_for(plan: Plan) -> None:
    """Refused, declined, unknown and acknowledged ones, listed or not; not those that were never
    sent. One question is for a key that nobody sent.
    """
    ops = (
        builders.operation(plan, 0),
        builders.failed(plan, 1),
        builders.operation(plan, 2, outcome=Outcome.DECLINED),
        builders.operation(plan, 3, outcome=Outcome.INDETERMINATE),
        builders.dropped(plan, 4),
        builders.operation(plan, 5),
    )
    audit = Audit()
    audit.loans = [loan(1, idempotency_key=ops[5].key)]
    audit.hidden = [loan(2, idempotency_key=ops[1].key)]
    reading = read(plan, builders.facts(plan, ops), audit)

    none = {key for key, loans in reading.by_key.items() if not loans}
    assert none == {ops[number].key for number in (0, 2, 3)}
    assert reading.by_key.keys() - none == {ops[1].key, ops[5].key}
    assert reading.unsent == ()
    asked = [path for path in audit.asked if path.startswith("/v1/loans")]
    assert sum(not any(op.key in path for op in ops) for path in asked) == 1


def test_of_the_listed_keys_a_sample_is_asked_for(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as stated, the same again with one seed; whoever asks first has a loan."""
    monkeypatch.setattr("harness.target.read_ledger.LISTED_MAX", 3)
    ops = tuple(builders.operation(plan, number) for number in range(9))
    audit = Audit()
    audit.loans = [asdict(row) for row in builders.ledger(ops).entries]
    reading = read(plan, builders.facts(plan, ops), audit)

    assert len(reading.by_key) == 3
    assert all(reading.by_key.values())
    assert read(plan, builders.facts(plan, ops), audit).by_key == reading.by_key


def test_questions_that_would_be_asked_in_vain_are_not_repeated(plan: Plan) -> None:
    """A key that is put off is left unclear once it is known that no wait would help."""
    ops = tuple(builders.failed(plan, number) for number in range(4))
    audit = Audit()
    audit.loans = []
    audit.by_key = (503, b"{}")

    def check() -> None:
        raise HarnessError("session 7 (psql) holds a lock")

    reading = read(plan, builders.facts(plan, ops), audit, check)

    assert set(reading.by_key.values()) == {None}
    asked = [path for path in audit.asked if path.startswith("/v1/loans")]
    assert len(asked) == 2 * (1 + len(ops))  # once, and once more at the end


@pytest.mark.parametrize("base", [Contract, Target])
def test_where_nothing_answers_by_key_no_one_is_asked(plan: Plan, base: type[Target]) -> None:
    """Nor told that someone is: neither the target nor its ledger takes a key."""
    told: list[str] = []
    audit = Audit()
    with serving(audit) as url:

        class Silent(base):  # type: ignore[misc,valid-type]
            find_by_key, loans = Target.find_by_key, Target.loans
            ledger = ContractLedger(url, "secret")

            def borrow(self, ask: LoanRequest) -> Request:
                return Request("POST", "/loans", key=ask.key)

        silent = Silent(url)
        ops = (builders.operation(plan, 0), builders.failed(plan, 1))
        source = LedgerSource(silent, 0, told.append)
        borrowers = [ProvisionedBorrower(0, "account-1", "phone-0", "password", "token")]
        reading = read_ledger(source, plan, builders.facts(plan, ops), borrowers)

    assert (reading.read, reading.by_key, reading.unsent) == (True, {}, None)
    assert not [text for text in told if "asking for" in text]


def test_a_mistake_in_what_reads_by_key_leaves_the_key_unclear(plan: Plan) -> None:
    """It is told, also by the verdict; a method that may raise is in doubt where no loan is read
    at all.
    """
    keyed: Any = KeyedLoan
    mistakes: dict[Callable[[Any], Any], str] = {
        lambda reply: reply.loans: "Wrong.loans raised AttributeError",
        lambda _: [keyed("1", "ACTIVE", 5)]: "Wrong.loans returned .* with the status 'ACTIVE'",
        lambda _: [
            keyed("1", "repaid", principal=5)
        ]: "Wrong.loans raised TypeError: .* 'principal'",
    }
    for mistake, why in mistakes.items():
        told: list[str] = []
        wrong = type("Wrong", (Contract,), {"loans": lambda _, reply, act=mistake: act(reply)})
        with serving(Audit()) as url:
            ops = (builders.failed(plan, 0),)
            source = LedgerSource(wrong(url, "secret"), 0, told.append)
            who = ProvisionedBorrower(ops[0].borrower, "account-1", "phone", "password", "t")
            reading = read_ledger(source, plan, builders.facts(plan, ops), [who])

        assert set(reading.by_key.values()) == {None}
        assert re.match(rf"tests/test_read_ledger\.py:\d+: {why}", reading.error or "")
        assert f"no clear answer: {reading.error}" in told


def test_each_borrower_asks_for_their_own(plan: Plan) -> None:
    """With the session of set-up, and one opened anew where that has ended."""
    ops = tuple(builders.failed(plan, number) for number in range(4))
    audit = Audit()
    audit.tokens = {f"token-{ops[0].borrower}"}
    reading = read(plan, builders.facts(plan, ops), audit)

    assert set(reading.by_key.values()) == {()}
    assert sorted(audit.logged_in) == sorted(
        {f"phone-{op.borrower}" for op in ops if op.borrower != ops[0].borrower}
    )


def test_of_an_unread_ledger_nothing_is_asked(plan: Plan) -> None:
    """Without a listing nobody knows what it lacks."""
    audit = Audit()
    audit.listing = lambda *_: (500, b"")
    reading = read(plan, builders.facts(plan), audit)

    assert (reading.read, reading.by_key) == (False, {})


def test_the_ledger_is_watched_for_as_long_as_the_run_was_told(plan: Plan) -> None:
    """The reading says for how long it was."""
    reading = read(plan, builders.facts(plan, ()), Audit())

    assert 0.2 <= (reading.watched_s or 0.0) < 2
