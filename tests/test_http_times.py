"""Times in HTTP, on the clock of whoever answered."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from harness.core.http_times import lifetime_s, retry_after_s

DATE = {"date": "Sun, 29 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [
        ("2026-11-29T12:01:00Z", 59.0),
        ("2026-11-29T12:01:00.5+00:00", 59.5),
        ("2026-11-29t12:01:00z", 59.0),
        ("2026-11-29T12:00:60Z", 58.0),
        ("2026-11-29T12:01:00.123456789Z", 59.123456),
        ("2026-11-29T20:01:00+08:00", 59.0),
        ("2026-11-29T12:01:00", 59.0),
        ("2026-11-29T11:00:00Z", 0.0),
        ("never", None),
        ("", None),
        (None, None),
        (1_800_000_000, None),
        ("9999-99-99T00:00:00Z", None),
    ],
)
def test_a_lifetime(expires_at: Any, seconds: float | None) -> None:
    """Counted from the target's own clock, less what its rounding may hide."""
    found = lifetime_s(expires_at, DATE)

    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-5))


@pytest.mark.parametrize("year", [2999, 9999])
def test_a_session_that_never_ends(year: int) -> None:
    """Its end, in nanoseconds, still fits what load processes are told it with: 64 bits."""
    found = lifetime_s(f"{year}-12-31T23:59:59Z", DATE)

    assert found == 366 * 86_400
    assert time.monotonic_ns() + round(found * 1e9) < 2**63


@pytest.mark.parametrize("headers", [{}, {"date": "today"}])
def test_without_a_date_our_own_clock_is_taken(headers: dict[str, str]) -> None:
    """There is no other."""
    found = lifetime_s((datetime.now(UTC) + timedelta(seconds=60)).isoformat(), headers)

    assert found == pytest.approx(59.0, abs=1.0)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Sun, 29 Nov 2026 12:00:03 GMT", 3.0),
        ("Sun, 29 Nov 2026 12:00:03 -0000", 3.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_retry_after(asked: str, seconds: float | None) -> None:
    """Seconds, or a date on the target's clock; anything else asks for nothing."""
    assert retry_after_s({"retry-after": asked, **DATE}) == seconds


def test_retry_after_a_date_of_ours() -> None:
    """Where the answer has no date of its own."""
    at = format_datetime(datetime.fromtimestamp(time.time() + 10, UTC), usegmt=True)

    assert retry_after_s({"retry-after": at}) == pytest.approx(9.5, abs=1.0)
    assert retry_after_s({}) is None
