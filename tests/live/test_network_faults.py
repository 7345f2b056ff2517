"""Each network fault, measured at the wire: through the link by connections of the tests' own.

`LENDCHAOS_REPEAT=10` runs each ten times.
"""

import itertools
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from harness.core.http_calls import get
from harness.core.ports import is_free
from harness.core.processes import listeners
from harness.faults import (
    CommitLost,
    Flap,
    Latency,
    Refuse,
    Reset,
    Throttle,
)
from harness.faults.base import Gone, Injector
from harness.faults.database.commit_lost import CommitLostInjector
from harness.faults.proxy_control import ProxyControl
from harness.faults.registry import injector_for
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault import Direction, FaultSpec
from harness.plan.plan import PlannedFault
from harness.stack import Stack, StackClient
from tests.builders import planned_fault
from tests.live.conftest import ROOT, query

pytestmark = pytest.mark.live
REPEAT = int(os.environ.get("LENDCHAOS_REPEAT", "1"))
LASTS_SECONDS = 60.0
WAIT_SECONDS = 10.0
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(params=range(REPEAT), autouse=True)
def turn(request: pytest.FixtureRequest) -> int:
    """Which time it is."""
    return int(request.param)


@pytest.fixture(scope="module", autouse=True)
def left_as_found(stack: Stack) -> Iterator[None]:
    """The shared stack's replicas have their database again before another file uses it."""
    yield
    StackClient(stack).wait_ready("replicas", WAIT_SECONDS)


def until(proof: Callable[[], Proof]) -> Proof:
    """The first proof that holds, or the last one in time, as the timeline of a run waits."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := proof()).holds and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def planned(spec: FaultSpec) -> PlannedFault:
    """The fault as a run names it."""
    return planned_fault(f"1-{spec.kind}", spec, 0.0, LASTS_SECONDS)


@contextmanager
def injected(stack: Stack, spec: FaultSpec) -> Iterator[Injector]:
    """The fault for the length of a block, with all of its proofs, healed by its injector.

    Every proof is tried where it must not hold as well: a canary before the injection is what a
    fault without effect looks like, and a look for its end before the heal what a failed heal does.
    """
    injector = injector_for(planned(spec), stack)
    assert until(injector.ready).holds
    assert not injector.canary().holds, "the canary would take no fault for one"
    injector.inject()
    try:
        read_back, canary = injector.read_back(), injector.canary()
        assert (read_back.holds, canary.holds) == (True, True), (read_back.text, canary.text)
        yield injector
        assert not injector.healed().holds, "an active fault would be taken for healed"
    finally:
        injector.heal()
    healed = until(injector.healed)
    assert healed.holds, healed.text


def connect(stack: Stack, link: str, seconds: float = 2.0) -> socket.socket:
    """A plain connection through a link."""
    host, _, port = stack.links[link].listen.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=seconds)


def through(stack: Stack) -> str:
    """The database as a superuser reaches it through its link."""
    host, _, port = stack.links["database"].listen.rpartition(":")
    return make_conninfo(stack.database_url or "", host=host, port=port, connect_timeout=5)


def service_backends(stack: Stack) -> set[int]:
    """PostgreSQL's own processes for the connections in the service's pools."""
    rows = query(stack, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'borrow-%%'")
    return {pid for (pid,) in rows}


def pooled_backends(stack: Stack) -> set[int]:
    """The same, and some: a pool connects anew when a request needs it, so it gets requests."""
    for _ in range(20):
        if found := service_backends(stack):
            return found
        get(f"{stack.service_url}/readyz")
    raise AssertionError("the service has no connection to its database")


def speak(connection: socket.socket, question: bytes) -> bytes:
    """Ask once; the answer's first piece."""
    connection.sendall(question)
    return connection.recv(4096)


def asked(stack: Stack, link: str, question: bytes = SSL_REQUEST) -> socket.socket:
    """A connection through a link that was used once and is idle now, as in a pool."""
    connection = connect(stack, link)
    assert speak(connection, question)
    connection.settimeout(0.05)
    with suppress(TimeoutError):
        connection.recv(4096)  # the rest of the answer, should it come in pieces
    connection.settimeout(2.0)
    return connection


def test_refuse_cuts_what_is_open_and_refuses_what_is_new(stack: Stack) -> None:
    """End-of-file on an idle connection, ECONNREFUSED for a new one, the pools empty."""
    before = pooled_backends(stack)
    with closing(asked(stack, "database")) as idle, injected(stack, Refuse("database")):
        ended = idle.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(stack, "database")
        kept = service_backends(stack) & before
    with connect(stack, "database") as again:
        answer = speak(again, SSL_REQUEST)

    assert ended == b""
    assert kept == set()
    assert answer == b"N"


@pytest.mark.parametrize(
    ("link", "question"),
    [("database", SSL_REQUEST), ("edge", HEALTH)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reset_resets_pooled_and_new_connections(stack: Stack, link: str, question: bytes) -> None:
    """ECONNRESET on idle connections that say nothing, and on new ones as soon as they speak."""
    before = pooled_backends(stack)
    pooled = [asked(stack, link, question) for _ in range(3)]
    with injected(stack, Reset(link)):
        for connection in pooled:
            with closing(connection), pytest.raises(ConnectionResetError):
                connection.recv(1)
        for _ in range(3):
            with connect(stack, link) as new, pytest.raises(ConnectionResetError):
                speak(new, question)
        kept = service_backends(stack) & before

    assert link != "database" or kept == set()


@pytest.mark.parametrize("spec", [Refuse("bureau"), Reset("bureau"), Throttle("bureau", 100)])
def test_the_bureaus_link_takes_them_too(stack: Stack, spec: FaultSpec) -> None:
    """A third party can fail in every way: all proofs, each where it must and must not hold."""
    with injected(stack, spec):
        pass


def round_trips_ms(stack: Stack, tries: int) -> list[float]:
    """Answers of the health page on one kept connection, in milliseconds."""
    found = []
    with connect(stack, "edge") as connection:
        for _ in range(tries):
            start = time.monotonic()
            answer = speak(connection, HEALTH)
            found.append((time.monotonic() - start) * 1000)
            assert answer.startswith(b"HTTP/1.1 200")
            while not answer.endswith(b"}"):  # the rest, should it come in pieces of its own
                answer += connection.recv(4096)
    return found


def test_latency_adds_what_it_promises(stack: Stack) -> None:
    """200 ± 50 ms more for each answer: none comes earlier, and they scatter."""
    before = round_trips_ms(stack, 5)
    with injected(stack, Latency("edge", 200, jitter=50)):
        during = round_trips_ms(stack, 8)
    after = round_trips_ms(stack, 5)
    added = [ms - min(before) for ms in during]

    assert min(during) >= 150
    assert 160 <= statistics.median(added) <= 400
    assert max(during) - min(during) >= 5
    assert min(after) < 100


def carried_kilobytes_per_second(stack: Stack, direction: Direction, size: int) -> float:
    """How fast a statement's parameter, or its result, passes through the database link."""
    with psycopg.connect(through(stack), autocommit=True) as connection:
        start = time.monotonic()
        if direction == "upstream":
            connection.execute("SELECT length(%s)", ["x" * size])
        else:
            connection.execute("SELECT repeat('x', %s)", [size])
        return size / 1000 / (time.monotonic() - start)


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_throttle_carries_what_it_promises(stack: Stack, direction: Direction) -> None:
    """200 KB/s in the throttled direction, and far more in the other."""
    other: Direction = "downstream" if direction == "upstream" else "upstream"
    with injected(stack, Throttle("database", 200, direction=direction)):
        throttled = carried_kilobytes_per_second(stack, direction, 150_000)
        free = carried_kilobytes_per_second(stack, other, 150_000)

    assert 60 <= throttled <= 240
    assert free >= 3 * throttled


def presence(stack: Stack, seconds: float) -> list[tuple[float, bool]]:
    """Questions on fresh connections, one after another: when each was sent, whether answered."""
    found = []
    start = time.monotonic()
    while (now := time.monotonic() - start) < seconds:
        try:
            with connect(stack, "edge", 0.1) as connection:
                found.append((now, bool(speak(connection, HEALTH))))
        except OSError:
            found.append((now, False))
        time.sleep(0.01)
    return found


def test_flap_comes_and_goes_until_healed(stack: Stack) -> None:
    """Half of each second is silent and half answers, in turns; nothing is silent after."""
    with injected(stack, Flap("edge", period=0.8, duty=0.5)):
        during = presence(stack, 2.4)
    after = presence(stack, 1.2)
    turns = sum(a[1] != b[1] for a, b in itertools.pairwise(during))
    # A silent question lasts the whole time it is given, so count time and not questions.
    ends = [at for at, _ in during[1:]] + [2.4]
    silent = sum(end - at for (at, well), end in zip(during, ends, strict=True) if not well)

    assert 4 <= turns <= 8
    assert 0.3 <= silent / 2.4 <= 0.75
    assert sum(not well for _, well in after) <= 1


def commit_simply(connection: psycopg.Connection, value: str) -> None:
    """The simple protocol: a transaction in statements without parameters."""
    connection.execute("BEGIN")
    connection.execute(sql.SQL("INSERT INTO commit_lost_test VALUES ({})").format(value))
    connection.execute("COMMIT")


def commit_extended(connection: psycopg.Connection, value: str) -> None:
    """The extended protocol: prepared statements, COMMIT too."""
    connection.execute("BEGIN", prepare=True)
    connection.execute("INSERT INTO commit_lost_test VALUES (%s)", [value], prepare=True)
    connection.execute("COMMIT", prepare=True)


def commit_in_pipeline(connection: psycopg.Connection, value: str) -> None:
    """The whole transaction sent at once."""
    with connection.pipeline():
        connection.execute("BEGIN")
        connection.execute("INSERT INTO commit_lost_test VALUES (%s)", [value])
        connection.execute("COMMIT")


COMMITS = [commit_simply, commit_extended, commit_in_pipeline]


def test_commit_lost_loses_the_answer_and_nothing_else(stack: Stack) -> None:
    """Every COMMIT is durable and unanswered, by each protocol; a ROLLBACK is answered."""
    with psycopg.connect(stack.database_url or "", autocommit=True) as direct:
        direct.execute("CREATE TABLE commit_lost_test (value text)")
        try:
            answered = []
            with injected(stack, CommitLost()):
                for number, commit in enumerate(COMMITS * 2):
                    with closing(psycopg.connect(through(stack), autocommit=True)) as connection:
                        rows = connection.execute("SELECT generate_series(1, 1000)").fetchall()
                        connection.execute("BEGIN")
                        connection.execute("INSERT INTO commit_lost_test VALUES ('undone')")
                        undone = connection.execute("ROLLBACK").statusmessage
                        answered.append((len(rows), undone))
                        with pytest.raises(psycopg.OperationalError):
                            commit(connection, str(number))
            with psycopg.connect(through(stack), autocommit=True) as connection:
                for commit in COMMITS:
                    commit(connection, "after")
            kept = direct.execute("SELECT value FROM commit_lost_test ORDER BY 1").fetchall()
        finally:
            direct.execute("DROP TABLE commit_lost_test")

    assert answered == [(1000, "ROLLBACK")] * 6
    assert [value for (value,) in kept] == ["0", "1", "2", "3", "4", "5", *["after"] * 3]


def test_commit_lost_tells_of_a_relay_that_died(stack: Stack) -> None:
    """The link leads nowhere then, which is another fault; the heal leads it back all the same."""
    injector = injector_for(planned(CommitLost()), stack)
    assert isinstance(injector, CommitLostInjector)
    injector.inject()
    before = injector.gone()
    (listener,) = listeners(int(injector.address.rpartition(":")[2]))
    os.kill(listener, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while injector.gone() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    after = injector.gone()
    injector.heal()

    assert (before, after) == (
        None,
        Gone(EndedBy.NOBODY, "the relay that withholds answers died"),
    )
    assert until(injector.healed).holds


INJECTED_BY_A_PROCESS = """
import sys, time
from pathlib import Path
from harness.faults import CommitLost
from harness.faults.registry import injector_for
from harness.stack.state import load_state
from tests.builders import planned_fault
stack = load_state(Path(sys.argv[1]))
injector_for(planned_fault("1-commit_lost", CommitLost(), 0.0, 60.0), stack).inject()
print("injected", flush=True)
time.sleep(60)
"""


def test_commit_lost_ends_with_whoever_injected_it(stack: Stack) -> None:
    """SIGKILL: the relay leads the link back by itself, and goes; an injector that comes agrees."""
    link = stack.links["database"]
    control = ProxyControl(stack.toxiproxy_api)
    with subprocess.Popen(
        [sys.executable, "-c", INJECTED_BY_A_PROCESS, str(stack.state_dir)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"injected\n"
        relay = int(control.proxy("database").upstream.rpartition(":")[2])
        listening = not is_free(relay)
        process.kill()
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_free(relay) and time.monotonic() < deadline:
        time.sleep(0.02)
    injector = injector_for(planned(CommitLost()), stack)
    injector.heal()

    assert listening
    assert is_free(relay)
    assert control.proxy("database").upstream == link.upstream
    assert until(injector.healed).holds
