"""Each fault, measured where it acts, within a tolerance; and healed by whoever comes next."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.faults import BlockingMigration, Freeze, Kill, Partition, Restart
from harness.faults.probes import LinkProbe
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.history.journal import Journal
from harness.history.stored_faults import planned_fault as planned_in
from harness.plan.fault import FaultSpec
from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import planned_fault
from tests.live.conftest import SCENARIOS, SHORT, Runner, query
from tests.live.test_audit import connected
from tests.live.test_how_a_harness_lies import wait_for_fault

pytestmark = pytest.mark.live
LASTS_SECONDS = 1.2


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack to break without a run around it."""
    folder = tmp_path_factory.mktemp("faults")
    yield up(StackSettings(), folder)
    down(folder)


def walk(stack: Stack, spec: FaultSpec) -> FaultFact:
    """Inject at once, heal after `LASTS_SECONDS`; what was recorded of it."""
    facts: dict[str, FaultFact] = {}
    planned = planned_fault(f"1-{spec.kind}", spec, 0.0, LASTS_SECONDS)
    timeline = FaultTimeline(
        stack, (planned,), lambda fact: facts.__setitem__(fact.name, fact), lambda *_: None
    )
    timeline.check()
    timeline.start(time.monotonic_ns())
    time.sleep(LASTS_SECONDS + 0.3)
    timeline.finish()
    return facts[planned.name]


@pytest.mark.parametrize(
    "spec",
    [
        Partition("database"),
        Partition("database", direction="upstream"),
        Partition("edge", direction="downstream"),
        Kill("replica-1"),
        Kill("replicas"),
        Kill("postgres"),
        Kill("replica"),
        Freeze("replica-1"),
        Freeze("replicas"),
        Freeze("postgres"),
        Restart("replica-1"),
        Restart("replicas"),
        Restart("postgres"),
        BlockingMigration(),
    ],
    ids=lambda spec: f"{spec.kind}-{spec.target}-{getattr(spec, 'direction', '')}",
)
def test_is_proven_and_healed_on_time(own_stack: Stack, spec: FaultSpec) -> None:
    """Control plane and canary agree while it lasts, the canary is well after, in time."""
    fact = walk(own_stack, spec)

    assert fact.error is None
    assert [(p.kind, p.holds) for p in fact.proofs] == [
        ("control_plane", True),
        ("canary", True),
        ("healed", True),
    ]
    assert fact.healed_ns is not None
    assert fact.inject_called_ns is not None
    assert (fact.healed_ns - fact.inject_called_ns) / 1e9 == pytest.approx(LASTS_SECONDS, abs=0.5)
    assert Journal(own_stack.state_dir, own_stack.stack_id).open_faults() == []


def test_one_fault_of_a_process_may_follow_another(own_stack: Stack) -> None:
    """At the very instant at which that one ends: both are injected, and both are over."""
    facts: dict[str, FaultFact] = {}
    one = planned_fault("1-freeze", Freeze("replicas"), 0.0, 1.0)
    two = planned_fault("2-kill", Kill("replicas"), 1.0, 2.0)
    timeline = FaultTimeline(
        own_stack, (one, two), lambda fact: facts.__setitem__(fact.name, fact), lambda *_: None
    )
    timeline.check()
    timeline.start(time.monotonic_ns())
    time.sleep(2.3)
    timeline.finish()

    assert [fact.error for fact in facts.values()] == [None, None]
    assert all(fact.healed_ns is not None for fact in facts.values())


@pytest.mark.parametrize(
    ("spec", "holders"),
    [
        (Kill("primary"), {"postgres"}),
        (Freeze("replica"), {"replica-1", "replica-2"}),
        (Restart("replicas"), {"replica-1", "replica-2"}),
    ],
    ids=lambda value: getattr(value, "target", ""),
)
def test_a_role_is_resolved_when_it_is_injected(
    own_stack: Stack, spec: FaultSpec, holders: set[str]
) -> None:
    """The journal names who is meant before anything is done to them, for whoever heals."""
    fact = walk(own_stack, spec)
    rows = Journal(own_stack.state_dir, own_stack.stack_id).rows()
    intent = [row for row in rows if row.event == "intent"][-1]
    meant = set(planned_in(intent.planned).parts)

    assert fact.error is None
    assert [proof.holds for proof in fact.proofs] == [True, True, True]
    assert meant <= holders
    assert len(meant) == (2 if spec.target == "replicas" else 1)
    assert Journal(own_stack.state_dir, own_stack.stack_id).open_faults() == []


def test_a_partition_keeps_connections_open_and_silent(own_stack: Stack) -> None:
    """At the wire: connecting works, no byte comes back, and no reset either."""
    link = own_stack.links["edge"]
    planned = planned_fault("1-partition", Partition("edge"), 0.0, 10.0)
    timeline = FaultTimeline(own_stack, (planned,), lambda _: None, lambda *_: None)
    timeline.start(time.monotonic_ns())
    time.sleep(0.3)
    host, _, port = link.listen.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        timeline.finish()

    assert LinkProbe(link, own_stack).answers()


def test_a_heal_waits_for_no_session_of_others(own_stack: Stack) -> None:
    """A session that sits in a transaction holds the table: the ALTER is cancelled."""
    with connected(own_stack, "psql") as session:
        session.execute("BEGIN")
        session.execute("SELECT count(*) FROM loan")
        fact = walk(own_stack, BlockingMigration())
        pid = session.info.backend_pid
        session.execute("ROLLBACK")

    assert (fact.error, fact.heal_tries) == (None, 1)
    assert fact.healed_ns is not None
    assert fact.inject_called_ns is not None
    assert (fact.healed_ns - fact.inject_called_ns) / 1e9 < LASTS_SECONDS + 1.0
    assert fact.proofs[-1].holds, fact.proofs[-1]
    assert [(h.pid, h.application, h.state) for h in fact.held_up_by] == [
        (pid, "psql", "idle in transaction")
    ]


def test_a_killed_replica_stays_down_until_it_is_due(own_stack: Stack) -> None:
    """The supervisor's own clock brings it back, not its habit of restarting what crashed."""
    client = StackClient(own_stack)
    client.kill("replica-2", restart_after_seconds=1.5)
    time.sleep(0.8)
    states = {process.name: process.alive for process in client.status()}
    client.wait_ready("replica-2", 15.0)

    assert states["replica-2"] is False
    assert states["replica-1"] is True


def test_a_dead_load_process_is_healed_at_once(own_stack: Stack, tmp_path: Path) -> None:
    """SIGKILL of Locust in mid-fault: the conductor heals and judges what there is."""
    scenario = SCENARIOS / "database_migration.py"
    runner = Runner(tmp_path / "runs", own_stack.state_dir)
    process = subprocess.Popen(
        runner.command(scenario, *SHORT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for_fault(runner, process)
    process.kill()
    process.wait()
    verdict = runner.newest() / "verdict.json"
    deadline = time.monotonic() + 60
    while not verdict.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    waiting = query(own_stack, "SELECT count(*) FROM pg_locks WHERE NOT granted")

    assert '"interrupted"' in verdict.read_text()
    assert waiting == [(0,)]
    assert Journal(own_stack.state_dir, own_stack.stack_id).open_faults() == []
