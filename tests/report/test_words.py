"""Figures in words."""

import pytest

from harness.report import words
from harness.report.tiles import after_heal, heal_interval


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.0092, "0.92 %"), (0.2953, "29.5 %"), (0.9999, "99.99 %")],
)
def test_small_shares_keep_their_digits(part: float, text: str) -> None:
    """Neither a small failure nor a small gap to perfect is rounded away."""
    assert words.share(part) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [(8.0, "8.0 s"), (0.42, "0.42 s"), (-0.001, "0.0 s"), (1234.5, "1,234.5 s")],
)
def test_seconds(duration: float, text: str) -> None:
    """One decimal, two below a second, and never a negative zero."""
    assert words.seconds(duration) == text


@pytest.mark.parametrize(
    "write",
    [words.count, words.share, words.seconds, words.milliseconds, words.yuan, words.at, after_heal],
)
def test_none_is_not_measured(write: object) -> None:
    """Never a zero, never a blank."""
    assert callable(write)
    assert write(None) == "not measured"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(1.6, 2.2, "1.6 s to 2.2 s"), (1.6, None, "1.6 s or more"), (None, 2.2, "2.2 s or less"),
     (None, None, "not measured")],
)  # fmt: skip
def test_open_intervals_say_which_end_is_open(
    low: float | None, high: float | None, text: str
) -> None:
    """An end that is not known is not made up."""
    assert words.interval(low, high, words.seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.5, 1.5, "0.5 s to 1.5 s"), (-0.5, 1.5, "0.5 s before to 1.5 s after"),
     (-0.6, -0.2, "0.6 s to 0.2 s before")],
)  # fmt: skip
def test_intervals_around_the_heal_have_no_signs(low: float, high: float, text: str) -> None:
    """Before and after, in words."""
    assert heal_interval(low, high) == text


@pytest.mark.parametrize(
    ("low", "high", "point", "text"),
    [
        (7.251, 7.554, "7.4 s", "between 7.3 s and 7.6 s"),
        (7.381, 7.423, "7.40 s", "between 7.38 s and 7.42 s"),
        (7.3991, 7.4052, "7.402 s", "between 7.399 s and 7.405 s"),
        (7.251, None, "7.4 s", "7.3 s or later"),
        (None, 7.554, "7.4 s", "7.6 s or earlier"),
    ],
)
def test_an_instant_is_told_no_finer_than_its_interval(
    low: float | None, high: float | None, point: str, text: str
) -> None:
    """What may be off by tenths of a second has no thousandths."""
    assert words.seconds_within(7.402, low, high) == point
    assert words.between(low, high) == text


def test_instants_before_zero_are_before_the_start() -> None:
    """The warm-up lies before the start of measuring."""
    assert words.at(-1.5) == "1.5 s before the start of measuring"
    assert words.at(8.0) == "8.0 s after the start of measuring"


def test_a_date_that_is_none_is_shown_as_it_is() -> None:
    """The report of a damaged run is still a report."""
    assert words.date("2026-07-01T12:00:00.123456789Z") == "1 July 2026, 12:00:00 UTC"
    assert words.date("yesterday\x1b") == "yesterday\ufffd"
    assert words.date(None) == "measuring never started"


def test_unknown_codes_are_readable() -> None:
    """More codes may come; a new one is shown as words."""
    assert words.finding("brand_new") == "brand new"
    assert words.objective("odd_thing_max") == "odd thing"
    assert words.objective("lost_max") == words.objective("lost")


@pytest.mark.parametrize(
    ("name", "text"),
    [("failed_share_max", "50.0 %"), ("recovery_seconds_max", "0.50 s"),
     ("latency_ms_p99_max", "0.5 ms"), ("impaired_episodes_max", "0.5")],
)  # fmt: skip
def test_the_unit_follows_the_name(name: str, text: str) -> None:
    """Units are part of every objective's name."""
    assert words.unit_of(name)(0.5) == text
