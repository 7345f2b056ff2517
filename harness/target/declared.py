"""All that a run would ask a target, told before anything is asked: addresses, methods, paths.

The class is asked for the requests of a borrower who does not exist, and nothing is sent.
"""

from collections.abc import Callable, Iterator, Sequence

from harness.history.events import Step
from harness.plan.population import AccountClass
from harness.target.contract import INVARIANTS, LISTING, ContractLedger
from harness.target.http_ledger import HttpLedger
from harness.target.interface import Target
from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
from harness.target.sql_ledger import SqlLedger

_NAME, _KEY = "180000000000000", "00000000-0000-0000-0000-000000000000"
_ACCOUNT = BorrowerAccount(_NAME, id="0", password="password", token="token")  # noqa: S106  # of no one


def declared(target: Target) -> list[str]:
    """A line for each kind of request, and for each address that is spoken to."""
    return [*_requests(target), *_health(target), *_ledger(target), *_addresses(target)]


def absent(target: Target) -> tuple[str, ...]:
    """What the target does not declare, and what that costs; for the remarks of a run."""
    found = []
    if not target.health_paths:
        found.append("the target declares no health path: its health was not asked")
    if target.ledger is None:
        found.append("the target declares no ledger: payments were not watched")
    return tuple(found)


def _requests(target: Target) -> Iterator[str]:
    profile = target.profile
    ask = LoanRequest(_ACCOUNT, _KEY, profile.trial_amount, currency=profile.currency)
    limit = profile.limit_of(AccountClass.GOOD)
    new = NewAccount(_NAME, "password", AccountClass.GOOD, limit)
    kinds: list[tuple[str, Callable[[], Sequence[Request]]]] = [
        ("set-up", lambda: target.accounts([new]))
    ]
    if target.offers(Step.LOG_IN):
        kinds.append(("log-in", lambda: [target.log_in(_ACCOUNT)]))
    if target.offers(Step.CREDIT_LINE):
        kinds.append(("credit line", lambda: [target.credit_line(_ACCOUNT)]))
    kinds.append(("borrow", lambda: [target.borrow(ask)]))
    if target.finds_by_key:
        kinds.append(("by key", lambda: [target.find_by_key(_ACCOUNT, _KEY)]))
    for what, make in kinds:
        yield from _told(target, what, make)


def _told(target: Target, what: str, make: Callable[[], Sequence[Request]]) -> Iterator[str]:
    """The requests of one kind, each once; a class may not be able to tell before a run."""
    try:
        texts = [str(target.addressed(request, _ACCOUNT)) for request in make()]
    except Exception as error:  # noqa: BLE001  # of the user's class: the run would tell
        yield f"{what}: not known before the run ({type(error).__name__}: {error})"
        return
    for text in dict.fromkeys(texts):
        yield f"{what}: {text}"
    if not texts:
        yield f"{what}: no request"


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
        case SqlLedger():
            yield "ledger: SELECTs, by the query of the target"
        case other:
            yield f"ledger: whatever {type(other).__name__} reads"


def _addresses(target: Target) -> Iterator[str]:
    yield f"address: {target.url}, the service itself"
    parts = target.parts
    for name, link in parts.links.items():
        where = "a port that is chosen" if link.listen is None else f"port {link.listen}"
        yield f"address: {link.upstream}, behind the link {name}, which listens on {where}"
    if parts.database_address is not None:
        yield f"address: {parts.database_address}, the database"
    for name, program in parts.programs.items():
        yield f"process {name}: {' '.join(program.command)}"
