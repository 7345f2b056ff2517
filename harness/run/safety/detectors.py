"""The detectors behind the stop conditions: fed with facts one by one, each says when it trips.

Pure: no clock, no file, no thread.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.history.ledger_facts import LedgerEntry

HEALTHY_SHARE = 0.005
"""Of failures that are no reason to stop: the default objective, one request in two hundred."""
IMPAIRED_SHARE = 0.10
"""Of failures that must be found soon, as in the search for episodes after the run. Together the
two make shares below 3.2 % count as healthy, however long they last: a stop ends an experiment, so
what is merely a little worse is left to the objectives."""
BLIP_SECONDS = 0.25
"""Of total failure that is forgiven: a garbage collection, a leader election of a connection pool.
It also sets the delay: total failure is found after it, 10 % of failures after 14 times as long."""
BLIP_FAILURES_LEAST = 10
"""At small rates: fewer failures than this in a row never stop a run."""


@dataclass(slots=True)
class FailureCusum:
    """Page's cumulative sum on the log-likelihood ratio of each answer, failed or not.

    S = max(0, S + r) with r the log-likelihood ratio of `IMPAIRED_SHARE` against `HEALTHY_SHARE`;
    it trips when S reaches its threshold. No detector with as few false alarms finds a lasting
    change sooner in the worst case (E. S. Page, Continuous inspection schemes, Biometrika 41, 1954;
    G. Lorden, Procedures for reacting to a change in distribution, Annals of Mathematical
    Statistics 42, 1971; G. V. Moustakides, Annals of Statistics 14, 1986).

    The threshold forgives `BLIP_SECONDS` of total failure. By Lorden's bound the chance of a false
    alarm among n independent requests at the healthy share is at most n exp(-threshold): with the
    least threshold, 30, less than 1 in 10,000,000 for a million requests. Failures of a real
    system come in clusters, which is what the forgiven blip is for.

    ``rate`` is in requests a second.
    """

    rate: float
    score: float = 0.0
    threshold: float = field(init=False)
    answers: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    """Since the score was 0 last."""
    _failed: float = field(init=False)
    _good: float = field(init=False)

    def __post_init__(self) -> None:
        """The two steps and the threshold."""
        self._failed = math.log(IMPAIRED_SHARE / HEALTHY_SHARE)
        self._good = math.log((1 - IMPAIRED_SHARE) / (1 - HEALTHY_SHARE))
        blip = max(BLIP_FAILURES_LEAST, BLIP_SECONDS * self.rate)
        self.threshold = blip * self._failed

    def feed(self, *, failed: bool) -> bool:
        """One more answer; True from the moment on which the change is found."""
        self.score = max(0.0, self.score + (self._failed if failed else self._good))
        self.answers = self.answers + 1 if self.score else 0
        self.failures = self.failures + failed if self.score else 0
        # Sums of a rounded step must not need one failure more.
        return self.score >= self.threshold - 1e-9

    def __str__(self) -> str:
        """How many failed, and how bad that is beside the limit."""
        score, most = (size / self._failed for size in (self.score, self.threshold))
        return (
            f"{self.failures:,} of {self.answers:,} borrow requests failed where the scenario"
            f" expects borrowing to work (as bad as {score:.1f} failures in a row, limit"
            f" {most:.1f})"
        )


@dataclass(slots=True)
class Payouts:
    """What the target's ledger says was paid out under each key, read again and again.

    Only loans of ``account_ids`` are ours: on a target of someone else, others borrow as well.
    """

    account_ids: frozenset[str]
    _loans: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))

    def feed(self, entries: Iterable[LedgerEntry]) -> list[str]:
        """Take entries over, new ones or known ones; the keys that were paid out more than once."""
        doubled = []
        for entry in entries:
            if entry.account_id not in self.account_ids:
                continue
            loans = self._loans[entry.idempotency_key]
            loans[entry.loan_id] = (entry.disbursements, entry.principal_fen)
            if sum(paid for paid, _ in loans.values()) > 1:
                doubled.append(entry.idempotency_key)
        return list(dict.fromkeys(doubled))

    def at_risk_fen(self, unacknowledged: Iterable[str]) -> int:
        """Principal paid out under keys whose borrowers were not told so, and all paid out twice.

        ``unacknowledged`` are keys of operations that ended without an acknowledgement.
        """
        not_told = set(unacknowledged)
        total_fen = 0
        for key, loans in self._loans.items():
            payments = [fen for paid, fen in loans.values() for _ in range(paid)]
            due = 0 if key in not_told else 1
            total_fen += sum(payments[due:])
        return total_fen
