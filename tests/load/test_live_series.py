"""Borrows in bins while they come."""

import random
from collections import Counter

import pytest

from harness.apps.locust.live import BINS_MAX, DUE_PER_BIN_MIN, LiveSeries, quantile_ms
from tests.load.made_live import operation

DUE_S = [i / 50 for i in range(-50, 500)]


def series() -> LiveSeries:
    """50 a second, from -1 s to 10 s."""
    return LiveSeries(DUE_S, -1.0, 10.0)


def test_every_arrival_is_in_one_place() -> None:
    """What was due is ended, dropped or waiting, in each bin and in all."""
    live = series()
    for at_s in DUE_S[:300]:
        live.add(operation(at_s, "failed" if at_s >= 2 else "approved"), 0)
    live.add(operation(5.0, "failed", None, ending="dropped"), 0)
    shown, totals = live.shown(6.0), live.totals(6.0)

    assert live.width_s == 0.2
    assert shown["due"] == [10] * 35 + [1]
    assert shown["approved"] == [10] * 15 + [0] * 21
    assert shown["failed"] == [0] * 15 + [10] * 15 + [0] * 6
    assert shown["dropped"][30] == 1
    assert totals["due"] == 351
    assert (totals["approved"], totals["failed"], totals["waiting"]) == (150, 150, 50)


def test_an_arrival_on_an_edge_is_counted_and_ended_in_the_same_bin() -> None:
    """Zero itself is such an edge: otherwise one borrower seems to wait for ever."""
    live = series()
    for at_s in DUE_S:
        live.add(operation(at_s, "approved"), 0)
    shown = live.shown(11.0)

    assert shown["due"] == shown["approved"]
    assert sum(shown["due"]) == len(DUE_S)


def test_what_is_recent_is_of_the_last_seconds() -> None:
    """Failures of long ago are in the totals and no longer in the figure of now."""
    live = series()
    for at_s in DUE_S:
        live.add(operation(at_s, "indeterminate" if at_s < 2 else "approved", 0.02), 0)
        if at_s == 3.0:
            assert live.recent(at_s)["failed"] == pytest.approx(50, abs=2)
    recent = live.recent(9.99)

    assert recent["failed"] == 0
    assert recent["ended"] == pytest.approx(100, abs=2)
    assert recent["median_ms"] == pytest.approx(20, rel=0.05)


def test_in_a_total_outage_everything_fails_now() -> None:
    """From the first answer after it began; what ended well before is soon no more of now."""
    live = series()
    for at_s in DUE_S:
        lost = at_s >= 3.0
        live.add(operation(at_s, "failed" if lost else "approved", 2.0 if lost else 0.01), 0)
        if at_s == 5.0:
            break
    recent = live.recent(5.01)

    assert (recent["failed"], recent["ended"]) == (101, 101)


def test_quantiles_are_right_to_a_twentieth() -> None:
    """Buckets instead of values: checked against the sorted waits themselves."""
    chance = random.Random(3)
    waits = sorted(chance.lognormvariate(3, 1) for _ in range(2001))
    live = LiveSeries([0.0] * len(waits), 0.0, 0.1)
    for wait_ms in waits:
        live.add(operation(0.0, "approved", wait_ms / 1e3), 0)
    recent = live.recent(0.1)

    assert recent["median_ms"] == pytest.approx(waits[1000], rel=0.051)
    assert recent["p95_ms"] == pytest.approx(waits[1900], rel=0.051)
    assert quantile_ms(Counter(), 0.5) is None


@pytest.mark.parametrize("rate", [1, 50, 2000])
@pytest.mark.parametrize("length_s", [2, 30, 600, 86_400])
def test_a_run_of_any_length_has_few_bins(length_s: int, rate: int) -> None:
    """A page that polls twice a second must stay cheap; a bin with two arrivals says nothing."""
    due_s = [i / rate for i in range(min(length_s * rate, 100_000))]
    live = LiveSeries(due_s, 0.0, float(length_s))

    assert live.bins <= BINS_MAX + 1
    assert live.bins * live.width_s >= length_s * 0.999
    assert live.bins == 1 or len(due_s) / live.bins >= DUE_PER_BIN_MIN * 0.5
