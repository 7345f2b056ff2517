"""Two handfuls of runs: the test against counting by hand, the intervals against simulation."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.verdict.measure.two_samples import (
    _left_out,
    _orders_by_u,
    against,
    holm,
    runs_enough,
    smallest_p,
)

NEVER = math.inf


def counted_p(first: list[float], second: list[float]) -> float:
    """Two-sided p by going through every way to deal the same values out."""
    values = [*first, *second]

    def larger(chosen: tuple[int, ...]) -> float:
        others = [values[n] for n in range(len(values)) if n not in chosen]
        return sum((values[n] > o) + (values[n] == o) / 2 for n in chosen for o in others)

    seen = larger(tuple(range(len(first))))
    all_of = [larger(c) for c in itertools.combinations(range(len(values)), len(first))]
    above = sum(u >= seen for u in all_of) / len(all_of)
    below = sum(u <= seen for u in all_of) / len(all_of)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([6, 7, 8, 9, 10], [1, 2, 3, 4, 5]),
        ([1, 2, 3, 4, 5.5], [5, 6, 7, 8, 9]),
        ([1, 4, 6, 7, 9], [2, 3, 5, 8, 10]),
        ([5, 5, 5, 6, 7], [5, 5, 4, 4, 3]),
        ([0, 0, 0, 0, 1], [0, 0, 0, 0, 0]),
        ([NEVER, NEVER, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([NEVER, NEVER, NEVER, 4, 5], [NEVER, 2, 1, 0, 0.5]),
    ],
)
def test_p_is_what_counting_gives(first: list[float], second: list[float]) -> None:
    """With and without ties, with runs that never recovered, and the other way round."""
    expected = counted_p(first, second)

    assert against(first, second).p == pytest.approx(expected, abs=1e-9)
    assert against(second, first).p == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("runs", "p"), [((5, 5), 2 / 252), ((5, 4), 2 / 126), ((10, 5), 2 / 3003)])
def test_the_smallest_p_of_so_many_runs(runs: tuple[int, int], p: float) -> None:
    """All of one above all of the other; no order gives less."""
    first = [float(10 + n) for n in range(runs[0])]
    second = [float(n) / 10 for n in range(runs[1])]

    assert smallest_p(*runs) == pytest.approx(p)
    assert against(first, second).p == pytest.approx(p)
    assert smallest_p(5, 0) == 1.0


def test_many_runs_with_ties_are_approximated() -> None:
    """More orders than can be gone through: the normal approximation, clear where it is clear."""
    first, second = [1.0, 2.0, 3.0] * 10, [3.0, 4.0, 5.0] * 10

    assert against(first, second).p < 0.001
    assert against(first, first).p > 0.9


def test_values_that_are_all_alike_show_nothing() -> None:
    """No order, no shift."""
    found = against([0.0] * 5, [0.0] * 5)

    assert (found.p, found.larger, found.shift) == (1.0, 0.5, 0.0)


def test_the_shift_is_in_the_unit_of_the_values() -> None:
    """Hodges and Lehmann, with the third smallest and largest of 25 differences as its ends."""
    found = against([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])

    assert (found.shift, found.shift_low, found.shift_high) == (5, 2, 8)
    assert found.larger == 1.0
    assert 0.6 < found.larger_low < 0.7
    assert found.larger_high == 1.0


@pytest.mark.parametrize(
    ("first", "second", "shift"),
    [
        ([NEVER] * 5, [1, 2, 3, 4, 5], NEVER),
        ([1, 2, 3, 4, 5], [NEVER] * 5, -NEVER),
        ([NEVER] * 5, [NEVER] * 5, 0.0),
        ([NEVER, 1, 2, 3, 4], [1, 2, 3, 4, 5], 0.0),
        ([NEVER, NEVER, 0, 0], [NEVER, NEVER, 0, 0], 0.0),
    ],
)
def test_runs_beyond_measure_have_a_rank_and_no_size(
    first: list[float], second: list[float], shift: float
) -> None:
    """A shift is infinite only where most pairs are, and never no number."""
    assert against(first, second).shift == shift


def test_one_run_each_shows_nothing() -> None:
    """Every end is open."""
    found = against([2.0], [1.0])

    assert found.p == 1.0
    assert (found.shift_low, found.shift_high) == (-NEVER, NEVER)


def drawn(chance: np.random.Generator, runs: int, shift: float) -> NDArray[np.float64]:
    """Skewed values, as recoveries are."""
    return chance.lognormal(0, 0.5, runs) + shift


def test_the_interval_of_the_shift_holds_it() -> None:
    """In 95 % of 2,000 comparisons or more, at 5 against 5 and 5 against 10."""
    chance = np.random.default_rng(3)
    for runs in (5, 10):
        left_out = _left_out(5, runs)
        assert left_out is not None
        held = 0
        for _ in range(2000):
            first, second = drawn(chance, 5, 2.0), drawn(chance, runs, 0.0)
            ordered = np.sort(np.subtract.outer(first, second).ravel())
            held += ordered[left_out] <= 2.0 <= ordered[-1 - left_out]

        assert held / 2000 >= 0.95


def test_the_interval_of_the_effect_size_holds_it() -> None:
    """Newcombe's method 5: about 95 % of 400 comparisons, where one of four pairs is the other way.

    Two normal distributions 0.954 apart: the chance that one is larger is 0.75.
    """
    chance = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        found = against(chance.normal(0.954, 1, 5), chance.normal(0, 1, 5))
        held += found.larger_low <= 0.75 <= found.larger_high

    assert held / 400 >= 0.92


def test_all_orders_are_counted() -> None:
    """As many as there are ways to choose, symmetric, of any size."""
    assert _orders_by_u(2, 3) == [1, 1, 2, 2, 2, 1, 1]
    for n, m in ((1, 1), (5, 5), (5, 10), (50, 50)):
        counts = _orders_by_u(n, m)
        assert sum(counts) == math.comb(n + m, n)
        assert counts == counts[::-1]
    assert [_left_out(5, 5), _left_out(4, 4), _left_out(3, 3)] == [2, 0, None]


def test_the_approximate_count_joins_the_exact_one() -> None:
    """Beyond 50 runs the interval is no narrower than just before."""
    exact, approximate = _left_out(50, 50), _left_out(51, 50)

    assert exact is not None
    assert approximate is not None
    assert 0 <= approximate - exact < 50


@pytest.mark.parametrize(
    ("chances", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.04], [0.04]),
        ([0.9, 0.8], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm(chances: list[float], corrected: list[float]) -> None:
    """The textbook example, one alone, none, and no p above one."""
    assert holm(chances) == pytest.approx(corrected)


# --- advice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "worth"), [(1.5, 0.1), (1.5, 0.35), (2.5, 0.1), (0.6, 0.1)])
def test_so_many_runs_suffice_in_nine_of_ten_repeats(ratio: float, worth: float) -> None:
    """For the order and for the size of the shift, if both are as they were seen in many runs."""
    chance = np.random.default_rng(7)

    def draw(count: int) -> tuple[list[float], list[float]]:
        both = np.exp(0.4 * chance.standard_normal((2, count)))
        return list(both[0] * ratio), list(both[1])

    enough = runs_enough(against(*draw(300)), (300, 300), 0.01, worth)
    assert enough is not None
    repeats = [against(*draw(enough)) for _ in range(150)]
    claimed = [one.p < 0.01 and abs(one.shift) > worth for one in repeats]

    assert np.mean(claimed) > 0.85


def test_no_number_of_runs_shows_what_is_not_there() -> None:
    """Neither a shift that does not matter, nor one that no run of a thousand would show."""
    seen = against([1.0, 2, 3, 4, 5.2], [1.1, 2.1, 3.1, 4.1, 5.0])
    apart = against([6.0, 7, 8, 9, 10], [1.0, 2, 3, 4, 5])

    assert runs_enough(seen, (5, 5), 0.01, 0.5) is None
    assert runs_enough(seen, (5, 5), 0.01, 0.0) is None
    assert runs_enough(apart, (5, 5), 0.01, 0.5) == 12
