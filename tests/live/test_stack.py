"""The stack with real PostgreSQL, Toxiproxy and service: up, broken, restarted, down."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.http_calls import get
from harness.core.ports import LOOPBACK, choose_ports
from harness.core.processes import ProcessRef, identify, is_alive
from harness.stack import Stack, StackClient, StackSettings, attach, down, load_state, up
from harness.stack.doctor import diagnose
from tests.builders import offered_by, replicas_of

pytestmark = pytest.mark.live

CHEAP = StackSettings(password_cost=4)
SECONDS_MAX = 10.0


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One state folder for all tests; what is up at the end is taken down."""
    folder = tmp_path_factory.mktemp("stack")
    yield folder
    down(folder)


@pytest.fixture
def stack(state_dir: Path) -> Stack:
    """The stack, brought up by the first test that needs it."""
    return up(CHEAP, state_dir)


def wait_until_gone(processes: list[ProcessRef]) -> None:
    """Until none of the processes lives, but not forever."""
    deadline = time.monotonic() + SECONDS_MAX
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def segments_made_by(pid: int) -> int:
    """How many System V segments of shared memory a process has made that are still there."""
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [int(row.split()[4]) for row in rows].count(pid)


def serves(stack: Stack) -> bool:
    """Whether the service is ready to serve, asked through the edge link."""
    answer = get(f"{stack.edge_url}/readyz", 5)
    return answer is not None and answer.status == 200


def test_it_serves_through_its_links(stack: Stack) -> None:
    """Edge and database link lead to the real service and its real database."""
    assert serves(stack)
    proxies = get(f"{stack.toxiproxy_api}/proxies")
    assert proxies is not None
    assert proxies.field("database")["listen"] == stack.links["database"].listen
    assert offered_by(stack) >= {"link edge", "link database", "process postgres"}


def test_both_replicas_answer(stack: Stack) -> None:
    """Fresh connections reach each of them, and all say whose they are."""
    answers = [get(f"{stack.service_url}/healthz") for _ in range(60)]
    assert {answer.field("instance") for answer in answers if answer} == set(replicas_of(stack))
    assert {answer.field("stack_id") for answer in answers if answer} == {stack.stack_id}


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    """Neither a service nor a control interface is open to others."""
    ours = {str(reference.pid) for reference in stack.processes.values()}
    inodes = set()
    for pid in ours:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has closed that one meanwhile
                inodes.add(str(entry.readlink()))
    addresses = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                addresses.add(fields[1].partition(":")[0])
    assert addresses == {"0100007F"}


def test_a_second_up_returns_the_same_stack(stack: Stack, state_dir: Path) -> None:
    """Nothing is started twice."""
    assert up(CHEAP, state_dir) == stack == load_state(state_dir)


def test_other_settings_are_refused(stack: Stack, state_dir: Path) -> None:
    """The message says what is up and how to take it down."""
    with pytest.raises(HarnessError, match=r"service tuned.*wanted: service naive.*lendchaos down"):
        up(StackSettings(service="naive", password_cost=4), state_dir)
    assert serves(stack)


def test_a_killed_replica_is_down_until_ordered(stack: Stack) -> None:
    """The other one serves meanwhile; the order's instant precedes readiness."""
    client = StackClient(stack)
    client.kill("replica-1", 60)
    gone_ns = time.monotonic_ns()
    down_now = {process.name for process in client.status() if not process.alive}
    assert down_now == {"replica-1"}
    assert serves(stack)
    ordered_ns = client.restart("replica-1")
    assert client.restart("replica-1") == ordered_ns
    ready_ns = client.wait_ready("replica-1", 15)
    assert gone_ns < ordered_ns < ready_ns


def test_killed_replicas_come_back_by_themselves(stack: Stack) -> None:
    """The supervisor's own bound holds though nobody orders anything."""
    client = StackClient(stack)
    before = {process.name: process.restarts for process in client.status()}
    killed_ns = time.monotonic_ns()
    assert set(client.kill("replicas", 0.2)) == set(replicas_of(stack))
    client.wait_ready("replicas", 15)
    after = {process.name: process for process in client.status()}
    for name in replicas_of(stack):
        assert after[name].restarts == before[name] + 1
        assert after[name].last_exit == -signal.SIGKILL
        assert after[name].ordered_ns - killed_ns >= 200_000_000


def test_a_replica_that_dies_by_itself_comes_back(stack: Stack, state_dir: Path) -> None:
    """And the state file tells its new process."""
    pid = StackClient(stack).kill("replica-2", 0)["replica-2"]
    StackClient(stack).wait_ready("replica-2", 15)
    current = load_state(state_dir)
    assert current is not None
    os.kill(current.processes["replica-2"].pid, signal.SIGTERM)
    wait_until_gone([current.processes["replica-2"]])
    StackClient(stack).wait_ready("replica-2", 15)
    latest = load_state(state_dir)
    assert latest is not None
    assert len({pid, *(one.processes["replica-2"].pid for one in (current, latest))}) == 3


def test_a_killed_database_comes_back(stack: Stack) -> None:
    """Recovered from its log, and the service finds it again."""
    client = StackClient(stack)
    client.kill("postgres", 0)
    client.wait_ready("postgres", 15)
    deadline = time.monotonic() + SECONDS_MAX
    while not serves(stack):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_up_revives_what_an_unfinished_run_left_dead(stack: Stack, state_dir: Path) -> None:
    """Somebody killed a replica and Toxiproxy and went away."""
    client = StackClient(stack)
    client.kill("replica-1")
    client.kill("toxiproxy")
    revived = up(CHEAP, state_dir)
    assert revived.stack_id == stack.stack_id
    assert all(process.alive for process in client.status())
    assert serves(revived)


def connect_again_and_again(stack: Stack) -> None:
    """Until it is refused."""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        psycopg.connect(stack.database_url or "").close()


def test_a_database_that_waits_for_its_clients_comes_back(stack: Stack, state_dir: Path) -> None:
    """Somebody's SIGTERM: it takes no more connections, and a client that stays keeps it so."""
    current = load_state(state_dir)
    assert current is not None
    with psycopg.connect(stack.database_url or "") as staying:
        staying.execute("SELECT 1")
        os.kill(current.processes["postgres"].pid, signal.SIGTERM)
        with pytest.raises(psycopg.OperationalError, match="shutting down"):
            connect_again_and_again(stack)
        StackClient(stack).wait_ready("postgres", 15)
        with psycopg.connect(stack.database_url or "") as again:
            assert again.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(psycopg.OperationalError):
            staying.execute("SELECT 1")
    assert serves(up(CHEAP, state_dir))


def test_an_unknown_target_is_refused(stack: Stack) -> None:
    """The message names those there are."""
    with pytest.raises(HarnessError, match="there are toxiproxy, postgres, replica-1, replica-2"):
        StackClient(stack).kill("replica-3")


def test_a_run_of_the_diagnosis_sees_the_stack(stack: Stack, state_dir: Path) -> None:
    """Everything is there, and the stack is up."""
    checks = diagnose(state_dir)
    assert [check for check in checks if not check.ok] == []
    assert any(stack.stack_id in check.found for check in checks)


@pytest.fixture
def attached_dir(tmp_path: Path) -> Iterator[Path]:
    """A state folder of its own, taken down afterwards."""
    yield tmp_path
    down(tmp_path)


def test_a_running_service_is_attached(
    stack: Stack, attached_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an edge link is put in front; the service stays when it is taken away."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", stack.admin_token)
    attached = attach(stack.service_url, attached_dir)
    assert (attached.kind, offered_by(attached)) == ("attached", {"link edge"})
    assert list(attached.processes) == ["toxiproxy"]
    assert serves(attached)
    # Side by side, each has a control interface of its own, with its own links only.
    for each in (attached, stack):
        answer = get(f"{each.toxiproxy_api}/proxies")
        assert answer is not None
        assert json.loads(answer.body).keys() == each.links.keys()
    assert attach(f"{stack.service_url}/", attached_dir) == attached
    with pytest.raises(UsageError, match="our own link 'edge'"):
        attach(attached.edge_url, attached_dir)
    with pytest.raises(HarnessError, match="lendchaos down"):
        up(CHEAP, attached_dir)
    assert down(attached_dir)
    assert not is_alive(attached.supervisor)
    assert get(f"{attached.edge_url}/healthz") is None
    assert serves(stack)


def test_a_moved_folders_stack_ends_and_leaves_nothing_there(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who looks in the old place could take it down."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", stack.admin_token)
    old, new = tmp_path / "old", tmp_path / "new"
    attached = attach(stack.service_url, old)
    old.rename(new)
    assert attached.supervisor is not None
    wait_until_gone([attached.supervisor, *attached.processes.values()])
    assert {path.name for path in new.iterdir()} == {"lock", "logs"}
    assert not down(new)


def test_a_copy_of_the_folder_takes_nothing_down(
    stack: Stack, state_dir: Path, tmp_path: Path
) -> None:
    """The stack is the original's, and goes on."""
    parts = shutil.ignore_patterns("*.sock", "postgres")
    copy = shutil.copytree(state_dir, tmp_path / "copy", ignore=parts)
    with pytest.raises(HarnessError, match=f"is a copy of {state_dir}, whose stack is left alone"):
        down(copy)
    assert serves(stack)


def test_the_local_stacks_own_link_is_no_target(
    stack: Stack, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in front of our own proxy would break the target twice."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", stack.admin_token)
    with pytest.raises(UsageError, match="our own link 'edge'"):
        attach(stack.edge_url, state_dir)


def test_a_leftover_listener_on_a_wanted_port_is_refused(tmp_path: Path) -> None:
    """One that would share the port silently; its process is named."""
    with socket.socket() as leftover:
        leftover.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        leftover.bind((LOOPBACK, choose_ports(1)[0]))
        leftover.listen()
        port = leftover.getsockname()[1]
        with pytest.raises(
            HarnessError, match=rf"port {port}, wanted for the service.*{os.getpid()}"
        ):
            up(StackSettings(service_port=port), tmp_path)
    assert load_state(tmp_path) is None


def test_a_killed_supervisor_leaves_nothing_and_up_works_again(
    stack: Stack, state_dir: Path
) -> None:
    """SIGKILL gives it no chance to clean up, and still no child stays."""
    current = load_state(state_dir)
    assert current is not None
    assert current.supervisor is not None
    os.kill(current.supervisor.pid, signal.SIGKILL)
    wait_until_gone([current.supervisor, *current.processes.values()])
    fresh = up(CHEAP, state_dir)
    assert fresh.stack_id != stack.stack_id
    assert serves(fresh)


def test_a_power_loss_leaves_no_shared_memory(stack: Stack, state_dir: Path) -> None:
    """Everything killed at once: the kernel's segment goes with the folder that names it."""
    assert stack.supervisor is not None
    server = stack.processes["postgres"]
    mapped = Path(f"/proc/{server.pid}/maps").read_text()
    os.kill(stack.supervisor.pid, signal.SIGSTOP)
    for process in (*stack.processes.values(), stack.supervisor):
        os.killpg(process.pid, signal.SIGKILL)
    wait_until_gone([stack.supervisor, *stack.processes.values()])

    assert "/pg_dynshmem/" in mapped
    assert "/dev/shm/" not in mapped  # noqa: S108  # looked for, never used
    assert segments_made_by(server.pid) == 1
    assert down(state_dir)
    assert segments_made_by(server.pid) == 0


def test_a_forgotten_stack_ends_by_itself(tmp_path: Path) -> None:
    """Whoever removes the state folder could never take the stack down."""
    forgotten = up(StackSettings(password_cost=4, replicas=1), tmp_path)
    (tmp_path / "stack.json").unlink()
    assert forgotten.supervisor is not None
    wait_until_gone([forgotten.supervisor, *forgotten.processes.values()])


def test_down_leaves_nothing(stack: Stack, state_dir: Path) -> None:
    """No process, no port, no data; only logs stay, and doing it again is fine."""
    current = load_state(state_dir)
    assert current is not None
    assert current.supervisor == stack.supervisor != identify(os.getpid())
    assert down(state_dir)
    left = [current.supervisor, *current.processes.values()]
    assert [process for process in left if is_alive(process)] == []
    assert {path.name for path in state_dir.iterdir()} == {"lock", "logs"}
    with pytest.raises((OSError, http.client.HTTPException)):
        socket.create_connection((LOOPBACK, int(stack.edge_url.rpartition(":")[2])), 1)
    assert not down(state_dir)
    assert load_state(state_dir) is None
