"""Exact intervals and tests against published or independent values."""

import numpy as np
import pytest
from scipy import stats

from harness.verdict.measure.intervals import (
    Share,
    clopper_pearson,
    differ,
    events_to_bound,
    larger_in_first,
    more_in_first,
    upper_bound,
)


@pytest.mark.parametrize(("part", "whole"), [(0, 400), (1, 400), (30, 6000), (400, 400)])
def test_clopper_pearson_agrees_with_scipy(part: int, whole: int) -> None:
    """The interval is the exact one."""
    expected = stats.binomtest(part, whole).proportion_ci(0.95, method="exact")

    assert clopper_pearson(part, whole) == pytest.approx((expected.low, expected.high))


def test_share_of_nothing_is_unknown() -> None:
    """Without operations there is neither a share nor an interval."""
    nothing = Share(0, 0)

    assert (nothing.observed, nothing.low, nothing.high) == (None, None, None)


def test_events_to_bound_one_and_five_per_cent() -> None:
    """The known numbers of failure-free requests: 299 for 1 %, 59 for 5 %."""
    assert (events_to_bound(0.01), events_to_bound(0.05)) == (299, 59)
    assert upper_bound(0, 59) <= 0.05 < upper_bound(0, 58)


def test_more_in_first_agrees_with_fisher() -> None:
    """The one-sided exact test is Fisher's."""
    table = [[7, 43], [2, 98]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue

    assert more_in_first(Share(7, 50), Share(2, 100)) == pytest.approx(expected)


def test_nothing_differs_from_no_data() -> None:
    """Without data nothing can be told apart."""
    assert more_in_first(Share(0, 0), Share(1, 10)) == 1.0
    assert differ(Share(0, 200), Share(0, 200)) == 1.0


def test_larger_in_first_agrees_with_mann_whitney() -> None:
    """The rank test is Mann and Whitney's, ties included."""
    chance = np.random.default_rng(2)
    first, second = np.round(chance.normal(1, 1, 60), 1), np.round(chance.normal(0, 1, 80), 1)
    expected = stats.mannwhitneyu(
        first, second, alternative="greater", use_continuity=False, method="asymptotic"
    ).pvalue

    assert larger_in_first(first, second) == pytest.approx(expected)


def test_too_few_answers_show_no_shift() -> None:
    """A handful of answers is no evidence of slower ones."""
    assert larger_in_first(np.array([9.0] * 7), np.array([1.0] * 100)) == 1.0
