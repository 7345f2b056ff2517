"""A mistake in a user's class is one line with class, method, file and line, wherever it is met."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial, partialmethod
from typing import Any

import pytest

from harness.core.errors import HarnessError, Interrupted
from harness.core.http_calls import NO_PATIENCE
from harness.core.http_messages import Reply, request
from harness.history.events import Outcome, Step
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.plan.decline import Decline
from harness.target.account_provisioning import AccountProvisioner
from harness.target.classification import NO_TRUTH, Answer, Classification
from harness.target.declared import declared
from harness.target.interface import Target
from harness.target.ledger import Ledger
from harness.target.ledger_watch import OwnLoans
from harness.target.request import (
    BorrowerAccount,
    LoanRequest,
    NewAccount,
    OpenedSession,
    Request,
)
from harness.target.transport import in_json
from harness.target.user_methods import UserCodeError
from tests.builders import plan_of

HERE = r"^tests/test_user_methods\.py:\d+: "
ACCOUNT = BorrowerAccount("1", "id", "password", "token")
ASK = LoanRequest(ACCOUNT, "key", 100)
REPLY = Reply(200, b"{}")
POST = Request("POST", "/loans")
UNTYPED: Any = Request
JUDGED: Any = Classification
KEYED: Any = KeyedLoan
UNTYPED_TEXT: Any = 5


def entry(**fields: Any) -> LedgerEntry:
    """A row of a ledger, right but for these fields."""
    right = {"loan_id": "1", "account_id": "a", "idempotency_key": "k", "created_at": ""}
    money = {"principal_fen": 1, "disbursements": 1, "ledger_balance_fen": 1}
    return LedgerEntry(**{"cursor": 1, **right, **money, **fields})


class Lender(Target):
    """The least that there can be."""

    url = "http://127.0.0.1:1"

    def borrow(self, ask: LoanRequest) -> Request:
        """A loan."""
        return Request("POST", "/loans", key=ask.key)


def having(base: type = Lender, **methods: Callable[..., Any]) -> Any:
    """A target, or a ledger, whose class has these methods."""
    return type("Wrong", (base,), methods)()


def fails(*_: Any, **__: Any) -> Any:
    """A mistake."""
    return {}["name"]


@pytest.mark.parametrize(
    ("name", "returned", "why"),
    [
        ("borrow", None, r"None; it must return a Request"),
        ("borrow", {"a": 1}, "a value of type dict; it must"),
        ("borrow", Request("POST", "/", {"a": Decimal(1)}), "its json cannot be sent: .*Decimal"),
        ("borrow", Request("POST", "/", {"a": float("nan")}), "its json cannot be sent"),
        ("borrow", Request("POST", "loans"), "its path 'loans' must be"),
        ("borrow", Request("POST", "/a b"), "its path '/a b' must be"),
        ("borrow", Request("post", "/"), "its method must be in capitals"),
        ("borrow", UNTYPED("POST", "/", headers={"a": 1}), "its headers must be"),
        (
            "borrow",
            Request("POST", "/", headers={"A": "1\n"}),
            "its header 'A' must be Latin-1 text",
        ),
        ("borrow", Request("POST", "/", headers={"A": "Łódź"}), "its header 'A' must be Latin-1"),
        ("borrow", Request("POST", "/", headers={"A b": ""}), "its header 'A b' must have a name"),
        ("borrow", Request("POST", "/", key="1\r2"), "its header 'Idempotency-Key' must be"),
        ("borrow", Request("POST", "/", {"a": b""}), "JSON is the only kind of body"),
        ("headers", {"A": "secret\n"}, "headers that cannot be sent: header 'A' must be Latin-1"),
        ("borrow", UNTYPED("POST", "/", query={"a": None}), "its query must be"),
        ("borrow", UNTYPED("POST", "/", key=1), "its key and its name"),
        ("borrow", UNTYPED("POST", "/", expects="2"), "its expects '2' must"),
        ("accounts", POST, "a value of type Request; it must return a list"),
        ("accounts", [POST, None], "a value of type list with None in it"),
        ("headers", None, "None; it must return a dict"),
        ("headers", {"X-Who": 5}, "a value of type int as 'X-Who'"),
        ("account_ids", {"1": 2.5}, "a value of type float as the id of '1'"),
        ("account_ids", {"1": True}, "a value of type bool as the id of '1'"),
        ("account_ids", ["1"], "a value of type list; it must return a dict of account ids"),
        ("session", "token", "a value of type str; it must return OpenedSession"),
        ("grants", 1, "a value of type int; it must return True or False"),
        ("classify", None, "None; it must return a Classification"),
        ("classify", JUDGED("fine"), "a Classification whose outcome is a value of type str"),
        ("classify", JUDGED(Outcome.OK, token=5), "a Classification whose token is a value of"),
        ("session", OpenedSession(UNTYPED_TEXT), "a OpenedSession whose token is a value of type"),
        ("loans", [{}], "a value of type dict in it; it must return a tuple of KeyedLoans"),
        ("loans", [KEYED("1", "disbursed", "5")], "a KeyedLoan whose principal_fen is a value of"),
        ("loans", [KEYED(1, "disbursed", 5)], "a KeyedLoan whose loan_id is a value of type int"),
        (
            "loans",
            [KEYED("1", "ACTIVE", 5)],
            "the status 'ACTIVE' .* a status of disbursed, repaid",
        ),
        ("minor", "5", "a value of type str; it must return a whole number"),
    ],
)
def test_what_a_method_returns_is_looked_at(name: str, returned: Any, why: str) -> None:
    """With what it must be; never with a value, which may be a secret."""
    arguments: dict[str, tuple[Any, ...]] = {
        "account_ids": ([], []),
        "accounts": ([],),
        "borrow": (ASK,),
        "classify": (Step.BORROW, Answer(), NO_TRUTH),
        "grants": (REPLY, ASK),
        "headers": (ACCOUNT,),
    }
    target = having(**{name: lambda *_: returned})
    with pytest.raises(UserCodeError, match=f"{HERE}Wrong.{name} returned .*{why}") as told:
        getattr(target, name)(*arguments.get(name, (REPLY,)))
    assert "secret" not in str(told.value)


class Called:
    """An object that can be called."""

    def __call__(self, *_: Any) -> int:
        """No request."""
        return 5


def five(*_: Any) -> int:
    """No request."""
    return 5


async def later(*_: Any) -> Request:
    """Nothing that anyone waits for."""
    return POST


@pytest.mark.parametrize(
    ("method", "why"),
    [
        (classmethod(five), "a value of type int"),
        (staticmethod(five), "a value of type int"),
        (partialmethod(five, 1), "a value of type int"),
        (partial(five, 1), "a value of type int"),
        (lru_cache(five), "a value of type int"),
        (Called(), "a value of type int"),
        (later, "a coroutine, so it must not be async"),
        (classmethod(later), "a coroutine, so it must not be async"),
    ],
)
def test_a_method_may_be_of_any_kind(method: Any, why: str) -> None:
    """A mistake in it has its place all the same."""
    with pytest.raises(UserCodeError, match=f"{HERE}Wrong.borrow returned {why}; it must return"):
        having(borrow=method).borrow(ASK)


def test_what_it_raises_is_told_with_its_place() -> None:
    """Where it says that an answer has nothing of the kind, it may."""
    for name in ("borrow", "headers", "log_in", "classify"):
        with pytest.raises(UserCodeError, match=f"{HERE}Wrong.{name} raised KeyError: 'name'"):
            getattr(having(**{name: fails}), name)(*[ASK] * (3 if name == "classify" else 1))
    for name in ("session", "loans", "grants"):
        with pytest.raises(KeyError):
            getattr(having(**{name: fails}), name)(*[REPLY] * (2 if name == "grants" else 1))
    with pytest.raises(UserCodeError, match=f"{HERE}Wrong.session raised AttributeError"):
        having(session=lambda _, reply: reply.token).session(REPLY)
    with pytest.raises(UserCodeError, match=f"{HERE}Wrong.borrow raised TypeError"):
        having(borrow=lambda: None).borrow(ASK)


def test_who_asks_for_an_end_is_no_mistake() -> None:
    """What is called during a wait may raise `Interrupted`."""

    def interrupted(*_: Any) -> Any:
        raise Interrupted

    with pytest.raises(Interrupted):
        having(headers=interrupted).headers(ACCOUNT)


@pytest.mark.parametrize("name", ["borrow", "headers"])
def test_a_borrower_who_does_not_exist_may_not_be_known(name: str) -> None:
    """Accounts may be those of a pool: what is asked of one is shown as far as it is known."""
    pool: dict[str, str] = {}
    target = having(**{name: lambda _, asked: pool[getattr(asked, "id", "0")]})
    told = [line for line in declared(target) if line.startswith("borrow: ")]

    assert "not known before the run" in told[0]
    assert "KeyError" in told[0]


def test_what_is_right_passes() -> None:
    """Also where Requests come one by one, and where another class brings the method."""

    class Mixed:
        def headers(self, _: BorrowerAccount) -> dict[str, int]:
            return {"X-Who": 1}

        @staticmethod
        def accounts(wanted: list[NewAccount]) -> Any:
            yield from (Request("POST", "/who") for _ in wanted)

    class Two(Mixed, Lender):  # type: ignore[misc]
        def borrow(self, ask: LoanRequest) -> Request:
            return super().borrow(ask)

    upper = {"1": "0AF6E6D4-0000-4000-8000-00000000000A", "2": 7}
    assert having(account_ids=lambda *_: upper).account_ids([], []) == {
        "1": "0af6e6d4-0000-4000-8000-00000000000a",
        "2": "7",
    }
    assert Two().accounts([1, 2]) == (Request("POST", "/who"),) * 2  # type: ignore[list-item]
    assert Two().borrow(ASK).key == "key"
    with pytest.raises(
        UserCodeError, match=r"Two\.headers returned a value of type int as 'X-Who'"
    ):
        Two().headers(ACCOUNT)


def test_the_text_of_an_enum_is_the_enum() -> None:
    """What compares by identity finds it; the object of the user's stays as it is."""
    told = JUDGED("failed", decline="credit")
    found = having(classify=lambda *_: told).classify(Step.BORROW, Answer(), NO_TRUTH)
    assert (found.outcome is Outcome.FAILED, found.decline is Decline.CREDIT) == (True, True)
    assert type(told.decline) is str


def test_an_error_that_is_raised_again_and_again_does_not_grow() -> None:
    """Its last note says which method raised it last."""
    error = KeyError("none")

    def fail(*_: Any) -> Any:
        raise error

    target = having(session=fail, loans=fail)
    for name in ("session", "loans", "session"):
        with pytest.raises(KeyError):
            getattr(target, name)(REPLY)
    assert error.__notes__ == ["Wrong.loans", "Wrong.session"]


@pytest.mark.parametrize("name", ["borrow", "headers", "log_in", "credit_line", "find_by_key"])
def test_it_is_met_before_anything_is_sent(name: str) -> None:
    """By a dry run, and by what sets borrowers up, for a run and for `lendchaos try`."""
    more = {"loans": lambda *_: ()} if name == "find_by_key" else {}
    target = having(**{name: lambda *_: None.name}, **more)  # type: ignore[attr-defined]
    for use in (declared, lambda target: AccountProvisioner(target, target.url, print)):
        with pytest.raises(UserCodeError, match=f"Wrong.{name} raised AttributeError"):
            use(target)


@pytest.mark.parametrize(
    ("name", "arguments", "returned", "why"),
    [
        ("page", (0,), None, "None; it must return a list of LedgerEntries"),
        ("page", (0,), [{}], "with a value of type dict in it"),
        ("page", (0,), [entry(loan_id=7)], "loan_id is a value of type int"),
        ("page", (0,), [entry(account_id=7)], "account_id is a value of type int"),
        ("page", (0,), [entry(idempotency_key=b"k")], "idempotency_key is a value of type bytes"),
        ("page", (0,), [entry(cursor=None)], "cursor is None"),
        ("by_key", ("k",), [KEYED("1", "?", 5)], "with the status '?'"),
        ("cursor", (), 1.5, "a value of type float; it must return a whole number or text"),
        ("invariants", (NO_PATIENCE,), (1, ()), "a value of type int; it must return True"),
        ("invariants", (NO_PATIENCE,), True, "a value of type bool; it must return True"),
        ("by_key", ("k",), {}, "a value of type dict; it must return a tuple"),
        ("rows", (frozenset(),), "x", "a value of type str; it must return a list"),
    ],
)
def test_mistakes_in_a_ledger_leave_it_unread(
    name: str, arguments: tuple[Any, ...], returned: Any, why: str
) -> None:
    """Each as `HarnessError`, which every reader of a ledger expects."""
    page = {"page": lambda *_: []}
    wrong = having(Ledger, **(page | {name: lambda *_: returned}))
    with pytest.raises(HarnessError, match=f"{HERE}Wrong.{name} returned .*{re.escape(why)}"):
        getattr(wrong, name)(*arguments)
    with pytest.raises(HarnessError, match=f"{HERE}Wrong.{name} raised KeyError: 'name'"):
        getattr(having(Ledger, **(page | {name: fails})), name)(*arguments)


@dataclass(frozen=True)
class Extended(LedgerEntry):
    """A row with more in it."""

    branch: int = 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (entry(principal_fen=Decimal(1)), "its principal_fen is a value of type Decimal"),
        (entry(created_at=date(2026, 1, 1)), "its created_at is a value of type date"),
        (entry(created_at=None), "its created_at is None"),
        (entry(status=None), "its status is None"),
        (entry(disbursements=2**70), "its disbursements is a value of type int"),
        (entry(loan_id=None), "the ledger's loan 1: its loan_id is None"),
        (Extended(1, "1", "a", "k", 1, 1, 1, "", "?", 5), "has the status '?'"),
        (Extended(1, "1", "a", "k", 1, 1, UNTYPED_TEXT / 2, "", "", UNTYPED), "its ledger_balance"),
    ],
)
def test_a_row_that_is_wrong_does_no_harm_unless_it_is_of_this_run(
    row: LedgerEntry, why: str
) -> None:
    """Whose it is must be known; the other rows of its page are read."""
    found = having(Ledger, page=lambda *_: [row, entry(cursor=2, loan_id="2")]).page(0)
    assert [(each.cursor, each.account_id) for each in found] == [(1, "a"), (2, "a")]
    assert OwnLoans(frozenset("b"), frozenset("b")).of(found) == []
    with pytest.raises(HarnessError, match=re.escape(why)):
        OwnLoans(frozenset("k"), frozenset()).of(found)


def test_a_row_of_no_one_does_no_harm() -> None:
    """None is no key and no account, as in the rows of a query."""
    row = entry(account_id=None, idempotency_key=None)
    (found,) = having(Ledger, page=lambda *_: [row]).page(0)
    assert (found.account_id, found.idempotency_key) == ("", "")


def test_a_header_is_sent_once_in_whatever_case_it_is_written() -> None:
    """What is nearer to the request wins over what every request of a borrower has, and over ours,
    in the load and elsewhere.
    """

    class Versions(Lender):
        def headers(self, _: BorrowerAccount) -> dict[str, str]:
            return {"accept": "text/a", "content-type": "text/a", "HOST": "a"}

    asked = Request("POST", "/", {}, {"Content-Type": "text/b", "ACCEPT": "text/b"})
    sent = Versions().addressed(asked, BorrowerAccount("1", "c-1"))
    assert sent.headers == {"ACCEPT": "text/b", "Content-Type": "text/b", "HOST": "a"}
    headers, body = in_json({}, sent.headers, 1000)
    for name in ("Content-Type: text/b", "ACCEPT: text/b", "HOST: a", "Content-Length: 2"):
        lines = request("POST", "/", "h:1", headers, body).decode().splitlines()
        begin = name.lower().partition(" ")[0]
        assert [each for each in lines if each.lower().startswith(begin)] == [name]


@pytest.mark.parametrize("name", ["account_ids", "session", "grants"])
def test_what_set_up_cannot_read_is_told_with_its_place(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method may say that an answer has nothing of the kind: what it said is not lost."""
    monkeypatch.setattr("harness.target.account_provisioning.call", lambda *_, **__: REPLY)
    logs_in = {"log_in": lambda *_: POST, "session": lambda *_: OpenedSession("token")}
    told: list[str] = []
    target = having(**{**logs_in, "credit_line": lambda *_: POST, name: fails})
    set_up = AccountProvisioner(target, target.url, told.append)
    with pytest.raises(HarnessError) as error:
        (set_up.confirm_classes if name == "grants" else set_up.provision)(plan_of())
    assert re.search(
        rf"tests/test_user_methods\.py:\d+: Wrong.{name} raised KeyError", f"{error.value} {told}"
    )
