"""Instants of the wall clock, in UTC, as the session and the page have them. Pure."""

from datetime import UTC, datetime, timedelta

from harness.report import words


def read(at_utc: str) -> datetime | None:
    """An instant in RFC 3339, to the microsecond; None where it is none."""
    try:
        # Python reads at most microseconds, a verdict has nanoseconds.
        return datetime.fromisoformat(at_utc[:26].rstrip("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


def written(instant: datetime) -> str:
    """RFC 3339 with milliseconds, as in a session."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def after(zero_utc: str | None, seconds: float | None) -> str | None:
    """The instant so many seconds after another; None where one of them is not known."""
    start = None if zero_utc is None else read(zero_utc)
    if start is None or seconds is None:
        return None
    try:
        return written(start + timedelta(seconds=seconds))
    except OverflowError:  # a stored run that was tampered with can say anything
        return None


def between(first_utc: str, second_utc: str) -> float | None:
    """Seconds from the first to the second; None where one is no instant."""
    first, second = read(first_utc), read(second_utc)
    return None if first is None or second is None else (second - first).total_seconds()


def clock(at_utc: str | None) -> str:
    """The time of day, for people."""
    instant = None if at_utc is None else read(at_utc)
    if instant is None:
        return at_utc or ""
    return f"{instant:%H:%M:%S}.{instant.microsecond // 1000:03d}"


def day(at_utc: str | None) -> str:
    """The date, for people."""
    instant = None if at_utc is None else read(at_utc)
    return "" if instant is None else words.day(instant)
