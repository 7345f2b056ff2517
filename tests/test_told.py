"""How the attempts of one borrow fold into what its borrower was told."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.columns import Attempts, Operations
from harness.history.events import Attempt, Operation, Outcome, settle
from harness.plan.decline import Decline
from harness.verdict.money_table import TOLD, Told, told_by, told_of
from tests.builders import attempt, operation, plan_of

F, U, A, D = Outcome.FAILED, Outcome.INDETERMINATE, Outcome.APPROVED, Outcome.DECLINED
R = Outcome.REFERRED
OP = operation(plan_of(rate=1), 5)

REFUSED: dict[str, Any] = {"outcome": F}
WRONGLY: dict[str, Any] = {"outcome": F, "decline": Decline.CREDIT, "false_declined": True}
UNSENT: dict[str, Any] = {"outcome": F, "sent": False, "error": "refused"}


def attempts(*kinds: Outcome | dict[str, Any]) -> list[Attempt]:
    """The attempts of one operation, in order."""
    changes = [kind if isinstance(kind, dict) else {"outcome": kind} for kind in kinds]
    return [attempt(OP, attempt=number, **one) for number, one in enumerate(changes, 1)]


def final(op: Operation, tried: list[Attempt]) -> Told:
    """What the borrower of one operation was told, among attempts of others."""
    others = [replace(one, arrival=OP.arrival + 1, outcome=A) for one in tried]
    (code,) = told_of(Operations.of([op]), Attempts.of([*others, *tried, *others])).tolist()
    return TOLD[code]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (A, Told.APPROVED),
        (R, Told.REFERRED),
        (D, Told.DECLINED),
        (WRONGLY, Told.DECLINED),
        (REFUSED, Told.REFUSED),
        (UNSENT, Told.NEVER_SENT),
        (U, Told.UNKNOWN),
        ({"outcome": U, "sent": False}, Told.UNKNOWN),
        ({"outcome": Outcome.OK}, Told.UNKNOWN),
    ],
)
def test_what_one_attempt_tells(kind: Outcome | dict[str, Any], told: Told) -> None:
    """A wrong decline is a decline; what surely never left says nothing."""
    assert [TOLD[code] for code in told_by(Attempts.of(attempts(kind)))] == [told]


FOLDS: list[tuple[tuple[Outcome | dict[str, Any], ...], Told]] = [
    ((A,), Told.APPROVED),
    ((F, A), Told.APPROVED),
    ((F, F), Told.REFUSED),
    ((U, A), Told.APPROVED),
    ((U, R), Told.REFERRED),
    ((U, D), Told.DECLINED),
    ((U, WRONGLY), Told.DECLINED),
    ((A, U), Told.APPROVED),
    ((A, F), Told.APPROVED),
    ((A, D), Told.DECLINED),
    ((WRONGLY, R), Told.REFERRED),
    ((U, F), Told.UNKNOWN),
    ((U, F, F), Told.UNKNOWN),
    ((U, F, A), Told.APPROVED),
    ((F, U), Told.UNKNOWN),
    ((REFUSED, UNSENT), Told.REFUSED),
    ((UNSENT, UNSENT), Told.NEVER_SENT),
    ((U, UNSENT), Told.UNKNOWN),
]


@pytest.mark.parametrize(("kinds", "told"), FOLDS)
def test_the_last_decision_counts_else_any_doubt(
    kinds: tuple[Outcome | dict[str, Any], ...], told: Told
) -> None:
    """A refusal cannot undo an attempt that may have been applied; nothing undoes a decision."""
    tried = attempts(*kinds)
    settled = settle(tried)

    assert settled is not None
    op = replace(OP, outcome=settled.outcome, decline=settled.decline, attempts=len(tried))
    assert final(op, tried) is told


@pytest.mark.parametrize(
    ("changes", "kinds", "told"),
    [
        ({"outcome": F, "attempts": 0}, (), Told.NEVER_SENT),
        ({"outcome": U, "attempts": 1}, (), Told.UNKNOWN),
        ({"outcome": U, "attempts": 2}, (F,), Told.UNKNOWN),
        ({"outcome": F, "attempts": 1}, (), Told.REFUSED),
        ({"outcome": A, "attempts": 1}, (), Told.APPROVED),
        ({"outcome": A, "attempts": 2}, (U,), Told.APPROVED),
        ({"outcome": U, "attempts": 2}, (U, WRONGLY), Told.DECLINED),
        ({"outcome": U, "attempts": 0}, (), Told.UNKNOWN),
        ({"outcome": D, "attempts": 0}, (), Told.NEVER_SENT),
        ({"outcome": D, "attempts": 1}, (F,), Told.REFUSED),
        ({"outcome": D, "attempts": 1}, (), Told.DECLINED),
    ],
    ids=str,
)
def test_the_operation_counts_where_its_attempts_say_less(
    changes: dict[str, Any], kinds: tuple[Outcome | dict[str, Any], ...], told: Told
) -> None:
    """Blocked or dropped is never sent; sent without an end is unknown; a lost line is no refusal.

    A decline at log-in, or by the credit line, tells nothing of a borrow. Where the
    attempts hold a decision, it counts.
    """
    assert final(replace(OP, decline=None, **changes), attempts(*kinds)) is told
