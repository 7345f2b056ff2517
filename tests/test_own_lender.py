"""What a class of a target declares decides what is planned, and what is refused."""

import random
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.core.errors import UsageError
from harness.core.money import YUAN, Currency, whole_minor
from harness.core.user_module import UserReference
from harness.faults import Partition
from harness.history.events import Step
from harness.plan.lender_profile import LenderProfile
from harness.plan.plan import Load, Plan, Scenario, Settings, expand
from harness.plan.population import AccountClass
from harness.plan.target_parts import Link, Program
from harness.stack.backends import backend_for
from harness.stack.parts.part import Killable
from harness.target.answers import approved
from harness.target.contract import Contract
from harness.target.declared import absent, declared
from harness.target.interface import Target
from harness.target.loading import loaded, require_alone
from harness.target.request import BorrowerAccount, Header, LoanRequest, Request
from harness.target.sql_ledger import SqlLedger
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


def test_another_lender_takes_a_hundred_lines_at_most() -> None:
    """With what it imports and where it is found: the one of the live tests."""
    tiny = Path(__file__).parent / "live" / "tiny_target.py"
    assert len(tiny.read_text(encoding="utf-8").splitlines()) <= 100


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
        ({"links": {"edge": Link("127.0.0.1:1")}}, "links: edge is the link in front"),
        ({"links": {"Db": Link("127.0.0.1:1")}}, "links: 'Db' must be lower-case letters"),
        ({"links": {"db": "127.0.0.1:5432"}}, r"links: db must be a Link\("),
        ({"links": ["db"]}, "must be Links by name"),
        ({"links": {"db": Link("nohost")}}, "links: db upstream: an address is host:port"),
        ({"links": {"db": Link("h:70000")}}, "links: db upstream: an address is host:port"),
        ({"links": {"db": Link("h:1", listen=0)}}, "listen 0 must be a port from 1 to 65535"),
        ({"links": {"db": Link("h:1", listen=True)}}, "listen True must be a port"),
        ({"links": {"db": Link("h:1", asks=5)}}, "links: db asks 5 must be a path"),
        ({"links": {n: Link("h:1", listen=9) for n in "ab"}}, "2 of them listen=9"),
        ({"database": "mysql://x"}, "database must be an address like postgresql://"),
        (
            {"processes": {"x": Program("", listens="127.0.0.1:1")}},
            r"x command \[\] must be a program",
        ),
        ({"processes": {"x": Program("a", listens="nope")}}, "x listens: an address is host:port"),
        ({"processes": {"x": Program("a", listens="h:1", A=1)}}, "x A= must be a text"),
        ({"processes": {"x": Program(["a", 1], listens="h:1")}}, "must be a program and its"),
        ({"processes": {"x": Program("a", listens="h:1", cwd=None)}}, "x cwd None must be a"),
        ({"processes": {"x": "serve"}}, "x must be a Program"),
        ({"processes": {"x": int}}, 'x is a class whose group must be "x"'),
        ({"borrow": None}, "has no borrow"),
        ({"borrow": 5}, "borrow 5 must be a method, or left out"),
        ({"log_in": False}, "log_in False must be a method, or left out"),
        ({"find_by_key": lambda *_: None}, "find_by_key.* and no loans"),
        ({"answers": [(200, approved())]}, "must be rules, like Answers"),
        ({"currency": "EUR"}, "currency 'EUR' must be a Currency, like"),
        ({"currency": Currency("EUR", -1)}, "currency: places -1: input should be greater"),
        ({"amounts": (100.5, 200.5)}, "must be two whole numbers of minor units"),
        ({"amounts": (1, 2, 3)}, "must be two whole numbers of minor units"),
        ({"unit": True}, "unit True must be a whole number"),
        ({"review_from": "x"}, "review_from 'x' must be a whole number"),
        ({"review_from": 5_000_00}, "must be less than 5,000.00 yuan, from which"),
        ({"decimal": "no"}, "decimal 'no' must be True or False"),
        ({"classes": "good"}, "classes 'good' must be kinds of borrower"),
        ({"prefix": "api"}, "prefix 'api' must be a path"),
        ({"prefix": "/api/"}, "prefix '/api/' must be a path without a / at its end"),
        ({"replayed": "X-R"}, "replayed 'X-R' must be a Header"),
        ({"replayed": Header("X-R", 1)}, "replayed: value 1: input should be a valid string"),
        ({"token": "a..b"}, "token 'a..b' must be a field"),
        ({"available": "/a/b"}, "available '/a/b' must be a field"),
        ({"ledger": property(lambda _: None)}, r"ledger must be no property; set self\.ledger"),
        ({"url": property(lambda _: "")}, "url must be no property"),
        ({"url": None}, "url None must be an address"),
        ({"ledger": SqlLedger}, "ledger the class SqlLedger must be a ledger"),
        ({"database": "postgresql:///x"}, "database must name a host"),
    ],
)
def test_a_class_that_cannot_be_a_target_is_refused(fields: dict[str, Any], why: str) -> None:
    """When it is made, in one line."""
    with pytest.raises(UsageError, match=why):
        type("Wrong", (Bare,), fields)()


def test_every_mistake_is_told_in_one_line() -> None:
    """And no secret is."""
    fields = {"unit": "x", "decimal": 1, "database": "postgresql://a:secret@[/x", "health": "x"}
    with pytest.raises(UsageError, match=r"^Wrong: health 'x' .*; decimal 1 .*; unit 'x' .*$"):
        type("Wrong", (Bare,), fields)()
    with pytest.raises(
        UsageError, match=r"^Wrong: database must be an address like postgresql:[^@]*@127"
    ):
        type("Wrong", (Bare,), {"database": fields["database"]})()


MODULE = """{}
from harness import Target


class Lender(Target):
    def borrow(self, ask):
        return {}
"""
POSTED = "__import__('harness.target').target.Request('POST', '/loans')"


@pytest.mark.parametrize(
    ("first", "returned", "why"),
    [
        ("import gevent", POSTED, "its module brings in gevent, which only the load may have"),
        ("", "__import__('os').write(2, b'x') and None", r"^lender\.py:6: .*borrow returned None"),
        ("", "None", r"lender\.py:6: Lender\.borrow returned None; it must return a Request"),
        ("", "ask.sum", r"lender\.py:7: Lender\.borrow raised AttributeError"),
        ("", POSTED, ""),
    ],
)
def test_a_module_is_tried_alone(tmp_path: Path, first: str, returned: str, why: str) -> None:
    """Without what patches the library, before any run or dry run; each step makes its request."""
    (tmp_path / "lender.py").write_text(MODULE.format(first, returned))
    reference = UserReference("lender", "", str(tmp_path))
    with pytest.raises(UsageError, match=why) if why else nullcontext():
        require_alone(reference)


SUPER = "super().__init__(url)"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("region: str = 'eu'", r"must call super\(\).__init__\(url\), which that of a dataclass"),
        ("def __init__(self, url=None):\n        self.region = 1", "__init__ must call super"),
        ("def __init__(self, url=None):\n        super().__init__()", "__init__ must pass its url"),
        (
            f"def __init__(self, url=None):\n        {SUPER}\n        self.borrow = print",
            "Mine.borrow must be a method of the class",
        ),
        (f"def __init__(self, url=None):\n        {SUPER}", ""),
    ],
)
def test_an_init_of_the_user_s_keeps_address_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, why: str
) -> None:
    """Else `--host` would be told and not be used."""
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    how = "@dataclass\n" if "dataclass" in why else ""
    module = MODULE.format("from dataclasses import dataclass", POSTED) + "    url = 'http://h:1'\n"
    (tmp_path / "mine.py").write_text(f"{module}\n\n{how}class Mine(Lender):\n    {body}\n")
    reference = UserReference("mine", "Mine", str(tmp_path))
    with pytest.raises(UsageError, match=rf"mine\.py:\d+: .*{why}") if why else nullcontext():
        assert loaded(reference, "http://127.0.0.1:9/").url == "http://127.0.0.1:9"


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


class Book(Killable):
    """A process that a class starts."""

    group, listens, asks = "book", "127.0.0.1:7", "PING"


class Whole(Bare):
    """Declares everything that can be asked."""

    health = "/health"
    links: ClassVar = {"queue": Link("127.0.0.1:2", listen=9, asks="/q"), "raw": Link("h:1")}
    database = "postgresql://u:secret@127.0.0.1:5/db?host=10.0.0.9,10.0.0.8"
    processes: ClassVar = {
        "app": Program(["serve", "a b"], listens="127.0.0.1:4", asks="/up"),
        "plain": Program("serve", listens="10.0.0.6:5"),
        "book": Book,
    }
    ledger = SqlLedger("SELECT 1", "postgresql://u:secret@10.0.0.7/db")


def test_all_that_would_be_asked_is_told() -> None:
    """Requests, questions and addresses, and nothing else."""
    assert declared(Whole()) == [
        "set-up: no request",
        "borrow: POST /loans",
        "health: GET /health",
        "ledger: SELECTs, by the query of the target",
        "address: http://127.0.0.1:1, the service itself",
        "address: 127.0.0.1:2, behind the link queue, which listens on port 9",
        "link queue: GET /q",
        "address: h:1, behind the link raw, which listens on a port that is chosen",
        *(
            f"address: 10.0.0.{n}:5, the database: statements of its faults, and an audit"
            for n in (9, 8)
        ),
        "address: 10.0.0.7:5432, where the ledger is read",
        "process app: serve 'a b', which listens at 127.0.0.1:4",
        "process app: GET /up",
        "process plain: serve, which listens at 10.0.0.6:5",
        "process plain: connected to, and asked nothing",
        f"process book: the class {__name__}.Book, which listens at 127.0.0.1:7",
        "process book: 'PING' is sent",
    ]
    ours = "\n".join(declared(Contract("http://127.0.0.1:1")))
    assert "log-in: POST /v1/sessions" in ours
    assert "health: GET /healthz" in ours

    class Opens(Bare):
        ledger = SqlLedger("SELECT 1", print)

    assert "ledger: a connection that the target opens itself" in declared(Opens())


def test_a_name_that_is_misspelt_is_told() -> None:
    """As a question, where the class leaves out what is meant: it may be a method of its own."""

    class Near(Whole):
        legders, base_url, _headers = None, "", None

        def login(self) -> None:
            """It does nothing."""

    told = ["Near.login means nothing to a run: is it log_in?"]
    assert declared(Near())[-1:] == list(absent(Near())) == told

    class Nearer(Bare):
        legder = None

    assert "Nearer.legder means nothing to a run: is it ledger?" in absent(Nearer())


def test_every_host_that_a_target_leads_to_has_to_be_allowed(tmp_path: Path) -> None:
    """Those of its database and its ledger, too, wherever their addresses name them."""
    target = Whole()
    backend = backend_for(Settings(), tmp_path, target.url, parts=target.parts)
    elsewhere = ["h", "10.0.0.6", "10.0.0.9", "10.0.0.8", "10.0.0.7"]

    assert [host for host in backend.hosts() if host != "127.0.0.1"] == elsewhere


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
