"""What was lent to each borrower against what may be lent to them: our own sum.

It needs no word of the target on its invariants, and no answer that came in time.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.core.numbers import NS_MAX
from harness.history.columns import Operations, Words
from harness.history.events import Outcome, Step
from harness.verdict.checks.case import Case
from harness.verdict.money_table import GRANTED, Loan, Told
from harness.verdict.reconcile import AskedLoan


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


@dataclass(frozen=True, slots=True)
class _Lent:
    """One loan and who owes it: ``listed`` in the ledger, or only told of."""

    borrower: int
    key: str
    fen: int
    listed: bool


def loans_lent(case: Case) -> int:
    """How many loans were paid out, reserved, or told to a borrower."""
    return len({one.key for one in _lent(case)})


def must_be_declined(case: Case) -> dict[str, str]:
    """Keys of loans for borrowers who must be declined, with the class of the borrower.

    A loan counts that was paid out or reserved, whatever the borrower was told, and one that the
    borrower was told of, whatever became of it.
    """
    classes = {one.key: case.plan.borrowers[one.borrower].account_class for one in _lent(case)}
    return {key: str(known) for key, known in classes.items() if known.expected_decline is not None}


def over_limit(case: Case) -> list[OverLimit]:
    """Every borrower of the run to whom more was lent than their limit allows.

    What stands in the ledger and what the borrower was told both count; an operation of unknown
    outcome counts only if the ledger has it.
    """
    by_borrower: dict[int, list[_Lent]] = defaultdict(list)
    for one in _lent(case):
        by_borrower[one.borrower].append(one)
    found = []
    for borrower, loans in sorted(by_borrower.items()):
        limit_fen = case.plan.borrowers[borrower].account_class.limit_fen
        if (lent_fen := sum(loan.fen for loan in loans)) > limit_fen:
            listed_fen = sum(loan.fen for loan in loans if loan.listed)
            keys = tuple(dict.fromkeys(loan.key for loan in loans))
            found.append(OverLimit(borrower, lent_fen, listed_fen, limit_fen, keys))
    return found


def _lent(case: Case) -> list[_Lent]:
    """Every loan once: what was paid out or reserved, and what else borrowers were told of.

    One loan id of one borrower is one loan, under however many keys it stands.
    """
    listed: dict[tuple[int, str], Loan] = {}
    for borrower, loan in _listed(case):
        known = listed.get((borrower, loan.loan_id))
        if known is None or known.principal_fen < loan.principal_fen:
            listed[borrower, loan.loan_id] = loan
    found = [
        _Lent(borrower, loan.key, loan.principal_fen, listed=True)
        for (borrower, _), loan in listed.items()
    ]
    keys = {(one.borrower, one.key) for one in found}
    told = [
        _Lent(request.borrower, request.key, request.amount_fen, listed=False)
        for request in case.reconciled.requests
        if request.told in GRANTED
        and (request.borrower, request.key) not in keys
        and (request.borrower, request.loan_id) not in listed
    ]
    return found + told


def _listed(case: Case) -> Iterator[tuple[int, Loan]]:
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


def refused_for_nothing(case: Case) -> Operations:
    """For each borrower near their limit, the first decline for a limit that nothing was taken of.

    The limit covers each of their loans, so that only another request of theirs can excuse a
    decline: one that was granted, may have been, or was under way and may have held the limit.
    """
    lent = {one.borrower for one in _lent(case)}
    spans, requests = _spans(case), defaultdict(list)
    for request in case.reconciled.requests:
        requests[request.borrower].append(request)
    operations = case.facts.operations
    causes = Words.of(borrower.account_class.possible_decline for borrower in case.plan.borrowers)
    same = operations.decline.within(causes) == causes.codes[operations.borrower]
    declined = operations.outcome.are(Outcome.DECLINED) & same & ~operations.decline.are(None)
    found: dict[int, int] = {}
    for place in np.flatnonzero(declined).tolist():
        borrower, key = int(operations.borrower[place]), operations.key[place]
        if borrower in lent or borrower in found:
            continue
        others = [request for request in requests[borrower] if request.key != key]
        span = spans.get(key)
        if not any(_excuses(case, other, span, spans.get(other.key)) for other in others):
            found[borrower] = place
    return operations.take(np.array(list(found.values()), dtype=np.int64))


_Span = tuple[int, int]


def _spans(case: Case) -> dict[str, _Span]:
    """From when to when each request was under way (monotonic, ns), all its attempts together."""
    operations = case.facts.operations
    place = case.facts.attempts.places_in(operations)
    borrows = case.facts.attempts.step.are(Step.BORROW) & (place >= 0)
    tried, place = case.facts.attempts.take(borrows), place[borrows]
    begin, end = np.full(len(operations), NS_MAX), np.full(len(operations), -NS_MAX)
    np.minimum.at(begin, place, tried.started_ns)
    np.maximum.at(end, place, tried.ended_ns)
    sent = np.unique(place)
    spans = zip(begin[sent].tolist(), end[sent].tolist(), strict=True)
    return dict(zip(operations.key[sent], spans, strict=True))


def _excuses(case: Case, other: AskedLoan, declined: _Span | None, span: _Span | None) -> bool:
    """Whether another request of a borrower may have held the limit when one was declined."""
    if other.told in (Told.DECLINED, Told.NEVER_SENT):
        return False
    apart = declined and span and (span[1] < declined[0] or declined[1] < span[0])
    if other.told is not Told.REFUSED or not apart:
        return True
    # What was refused holds nothing any more, unless it stands in the ledger all the same.
    ledger = case.facts.ledger
    listed = any(entry.idempotency_key == other.key for entry in ledger.entries)
    absent = ledger.read and ledger.complete and (listed or ledger.by_key.get(other.key) == ())
    return not absent
