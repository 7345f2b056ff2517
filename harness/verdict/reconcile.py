"""Pure: what borrowers were told, key by key, against what the ledger holds.

Only loans on this run's own accounts, or under its own keys, are looked at. All phases count, the
warm-up too: money lent then is lent. `harness.verdict.money_table` judges each row; what is wrong
whatever the borrower was told is found here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeGuard

import numpy as np

from harness.core.rows import comparable
from harness.history.columns import last_of_each
from harness.history.events import ANSWERED, Outcome, Step
from harness.history.ledger_facts import KeyedLoan, LedgerReading
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.catalogue import LOANS
from harness.verdict.money_table import (
    GRANTED,
    TOLD,
    Loan,
    Money,
    Told,
    found_alone,
    judged,
    loans_by_key,
    told_of,
)
from harness.verdict.types import Reconciliation

EXAMPLES_MAX = 20
AT_RISK = tuple(code for code in LOANS if code != "orphan")
"""An orphan is no loan of a request: no one asked for its principal."""
_COUNTED = (*AT_RISK, "orphan", "committed_unknown", "not_committed_unknown")
DIFFERING = ("amount", "loan id", "account", "status or payout")
"""What of a corrupt loan may be another."""
WORST_LAST = (Money.RIGHT, Money.CORRUPT, Money.LOST, Money.PHANTOM)

_Answer = tuple[KeyedLoan, ...] | None
# Fields of `Reconciled`.
_DOUBTFUL = ("unlisted", "unclear", "repeated", "unfiltered", "mute", "unlike")


@dataclass(frozen=True, slots=True)
class Sample:
    """Keys that were sent, of which the target said clearly, by key, which loans there are.

    It did so of ``asked``; ``hidden`` of them have one that the listing lacks. ``unasked`` were
    left out.
    """

    asked: int = 0
    hidden: int = 0
    unasked: int = 0


@dataclass(frozen=True, slots=True)
class AskedLoan:
    """One key of the run, what was asked for under it, and what the borrower was told."""

    key: str
    borrower: int
    amount_fen: int
    told: Told
    loan_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The reconciliation, what it was made of, and what makes it doubtful.

    ``requests`` are all keys of the run, those too that were never due. ``loans`` are all that
    belong to the run, merged, under whatever key. ``unlisted`` keys have a loan that shows only
    when asked for alone, of ``unclear`` ones the target gave no clear answer, and the rows of
    ``repeated`` ones are listed again as they were. Asked for a key of ``unfiltered`` the target
    showed loans of other keys. Of keys that are listed, ``mute`` ones have no clear answer, and
    ``unlike`` ones another than their rows. ``sample`` is of keys that are neither acknowledged nor
    listed, ``further`` of those that are listed. ``differing`` counts the corrupt ones by what
    is another than was asked for or told: `DIFFERING`; one may differ in several.
    """

    result: Reconciliation
    requests: tuple[AskedLoan, ...] = ()
    loans: tuple[Loan, ...] = ()
    unlisted: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    unfiltered: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    sample: Sample = field(default_factory=Sample)
    further: Sample = field(default_factory=Sample)
    differing: dict[str, int] = field(default_factory=dict)


def reconcile(plan: Plan, facts: Facts) -> Reconciled:
    """Settle every request of the run by the ledger; counts are None when it was not read."""
    requests = tuple(_requests(plan, facts))
    acknowledged = [request.key for request in requests if request.told in GRANTED]
    if not facts.ledger.read:
        unread = Reconciliation(ledger_read=False, acknowledged=len(acknowledged))
        return Reconciled(unread, requests)
    return _Reconciliation(facts, requests).done(acknowledged)


def _requests(plan: Plan, facts: Facts) -> Iterator[AskedLoan]:
    """Every key of the run, those that were never due too."""
    operations = facts.operations
    borrows = facts.attempts.take(facts.attempts.step.are(Step.BORROW))
    told = [TOLD[code] for code in told_of(operations, borrows).tolist()]
    # The decision among its attempts names the loan, without one whatever may have been applied.
    rank = np.where(borrows.outcome.are(Outcome.INDETERMINATE), 1, 0)
    rank[borrows.outcome.are(*ANSWERED) | ~borrows.decline.are(None)] = 2
    deciding = last_of_each(borrows.places_in(operations), rank, len(operations))
    named = [*borrows.loan_id, None]  # the last one is for those without any
    loan_ids = [
        comparable(named[place] or own or "") or None if answer in GRANTED else None
        for answer, place, own in zip(told, deciding.tolist(), operations.loan_id, strict=True)
    ]
    asked = operations.key, operations.borrower.tolist(), operations.amount_fen.tolist()
    yield from map(AskedLoan, *asked, told, loan_ids)
    seen = set(operations.key)
    # Where lines are gone, nobody knows what was sent.
    never = Told.UNKNOWN if facts.damage else Told.NEVER_SENT
    for arrival in plan.arrivals:
        if arrival.key not in seen:
            yield AskedLoan(arrival.key, arrival.borrower, arrival.amount_fen, never)


class _Reconciliation:
    """One reconciliation under way."""

    def __init__(self, facts: Facts, requests: tuple[AskedLoan, ...]) -> None:
        self._facts = facts
        self._requests = requests
        keys, entries = {request.key for request in requests}, facts.ledger.entries
        own = (e for e in entries if e.idempotency_key in keys or e.account_id in facts.account_ids)
        # One row without a status is a wrong one; where no row has any, the ledger knows of none.
        self._listed = loans_by_key(own, has_status=any(entry.status for entry in entries))
        self._answers, unfiltered = _key_answers(facts, requests, self._listed)
        # Keys by class, in order of arrival.
        self._found = defaultdict[str, list[str]](list, unfiltered=unfiltered)
        self._shared = frozenset(_shared_ids(facts.ledger, self._answers))
        self._sample: Counter[str] = Counter()
        self._further: Counter[str] = Counter()
        self._loans: list[Loan] = [loan for loans in self._listed.values() for loan in loans]

    def done(self, acknowledged: list[str]) -> Reconciled:
        """Settle every request and count."""
        found, facts = self._found, self._facts
        for request in self._requests:
            self._settle(request)
        ours = {request.key for request in self._requests}
        for key, loans in self._listed.items():
            for loan in loans:
                if key not in ours:
                    found["orphan"].append(key or loan.loan_id)
                if loan.repeated:
                    found["repeated"].append(key)
        at_risk = {key for name in AT_RISK for key in found[name]}
        counted: dict[str, int | None] = {name: len(found[name]) for name in _COUNTED}
        # Where the record is damaged, a loan under a key we do not know may be one of ours.
        if facts.damage and found["orphan"]:
            counted["orphan"], found["orphan"] = None, []
        # What is absent from an incomplete listing may still be in the ledger.
        if not facts.ledger.complete or found["unclear_unknown"]:
            counted["not_committed_unknown"] = None
        result = Reconciliation(
            ledger_read=True,
            acknowledged=len(acknowledged),
            in_ledger=sum(key in self._listed for key in acknowledged),
            **counted,
            examples={name: found[name][:EXAMPLES_MAX] for name in _COUNTED if found[name]},
            principal_at_risk_fen=sum(r.amount_fen for r in self._requests if r.key in at_risk),
            watched_s=facts.ledger.watched_s,
        )
        return Reconciled(
            result,
            requests=self._requests,
            loans=tuple(self._loans),
            **{name: tuple(found[name]) for name in _DOUBTFUL},
            sample=Sample(**self._sample),
            further=Sample(**self._further),
            differing={name: len(found[name]) for name in DIFFERING if found[name]},
        )

    def _settle(self, request: AskedLoan) -> None:
        """Put one request into every class it belongs to."""
        key, found = request.key, self._found
        listed = self._listed.get(key)
        loans = self._in_both_views(request, listed) if listed else self._by_key(request)
        if loans is None:
            if key not in found["unfiltered"]:
                found["unclear"].append(key)
            if request.told is Told.UNKNOWN:
                found["unclear_unknown"].append(key)
            return
        self._judge(request, loans)
        if request.told is Told.UNKNOWN:
            committed = any(loan.row.committed for loan in loans)
            found["committed_unknown" if committed else "not_committed_unknown"].append(key)
        if len(loans) > 1 or any(loan.row.payouts > 1 for loan in loans):
            found["duplicated"].append(key)
        elif any(map(_is_unbalanced, loans)):
            found["unbalanced"].append(key)

    def _judge(self, request: AskedLoan, loans: list[Loan]) -> None:
        """Whether one request is right, else what is wrong with its loans."""
        money = max(
            (judged(request.told, loan.row) for loan in loans),
            key=WORST_LAST.index,
            default=judged(request.told, None),
        )
        differing = self._differing(request, loans)
        if money is Money.CORRUPT:
            differing = list(dict.fromkeys((*differing, "status or payout")))
        elif money is Money.RIGHT and differing:
            money = Money.CORRUPT
        if money is not Money.RIGHT:
            self._found[str(money)].append(request.key)
        for name in differing if money is Money.CORRUPT else ():
            self._found[name].append(request.key)

    def _by_key(self, request: AskedLoan) -> list[Loan] | None:
        """The loans of a key that the listing lacks; None where no one knows."""
        granted, answer = request.told in GRANTED, self._answers.get(request.key)
        sampled = not granted and request.told is not Told.NEVER_SENT
        if answer is None and request.told is Told.NEVER_SENT:
            return []  # the target can't know a key that never left
        if request.key not in self._answers:
            self._sample["unasked"] += sampled
            return None if granted else []
        if not _is_clear(answer):
            return None
        self._sample["asked"] += sampled
        self._sample["hidden"] += sampled and bool(answer)
        return self._found_alone(request.key, answer)

    def _in_both_views(self, request: AskedLoan, listed: list[Loan]) -> list[Loan]:
        """The loans of a key that the listing has, and what else shows when asking for it alone."""
        key, found = request.key, self._found
        if key not in self._answers:
            self._further["unasked"] += request.told is not Told.NEVER_SENT
            return listed
        answer = self._answers[key]
        if not _is_clear(answer):
            self._further["unasked"] += 1
            if key not in found["unfiltered"]:
                found["mute"].append(key)
            return listed
        shown = {loan.loan_id: found_alone(key, loan) for loan in answer}
        ids = {loan.loan_id for loan in listed}
        further = self._found_alone(key, [one for one in answer if one.loan_id not in ids])
        self._further["asked"] += 1
        self._further["hidden"] += bool(further)
        if any(_denied(loan, shown.get(loan.loan_id)) for loan in listed):
            found["unlike"].append(key)
        return [_seen_twice(loan, shown.get(loan.loan_id)) for loan in listed] + further

    def _found_alone(self, key: str, answer: Iterable[KeyedLoan]) -> list[Loan]:
        loans = [found_alone(key, loan) for loan in answer]
        if loans:
            self._found["unlisted"].append(key)
            self._loans += loans
        return loans

    def _differing(self, request: AskedLoan, loans: list[Loan]) -> list[str]:
        """What of loans is not as asked for and told, whatever else holds of them.

        A second loan of one key counts as duplicated: one of them may be another than was told.
        """
        told_id, ids = request.loan_id, {loan.loan_id for loan in loans}
        other_id = loans and told_id is not None and told_id not in ids
        accounts = {account for loan in loans for account in loan.account_ids}
        found = {
            "amount": any(fen != request.amount_fen for one in loans for fen in one.principals_fen),
            "loan id": other_id or not ids.isdisjoint(self._shared),
            "account": any(self._is_foreign(account, request.borrower) for account in accounts),
            "status or payout": any(loan.payouts_min < 0 for loan in loans),
        }
        return [name for name in DIFFERING if found[name]]

    def _is_foreign(self, account: str, borrower: int) -> bool:
        known = self._facts.account_of.get(borrower)
        if known is not None:
            return account != known
        return bool(self._facts.account_ids) and account not in self._facts.account_ids


def _key_answers(
    facts: Facts, requests: Iterable[AskedLoan], listed: dict[str, list[Loan]]
) -> tuple[dict[str, _Answer], list[str]]:
    """What the target shows by key, and for which keys it showed loans of other ones, too.

    Such an answer shows nothing (None). An empty one does: a borrower without any loan has none
    under this key.
    """
    account_of = {r.key: facts.account_of.get(r.borrower) for r in requests}
    places: dict[str, set[tuple[str, str | None]]] = defaultdict(set)
    for loans in listed.values():
        for loan in loans:
            places[loan.loan_id] |= {(loan.key, account) for account in loan.account_ids}

    def is_anothers(key: str, loan: KeyedLoan) -> bool:
        """Whether it is this borrower's loan, by another key and not by this one."""
        keys = {listed_key for listed_key, _ in places[loan.loan_id]}
        accounts = {account for _, account in places[loan.loan_id]}
        return bool(keys) and key not in keys and account_of.get(key) in (None, *accounts)

    answers: dict[str, _Answer] = dict(facts.ledger.by_key)
    unfiltered = [
        key
        for key, loans in answers.items()
        if loans and (facts.ledger.unsent or any(is_anothers(key, loan) for loan in loans))
    ]
    return answers | dict.fromkeys(unfiltered), unfiltered


def _is_clear(answer: _Answer) -> TypeGuard[tuple[KeyedLoan, ...]]:
    """What has no status may be paid out or not."""
    return answer is not None and all(loan.status for loan in answer)


def _denied(listed: Loan, shown: Loan | None) -> bool:
    """Whether the borrower sees no loan where one is listed, or the reverse."""
    return listed.row.committed != (shown is not None and shown.row.committed)


def _seen_twice(listed: Loan, shown: Loan | None) -> Loan:
    """The listed loan, with every principal that is shown of it; the listed one counts."""
    if shown is None:
        return listed
    return replace(listed, principals_fen=(*shown.principals_fen, *listed.principals_fen))


def _shared_ids(ledger: LedgerReading, answers: dict[str, _Answer]) -> Iterator[str]:
    """Every loan id that stands under more than one key."""
    by_key = ((loan.loan_id, key) for key, loans in answers.items() for loan in loans or ())
    keys: dict[str, str] = {}
    for loan_id, key in (*((e.loan_id, e.idempotency_key) for e in ledger.entries), *by_key):
        if keys.setdefault(loan_id, key) != key:
            yield loan_id


def _is_unbalanced(loan: Loan) -> bool:
    if loan.balance_fen is None:
        return False
    return loan.balance_fen != (loan.principal_fen if loan.row.payouts > 0 else 0)
