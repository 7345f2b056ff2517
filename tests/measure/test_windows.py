"""The worst window of every length, against a search of all of them."""

import numpy as np
import pytest

from harness.verdict.measure.counts import worst_window
from harness.verdict.measure.measurement import measure
from tests.builders import cut_run, during, facts, operations, plan_of


def test_worst_windows_of_an_outage() -> None:
    """All of one and five seconds lie in an outage of 5.3 s; 30 s are longer than the run."""
    found = measure(*cut_run()).worst_windows

    assert [w.window_s for w in found] == [1.0, 5.0]
    assert [w.failed / w.operations for w in found] == [1.0, 1.0]
    assert all(8.0 <= w.start_s <= 13.3 - w.window_s + 0.05 for w in found)
    assert found[1].operations == pytest.approx(250, abs=2)


def test_many_short_outages_differ_from_one_long_one() -> None:
    """Fifty requests lost at once or one at a time: only the windows tell."""
    plan = plan_of()
    at_once = measure(plan, facts(plan, operations(plan, during(10, 11)))).worst_windows
    spread = measure(plan, facts(plan, operations(plan, lambda at_s: at_s % 0.5 < 0.02)))

    assert at_once[0].failed / at_once[0].operations == 1.0
    assert spread.worst_windows[0].failed / spread.worst_windows[0].operations < 0.1


def test_a_run_without_failures_has_worst_windows_of_none() -> None:
    """Nothing failed in the worst one either."""
    plan = plan_of()

    assert [w.failed for w in measure(plan, facts(plan)).worst_windows] == [0, 0]


def test_the_worst_window_is_exact() -> None:
    """No window that begins at any hundredth of a second is worse."""
    chance = np.random.default_rng(11)
    for _ in range(30):
        times_s = np.sort(chance.uniform(0, 20, size=200))
        failed = chance.random(200) < 0.2
        found = worst_window(times_s, failed, 20.0, 3.0, 15)
        assert found is not None
        worst = 0.0
        for begin_s in np.arange(0, 17, 0.01):
            inside = (times_s >= begin_s) & (times_s <= begin_s + 3)
            if inside.sum() >= 15:
                worst = max(worst, float(failed[inside].mean()))
        inside = (times_s >= found.start_s) & (times_s <= found.start_s + 3)

        assert found.failed / found.operations >= worst
        assert (found.operations, found.failed) == (inside.sum(), failed[inside].sum())
        assert 0 <= found.start_s <= 17


def test_windows_with_too_few_operations_do_not_count() -> None:
    """A lone failure beside a gap in the load is no window of 100 %."""
    times_s = np.concatenate((np.linspace(0, 5, 100), [8.0]))
    failed = np.zeros(101, dtype=bool)
    failed[-1] = True
    found = worst_window(times_s, failed, 10.0, 1.0, 10)

    assert found is not None
    assert found.failed == 0
    assert worst_window(times_s[:0], failed[:0], 10.0, 1.0, 10) is None
