"""What a run left in its target's ledger: the listing, watched, and what is asked for by key."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.history.columns import any_of
from harness.history.events import GRANTED, Step
from harness.history.ledger_facts import LedgerReading
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.by_key import KeyQuestions, SentKey, chosen, sample_of
from harness.target.interface import Target
from harness.target.ledger_watch import LedgerWatch, OwnLoans


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """Where to read, from which cursor on. ``is_cut_short`` ends what is not needed any more.

    ``check`` is called every second of a long wait, and may raise `HarnessError` to end it.
    """

    target: Target
    cursor: int | str
    progress: Callable[[str], object] = lambda _: None
    is_cut_short: Callable[[], bool] = lambda: False
    check: Callable[[], object] = lambda: None


def read_ledger(
    source: LedgerSource, plan: Plan, facts: Facts, borrowers: Iterable[ProvisionedBorrower]
) -> LedgerReading:
    """Read it when the load is over; never raises."""
    borrowers = list(borrowers)
    sent = list(_sent(facts, borrowers))
    ours = OwnLoans(
        keys=frozenset(arrival.key for arrival in plan.arrivals),
        accounts=frozenset(borrower.account_id for borrower in borrowers),
        acknowledged=frozenset(key.key for key in sent if key.acknowledged),
    )
    hooks = source.progress, source.is_cut_short
    watch = LedgerWatch(source.target.ledger, source.cursor, ours, *hooks, check=source.check)
    reading = watch.read(plan.settings.ledger_settle_s)
    if not reading.read:
        return reading
    listed = {entry.idempotency_key for entry in reading.entries}
    seed = plan.settings.seed
    sample = sample_of((key for key in sent if key.key in listed), seed)
    asked = sample[:1] + chosen((key for key in sent if key.key not in listed), seed)
    if not asked:
        return reading
    # Whoever has a loan asks first, for a key of nobody: is the key looked at, at all?
    unsent = replace(asked[0], key=str(uuid.uuid4()), acknowledged=False)
    questions = KeyQuestions(source.target, *hooks, check=source.check)
    by_key = questions.ask([unsent, *asked, *sample[1:]])
    return replace(reading, unsent=by_key.pop(unsent.key, None), by_key=by_key)


def _sent(facts: Facts, borrowers: list[ProvisionedBorrower]) -> Iterator[SentKey]:
    """Every key that may have left; acknowledged if any answer to it told of a loan."""
    by_index = {borrower.index: borrower for borrower in borrowers}
    operations, attempts = facts.operations, facts.attempts
    told = attempts.take(attempts.step.are(Step.BORROW) & attempts.outcome.are(*GRANTED))
    acknowledged = any_of(told.places_in(operations), len(operations))
    acknowledged |= operations.outcome.are(*GRANTED)
    left = (operations.attempts > 0) & np.isin(operations.borrower, list(by_index))
    owners = [by_index[borrower] for borrower in operations.borrower[left].tolist()]
    yield from map(SentKey, operations.key[left], owners, acknowledged[left].tolist())
