"""Faults of processes, measured by somebody who talks to them: sockets and sessions, no API."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from harness.faults import Freeze, Kill, Restart
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.plan.fault import FaultSpec
from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import planned_fault

pytestmark = pytest.mark.live
LASTS_SECONDS = 1.0
ASK_SECONDS = 0.2
UP_SECONDS_MAX = 30.0
CONNECTIONS_MAX = 40
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack to break without a run around it."""
    folder = tmp_path_factory.mktemp("server-faults")
    yield up(StackSettings(), folder)
    down(folder)


@contextmanager
def broken(stack: Stack, spec: FaultSpec) -> Iterator[dict[str, FaultFact]]:
    """The fault is there when the block begins; it is healed on time, and proven when it ends."""
    facts: dict[str, FaultFact] = {}
    there = threading.Event()
    planned = planned_fault(f"1-{spec.kind}", spec, 0.0, LASTS_SECONDS)
    timeline = FaultTimeline(
        stack,
        (planned,),
        lambda fact: facts.__setitem__("fact", fact),
        lambda _, state, __: there.set() if state == "injected" else None,
    )
    timeline.check()
    timeline.start(time.monotonic_ns())
    assert there.wait(UP_SECONDS_MAX)
    try:
        yield facts
        time.sleep(max(0.0, LASTS_SECONDS - 0.2))
    finally:
        timeline.finish()
    assert facts["fact"].error is None
    assert facts["fact"].proofs[-1].holds, facts["fact"].proofs[-1].text


def ask(address: tuple[str, int], question: bytes) -> str:
    """What a fresh connection comes to: ``answer``, ``silence``, ``refused`` or ``cut``."""
    try:
        with socket.create_connection(address, ASK_SECONDS) as connection:
            connection.settimeout(ASK_SECONDS)
            connection.sendall(question)
            return "answer" if connection.recv(1) else "cut"
    except TimeoutError:
        return "silence"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "cut"


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)


def first_answer_ns(address: tuple[str, int], question: bytes) -> int:
    """The monotonic instant at which a fresh connection is answered again."""
    deadline = time.monotonic() + UP_SECONDS_MAX
    while ask(address, question) != "answer":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return time.monotonic_ns()


def healed_ns(facts: dict[str, FaultFact]) -> int:
    """The instant of healing, once the fault is over."""
    assert facts["fact"].healed_ns is not None
    return facts["fact"].healed_ns


@pytest.mark.parametrize("spec", [Kill("replicas"), Restart("replicas")], ids=lambda s: s.kind)
def test_replicas_that_are_gone_refuse(own_stack: Stack, spec: Kill | Restart) -> None:
    """Every fresh connection is refused, for as long as the fault lasts and the start takes."""
    address = address_of(own_stack.service_url)
    with broken(own_stack, spec) as facts:
        came_to = {ask(address, HEALTH) for _ in range(8)}
        answered_ns = first_answer_ns(address, HEALTH)

    assert came_to == {"refused"}
    assert answered_ns > healed_ns(facts)


def test_a_restart_is_orderly_and_a_kill_is_not(own_stack: Stack) -> None:
    """The process ends by itself when asked to; nobody has to insist."""
    client = StackClient(own_stack)
    with broken(own_stack, Restart("replica-1")):
        asked = {process.name: process.last_exit for process in client.status()}
    with broken(own_stack, Kill("replica-1")):
        killed = {process.name: process.last_exit for process in client.status()}
    log = (own_stack.log_dir / "supervisor.jsonl").read_text(encoding="utf-8")

    assert (asked["replica-1"], killed["replica-1"]) == (0, -9)
    assert "insisted" not in {json.loads(line)["event"] for line in log.splitlines()}


def test_a_frozen_replica_takes_connections_and_says_nothing(own_stack: Stack) -> None:
    """Some fresh connections meet it and wait; the others are served; none is refused."""
    address = address_of(own_stack.service_url)
    with broken(own_stack, Freeze("replica-1")):
        came_to = [ask(address, HEALTH) for _ in range(4)]
        # The kernel shares connections out by chance: each meets the frozen one with a half.
        while "silence" not in came_to and len(came_to) < CONNECTIONS_MAX:
            came_to.append(ask(address, HEALTH))
    after = {ask(address, HEALTH) for _ in range(8)}

    assert set(came_to) <= {"silence", "answer"}
    assert "silence" in came_to
    assert after == {"answer"}


def test_a_killed_database_ends_its_sessions_and_keeps_what_was_committed(own_stack: Stack) -> None:
    """Sessions break, new ones are refused, and the row is there after crash recovery."""
    url = str(own_stack.database_url)
    with psycopg.connect(url, autocommit=True) as before:
        before.execute("CREATE TABLE IF NOT EXISTS probe_of_a_kill (n integer)")
        before.execute("INSERT INTO probe_of_a_kill VALUES (1)")
        with broken(own_stack, Kill("postgres")):
            with pytest.raises(psycopg.OperationalError):
                before.execute("SELECT 1")
            refused = ask(address_of(url), b"")
    with psycopg.connect(url, autocommit=True) as after:
        rows = after.execute("SELECT n FROM probe_of_a_kill").fetchall()
        after.execute("DROP TABLE probe_of_a_kill")
    said = (own_stack.log_dir / "postgres.log").read_text(encoding="utf-8")

    assert refused == "refused"
    assert rows == [(1,)]
    assert "automatic recovery in progress" in said


def test_a_restarted_database_shuts_down_in_good_order(own_stack: Stack) -> None:
    """What it says last before it starts again is that it was shut down, not interrupted."""
    log = own_stack.log_dir / "postgres.log"
    size = log.stat().st_size
    with broken(own_stack, Restart("postgres")):
        pass
    said = log.read_text(encoding="utf-8")[size:]

    assert "database system was shut down at" in said
    assert "automatic recovery in progress" not in said


def test_a_frozen_database_keeps_its_sessions(own_stack: Stack) -> None:
    """A statement waits for as long as the freeze lasts and is answered by the same backend."""
    with psycopg.connect(str(own_stack.database_url), autocommit=True) as session:
        backend = session.info.backend_pid
        with broken(own_stack, Freeze("postgres")) as facts:
            row = session.execute("SELECT pg_backend_pid()").fetchone()
            answered_ns = time.monotonic_ns()

    assert row == (backend,)
    assert answered_ns > healed_ns(facts)


def test_a_frozen_process_goes_on_by_the_supervisors_clock(own_stack: Stack) -> None:
    """Who froze it may have died; `up` lets it go on even before that."""
    client = StackClient(own_stack)
    client.freeze("replica-2", thaw_after_seconds=0.5)
    frozen = {process.name for process in client.status() if process.frozen}
    deadline = time.monotonic() + UP_SECONDS_MAX
    while any(process.frozen for process in client.status()) and time.monotonic() < deadline:
        time.sleep(0.02)
    freed = not any(process.frozen for process in client.status())
    client.freeze("replica-2", thaw_after_seconds=60)
    up(StackSettings(), own_stack.state_dir)
    revived = not any(process.frozen for process in client.status())
    with suppress(OSError):
        client.thaw("replica-2")

    assert frozen == {"replica-2"}
    assert freed
    assert revived
