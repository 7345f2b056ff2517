"""What a class of a target declares decides what is planned, and what is refused."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.money import YUAN, Currency, whole_minor
from harness.faults import Partition
from harness.history.events import Step
from harness.plan.lender_profile import LenderProfile
from harness.plan.plan import Load, Plan, Scenario, Settings, expand
from harness.plan.population import AccountClass
from harness.plan.target_parts import Link, Program
from harness.target.contract import Contract
from harness.target.declared import absent, declared
from harness.target.interface import Target
from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
from tests.builders import LOCAL, lacking, plan_of


class Bare(Target):
    """The least that there can be."""

    url = "http://127.0.0.1:1"

    def borrow(self, ask: LoanRequest) -> Request:
        """A loan."""
        return Request("POST", "/loans", {"sum": ask.decimal}, key=ask.key)


def test_a_target_needs_an_address_and_a_borrow_alone() -> None:
    """What it lacks is said, and left out of every journey."""
    target = Bare()
    settings = Settings(population="mixed", log_in_share=1.0)
    plan = expand("test", "", Scenario(), settings, lender=target.profile, layout=LOCAL)

    assert [target.offers(step) for step in Step] == [False, False, True]
    assert not any(a.logs_in or a.reads_credit_line for a in plan.arrivals)
    assert {b.account_class for b in plan.borrowers} == {AccountClass.GOOD}
    assert max(a.amount_fen for a in plan.arrivals) <= 5_000_00
    assert len(absent(target)) == 2
    assert absent(Contract("http://127.0.0.1:1")) == ()


def test_a_request_leaves_with_prefix_headers_and_key() -> None:
    """Those of the account first, then those of the request."""

    class Full(Bare):
        prefix = "/api"

        def headers(self, account: BorrowerAccount) -> dict[str, str]:
            return {"X-Who": account.id, "X-Tenant": "a"}

    ask = LoanRequest(BorrowerAccount("1", "c-1"), "k", 1234, currency=Currency("EUR"))
    sent = Full().addressed(Full().borrow(ask), ask.account)

    assert (sent.path, sent.json) == ("/api/loans", {"sum": "12.34"})
    assert sent.headers == {"X-Who": "c-1", "X-Tenant": "a", "Idempotency-Key": "k"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"classes": ("good", "poor")}, "classes: 'poor' must be one of good, low_score"),
        ({"classes": ("low_score",)}, "classes must have 'good'"),
        ({"health": "health"}, "health 'health' must be a path"),
        ({"amounts": (5, 1)}, "must be the least and the most"),
        ({"links": {"edge": Link("127.0.0.1:1")}}, "links: 'edge' must be"),
        ({"database": "mysql://x"}, "database must be an address like postgresql://"),
        ({"processes": {"x": Program("", listens="127.0.0.1:1")}}, "x has no command"),
        ({"processes": {"x": "serve"}}, "x must be a Program"),
        ({"processes": {"x": int}}, 'x is a class whose group must be "x"'),
        ({"borrow": None}, "has no borrow"),
    ],
)
def test_a_class_that_cannot_be_a_target_is_refused(fields: dict[str, Any], why: str) -> None:
    """When it is made, in one line."""
    with pytest.raises(UsageError, match=why):
        type("Wrong", (Bare,), fields)()


def test_amounts_are_as_declared() -> None:
    """Multiples of the unit, between the bounds, hardly two alike; those of our contract stay."""
    chance = random.Random(1)
    coarse = LenderProfile(amounts=(100, 300), unit=50)
    wide = LenderProfile(amounts=(1_000, 100_000))
    for profile in (coarse, wide):
        least, most = profile.amounts
        found = [profile.amount(chance, n) for n in range(500)]
        assert all(least <= one <= most and one % profile.unit == 0 for one in found)
        assert least <= profile.trial_amount <= most
        near = [profile.amount_near_limit(chance) for _ in range(200)]
        assert max(near) <= profile.near_limit < 2 * min(near)
    ours, again = random.Random(7), random.Random(7)
    expected = [100 * again.randint(100, 5000) - n % 100 for n in range(200)]
    assert [LenderProfile().amount(ours, n) for n in range(200)] == expected
    assert LenderProfile().near_limit == 600_000


@pytest.mark.parametrize(
    ("fields", "whole", "why"),
    [
        ({}, (100, 24_999), ""),
        ({}, (100, 25_000), "must be less than 25,000.00 yuan, from which on"),
        ({"unit": 100_00}, (150, 180), "have no multiple of the unit 100.00 yuan among them"),
        ({"unit": 100_00}, (150, 280), ""),
        ({"review_from": None}, (1, 10**10), ""),
        ({"review_from": None}, (1, 10**11), "must be at most 10,000,000,000.00 yuan"),
        ({"currency": Currency("JPY", 0)}, (0, 5), "amounts from 0 to 5 JPY must be the least"),
    ],
)
def test_stated_amounts_suit_the_lender(
    fields: dict[str, Any], whole: tuple[int, int], why: str
) -> None:
    """Those that are valid are borrowed; one loan near the limit is covered, and no two of them."""
    profile = LenderProfile(**fields).with_amounts(whole)
    assert bool(why) == any(why in text for text in profile.wrong())
    chance = random.Random(1)
    for number in range(200 if not why else 0):
        assert profile.amounts[0] <= profile.amount(chance, number) <= profile.amounts[1]
        near = profile.amount_near_limit(chance)
        assert near <= profile.near_limit < 2 * near


def test_a_plan_is_held_to_the_amounts_of_its_lender() -> None:
    """Each lender has its own bounds: what one takes, another one refuses."""

    def plan(whole: tuple[int, int], **fields: Any) -> Plan:
        scenario, lender = Scenario(load=Load(amounts=whole)), LenderProfile(**fields)
        return expand("test", "", scenario, Settings(), lender=lender, layout=LOCAL)

    yen = {"currency": Currency("JPY", 0), "review_from": None}
    asked = [arrival.amount_fen for arrival in plan((10_000, 300_000), **yen).arrivals]
    assert 10_000 <= min(asked) < max(asked) <= 300_000
    with pytest.raises(UsageError, match=r"have no multiple of the unit 100\.00 yuan"):
        plan((150, 180), unit=100_00)
    with pytest.raises(UsageError, match=r"must be less than 25,000\.00 yuan"):
        plan((10_000, 300_000))


def test_a_fault_that_could_not_be_seen_is_refused() -> None:
    """Nothing may be asked through the link, so that nothing could prove it."""

    class Linked(Bare):
        links = {"queue": Link("127.0.0.1:2"), "cache": Link("127.0.0.1:3", asks="PING\r\n")}  # noqa: RUF012

    def refused(link: str, target: Target) -> list[str]:
        return list(lacking(plan_of(Partition(link)), None, target.url, target))

    class Healthy(Linked):
        health = "/health"

    assert "set asks=... in the link queue" in refused("queue", Linked())[0]
    assert "set health" in refused("edge", Linked())[0]
    assert refused("cache", Linked()) == refused("edge", Healthy()) == []
    assert "needs link nowhere, which this target lacks" in refused("nowhere", Healthy())[0]


def test_all_that_would_be_asked_is_told() -> None:
    """Also where a class cannot tell before the run."""

    class Told(Bare):
        health = "/health"
        links = {"queue": Link("127.0.0.1:2")}  # noqa: RUF012

        def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
            raise LookupError(len(wanted))

    text = "\n".join(declared(Told()))

    assert "set-up: not known before the run (LookupError: 1)" in text
    assert "borrow: POST /loans" in text
    assert "health: GET /health" in text
    assert "ledger: not read" in text
    assert "127.0.0.1:2, behind the link queue" in text
    assert "log-in" not in text
    ours = "\n".join(declared(Contract("http://127.0.0.1:1")))
    assert "log-in: POST /v1/sessions" in ours
    assert "health: GET /healthz" in ours


@pytest.mark.parametrize(
    ("shown", "minor"),
    [("12.34", 1234), (12.34, 1234), (5, 500), ("-0.01", -1), (" 1 ", 100), ("1e2", 10_000)],
)
def test_decimal_money_is_read_exactly(shown: Any, minor: int) -> None:
    """Text or a number."""
    assert Currency("EUR").minor(shown) == minor


@pytest.mark.parametrize("shown", ["12.345", "x", None, True, float("nan"), "1e30", [], ""])
def test_what_is_no_money_is_refused(shown: Any) -> None:
    """Never rounded."""
    with pytest.raises(ValueError, match="is no amount"):
        Currency("EUR").minor(shown)


def test_money_is_written_in_its_currency() -> None:
    """With as many decimals as it has."""
    assert YUAN.text(123_456) == "1,234.56 yuan"
    assert Currency("JPY", 0).text(1234) == "1,234 JPY"
    assert Currency("EUR").decimal(1234) == "12.34"
    assert Currency("KWD", 3).decimal(1) == "0.001"
    assert whole_minor("7") == whole_minor(7.0) == 7
