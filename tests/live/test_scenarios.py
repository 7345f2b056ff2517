"""Each scenario, really run: its verdict, and numbers that agree with independent sources."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stack import Stack, StackSettings, down, up
from tests.builders import rows
from tests.live.conftest import (
    FAULT_SECONDS,
    LOAD_SECONDS,
    RATE,
    SHORT,
    OnceMade,
    Run,
    Runner,
    query,
    service_lines,
)

pytestmark = pytest.mark.live


def assert_every_arrival_is_counted_once(run: Run) -> None:
    """Planned = approved + referred + declined + failed (+ dropped, of which there are none)."""
    verdict = run.verdict
    load, borrow = verdict["load"], verdict["borrow"]
    assert load["dropped"] == 0
    assert load["arrivals"] - load["warm_up_arrivals"] == borrow["operations"]
    assert borrow["operations"] == (
        borrow["approved"]
        + borrow["referred"]
        + sum(borrow["declined"].values())
        + borrow["failed"]
    )
    facts = run.facts()
    assert len(set(facts.operations.key)) == len(facts.operations)


def assert_agrees_with_service_and_database(run: Run, stack: Stack) -> None:
    """Key by key: what borrowers were told, what the service logged, what PostgreSQL holds."""
    told: dict[str, Counter[str]] = {}
    for line in service_lines(stack):
        if line.get("idempotency_key") and line["method"] == "POST" and line["status"] < 300:
            told.setdefault(line["idempotency_key"], Counter())[str(line["status"])] += 1
    keys = set(run.facts().operations.key)
    rows = {
        key: (status, payments)
        for key, status, payments in query(
            stack,
            "SELECT l.idem_key, l.status, count(d.id) FROM loan l"
            " LEFT JOIN disbursement d ON d.loan_id = l.id GROUP BY 1, 2",
        )
        if key in keys
    }
    approved, referred = run.keys("approved"), run.keys("referred")
    unknown = run.keys("indeterminate")

    assert {key for key, row in rows.items() if row == ("disbursed", 1)} - unknown == approved
    assert {key for key, row in rows.items() if row == ("under_review", 0)} - unknown == referred
    assert approved | referred <= set(told)
    assert (set(told) & keys) - approved - referred <= unknown


def test_baseline_passes_and_counts_every_arrival(once_made: OnceMade, stack: Stack) -> None:
    """Nothing broken: a pass, exit 0, and every number agrees with service and database."""
    run = once_made.here("baseline")

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert run.verdict["borrow"]["failed"] == 0
    assert [e for e in run.verdict["episodes"] if e["class"] != "slow"] == []
    assert run.verdict["reconciliation"]["orphan"] == 0
    assert_every_arrival_is_counted_once(run)
    assert_agrees_with_service_and_database(run, stack)


def test_business_declines_are_not_failures(baseline_run: Run) -> None:
    """All three business causes and manual review are seen, and none as a failure."""
    borrow = baseline_run.verdict["borrow"]

    assert all(count > 0 for count in borrow["declined"].values())
    assert borrow["false_declined"] == 0
    assert borrow["referred"] > 0


def test_network_partition_passes_tuned(once_made: OnceMade, stack: Stack) -> None:
    """Failed operations equal, key by key, planned minus approved, referred, rightly declined."""
    run = once_made.here("network_partition")

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert run.exit_code == run.verdict["exit_code"]
    assert run.verdict["faults"][0]["bit"] is True
    every = set(run.facts().operations.key)
    failed = run.keys("failed", "indeterminate")
    assert failed == every - run.keys("approved", "referred", "declined")
    # Whoever comes in the last second of the cut may wait for its end and be served.
    in_fault = run.verdict["borrow"]["failed_by_phase"]["fault"]
    assert in_fault >= (FAULT_SECONDS - 1) * RATE
    assert_every_arrival_is_counted_once(run)
    assert_agrees_with_service_and_database(run, stack)


def test_recovery_agrees_with_what_borrowers_were_granted(partition_run: Run) -> None:
    """The reported end of the outage lies beside the first loans granted after it."""
    run = partition_run
    clock = run.facts().status.clock
    assert clock is not None
    (fault,) = run.verdict["faults"]
    recovered_s = fault["healed_s"] + run.verdict["recovery"]["from_heal_s"]
    granted_s = [
        clock.seconds(operation.intended_ns)
        for operation in rows(run.facts().operations)
        if str(operation.outcome) == "approved"
    ]

    assert [s for s in granted_s if fault["injected_s"] + 0.5 < s < recovered_s - 0.5] == []
    assert any(abs(s - recovered_s) < 1.0 for s in granted_s)


@pytest.fixture(scope="module")
def naive_state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stack whose service uses its drivers' defaults."""
    folder = tmp_path_factory.mktemp("naive")
    up(StackSettings(service="naive"), folder)
    yield folder
    down(folder)


def test_network_partition_fails_naive(naive_state_dir: Path, tmp_path: Path) -> None:
    """With the driver's defaults borrowers are left in the dark: too many unknown outcomes."""
    run = Runner(tmp_path / "runs", naive_state_dir)(
        "network_partition", *SHORT, "--service=naive", "--fault=4s"
    )

    assert (run.exit_code, run.verdict["verdict"]) == (1, "fail"), run.output
    missed = {o["id"] for o in run.verdict["objectives"] if o["verdict"] == "fail"}
    assert missed == {"indeterminate_share_max"}
    assert run.findings["objective_missed"] == "fail"


def test_server_failure_passes(runner: Runner, stack: Stack) -> None:
    """One replica's death is tolerated, the death of all is an outage that ends."""
    # Replicas of a busy machine take seconds to start; then it still has to be seen that it lasts.
    run = runner("server_failure", *SHORT, "--fault=5s", "--recovery=10s")

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    one, every = run.verdict["faults"]
    assert one["expects_impact"] is False
    assert every["bit"] is True
    assert run.verdict["borrow"]["failed"] > 0
    assert_every_arrival_is_counted_once(run)
    assert_agrees_with_service_and_database(run, stack)


def test_database_migration_passes_and_leaves_no_column(runner: Runner, stack: Stack) -> None:
    """Borrowing stops behind the ALTER, comes back when it ends, and the column is gone."""
    run = runner("database_migration", *SHORT)

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert run.verdict["borrow"]["failed_by_phase"]["fault"] > 0
    columns = query(
        stack,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = 'loan' AND column_name LIKE 'lendchaos%%'",
    )
    assert columns == []
    assert_agrees_with_service_and_database(run, stack)


@pytest.mark.long
def test_two_processes_count_the_same(runner: Runner, stack: Stack) -> None:
    """The plan is the same, whoever sends it: each arrival once, split between two workers."""
    run = runner("baseline", *SHORT, "--processes=2")

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert len({operation.worker for operation in rows(run.facts().operations)}) == 2
    assert run.verdict["load"]["arrivals"] == RATE * LOAD_SECONDS
    assert_every_arrival_is_counted_once(run)
    assert_agrees_with_service_and_database(run, stack)
