"""The session that a borrower's app holds, and what may have ended it.

A target may keep one session for each borrower, so that a log-in ends those before it. Two
journeys of one borrower that overlap are one app: what the later log-in does to the earlier journey
is our own doing. No planned log-in waits for another all the same: arrivals start as planned.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gevent.event import Event

from harness.history.events import Outcome
from harness.target.classification import Answer, Classification, may_have_worked
from harness.target.request import BorrowerAccount


@dataclass(slots=True, eq=False)
class LogInOutcome:
    """A log-in that opened a session, or may have done so. Instants are monotonic nanoseconds."""

    began_ns: int
    ended_ns: float = math.inf
    """When its answer came; without one, it may be carried out at any time."""


@dataclass(frozen=True, slots=True)
class BorrowerSession:
    """What a log-in gave; ``log_in`` is None for the one before the load, ended before it began."""

    token: str = field(repr=False)
    expires_ns: int | None = None
    """When it ends by the lifetime told at log-in (monotonic); None if none was told."""
    log_in: LogInOutcome | None = None


@dataclass(slots=True)
class Account:
    """A borrower as the target knows them: one app, whose journeys share one session."""

    phone: str
    password: str = field(repr=False)
    session: BorrowerSession
    account_id: str = ""
    _log_ins: list[LogInOutcome] = field(default_factory=list)
    _under_way: int = 0
    _quiet: Event = field(default_factory=Event)

    def as_seen(self, *, logged_in: bool = True) -> BorrowerAccount:
        """As the steps of the target see it; with its session, unless they are to open one."""
        token = self.session.token if logged_in else ""
        return BorrowerAccount(self.phone, self.account_id, self.password, token)

    @contextmanager
    def logging_in(self) -> Iterator[LogInOutcome]:
        """A log-in that is under way; if it is ended from outside, its answer is lost."""
        log_in = LogInOutcome(time.monotonic_ns())
        self._log_ins.append(log_in)
        self._under_way += 1
        self._quiet.clear()
        try:
            yield log_in
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    def take(self, log_in: LogInOutcome, judged: Classification, answer: Answer | None) -> None:
        """Take over what a log-in came to."""
        if judged.outcome is Outcome.OK:
            log_in.ended_ns = time.monotonic_ns()
            token, expires_ns = self.session.token, self.session.expires_ns
            if judged.token is not None:
                token, lives_s = judged.token, judged.lifetime_s
                expires_ns = None if lives_s is None else round(log_in.ended_ns + lives_s * 1e9)
            self.session = BorrowerSession(token, expires_ns, log_in)
            self._log_ins = [each for each in self._log_ins if each.ended_ns > log_in.began_ns]
        elif answer is None or not may_have_worked(answer):
            self._log_ins.remove(log_in)

    def may_have_ended(self, session: BorrowerSession) -> bool:
        """Whether its lifetime is over, or another log-in that was not over when this session was
        asked for may have replaced it.
        """
        if session.expires_ns is not None and time.monotonic_ns() >= session.expires_ns:
            return True
        began_ns = session.log_in.began_ns if session.log_in else -math.inf
        return any(
            each is not session.log_in and each.ended_ns > began_ns for each in self._log_ins
        )

    def wait_for_log_ins(self, seconds: float) -> float:
        """Wait until none is under way, at most so long; how long that was.

        To ask for a new session instead would end the one that is just being opened.
        """
        began_s = time.monotonic()
        while self._under_way and (left_s := began_s + seconds - time.monotonic()) > 0:
            self._quiet.wait(left_s)
        return time.monotonic() - began_s
