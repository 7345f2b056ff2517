"""What Locust's statistics get of an attempt; the harness's record does not depend on it."""

import time
from typing import Any

from harness.core.foreign_text import clean
from harness.history.events import Attempt, Outcome

CODE_LETTERS_MAX = 200
"""Of a problem of the target's, in Locust's tables."""


class FailedStepError(Exception):
    """What Locust's statistics show for an attempt that did not do what it should."""

    def __repr__(self) -> str:
        """They show this, and the words are enough."""
        return str(self)


def request_event(
    request: tuple[str, str], intended_ns: int, length: int, complaint: str | None
) -> dict[str, Any]:
    """The fields of Locust's ``request`` event; response times count from the planned start.

    ``request`` is a method and a path, ``length`` is that of the answer in bytes.
    """
    elapsed_ns = time.monotonic_ns() - intended_ns
    return {
        "request_type": request[0],
        "name": request[1],
        "response_time": elapsed_ns / 1e6,
        "response_length": length,
        "exception": FailedStepError(complaint) if complaint else None,
        "context": {},
        "response": None,
        "start_time": time.time() - elapsed_ns / 1e9,
        "url": request[1],
    }


def complaint_of(attempt: Attempt) -> str | None:
    """Why an attempt counts as a failure for Locust; the same words for the same cause."""
    if attempt.outcome not in (Outcome.FAILED, Outcome.INDETERMINATE):
        return None
    kind = "false decline" if attempt.false_declined else str(attempt.outcome)
    code = clean((attempt.code or "")[:CODE_LETTERS_MAX])
    return f"{kind}: {attempt.error or f'{attempt.status} {code}'.strip()}"
