"""What was lent to each borrower against the limit they were given: our own sum.

It needs no word of the target on its invariants, and no answer that came in time.
"""

from collections import defaultdict
from dataclasses import dataclass

from harness.events import Operation, Outcome
from harness.judge.case import Case
from harness.reconcile import ACKNOWLEDGED, is_lent


@dataclass(frozen=True, slots=True)
class OverLimit:
    """A borrower who was lent more than their limit; money in fen.

    ``listed_fen`` is the part that stands in the ledger, the rest they were only told of.
    """

    borrower: int
    lent_fen: int
    listed_fen: int
    limit_fen: int
    keys: tuple[str, ...]


def over_limit(case: Case) -> list[OverLimit]:
    """Every borrower of the run to whom more was lent than their limit allows.

    What stands in the ledger and what the borrower was told both count; an operation of unknown
    outcome counts only if the ledger has it.
    """
    lent: dict[int, dict[str, int]] = defaultdict(dict)
    for operation in case.facts.operations:
        if operation.outcome in ACKNOWLEDGED:
            lent[operation.borrower][operation.key] = operation.amount_fen
    borrower_of = {account: index for index, account in case.facts.account_of.items()}
    listed: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for entry in case.facts.ledger.entries:
        borrower = borrower_of.get(entry.account_id)
        if borrower is not None and is_lent(entry):
            listed[borrower, entry.idempotency_key][entry.loan_id] = entry.principal_fen
    listed_fen: dict[int, int] = defaultdict(int)
    for (borrower, key), loans in listed.items():
        lent[borrower][key] = sum(loans.values())
        listed_fen[borrower] += lent[borrower][key]
    found = []
    for borrower, by_key in sorted(lent.items()):
        limit_fen = case.plan.borrowers[borrower].account_class.limit_fen
        if (lent_fen := sum(by_key.values())) > limit_fen:
            keys = tuple(by_key)
            found.append(OverLimit(borrower, lent_fen, listed_fen[borrower], limit_fen, keys))
    return found


def refused_for_nothing(case: Case) -> list[Operation]:
    """Declines of borrowers near their limit whose every borrow was declined.

    A limit that covers each of their loans can only be exceeded by another loan of theirs.
    """
    by_borrower: dict[int, list[Operation]] = defaultdict(list)
    for operation in case.facts.operations:
        if case.plan.borrowers[operation.borrower].account_class.possible_decline is not None:
            by_borrower[operation.borrower].append(operation)
    return [
        operations[0]
        for operations in by_borrower.values()
        if all(operation.outcome is Outcome.DECLINED for operation in operations)
        and len(operations) > 1
    ]
