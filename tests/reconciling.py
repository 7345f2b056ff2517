"""Runs in which one request and its rows differ, reconciled."""

from harness.history.events import Operation, Outcome
from harness.history.ledger_facts import LedgerEntry
from harness.plan.plan import Plan
from harness.verdict.catalogue import LOANS
from harness.verdict.reconcile import Reconciled, reconcile
from tests import builders
from tests.builders import facts, ledger, operations

INDEX = 60
"""The operation that each test changes; its borrower has no other one in the plan."""


def settled(
    plan: Plan,
    outcome: Outcome = Outcome.APPROVED,
    rows: tuple[LedgerEntry, ...] | None = None,
    **changes: object,
) -> Reconciled:
    """A run in which one operation came to ``outcome`` and the ledger holds ``rows`` for it."""
    ops = builders.changed(operations(plan), INDEX, outcome=outcome)
    op = ops[INDEX]
    others = [row for row in ledger(ops).entries if row.idempotency_key != op.key]
    mine = tuple(row for row in ledger(ops).entries if row.idempotency_key == op.key)
    reading = ledger(ops, entries=(*others, *(mine if rows is None else rows)), **changes)
    return reconcile(plan, facts(plan, ops, ledger=reading))


def subject(plan: Plan) -> Operation:
    """The operation that is changed, as it would be without."""
    return builders.operation(plan, INDEX)


def wrong(found: Reconciled) -> dict[str, int | None]:
    """All classes of disagreement that are not zero."""
    return {name: getattr(found.result, name) for name in LOANS if getattr(found.result, name)}
