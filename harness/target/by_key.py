"""Asks the target, key by key, for borrows that were sent.

A listing can leave out what a borrower sees when asking for it alone, be it the only loan of a key
or a second one. Every borrower asks with the session of set-up, and logs in again where that has
ended.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

from harness.core.errors import HarnessError
from harness.core.http_calls import Http, Patience
from harness.core.http_messages import Reply
from harness.history.ledger_facts import KeyedLoan
from harness.target.account_provisioning import ProvisionedBorrower
from harness.target.interface import Request, Target
from harness.target.transport import call

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

Loans = tuple[KeyedLoan, ...]


@dataclass(frozen=True, slots=True)
class SentKey:
    """A key that was sent, and who sent it; ``acknowledged`` if they were told of a loan."""

    key: str
    borrower: ProvisionedBorrower
    acknowledged: bool


def chosen(missing: Iterable[SentKey], seed: int) -> list[SentKey]:
    """Acknowledged keys first, then at most `OTHERS_MAX` of the others, in random order."""
    missing = list(missing)
    first = [sent for sent in missing if sent.acknowledged]
    others = [sent for sent in missing if not sent.acknowledged]
    chance = random.Random(seed)  # noqa: S311  # reproducible on purpose
    return first + chance.sample(others, min(len(others), OTHERS_MAX))


def sample_of(listed: Iterable[SentKey], seed: int) -> list[SentKey]:
    """At most `LISTED_MAX` keys that the listing has, in random order."""
    listed = list(listed)
    chance = random.Random(seed)  # noqa: S311  # reproducible on purpose
    return chance.sample(listed, min(len(listed), LISTED_MAX))


class KeyQuestions:
    """Questions to one target. ``is_cut_short`` ends them: nobody waits for us any more."""

    def __init__(
        self,
        target: Target,
        progress: Callable[[str], object] = lambda _: None,
        is_cut_short: Callable[[], bool] = lambda: False,
        *,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self._target = target
        self._progress = progress
        self._is_cut_short = is_cut_short
        self._http = Http(ASKED_AT_ONCE)
        self._patience = Patience(PUT_OFF_SECONDS_MAX, progress, check)
        self._tokens: dict[int, str] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._begun_s = 0.0

    def ask(self, asked: Collection[SentKey]) -> dict[str, Loans | None]:
        """The loans under each key; an empty tuple for none, None where the answer is not clear.

        What is not clear is asked once more when all others are answered. A key that there was no
        time for is not in it.
        """
        if not asked:
            return {}
        told = sum(sent.acknowledged for sent in asked)
        self._progress(
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
            return found | self._round(pool, unclear, len(asked))

    def _round(
        self, pool: ThreadPoolExecutor, asked: Collection[SentKey], first: int = 0
    ) -> dict[str, Loans | None]:
        turns = range(first, first + len(asked))
        answers = pool.map(self._in_turn, turns, asked)
        return {key: loans for found in answers for key, loans in found.items()}

    def _in_turn(self, number: int, sent: SentKey) -> dict[str, Loans | None]:
        due_s = number / ASKED_PER_SECOND
        passed_s = time.monotonic() - self._begun_s
        if max(due_s, passed_s) > SECONDS_MAX or self._is_cut_short():
            return {}
        time.sleep(max(0.0, due_s - passed_s))
        return {sent.key: self._loans(sent)}

    def _loans(self, sent: SentKey) -> Loans | None:
        borrower = sent.borrower
        token = self._tokens.get(borrower.index, borrower.token)
        try:
            reply = self._call(self._target.find_by_key(token, sent.key))
            if reply.status == HTTPStatus.UNAUTHORIZED:
                token = self._log_in_again(borrower)
                reply = self._call(self._target.find_by_key(token, sent.key))
            return self._target.loans(reply)
        except (HarnessError, ValueError, KeyError, TypeError):
            return None

    def _log_in_again(self, borrower: ProvisionedBorrower) -> str:
        """A fresh session, asked for once for each borrower.

        Raises:
            HarnessError: there was no answer.
            ValueError, KeyError, TypeError: the answer opens none.
        """
        with self._locks[borrower.index]:
            if borrower.index not in self._tokens:
                self._tokens[borrower.index] = ""
                reply = self._call(self._target.log_in(borrower.phone, borrower.password))
                self._tokens[borrower.index] = self._target.session(reply).token
        return self._tokens[borrower.index]

    def _call(self, request: Request) -> Reply:
        bounds = {"seconds": CALL_SECONDS_MAX, "patience": self._patience}
        return call(self._http, self._target.url, request, **bounds)
