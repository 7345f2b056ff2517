"""Counting operations in bins of time."""

from collections import Counter
from dataclasses import replace

import pytest

from harness.history.columns import Operations
from harness.history.events import Ending, Operation
from harness.report import chart_series, sections
from harness.report.words import count
from tests.builders import rows, with_rows
from tests.report import sample


def kind(operation: Operation) -> str:
    """What the chart calls it, told without the code under test."""
    dropped = operation.ending is Ending.DROPPED
    return "not started" if dropped else operation.outcome.value


def test_every_operation_is_counted_once_and_by_kind() -> None:
    """Over all bins, each kind adds up to what the facts hold."""
    plan, facts, verdict = sample.inconclusive()
    assert facts.status.clock is not None
    bounds_s = chart_series.span(plan, facts, verdict)
    data = chart_series.count(facts.status.clock, facts.operations, bounds_s, 600)

    expected = Counter(kind(operation) for operation in rows(facts.operations))

    assert {k: data.total(k) for k in chart_series.KINDS} == {
        k: expected[k] for k in chart_series.KINDS
    }
    assert expected["not started"] == 2
    assert int(data.counts.sum()) == len(plan.arrivals)


def test_a_bin_holds_the_operations_planned_in_it() -> None:
    """One bin, counted again by hand from the planned starts."""
    plan, facts, verdict = sample.failed()
    assert facts.status.clock is not None
    bounds_s = chart_series.span(plan, facts, verdict)
    data = chart_series.count(facts.status.clock, facts.operations, bounds_s, 600)
    index = round((9.0 - data.start_s) / data.width_s)

    inside = [
        o
        for o in rows(facts.operations)
        if 9_000_000_000 <= o.intended_ns - sample.ZERO_NS < 9_100_000_000
    ]

    assert data.edge_s(index) == pytest.approx(9.0)
    assert int(data.counts[:, index].sum()) == len(inside) > 0


@pytest.mark.parametrize(("length_s", "width_s"), [(28, 0.1), (60, 0.1), (61, 0.2), (3600, 10.0)])
def test_long_runs_get_wider_bins(length_s: float, width_s: float) -> None:
    """100 ms as long as that fits, then the next round width."""
    _, facts, _ = sample.passed()
    assert facts.status.clock is not None

    data = chart_series.count(facts.status.clock, Operations.of(()), (0.0, length_s), 600)

    assert data.width_s == width_s
    assert data.bins <= 600


def test_an_unfinished_operation_has_no_wait() -> None:
    """What never ended is counted, and no time is made up for it."""
    _, facts, _ = sample.passed()
    assert facts.status.clock is not None
    alone = replace(rows(facts.operations)[500], ended_ns=None)

    data = chart_series.count(facts.status.clock, Operations.of([alone]), (7.0, 9.0), 600)

    assert int(data.counts.sum()) == 1
    assert (data.median_ms != data.median_ms).all()


def test_the_table_of_the_chart_has_the_counts_of_the_facts() -> None:
    """The text alternative says the same numbers, bin by bin and in total."""
    plan, facts, verdict = sample.failed()
    table = sections.over_time(plan, facts, verdict)
    totals = Counter(kind(operation) for operation in rows(facts.operations))

    shown = dict(zip(table.headers, (cell.text for cell in table.rows[-1]), strict=True))

    assert {k: shown[k] for k in chart_series.KINDS} == {
        k: count(totals[k]) for k in chart_series.KINDS
    }
    for place, name in enumerate(chart_series.KINDS, start=1):
        assert sum(int(row[place].text) for row in table.rows[:-1]) == totals[name]


def test_without_a_clock_there_is_no_table() -> None:
    """A load that never began has no series."""
    plan, facts, verdict = sample.never_began()

    assert sections.over_time(plan, facts, verdict).rows == ()


@pytest.mark.parametrize("healed_s", [1e6, 4e9, -4e9])
def test_a_heal_days_away_does_not_make_the_chart_endless(healed_s: float) -> None:
    """By hand, or said by a verdict of somebody else: a day of it is shown."""
    plan, facts, verdict = sample.failed()
    far = replace(verdict, faults=[replace(fault, healed_s=healed_s) for fault in verdict.faults])
    start_s, end_s = chart_series.span(plan, facts, far)

    assert end_s - start_s < 2 * 24 * 3600
    assert start_s <= plan.phases[0].start_s
    assert end_s >= plan.load_end_s


def test_a_verdict_whose_phases_are_nowhere_is_shown_over_the_planned_load() -> None:
    """No width of nothing, by which everything would be divided."""
    plan, facts, verdict = sample.failed()
    nowhere = [replace(phase, start_s=1e12, end_s=1e12) for phase in verdict.phases]
    bare = with_rows(facts, operations=())
    far = replace(verdict, phases=nowhere, faults=[])

    assert chart_series.span(plan, bare, far) == (plan.phases[0].start_s, plan.load_end_s)
