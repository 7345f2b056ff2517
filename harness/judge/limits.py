"""What was lent to each borrower against what may be lent to them: our own sum.

It needs no word of the target on its invariants, and no answer that came in time.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from harness.events import Operation, Outcome
from harness.judge.case import Case
from harness.loans import Loan
from harness.told import GRANTED


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


def must_be_declined(case: Case) -> dict[str, str]:
    """Keys of loans for borrowers who must be declined, with the class of the borrower.

    A loan counts that was paid out or reserved, whatever the borrower was told, and one that the
    borrower was told of, whatever became of it.
    """
    granted = [(r.borrower, r.key) for r in case.reconciled.requests if r.told in GRANTED]
    found = {}
    for borrower, key in (*granted, *((borrower, loan.key) for borrower, loan in _lent(case))):
        account_class = case.plan.borrowers[borrower].account_class
        if account_class.expected_decline is not None:
            found[key] = str(account_class)
    return found


def over_limit(case: Case) -> list[OverLimit]:
    """Every borrower of the run to whom more was lent than their limit allows.

    What stands in the ledger and what the borrower was told both count; an operation of unknown
    outcome counts only if the ledger has it.
    """
    lent: dict[int, dict[str, int]] = defaultdict(dict)
    for request in case.reconciled.requests:
        if request.told in GRANTED:
            lent[request.borrower][request.key] = request.amount_fen
    listed: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for borrower, loan in _lent(case):
        listed[borrower][loan.key] += loan.principal_fen
    for borrower, loans in listed.items():
        lent[borrower] |= loans
    found = []
    for borrower, by_key in sorted(lent.items()):
        limit_fen = case.plan.borrowers[borrower].account_class.limit_fen
        if (lent_fen := sum(by_key.values())) > limit_fen:
            listed_fen, keys = sum(listed[borrower].values()), tuple(by_key)
            found.append(OverLimit(borrower, lent_fen, listed_fen, limit_fen, keys))
    return found


def _lent(case: Case) -> Iterator[tuple[int, Loan]]:
    """Every loan that was paid out or reserved, with the borrower who owes it.

    That is whose account it is on; without a known account, who asked for it.
    """
    of_account = {account: index for index, account in case.facts.account_of.items()}
    of_key = {request.key: request.borrower for request in case.reconciled.requests}
    for loan in case.reconciled.loans:
        account = loan.account_ids[-1] if loan.account_ids else ""
        borrower = of_account.get(account, of_key.get(loan.key))
        if borrower is not None and loan.row.committed:
            yield borrower, loan


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
