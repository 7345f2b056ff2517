"""Tests of one's own on top of chaos runs: `pytest examples/ci/test_lending.py`.

The fixtures come with the package. A run takes half a minute, so make it once and ask it much.
"""

# ruff: noqa: S101, PLR2004

import pytest

from harness.testing import ChaosRun, RunResult, Stack, assert_passed


@pytest.fixture(scope="module")
def partition(chaos_run: ChaosRun) -> RunResult:
    """The database cut off for two seconds while people borrow."""
    return chaos_run(
        "scenarios/network_partition.py",
        rate=30,
        warm_up="500ms",
        baseline="6s",
        fault="2s",
        recovery="4s",
    )


def test_everything_held(partition: RunResult) -> None:
    """Every objective and invariant of the scenario; on failure, the report's sentence."""
    assert_passed(partition)


def test_nobody_waits_beyond_their_deadline(partition: RunResult) -> None:
    """While the database is gone, the service says so within the client's two seconds."""
    borrows = partition.events().query("step == 'borrow'")

    assert (borrows.ended_s - borrows.started_s).max() < 2.5


def test_the_last_second_is_clean(partition: RunResult) -> None:
    """Borrowing is back to normal well before the load ends."""
    last = partition.windows("100ms").tail(10)

    assert partition.recovery_seconds < 3
    assert last.arrivals.sum() > 0
    assert last.failed.sum() == 0


def test_money_is_where_it_belongs(partition: RunResult, lending_stack: Stack) -> None:
    """The figures of the ledger, of a run on the stack of this session."""
    assert lending_stack.stack_id in partition.details.target
    assert (partition.lost, partition.duplicated, partition.principal_at_risk) == (0, 0, 0)
