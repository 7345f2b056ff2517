"""What a run left in its target's ledger: the listing, watched, and what is asked for by key.

A listing can leave out what a borrower sees when asking for it alone, be it the only loan of a key
or a second one. Every borrower asks with the session of set-up, and logs in again where that has
ended.
"""

import random
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from http import HTTPStatus

import numpy as np

from harness.core.errors import HarnessError
from harness.core.http_calls import Http, Patience
from harness.core.http_messages import Reply
from harness.core.places import place_in_theirs
from harness.history.columns import any_of
from harness.history.events import GRANTED, Step
from harness.history.ledger_facts import KeyedLoan, LedgerReading
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.ledger_watch import LedgerSource, LedgerWatch, OwnLoans
from harness.target.request import BorrowerAccount, Request
from harness.target.transport import call
from harness.target.user_methods import UNREADABLE, UserCodeError, with_place

ASKED_AT_ONCE = 4
"""As many as log in at once, which each of them may have to."""
ASKED_PER_SECOND = 200.0
"""Single rows by their key: light work, even for a target that has just recovered."""
SECONDS_MAX = 120.0
"""For all questions together: time for 24,000."""
CALL_SECONDS_MAX = 10.0
PUT_OFF_SECONDS_MAX = 120.0
"""For which the target may put questions off, the waits of all of them added up."""
OTHERS_MAX = 2000
"""Keys asked for that were not acknowledged; if none of so many is hidden, fewer than 1 in 600 are
(95 %)."""
LISTED_MAX = 200
"""Keys asked for that the listing has; if none of so many has a further loan, fewer than 1 in 67
do (95 %)."""

NO_LEDGER = "the target declares no ledger"

Loans = tuple[KeyedLoan, ...]


@dataclass(frozen=True, slots=True)
class SentKey:
    """A key that was sent, and who sent it; ``acknowledged`` if a loan was reported to them."""

    key: str
    borrower: ProvisionedBorrower
    acknowledged: bool


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
    target = source.target
    if target.ledger is None:
        return LedgerReading(read=False, complete=False, source="none", error=NO_LEDGER)
    reading = LedgerWatch(source, ours).read(plan.settings.ledger_settle_s)
    if not reading.read:
        return reading
    listed = {entry.idempotency_key for entry in reading.entries}
    seed = plan.settings.seed
    sample = _sample([key for key in sent if key.key in listed], LISTED_MAX, seed)
    asked = sample[:1] + chosen([key for key in sent if key.key not in listed], seed)
    if not asked or not (target.finds_by_key or target.ledger.finds_by_key):
        return reading
    # A borrower with a loan asks first, for a key of no one: is the key looked at, at all?
    unsent = replace(asked[0], key=str(uuid.uuid4()), acknowledged=False)
    questions = KeyQuestions(source)
    by_key = questions.ask([unsent, *asked, *sample[1:]])
    found = replace(reading, unsent=by_key.pop(unsent.key, None), by_key=by_key)
    return replace(found, error=reading.error or questions.trouble)


def _sent(facts: Facts, borrowers: list[ProvisionedBorrower]) -> Iterator[SentKey]:
    """Every key that may have left; acknowledged if any answer to it reported a loan."""
    by_index = {borrower.index: borrower for borrower in borrowers}
    operations, attempts = facts.operations, facts.attempts
    told = attempts.take(attempts.step.are(Step.BORROW) & attempts.outcome.are(*GRANTED))
    acknowledged = any_of(told.places_in(operations), len(operations))
    acknowledged |= operations.outcome.are(*GRANTED)
    left = (operations.attempts > 0) & np.isin(operations.borrower, list(by_index))
    owners = [by_index[borrower] for borrower in operations.borrower[left].tolist()]
    yield from map(SentKey, operations.key[left], owners, acknowledged[left].tolist())


def chosen(missing: Collection[SentKey], seed: int) -> list[SentKey]:
    """Acknowledged keys first, then at most `OTHERS_MAX` of the others, in random order."""
    first = [sent for sent in missing if sent.acknowledged]
    return first + _sample([sent for sent in missing if not sent.acknowledged], OTHERS_MAX, seed)


def _sample(sent: list[SentKey], most: int, seed: int) -> list[SentKey]:
    chance = random.Random(seed)  # noqa: S311  # reproducible on purpose
    return chance.sample(sent, min(len(sent), most))


class KeyQuestions:
    """Questions to one target, until they are cut short."""

    def __init__(self, source: LedgerSource) -> None:
        self._source = source
        self._http = Http(ASKED_AT_ONCE)
        self._patience = Patience(PUT_OFF_SECONDS_MAX, source.progress, source.check)
        self._tokens: dict[int, str] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._begun_s = 0.0
        self._told: set[str] = set()
        self._nothing_at: dict[str, str] = {}
        self.trouble: str | None = None
        """What a class of the user's did wrong, most likely; with its place."""

    def ask(self, asked: Collection[SentKey]) -> dict[str, Loans | None]:
        """The loans under each key; an empty tuple for none, None where the answer is not clear.

        What is not clear is asked once more when all others are answered. A key that there was no
        time for is not in it.
        """
        told = sum(sent.acknowledged for sent in asked)
        self._source.progress(
            f"asking for {len(asked):,} requests by their keys, {told:,} of them acknowledged"
        )
        self._locks = {sent.borrower.index: threading.Lock() for sent in asked}
        self._begun_s = time.monotonic()
        with (
            closing(self._http),
            ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="by-key") as pool,
        ):
            found = self._round(pool, asked)
            unclear = [sent for sent in asked if found.get(sent.key, ()) is None]
            found |= self._round(pool, unclear, len(asked))
        # A method may say so of an answer; where it reads no loan at all, it is wrong most likely.
        if len(self._nothing_at) == 1 and not any(found.values()):
            self._tell(*self._nothing_at.values())
        return found

    def _round(
        self, pool: ThreadPoolExecutor, asked: Collection[SentKey], first: int = 0
    ) -> dict[str, Loans | None]:
        turns = range(first, first + len(asked))
        answers = pool.map(self._in_turn, turns, asked)
        return {key: loans for found in answers for key, loans in found.items()}

    def _in_turn(self, number: int, sent: SentKey) -> dict[str, Loans | None]:
        due_s = number / ASKED_PER_SECOND
        passed_s = time.monotonic() - self._begun_s
        if max(due_s, passed_s) > SECONDS_MAX or self._source.is_cut_short():
            return {}
        time.sleep(max(0.0, due_s - passed_s))
        return {sent.key: self._loans(sent)}

    def _loans(self, sent: SentKey) -> Loans | None:
        borrower, target = sent.borrower, self._source.target
        account = borrower.as_seen(self._tokens.get(borrower.index))
        try:
            if not target.finds_by_key:
                return target.ledger.by_key(sent.key) if target.ledger is not None else None
            reply = self._call(target.find_by_key(account, sent.key), account)
            if reply.status == HTTPStatus.UNAUTHORIZED and target.offers(Step.LOG_IN):
                account = borrower.as_seen(self._log_in_again(borrower))
                reply = self._call(target.find_by_key(account, sent.key), account)
            return target.loans(reply)
        except (HarnessError, UserCodeError, *UNREADABLE) as error:
            # What a class of the user's says, once: else every key would repeat it.
            if isinstance(error, UserCodeError) or not target.finds_by_key:
                self._tell(str(error))
            elif place := place_in_theirs(error):
                self._nothing_at.setdefault(place, with_place(error))
            return None

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.trouble = self.trouble or text
            self._source.progress(f"no clear answer: {text}")

    def _log_in_again(self, borrower: ProvisionedBorrower) -> str:
        """A fresh session, asked for once for each borrower; raises what `_loans` catches."""
        target = self._source.target
        with self._locks[borrower.index]:
            if borrower.index not in self._tokens:
                self._tokens[borrower.index] = ""
                account = borrower.as_seen("")
                reply = self._call(target.log_in(account), account)
                self._tokens[borrower.index] = target.session(reply).token
        return self._tokens[borrower.index]

    def _call(self, request: Request, account: BorrowerAccount) -> Reply:
        bounds = {"seconds": CALL_SECONDS_MAX, "patience": self._patience}
        target = self._source.target
        return call(self._http, target.url, target.addressed(request, account), **bounds)
