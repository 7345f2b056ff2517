"""Attempts per operation, and the herd after a heal."""

import numpy as np
import pytest

from harness.history.events import Step
from harness.verdict.measure.measurement import measure
from harness.verdict.measure.retries import busiest
from tests.builders import attempt, cut_run, during, facts, operations, plan_of, rows


def test_attempts_per_operation_by_phase() -> None:
    """Three tries for each borrow of the outage, one elsewhere."""
    plan, _ = cut_run()
    ops = operations(plan, during(8.0, 13.0), attempts=3)
    found = measure(plan, facts(plan, ops)).retries.attempts_per_operation

    assert found["baseline"] == found["recovery"] == 1.0
    assert found["fault"] == 3.0


def test_blocked_operations_have_no_attempts_to_count() -> None:
    """Nobody got as far as the borrow: not one attempt each, and not zero, but none known."""
    plan, _ = cut_run()
    ops = operations(plan, during(8.0, 13.0), attempts=0, blocked_by=Step.LOG_IN)

    assert measure(plan, facts(plan, ops)).retries.attempts_per_operation["fault"] is None


def test_all_at_once_after_the_heal_is_a_herd() -> None:
    """200 retries at 14.5 s, half a second wide, upon 50 a second."""
    plan, known = cut_run()
    late = [
        attempt(op, attempt=2, started_ns=10**12 + int(14.5e9) + 2_500_000 * number)
        for number, op in enumerate(rows(known.operations)[:200])
    ]
    found = measure(
        plan, facts(plan, rows(known.operations), attempts=(*rows(known.attempts), *late))
    )

    assert found.retries.herd_peak == pytest.approx(5.0, abs=0.2)
    assert found.retries.herd_peak_at_s == pytest.approx(14.0, abs=0.6)
    assert found.herd is not None
    assert found.herd.p < 1e-9


def test_ordinary_arrivals_are_no_herd() -> None:
    """The busiest second of a steady load is hardly busier than the others."""
    plan, known = cut_run()
    found = measure(plan, known).herd

    assert found is not None
    assert found.peak < 1.1
    assert found.p > 0.05


def test_without_a_heal_there_is_no_herd() -> None:
    """Nothing was healed, so nothing came back."""
    plan = plan_of()
    found = measure(plan, facts(plan))

    assert found.herd is None
    assert (found.retries.herd_peak, found.retries.herd_peak_at_s) == (None, None)


def test_the_busiest_second_is_exact() -> None:
    """Against every second that begins at any millisecond; the last one ends at the bound."""
    chance = np.random.default_rng(5)
    for _ in range(50):
        begun_s = np.sort(chance.uniform(0, 4, size=20))
        found = busiest(begun_s, 0.5, 3.5)
        starts = np.arange(0.5, 2.5, 0.0005)
        best = max(((begun_s >= s) & (begun_s <= s + 1)).sum() for s in starts)

        assert found is not None
        assert found[0] >= best
        assert 0.5 <= found[1] <= 2.5
        assert ((begun_s >= found[1]) & (begun_s <= found[1] + 1)).sum() == found[0]
