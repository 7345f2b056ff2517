"""What HTTP headers and bodies say of time, as seconds. Pure."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

RETRY_AFTER_SECONDS_MAX = 5.0
"""All waits of one borrower's journey together that ``Retry-After`` may ask for: longer, no one
stands in front of the button.
"""
LIFETIME_SECONDS_MAX = 366 * 86_400.0
"""Of a session, longer than any run: "never" is sent as a year that nanoseconds cannot reach."""
_DATE_ROUNDING_SECONDS = 1.0
"""A ``Date`` is cut to the whole second, so that what is counted from it may be less by as much."""
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")
_SECONDS = re.compile(r"[0-9]{1,9}")


def lifetime_s(expires_at: Any, headers: Mapping[str, str]) -> float | None:
    """How long a session surely lives from when its answer came; None where it was not told.

    ``expires_at`` is RFC 3339 on the target's clock, which the answer's ``Date`` reads; without one
    it is taken for ours. ``headers`` have names in lower case.
    """
    if not isinstance(expires_at, str):
        return None
    try:
        # RFC 3339 allows small letters, and a leap second, which Python's clock does not have.
        ends = datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", expires_at.upper()))
        ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
        lives_s = ends.timestamp() - _now_s(headers) - _DATE_ROUNDING_SECONDS
        return min(max(0.0, lives_s), LIFETIME_SECONDS_MAX)
    except (ValueError, OverflowError):
        return None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that ``Retry-After`` asks for, in seconds or until a date; None without a clear one.

    ``headers`` have names in lower case.
    """
    asked = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    until_s = _http_date_s(asked)
    return None if until_s is None else max(0.0, until_s - _now_s(headers))


def _now_s(headers: Mapping[str, str]) -> float:
    """Unix time on the clock of the server that answered."""
    told_s = _http_date_s(headers.get("date", ""))
    return time.time() if told_s is None else told_s


def _http_date_s(text: str) -> float | None:
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return None
