"""Figures in words."""

import pytest

from harness.core.money import YUAN
from harness.report import html, words
from harness.report.tiles import after_heal, beside_heal, heal_interval
from harness.verdict.types import Judgement, ObjectiveResult
from tests.report import sample


def _money(minor: int | None) -> str:
    return words.money(minor, YUAN)


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
    [words.count, words.share, words.seconds, words.milliseconds, _money, words.at, after_heal],
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
    [(0.5, 1.5, "0.5 s to 1.5 s"), (-0.5, 1.5, "at most 1.5 s"), (-0.6, -0.2, "at once"),
     (-0.84, 0.04, "at once"), (-0.02, 0.46, "at most 0.5 s"), (-0.4, None, "at once or later"),
     (None, -0.4, "at once"), (None, 2.2, "2.2 s or less")],
)  # fmt: skip
def test_intervals_around_the_heal_have_no_signs(
    low: float | None, high: float | None, text: str
) -> None:
    """What had recovered by then took no time."""
    assert heal_interval(low, high) == text


def test_what_came_with_the_heal_did_so_neither_before_nor_after_it() -> None:
    """Nought is no time before; a recovery before it is at once."""
    assert beside_heal(-0.02, -0.05, 0.46) == "when the heal was confirmed"
    assert beside_heal(-0.4, -0.7, 0.1) == "0.4 s before the heal was confirmed"
    assert after_heal(-0.4, -0.7, 0.1) == after_heal(0.02, -0.05, 0.46) == "at once"
    assert after_heal(1.9, 1.6, 2.2) == "1.9 s after the last heal"


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


def result(
    name: str,
    limit: float,
    observed: float | None,
    low: float | None = None,
    high: float | None = None,
) -> ObjectiveResult:
    """What came of an objective."""
    return ObjectiveResult(name, limit, observed, low, high, Judgement.FAIL)


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [("failed_share_max", "50.0 %", "50 %"), ("recovery_seconds_max", "0.50 s", "0.5 s"),
     ("latency_ms_p99_max", "0.5 ms", "0.5 ms"), ("impaired_episodes_max", "0.5", "0.5")],
)  # fmt: skip
def test_the_unit_follows_the_name(name: str, text: str, limit: str) -> None:
    """Units are part of every objective's name."""
    assert words.observed(result(name, 0.5, 0.5)) == text
    assert words.limit(result(name, 0.5, None)) == limit


@pytest.mark.parametrize(
    ("name", "limit", "observed", "text", "at_most"),
    [
        ("recovery_seconds_max", 10.0, 10.04, "10.04 s", "10 s"),
        ("recovery_seconds_max", 10.0, 9.9996, "9.9996 s", "10 s"),
        ("recovery_seconds_max", 10.0, 10.0, "10.0 s", "10 s"),
        ("recovery_seconds_max", 1.25, 1.24, "1.2 s", "1.25 s"),
        ("recovery_seconds_max", 0.25, 0.2549, "0.255 s", "0.25 s"),
        ("failed_outside_fault_share_max", 0.005, 0.00504, "0.504 %", "0.5 %"),
        ("failed_outside_fault_share_max", 0.007, 0.00702, "0.702 %", "0.7 %"),
        ("failed_outside_fault_share_max", 0.007, 0.007, "0.70 %", "0.7 %"),
        ("failed_share_max", 0.3, 0.2998, "29.98 %", "30 %"),
        ("failed_share_max", 0.0, 0.00001, "0.001 %", "0 %"),
        ("latency_ms_p99_max", 250.0, 250.3, "250.3 ms", "250 ms"),
        ("latency_ms_p99_max", 1000.0, 1003.0, "1.003 s", "1 s"),
        ("latency_ms_p99_max", 1000.0, 999.7, "999.7 ms", "1 s"),
        ("attempts_per_operation_max", 1.5, 1.503, "1.503", "1.5"),
    ],
)
def test_rounding_never_hides_on_which_side_of_the_limit_a_value_lies(
    name: str, limit: float, observed: float, text: str, at_most: str
) -> None:
    """What is missed by a little does not read as if it were met, nor as the limit itself."""
    seen = result(name, limit, observed)
    assert words.observed(seen) == text
    assert words.limit(seen) == at_most


def test_the_ends_of_an_interval_lie_on_their_side_of_the_limit() -> None:
    """All of an interval is written equally finely."""
    seen = result("recovery_seconds_max", 10.0, 9.7, 9.4, 10.04)
    assert words.interval(seen.low, seen.high, words.observed_unit(seen)) == "9.40 s to 10.04 s"
    assert words.observed(seen) == "9.70 s"


def test_a_number_stays_with_its_unit() -> None:
    """On a phone a line would end between them; words that begin like a unit are none."""
    said = "0 % to 1.0 %, 5 s; 30 ms (5 s) of 4 steps, 3 minutes"
    shown = "0\xa0% to 1.0\xa0%, 5\xa0s; 30\xa0ms (5\xa0s) of 4 steps, 3 minutes"
    page = html.render(*sample.failed())
    first_screen = page[page.index('class="sentence"') : page.index("<figure")]

    assert words.unbroken(said) == shown
    assert "1.6\xa0s to 2.2\xa0s" in first_screen
    assert words.unbroken(first_screen) == first_screen
