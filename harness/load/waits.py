"""How long a borrower waits before a further try; bounded, and the drain allows for all of it."""

import random
from dataclasses import dataclass

from harness.core.http_times import RETRY_AFTER_SECONDS_MAX, retry_after_s
from harness.plan.plan import Arrival, Settings
from harness.target.classification import Answer

BACKOFF_BASE_SECONDS = 0.05
BACKOFF_TOTAL_SECONDS_MAX = 1.0
"""All waits of one journey together that nobody asked for."""


@dataclass(slots=True)
class FurtherTries:
    """Those of one journey, all its steps together."""

    settings: Settings
    arrival: Arrival
    used: int = 0
    asked_s: float = 0.0
    """What answers asked for by ``Retry-After``, added up."""

    def wait_s(self, answer: Answer | None) -> float | None:
        """The wait before one more try; None where there is none left, or where the target asks for
        a longer wait than borrowers have patience for: sooner would not be what it asks for.

        Full jitter comes on top, so that borrowers who are sent away together don't return as one.
        """
        asked_s = (retry_after_s(answer.headers) if answer is not None else None) or 0.0
        retries = self.settings.retries
        if self.used >= retries or self.asked_s + asked_s > RETRY_AFTER_SECONDS_MAX:
            return None
        self.used += 1
        self.asked_s += asked_s
        return asked_s + _backoff_seconds(self.settings.seed, self.arrival, self.used, retries)


def _backoff_seconds(seed: int, arrival: Arrival, number: int, retries: int) -> float:
    """Anything up to a bound that doubles, the same for the same seed."""
    bound = min(BACKOFF_BASE_SECONDS * 2 ** (number - 1), BACKOFF_TOTAL_SECONDS_MAX / retries)
    chance = random.Random(f"{seed}/{arrival.index}/{number}")  # noqa: S311  # reproducible
    return chance.uniform(0, bound)
