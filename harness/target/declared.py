"""All that a run would ask a target, told before anything is asked: addresses, methods, paths.

The class is asked for the requests of a borrower who does not exist, and nothing is sent.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import get_type_hints

from harness.core.places import is_of_harness
from harness.history.events import Step
from harness.plan.population import AccountClass
from harness.plan.target_parts import Program
from harness.target.answers import ABSENT, json_in, value_at
from harness.target.classification import Answer, GroundTruth
from harness.target.contract import INVARIANTS, LISTING, ContractLedger
from harness.target.http_ledger import HttpLedger
from harness.target.interface import Target
from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
from harness.target.sql_ledger import SqlLedger
from harness.target.target_rules import METHODS
from harness.target.user_methods import UserCodeError

_NEAR = 0.8
"""`legder` is this like `ledger`, and `login` more like `log_in`; `base_url` is not like `url`."""
_NAME, _KEY = "180000000000000", "00000000-0000-0000-0000-000000000000"
_ACCOUNT = BorrowerAccount(_NAME, id="0", password="password", token="token")  # noqa: S106  # of no one


def declared(target: Target) -> list[str]:
    """A line for each kind of request, and for each address that is spoken to."""
    asked = (_requests, _health, _ledger, _addresses, misspelt)
    return [text for part in asked for text in part(target)]


def absent(target: Target) -> tuple[str, ...]:
    """What the target does not declare, and what that costs; for the remarks of a run."""
    found = [*misspelt(target)]
    if not target.health_paths:
        found.append("the target declares no health path: its health was not asked")
    if target.ledger is None:
        found.append("the target declares no ledger: payments were not watched")
    return tuple(found)


def lacking(target: Target, step: Step, answer: Answer, truth: GroundTruth) -> list[str]:
    """Fields that the class declares of an answer, and that an answer does not have as it must.

    None where the class reads its answers in a way of its own.
    """
    if type(target).classify is not Target.classify:
        return []
    if step is Step.BORROW:
        return target.answers.lacking(answer, truth, target.minor)
    field = target.token if step is Step.LOG_IN else target.available
    there = not field or value_at(json_in(answer.body), field) is not ABSENT
    return [] if there else [field]


def misspelt(target: Target) -> tuple[str, ...]:
    """Names of the class that nothing asks for, and that are much like one it leaves out."""
    own = {
        name: kind
        for kind in reversed(type(target).mro())
        if issubclass(kind, Target) and not is_of_harness(kind)
        for name in vars(kind)
        if not name.startswith("_")
    }
    left_out = [name for name in (*get_type_hints(Target), *METHODS) if name not in own]
    near = {
        name: get_close_matches(name, left_out, 1, _NEAR)
        for name in own
        if not hasattr(Target, name)
    }
    return tuple(
        f"{own[name].__name__}.{name} means nothing to a run: is it {found[0]}?"
        for name, found in near.items()
        if found
    )


def steps_of(target: Target) -> list[str]:
    """The request of each step that the target has, as it leaves, in words.

    UsageError where a method of the class raises, or makes none. One that knows nothing of a
    borrower who does not exist is no mistake.
    """
    profile = target.profile
    ask = LoanRequest(_ACCOUNT, _KEY, profile.trial_amount, currency=profile.currency)
    made: dict[str, Callable[[], Request]] = {}
    if target.offers(Step.LOG_IN):
        made["log-in"] = lambda: target.log_in(_ACCOUNT)
    if target.offers(Step.CREDIT_LINE):
        made["credit line"] = lambda: target.credit_line(_ACCOUNT)
    made["borrow"] = lambda: target.borrow(ask)
    if target.finds_by_key:
        made["by key"] = lambda: target.find_by_key(_ACCOUNT, _KEY)
    return [text for what, make in made.items() for text in _told(target, what, make)]


def _requests(target: Target) -> Iterator[str]:
    limit = target.profile.limit_of(AccountClass.GOOD)
    new = NewAccount(_NAME, "password", AccountClass.GOOD, limit)
    yield from _told(target, "set-up", lambda: target.accounts([new]), account=None)
    yield from steps_of(target)


def _told(
    target: Target,
    what: str,
    make: Callable[[], Request | Sequence[Request]],
    account: BorrowerAccount | None = _ACCOUNT,
) -> Iterator[str]:
    try:
        made = make()
        requests = [made] if isinstance(made, Request) else made
        texts = [f"{what}: {target.addressed(request, account)}" for request in requests]
    except UserCodeError as error:
        if not isinstance(error.__cause__, LookupError | ValueError):
            raise
        yield f"{what}: not known before the run ({error})"
        return
    yield from dict.fromkeys(texts or [f"{what}: no request"])


def _health(target: Target) -> Iterator[str]:
    if not target.health_paths:
        yield "health: no request, as the target declares no path"
    for path in target.health_paths:
        yield f"health: GET {path}"


def _ledger(target: Target) -> Iterator[str]:
    match target.ledger:
        case None:
            yield "ledger: not read, as the target declares none: money stays undecided"
        case ContractLedger():
            yield f"ledger: GET {LISTING}, GET {INVARIANTS}"
        case HttpLedger() as ledger:
            yield f"ledger: {ledger.request}"
        case SqlLedger() as ledger:
            yield "ledger: SELECTs, by the query of the target"
            if not ledger.addresses:
                yield "ledger: a connection that the target opens itself"
        case other:
            yield f"ledger: whatever {type(other).__name__} reads"


def _addresses(target: Target) -> Iterator[str]:
    yield f"address: {target.url}, the service itself"
    parts = target.parts
    for name, link in parts.links.items():
        where = "a port that is chosen" if link.listen is None else f"port {link.listen}"
        yield f"address: {link.upstream}, behind the link {name}, which listens on {where}"
        yield from _question(f"link {name}", link.asks)
    for address in parts.database_addresses:
        yield f"address: {address}, the database: statements of its faults, and an audit"
    for address in parts.read_at:
        yield f"address: {address}, where the ledger is read"
    for name, process in parts.processes.items():
        if isinstance(process, Program):
            how = shlex.join(process.command)
        else:
            how = f"the class {process.__module__}.{process.__qualname__}"
        at = getattr(process, "listens", "")
        yield f"process {name}: {how}{at and f', which listens at {at}'}"
        yield from _question(f"process {name}", getattr(process, "asks", None), at and "nothing")


def _question(what: str, asks: str | None, otherwise: str = "") -> Iterator[str]:
    """What may be asked there: a path by HTTP, any other text as it is sent."""
    if asks is not None and asks.startswith("/"):
        yield f"{what}: GET {asks}"
    elif asks is not None:
        yield f"{what}: {asks!r} is sent" if asks else f"{what}: what it says first is read"
    elif otherwise:
        yield f"{what}: connected to, and asked {otherwise}"
