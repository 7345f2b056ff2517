"""Failures in a row: how many are hardly chance, and that an outage of so many is seen."""

import numpy as np
import pytest

from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.noise import row_chance, row_needed, row_seen
from harness.verdict.measure.search import RequestCounts, impaired_stretches, orders, rows_of
from harness.verdict.measure.visibility import visible
from tests.measure.test_false_alarms import found_in, planned


@pytest.mark.parametrize(
    ("share", "needed"), [(0.001, 5), (0.02, 5), (0.05, 5), (0.10, 6), (0.20, 8)]
)
def test_how_many_failures_in_a_row_are_hardly_chance(share: float, needed: int) -> None:
    """In 1,500 requests, in one run of a hundred."""
    assert row_needed(1500, share) == needed


def test_chance_of_a_row_is_that_of_many_runs() -> None:
    """Six failures or more in a row among 300 requests of which a quarter fails."""
    bad = np.random.default_rng(1).random((20_000, 300)) < 0.25
    six = np.lib.stride_tricks.sliding_window_view(bad, 6, axis=1).all(axis=2)

    seen = six.any(axis=1).mean()
    assert row_chance(6, 300, 0.25) == pytest.approx(seen, rel=0.12)
    assert row_seen(6, 300, 0.25) == pytest.approx(seen, rel=0.08)
    assert row_seen(6, 300, 0.25) < row_chance(6, 300, 0.25)
    assert row_seen(5, 5, 0.9) == pytest.approx(0.9**5)


@pytest.mark.parametrize(
    ("rate", "baseline_s", "end_s"), [(1, 160, 220), (10, 20, 60), (200, 8, 28)]
)
def test_a_total_outage_as_long_as_is_told_is_seen(
    rate: int, baseline_s: float, end_s: float
) -> None:
    """In 176 of 200 runs at least, at any place between two requests."""
    told_s = visible(rate, round(rate * end_s)).outage_s
    assert told_s is not None
    assert told_s == pytest.approx(5.2 / rate)
    seen = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, end_s, chance)
        begin_s = baseline_s + chance.random() * (end_s - baseline_s - told_s)
        inside = (times_s >= begin_s) & (times_s < begin_s + told_s)
        bad = inside | (chance.random(len(times_s)) < 0.001)
        seen += any(
            stretch.parts[0].start_s <= begin_s + told_s and stretch.parts[-1].stop_s >= begin_s
            for stretch in found_in(times_s, bad, baseline_s, end_s)
        )

    assert seen >= 176


@pytest.mark.parametrize(
    ("rate", "baseline_s", "end_s", "strays"),
    [(2, 90, 200, 0.001), (5, 40, 120, 0.03), (5, 40, 120, 0.001), (10, 25, 60, 0.02)],
)
def test_a_brownout_as_small_as_is_told_is_seen(
    rate: int, baseline_s: float, end_s: float, strays: float
) -> None:
    """In 176 of 200 runs at least: the strays of the baseline scatter, and those of the rest."""
    told = visible(rate, rate * int(end_s), strays, rate * int(baseline_s))
    assert told.brownout_share is not None
    seen = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, end_s, chance)
        begin_s = baseline_s + chance.random() * (end_s - baseline_s - 10)
        inside = (times_s >= begin_s) & (times_s < begin_s + 10)
        bad = chance.random(len(times_s)) < np.where(inside, told.brownout_share, strays)
        before = times_s < baseline_s
        healthy = max(0.002, (bad[before].sum() + 0.5) / (before.sum() + 1))
        requests = RequestCounts(times_s, bad, Evidence.at(times_s))
        seen += any(
            stretch.parts[0].start_s <= begin_s + 10 and stretch.parts[-1].stop_s >= begin_s
            for stretch in impaired_stretches(requests, end_s, healthy)
        )

    assert seen >= 176


def test_where_no_brownout_is_surely_seen_none_is_told() -> None:
    """Ten seconds hold too few requests."""
    assert visible(0.5, 60).brownout_share is None


@pytest.mark.parametrize("failures", [2, 4, 5, 6])
def test_fewer_than_five_in_a_row_are_no_stretch(failures: int) -> None:
    """Whatever they are, they are too few to call."""
    times_s = np.arange(400) / 10
    bad = (times_s >= 20) & (times_s < 20 + failures / 10 - 0.01)
    requests = RequestCounts(times_s, bad, Evidence.at(times_s))

    found = impaired_stretches(requests, 40.0, 0.002)
    (row,) = rows_of(np.arange(400), bad, np.ones(400, dtype=bool))

    assert bool(found) is row.tells is (failures >= 5)
    assert row.length == failures


def test_a_row_is_one_of_requests_as_they_met_the_service() -> None:
    """Journeys of one and of three seconds take turns; an outage of half a second meets those of
    both kinds that reach the service meanwhile, not those that were planned one after another.
    """
    times_s = np.arange(600) / 20
    reached_s = times_s + np.where(np.arange(600) % 2, 3.0, 1.0)
    bad = (reached_s >= 15) & (reached_s < 15.5)
    evidence = Evidence.at(reached_s)

    (order,) = orders(times_s, bad, evidence)
    (row,) = rows_of(order, bad, np.ones(600, dtype=bool))

    assert row.length == bad.sum() == 10
    assert len(impaired_stretches(RequestCounts(times_s, bad, evidence), 30.0, 0.002)) == 1
