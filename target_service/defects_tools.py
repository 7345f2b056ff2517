"""What planted defects are made of: how they get into the service, and how they tell their acts.

A defect writes one line of the service's own log for each harmful act, so that the harm it did can
be counted without asking the harness: ``{"event": "harm", "defect", "kind", ...}`` with ``kind``
one of answer, row, payout, wait, green. Where the act may have been rolled back, ``if_loans`` says
how many loans of its key make it harm: so many or more, and 0 none at all. A line ``harm_averted``
takes back what the same defect wrote about the same key before.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from target_service import borrowing, repository
from target_service.borrowing import Answer, Caller
from target_service.database import Transaction
from target_service.observe import make_logger, open_log
from target_service.repository import Decided, NewLoan
from target_service.settings import Settings

LENT = (201, 202)


@dataclass(frozen=True, slots=True)
class Defect:
    """One bug. ``drops`` is the statement that removes the database's guard against it.

    One with a ``delay_s`` is planted with that many seconds, or those that its name is given.
    """

    says: str
    plant: Callable[..., None]
    drops: str = ""
    delay_s: float | None = None


def replace_attribute(owner: Any, name: str, new: object) -> Any:
    """Puts ``new`` in the place of an existing attribute; returns what was there."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    return old


def changed(statement: str, old: str, new: str) -> str:
    """A statement with a part of it replaced, which must be there."""
    if old not in statement:
        raise RuntimeError(f"a statement has changed, so that this defect no longer fits: {old}")
    return statement.replace(old, new)


def reword(owner: Any, name: str, old: str, new: str) -> None:
    """Changes part of a statement of a module."""
    setattr(owner, name, changed(getattr(owner, name), old, new))


# --- acts ----------------------------------------------------------------------------------------

_logger: structlog.typing.FilteringBoundLogger | None = None


@dataclass(frozen=True, slots=True)
class _Due:
    """What a borrow will have done once it is committed."""

    what: dict[str, Any]
    if_lent: bool
    if_loans: int


_due: ContextVar[list[_Due] | None] = ContextVar("due", default=None)


def tell_to(settings: Settings) -> None:
    """Opens the log that acts are written to; without it nothing is written."""
    global _logger  # noqa: PLW0603 (one process is one service)
    _logger = make_logger(open_log(settings.log), settings.instance)


def tell(defect: str, kind: str, **what: Any) -> None:
    """One harmful act that has been done."""
    if _logger is not None:
        _logger.warning("harm", defect=defect, kind=kind, **what)


def take_back(defect: str, key: str) -> None:
    """What was written about this key did no harm."""
    if _logger is not None:
        _logger.info("harm_averted", defect=defect, key=key)


def upon_commit(
    defect: str, kind: str, *, if_lent: bool = False, if_loans: int = 1, **what: Any
) -> None:
    """An act of the borrow under way: written once it is committed.

    ``if_lent`` acts are harmful only if the borrow becomes a loan or a review; ``if_loans`` is for
    a commit whose outcome is unknown.
    """
    due = _due.get()
    if due is not None:
        due.append(_Due({"defect": defect, "kind": kind, **what}, if_lent, if_loans))


def watch_commits() -> None:
    """Has every borrow tell what was done with it; goes around whatever else is planted."""

    async def borrow(transaction: Transaction, caller: Caller, *arguments: Any) -> Answer:
        due: list[_Due] = []
        token = _due.set(due)
        try:
            answer: Answer = await original(transaction, caller, *arguments)
        except BaseException:
            if transaction.commit_sent:
                for act in due:
                    tell(**act.what, key=caller.key, if_loans=act.if_loans)
            raise
        finally:
            _due.reset(token)
        for act in due:
            if answer.status in LENT or not act.if_lent:
                tell(**act.what, key=caller.key, account_id=answer.account_id)
        return answer

    original = replace_attribute(borrowing, "borrow", borrow)


# --- loans ---------------------------------------------------------------------------------------


async def reserve(transaction: Transaction, decided: Decided, loan: NewLoan) -> None:
    """Stores a loan that waits for its payout, and the decision that it is approved."""
    as_approved = changed(repository.INSERT_LOAN, "'under_review'", "'approved'")
    await transaction.execute(
        as_approved,
        {**loan.columns, "disburse": False},
    )
    await transaction.execute(
        repository.INSERT_DECISION,
        {
            "account_id": loan.account_id,
            "loan_id": loan.loan_id,
            "outcome": "approved",
            "code": "reserved",
            "detail": Jsonb({}),
            "policy_version": decided.policy_version,
            "score": decided.applicant.score,
        },
    )
