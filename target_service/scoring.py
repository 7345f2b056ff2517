"""Where a borrower's credit score comes from, and what happens when the bureau is silent.

A tuned service asks for every borrow, before it takes a database connection, and waits for a small
part of the borrower's time only: one attempt, and one more if there is time for it. After a few
failures in a row it stops asking and tries again now and then. Without an answer, the last score
on file decides if it is recent, and a person if it is not (`target_service.rules.settle`): a silent
bureau neither lends to anybody nor refuses anybody.

A naive service waits as long as it takes and fails without an answer.
"""

import asyncio
import json
import random
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from target_service import problems
from target_service import repository_accounts as accounts
from target_service.database import Database
from target_service.http_client import HttpClient, HttpError
from target_service.problems import ProblemError
from target_service.settings import Settings

ATTEMPT_SECONDS = 0.2
DEADLINE_SHARE = 0.3
"""Of the borrower's time, for all attempts together; the rest is the database's."""
TRIES_MAX = 2
PAUSE_SECONDS = (0.01, 0.05)
"""Before the second attempt; drawn at random, so that those who failed together part."""
RETRY_SECONDS_MIN = 0.1
REGISTER_SECONDS = 5.0

FAILURES_MAX = 5
CLOSED_OFF_SECONDS = (0.8, 1.2)

ACCOUNTS_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of asking: ``score`` is None where the bureau gave none.

    ``tries`` counts requests; 0 means that the breaker was open.
    """

    score: int | None
    tries: int


class Breaker:
    """Stops asking after `FAILURES_MAX` failures in a row, then lets one through a second.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._next_try = 0.0

    def allows(self, now: float) -> bool:
        """Whether to ask. Where it lets a single one through, it counts on that one to ask."""
        if self._failures < FAILURES_MAX:
            return True
        if now < self._next_try:
            return False
        self._next_try = now + random.uniform(*CLOSED_OFF_SECONDS)  # noqa: S311 (no secret)
        return True

    def failed(self, now: float) -> None:
        """Takes note of a failure."""
        self._failures += 1
        self._next_try = now + random.uniform(*CLOSED_OFF_SECONDS)  # noqa: S311 (no secret)

    def succeeded(self) -> None:
        """Takes note of an answer."""
        self._failures = 0


class Scoring:
    """Asks the bureau of one replica's settings."""

    def __init__(self, settings: Settings, database: Database) -> None:
        address = urlsplit(settings.bureau_url)
        self.client = HttpClient(address.hostname or "", address.port or 80, settings.bureau_token)
        self.breaker = Breaker()
        self._tuned = settings.is_tuned
        self._database = database
        self._accounts: OrderedDict[bytes, str] = OrderedDict()

    def close(self) -> None:
        """Closes the connections that are idle."""
        self.client.close()

    def remember(self, token_hash: bytes, account_id: str) -> None:
        """Keeps whose session this is, which never changes, to spare the look-up.

        It opens no door: whether the session is still valid, the borrow's transaction says.
        """
        self._accounts[token_hash] = account_id
        if len(self._accounts) > ACCOUNTS_KNOWN_MAX:
            self._accounts.popitem(last=False)

    async def ask(self, token_hash: bytes, seconds: float) -> Asked:
        """The bureau's score of the session's account; ``seconds`` is the borrower's time.

        Raises:
            ProblemError: 401, or the database failed; when naive, also no answer from the bureau.
        """
        account_id = self._accounts.get(token_hash)
        if account_id is None:
            started = time.monotonic()
            account_id = await self._database.run(
                lambda transaction: accounts.find_account(transaction, token_hash), seconds
            )
            if account_id is None:
                raise ProblemError(problems.TOKEN_INVALID)
            self.remember(token_hash, account_id)
            seconds -= time.monotonic() - started
        if self._tuned:
            return await self._ask_in_time(account_id, seconds)
        try:
            score = await self._read(account_id)
        except HttpError as error:
            raise ProblemError(problems.BUREAU_UNAVAILABLE) from error
        if score is None:
            raise ProblemError(problems.BUREAU_UNAVAILABLE, "The bureau does not know the account")
        return Asked(score, 1)

    async def _ask_in_time(self, account_id: str, seconds: float) -> Asked:
        ends_at = time.monotonic() + seconds * DEADLINE_SHARE
        tries = 0
        while self.breaker.allows(time.monotonic()):
            tries += 1
            left = ends_at - time.monotonic()
            try:
                async with asyncio.timeout(min(ATTEMPT_SECONDS, left)):
                    score = await self._read(account_id)
            except (TimeoutError, HttpError):
                self.breaker.failed(time.monotonic())
            else:
                self.breaker.succeeded()
                return Asked(score, tries)
            pause = random.uniform(*PAUSE_SECONDS)  # noqa: S311 (jitter needs no secrecy)
            if tries == TRIES_MAX or ends_at - time.monotonic() - pause < RETRY_SECONDS_MIN:
                break
            await asyncio.sleep(pause)
        return Asked(None, tries)

    async def _read(self, account_id: str) -> int | None:
        """The score; None for an account that the bureau does not know.

        Raises:
            HttpError: no answer, or none that can be used.
        """
        answer = await self.client.call("GET", f"/v1/scores/{account_id}")
        if answer.status == 404:  # noqa: PLR2004 (HTTP's word)
            return None
        if answer.status != 200:  # noqa: PLR2004 (HTTP's word)
            raise HttpError(f"status {answer.status}")
        try:
            score = json.loads(answer.body)["score"]
        except (ValueError, KeyError, TypeError) as error:
            raise HttpError(f"not a score: {error!r}") from error
        if type(score) is not int:
            raise HttpError("the score is no whole number")
        return score

    async def register(self, scores: dict[str, int]) -> None:
        """Tells the bureau of accounts; those it knows keep their score.

        Raises:
            ProblemError: it may not have taken them.
        """
        rows = [{"account_id": one, "score": score} for one, score in scores.items()]
        body = json.dumps({"scores": rows}).encode()
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                answer = await self.client.call("POST", "/v1/scores", body)
        except (TimeoutError, HttpError) as error:
            raise ProblemError(problems.BUREAU_NOT_TOLD) from error
        if answer.status != 200:  # noqa: PLR2004 (HTTP's word)
            raise ProblemError(problems.BUREAU_NOT_TOLD, f"It answered {answer.status}")
