"""Packets lost for real, measured where both kernels keep count; needs root and namespaces.

Where the kernel gives no namespaces the tests are skipped, and so they are for an ordinary user.
What only has to be installed fails them on a build server.
"""

import os
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from socket import IPPROTO_TCP, TCP_INFO, create_connection, socket
from typing import Any

import psycopg
import pytest

from harness.faults import PacketDrop, Partition
from harness.faults.base import Injector
from harness.faults.probes import link_canaries
from harness.faults.registry import injector_for
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultSpec
from harness.stack import Stack, StackClient, StackSettings, down, load_state, namespaces, up
from tests import lacking
from tests.builders import planned_fault
from tests.live.conftest import Run, Runner, query
from tests.live.test_faults import walk

pytestmark = pytest.mark.live
SECONDS_MAX = 15.0
FAULT_SECONDS = 7.5
"""Past the kernel's sixth try (6.3 to 7.3 s after the cut), well before its seventh (12.7 s)."""


@pytest.fixture(scope="module", autouse=True)
def _can_be_had() -> None:
    """None of this file's tests can do without."""
    lacking.require_namespaces()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State of the tuned stack."""
    path = tmp_path_factory.mktemp("packets")
    yield path
    down(path)


@pytest.fixture
def stack(folder: Path) -> Stack:
    """The tuned stack in namespaces, brought up by the first test that needs it."""
    return up(StackSettings(namespaces=True), folder)


@pytest.fixture
def inject(stack: Stack) -> Iterator[Callable[[FaultSpec], Injector]]:
    """Injects faults, and heals them after the test."""
    made: list[Injector] = []

    def do(spec: FaultSpec) -> Injector:
        made.append(injector_for(planned_fault(f"1-{spec.kind}", spec, 0.0, 60.0), stack))
        made[-1].inject()
        return made[-1]

    yield do
    for injector in made:
        injector.heal()


@dataclass(frozen=True)
class Tcp:
    """What the kernel says of one connection; source: ``struct tcp_info`` of ``linux/tcp.h``."""

    backoff: int
    timeout_s: float
    unacknowledged: int
    retransmitted: int

    @classmethod
    def of(cls, connection: socket) -> "Tcp":
        """Ask the kernel."""
        told = struct.unpack("8B24I", connection.getsockopt(IPPROTO_TCP, TCP_INFO, 104))
        return cls(told[4], told[8] / 1e6, told[12], told[31])


class Client:
    """A client of PostgreSQL on the service's own way, which asks without waiting."""

    def __init__(self, stack: Stack) -> None:
        wire = stack.wires["database"]
        assert stack.database_url is not None
        url = stack.database_url.replace(wire.aside_host, wire.far_host)
        self.connection = psycopg.connect(url, autocommit=True)
        self.socket = socket(fileno=os.dup(self.connection.fileno()))

    def ask(self, sql: str) -> None:
        """Send a statement."""
        self.connection.pgconn.send_query(sql.encode())
        self.connection.pgconn.flush()

    def answered(self, seconds: float) -> bool:
        """Whether an answer comes within a time."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def close(self) -> None:
        """Give both up."""
        self.socket.close()
        self.connection.close()


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A client that has had an answer already, so that its kernel knows the way's delay."""
    made = Client(stack)
    made.ask("SELECT 1")
    assert made.answered(SECONDS_MAX)
    while made.connection.pgconn.get_result() is not None:
        pass
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, but not forever."""
    deadline = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def retransmitted_by(stack: Stack, name: str) -> int:
    """Segments sent again by all connections of the network a process of the stack is in."""
    current = load_state(stack.state_dir)
    assert current is not None
    lines = Path(f"/proc/{current.processes[name].pid}/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


def dropped(injector: Injector) -> dict[str, int]:
    """The injector's own counters."""
    return getattr(injector, "_dropped")() or {}  # noqa: B009  # beyond the protocol


def test_our_kernel_retransmits_and_backs_off(
    client: Client, inject: Callable[[FaultSpec], Injector]
) -> None:
    """Requests lost: each try waits twice as long, and healing does not hurry the next one."""
    first = Tcp.of(client.socket)
    injector = inject(PacketDrop("database", direction="upstream"))
    client.ask("SELECT 1")
    until(lambda: Tcp.of(client.socket).backoff >= 3)
    seen_at, lost = time.monotonic(), Tcp.of(client.socket)
    counted = dropped(injector)
    injector.heal()
    answered = client.answered(SECONDS_MAX)
    waited_s = time.monotonic() - seen_at

    assert (first.backoff, first.retransmitted) == (0, 0)
    assert lost.unacknowledged > 0
    assert lost.retransmitted >= 3
    assert lost.timeout_s == pytest.approx(first.timeout_s * 2**lost.backoff, rel=0.25)
    assert counted["daddr"] > lost.retransmitted
    assert "saddr" not in counted
    assert answered
    assert waited_s > lost.timeout_s / 4


def test_the_databases_kernel_retransmits(
    stack: Stack, client: Client, inject: Callable[[FaultSpec], Injector]
) -> None:
    """Answers lost: the statement is carried out all the same, and the far kernel tries again."""
    before = retransmitted_by(stack, "postgres")
    injector = inject(PacketDrop("database", direction="downstream"))
    client.ask("SELECT 'a statement that arrived'")
    until(lambda: retransmitted_by(stack, "postgres") >= before + 3)
    arrived = query(
        stack,
        "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND query LIKE %s",
        *(client.connection.info.backend_pid, "SELECT 'a statement%'"),
    )

    assert arrived == [(1,)]
    assert dropped(injector)["saddr"] >= 3
    assert "daddr" not in dropped(injector)
    assert not client.answered(0)
    injector.heal()
    assert client.answered(SECONDS_MAX)


def test_behind_a_proxy_nothing_is_retransmitted(
    stack: Stack, inject: Callable[[FaultSpec], Injector]
) -> None:
    """The counter-test: Toxiproxy's kernel acknowledges what it then throws away."""
    host, _, port = stack.links["edge"].listen.rpartition(":")
    inject(Partition("edge"))
    with create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        readable = select.select([connection], [], [], 1.0)[0]
        told = Tcp.of(connection)

    assert readable == []
    assert (told.backoff, told.unacknowledged, told.retransmitted) == (0, 0, 0)


def test_it_is_proven_and_healed(stack: Stack) -> None:
    """Rules and counters while it lasts, an answer after, all within their time."""
    fact = walk(stack, PacketDrop("database", direction="downstream"))

    assert fact.error is None
    assert [(p.kind, p.holds) for p in fact.proofs] == [
        ("control_plane", True),
        ("canary", True),
        ("healed", True),
    ]
    assert "packets dropped" in fact.proofs[1].text


def test_packets_of_the_bureau_are_lost_as_well(
    stack: Stack, inject: Callable[[FaultSpec], Injector]
) -> None:
    """A wire of its own: proven and healed, while the database answers and the bureau is alive."""
    injector = inject(PacketDrop("bureau"))
    proofs = injector.read_back(), injector.canary()
    lost = dict(link_canaries(stack))
    StackClient(stack).wait_ready("bureau", 1.0)  # asked aside
    injector.heal()

    assert [proof.holds for proof in proofs] == [True, True], proofs
    assert lost == {"edge": True, "database": True, "bureau": False}
    assert injector.healed().holds
    assert all(well for _, well in link_canaries(stack))


def test_what_does_not_bite_is_not_proven(
    stack: Stack, inject: Callable[[FaultSpec], Injector]
) -> None:
    """No rule, or one that lets everything through: neither read-back nor canary holds."""
    injector = inject(PacketDrop("database"))
    assert not injector.ready().holds
    assert injector.gone() is None
    wire, table = stack.wires["database"], "inet lendchaos_1_packet_drop"
    rules = namespaces.nft(wire.middle, "list", "table", *table.split())
    namespaces.nft(wire.middle, "flush", "table", *table.split())
    flushed = injector.read_back(), injector.canary()
    gone = injector.gone()
    namespaces.nft(wire.middle, "delete", "table", *table.split())
    namespaces.nft(wire.middle, "-f", "-", script=rules.replace("drop\n", "accept\n"))
    passing = injector.read_back(), injector.canary()
    assert gone is not None
    assert gone.by is EndedBy.NOBODY
    assert not injector.healed().holds
    injector.heal()
    injector.heal()

    assert [proof.holds for proof in (*flushed, *passing)] == [False] * 4
    assert injector.healed().holds


def test_the_machines_own_firewall_is_not_touched(
    stack: Stack, inject: Callable[[FaultSpec], Injector]
) -> None:
    """Our rules are in our namespace, and the harness has its own way around them."""
    injector = inject(PacketDrop("database"))
    ours = namespaces.nft(stack.wires["database"].middle, "list", "tables")
    theirs = namespaces.nft("/proc/self/ns/net", "list", "tables")
    lost = dict(link_canaries(stack))

    assert "lendchaos_1_packet_drop" in ours
    assert "lendchaos" not in theirs
    assert query(stack, "SELECT 1") == [(1,)]
    assert lost == {"edge": True, "bureau": True, "database": False}
    injector.heal()
    assert all(well for _, well in link_canaries(stack))


def devices(stack: Stack) -> list[Path]:
    """What of a stack this machine's network still has."""
    return list(Path("/sys/class/net").glob(f"lc{stack.stack_id[:11]}*"))


def test_a_killed_supervisor_takes_its_namespaces_along(stack: Stack, folder: Path) -> None:
    """SIGKILL while packets are dropped: no device, no rule and no route stays."""
    injector = injector_for(
        planned_fault("1-packet_drop", PacketDrop("database"), 0.0, 60.0), stack
    )
    injector.inject()
    assert devices(stack) != []
    assert stack.supervisor is not None
    os.kill(stack.supervisor.pid, signal.SIGKILL)
    until(lambda: devices(stack) == [])
    assert load_state(folder) is None
    fresh = up(StackSettings(namespaces=True), folder)

    assert fresh.stack_id != stack.stack_id
    assert (
        injector_for(planned_fault("1-packet_drop", PacketDrop("database"), 0.0, 60.0), fresh)
        .ready()
        .holds
    )


# --- the pair ------------------------------------------------------------------------------------


def packet_loss(service: str, folder: Path, state_dir: Path) -> Run:
    """The scenario on the stack that is up there, or else on one of its own."""
    runner = Runner(folder / "runs", state_dir)
    options = [
        "--rate=30",
        "--warm-up=1s",
        "--baseline=4s",
        "--recovery=7.5s",
        "--ledger-settle=1s",
        "--seed=7",
    ]
    return runner(
        "packet_loss",
        *(*options, f"--fault={FAULT_SECONDS}s", "--namespaces", f"--service={service}"),
    )


def missed(run: Run) -> set[str]:
    """Objectives that do not hold."""
    return {o["id"] for o in run.verdict["objectives"] if o["verdict"] == "fail"}


@pytest.mark.long
def test_tuned_settings_are_back_at_once_and_the_drivers_defaults_are_not(
    stack: Stack, tmp_path: Path
) -> None:
    """The same loss for both: seconds of silence after the heal, and none that matters."""
    with ThreadPoolExecutor() as pool:
        first = pool.submit(packet_loss, "naive", tmp_path / "naive", tmp_path / "state")
        second = pool.submit(packet_loss, "tuned", tmp_path / "tuned", stack.state_dir)
        naive, tuned = first.result(), second.result()
    back: dict[str, Any] = {"tuned": tuned.verdict["recovery"], "naive": naive.verdict["recovery"]}

    assert [run.verdict["faults"][0]["bit"] for run in (tuned, naive)] == [True, True]
    assert back["tuned"]["from_heal_s"] < 2.0, tuned.output
    assert back["naive"]["from_heal_s"] > 3.0, naive.output
    assert back["naive"]["answering_again_s"] > 3.0
    assert naive.exit_code == 1, naive.output
    assert "recovery_seconds_max" in missed(naive)
    assert "recovery_seconds_max" not in missed(tuned)
