"""Tests of one's own on top of chaos runs: `pytest examples/ci/test_lending.py`.

The fixtures come with the package. A run takes half a minute, so make it once and ask it much.
"""

# ruff: noqa: S101, PLR2004

from collections.abc import Callable

import pytest

from harness.run.finished_run import FinishedRun, assert_passed
from harness.stack import Stack

SHORT = ("--rate=30", "--warm-up=500ms", "--baseline=6s", "--fault=2s", "--recovery=4s")


@pytest.fixture(scope="module")
def partition(chaos_run: Callable[..., FinishedRun]) -> FinishedRun:
    """The database cut off for two seconds while people borrow."""
    return chaos_run("scenarios/network_partition.py", *SHORT)


def test_everything_held(partition: FinishedRun) -> None:
    """Every objective and invariant of the scenario; on failure, the report's sentence."""
    assert_passed(partition)


def test_nobody_waits_beyond_their_deadline(partition: FinishedRun) -> None:
    """While the database is gone, the service says so within the client's two seconds."""
    borrows = partition.events().query("step == 'borrow'")

    assert (borrows.ended_s - borrows.started_s).max() < 2.5


def test_the_last_second_is_clean(partition: FinishedRun) -> None:
    """Borrowing is back to normal well before the load ends."""
    last = partition.windows("100ms").tail(10)

    assert last.arrivals.sum() > 0
    assert last.failed.sum() == 0


def test_money_is_where_it_belongs(partition: FinishedRun, lending_stack: Stack) -> None:
    """The verdict as typed results, of a run on the stack of this session."""
    found = partition.verdict.reconciliation

    assert lending_stack.stack_id in partition.verdict.target
    assert (found.ledger_read, found.lost, found.duplicated) == (True, 0, 0)
