"""The failed share's interval when failures cluster by load worker."""

from dataclasses import replace

import numpy as np
import pytest

from harness.verdict.measure.counts import clustered_share
from harness.verdict.measure.measurement import measure
from tests.builders import cut_run, facts, rows


def test_one_worker_says_nothing_of_others() -> None:
    """No interval by worker with less than two of them."""
    borrow = measure(*cut_run()).borrow

    assert borrow.failed_share_low_by_worker is None
    assert borrow.failed_share_high_by_worker is None


def test_workers_that_differ_widen_the_interval() -> None:
    """One of two workers has all the failures: the exact interval knows nothing of that."""
    plan, known = cut_run()
    ops = tuple(
        replace(o, worker="load-1" if o.failed or o.arrival % 2 else "load-0")
        for o in rows(known.operations)
    )
    borrow = measure(plan, facts(plan, ops)).borrow
    low, high = borrow.failed_share_low_by_worker, borrow.failed_share_high_by_worker

    assert low is not None
    assert high is not None
    assert low == 0.0
    assert high > (borrow.failed_share_high or 1.0) + 0.2


def test_workers_that_agree_have_a_narrow_interval() -> None:
    """Equal shares everywhere leave no scatter between workers."""
    failed, operations = np.array([25, 25, 25]), np.array([100, 100, 100])

    assert clustered_share(failed, operations) == (0.25, 0.25)


def test_it_is_the_same_every_time() -> None:
    """Judging a stored run again must give the same figures."""
    failed, operations = np.array([3, 9, 4, 8, 2, 7, 5, 6, 1]), np.full(9, 100)

    assert clustered_share(failed, operations) == clustered_share(failed, operations)


@pytest.mark.parametrize("workers", [2, 3, 4, 8, 16])
def test_it_holds_its_level(workers: int) -> None:
    """Workers that differ in truth: the interval holds the common share at least 88 in 100 times,
    with two workers as with sixteen; the exact interval would do so in fewer than half.
    """
    chance = np.random.default_rng(workers)
    held = 0
    for _ in range(300):
        shares = np.clip(chance.normal(0.25, 0.05, size=workers), 0, 1)
        operations = np.full(workers, 2000 // workers)
        low, high = clustered_share(chance.binomial(operations, shares), operations)
        assert low is not None
        assert high is not None
        held += low <= 0.25 <= high

    assert held / 300 >= 0.88
