"""Faults that end before their plan, each for real: by the target, by its own work, by nobody."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from harness.faults import BlockingMigration, Freeze, Kill, Refuse
from harness.faults.proxy_control import ProxyControl
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultSpec
from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import planned_fault
from tests.live.conftest import query

pytestmark = pytest.mark.live
PLANNED_SECONDS = 30.0
PATIENCE_SECONDS = 10.0
IDLE_SECONDS = 2.0
"""Enough for both proofs of a migration."""
OURS = "lendchaos-1-blocking_migration"


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack to break without a run around it."""
    folder = tmp_path_factory.mktemp("ends-early")
    yield up(StackSettings(), folder)
    down(folder)


def start_again(stack: Stack) -> None:
    """As somebody does who finds a replica down and knows the supervisor's socket."""
    StackClient(stack).restart("replica-1")


def wake(stack: Stack) -> None:
    """SIGCONT, by whomever."""
    (pid,) = (p.pid for p in StackClient(stack).status() if p.name == "replica-1")
    assert pid is not None
    os.kill(pid, signal.SIGCONT)


def enable(stack: Stack) -> None:
    """Let the link go on."""
    ProxyControl(stack.toxiproxy_api).set_enabled("database", enabled=True)


def end_the_holder(stack: Stack) -> None:
    """As an operator does who sees what everybody waits for."""
    sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    state = "idle in transaction"
    query(stack, f"{sessions} WHERE state = %s AND application_name = %s", state, OURS)


def cancel_the_alter(stack: Stack) -> None:
    """As `lock_timeout` does."""
    sessions = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
    query(stack, f"{sessions} WHERE wait_event_type = %s AND application_name = %s", "Lock", OURS)


@contextmanager
def idle_in_transaction_at_most(stack: Stack, seconds: float) -> Iterator[None]:
    """What the database itself ends, in sessions that begin meanwhile."""
    assert stack.database_url is not None
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        setting = sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = {}")
        connection.execute(setting.format(database, f"{seconds * 1000:.0f}ms"))
        try:
            yield
        finally:
            reset = sql.SQL("ALTER DATABASE {} RESET idle_in_transaction_session_timeout")
            connection.execute(reset.format(database))


def walked(stack: Stack, spec: FaultSpec, meddle: Callable[[Stack], None]) -> tuple[FaultFact, int]:
    """The fact of one fault that ended early, and when it was proven and meddled with."""
    facts: dict[str, FaultFact] = {}
    name = f"1-{spec.kind}"
    timeline = FaultTimeline(
        stack,
        (planned_fault(name, spec, 0.0, PLANNED_SECONDS),),
        lambda fact: facts.__setitem__(fact.name, fact),
        lambda *_: None,
    )
    timeline.check()
    timeline.start(time.monotonic_ns())
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while len(facts.get(name, FaultFact("", "", "", expects_impact=True)).proofs) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        meddled_ns = time.monotonic_ns()
        meddle(stack)
        while facts[name].healed_ns is None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        timeline.finish()
    return facts[name], meddled_ns


@pytest.mark.parametrize(
    ("spec", "meddle", "by"),
    [
        (Kill("replicas"), start_again, EndedBy.NOBODY),
        (Freeze("replicas"), wake, EndedBy.NOBODY),
        (Refuse("database"), enable, EndedBy.NOBODY),
        (BlockingMigration(), end_the_holder, EndedBy.NOBODY),
        (BlockingMigration(), cancel_the_alter, EndedBy.NOBODY),
    ],
    ids=["restarted", "woken", "enabled", "killed", "cancelled"],
)
def test_an_early_end_is_dated_and_told(
    own_stack: Stack, spec: FaultSpec, meddle: Callable[[Stack], None], by: EndedBy
) -> None:
    """Within about a look of when it was, by whom, and why; what is left is healed at once."""
    fact, meddled_ns = walked(own_stack, spec, meddle)

    assert fact.ended_by is by
    assert fact.healed_ns is not None
    assert abs(fact.healed_ns - meddled_ns) / 1e9 < 0.8
    assert [proof.holds for proof in fact.proofs if proof.kind == "ended"] == [by.due]
    assert fact.proofs[-1].holds, fact.proofs[-1]
    assert fact.error is None


def test_a_migration_is_done_when_the_database_ends_what_it_waits_for(own_stack: Stack) -> None:
    """A time-out of the target's own is no hand of somebody's: the ALTER's work was done."""
    with idle_in_transaction_at_most(own_stack, IDLE_SECONDS):
        fact, _ = walked(own_stack, BlockingMigration(), lambda _: None)

    assert fact.ended_by is EndedBy.WORK
    assert fact.healed_ns is not None
    assert fact.inject_called_ns is not None
    assert abs(fact.healed_ns - fact.inject_called_ns - IDLE_SECONDS * 1e9) / 1e9 < 0.8
    ended = [(proof.holds, proof.text) for proof in fact.proofs if proof.kind == "ended"]
    assert [holds for holds, _ in ended] == [True]
    assert "idle-in-transaction timeout" in ended[0][1]
    assert fact.proofs[-1].holds, fact.proofs[-1]
