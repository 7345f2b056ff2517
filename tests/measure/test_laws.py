"""Laws of chance that are not left to `scipy.stats`, which is slow to import, are the same."""

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from harness.verdict.measure.standing_out import _at_least
from harness.verdict.measure.visibility import MIDDLES, _quantile


def test_so_many_failures_or_more_of_a_draw() -> None:
    """The hypergeometric tail, of few and of many, to nine figures."""
    chance = np.random.default_rng(1)
    for _ in range(1000):
        whole = int(chance.integers(2, 40_000))
        failed, count = (int(chance.integers(1, whole + 1)) for _ in range(2))
        part = int(chance.integers(max(0, failed + count - whole), min(failed, count) + 1))
        known = float(hypergeom.sf(part - 1, whole, failed, count))

        assert _at_least(part, whole, failed, count) == pytest.approx(known, rel=1e-9, abs=1e-250)
    assert _at_least(5, 5, 5, 5) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.00001, 0.001, 0.03, 0.2, 0.5, 0.97])
def test_quantiles_of_how_many_fail(share: float) -> None:
    """Of the binomial law, exactly; none of none."""
    for requests in (*range(1, 200), 999, 20_000, 60_000):
        for level in (0.99, MIDDLES):
            found = _quantile(level, requests, share)
            assert np.array_equal(found, binom.ppf(level, requests, share))
    assert _quantile(MIDDLES, 0, share).tolist() == [0.0] * len(MIDDLES)
