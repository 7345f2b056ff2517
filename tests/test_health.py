"""The health poller, against small servers that answer, refuse, hang and talk nonsense."""

import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from harness.history.events import HealthAddress, HealthPoll
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.target.contract import Contract
from harness.target.health import ASKED_PER_SECOND, TIMEOUT_SECONDS, HealthPoller, ask
from tests.builders import plan_of

Answer = Callable[[socket.socket, str], None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """The port of a server that gives each connection and the path it asked for to ``answer``."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            request = connection.recv(4096).decode()
            if request:
                answer(connection, request.split(" ")[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def says(line: str) -> Answer:
    """Answers every path with one status line."""
    return lambda connection, _: connection.sendall(f"{line}\r\n\r\n".encode())


def hints(connection: socket.socket, _: str) -> None:
    """Two interim answers, and then the one that counts."""
    connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2)
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def hang(connection: socket.socket, _: str) -> None:
    """Says nothing until the other side is gone."""
    while connection.recv(1):
        pass


def drip(connection: socket.socket, _: str) -> None:
    """A byte now and then, and never a whole line."""
    try:
        for _ in range(100):
            connection.sendall(b"H")
            time.sleep(0.05)
    except OSError:
        pass


def asked(port: int, timeout_seconds: float = 0.3) -> HealthPoll:
    """One poll."""
    return ask(f"http://127.0.0.1:{port}/readyz", timeout_seconds)


@pytest.mark.parametrize(
    ("answer", "ok", "status", "error"),
    [
        (says("HTTP/1.1 200 OK"), True, 200, None),
        (says("HTTP/1.1 204 No Content"), True, 204, None),
        (hints, True, 204, None),
        (says("HTTP/1.1 503 Service Unavailable"), False, 503, None),
        (says("HTTP/1.1 302 Found"), False, 302, None),
        (says("220 mail.example ESMTP"), False, None, "malformed"),
        (says("x" * 100_000), False, None, "malformed"),
        (hang, False, None, "timeout"),
        (drip, False, None, "timeout"),
        (lambda *_: None, False, None, "end_of_file"),
    ],
)
def test_every_answer_is_a_poll(
    answer: Answer, ok: bool, status: int | None, error: str | None
) -> None:
    """Only a 2xx in time is green; the rest is red and says why."""
    with server(answer) as port:
        poll = asked(port)

    assert (poll.ok, poll.status) == (ok, status)
    assert poll.error == error
    assert 0 <= poll.ended_ns - poll.at_ns < 0.6e9


def test_nobody_there_is_a_red_poll() -> None:
    """A refused connection and a host without an address are answers like any other."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = asked(port)
    unknown = ask("http://no-such-host.invalid/readyz")

    assert (refused.ok, refused.error) == (False, "refused")
    assert (unknown.ok, unknown.status) == (False, None)


# --- the poller ----------------------------------------------------------------------------------


def polled(run: RunDirectory, port: int, seconds: float, asked_per_s: float = 20.0) -> None:
    """Poll for a while."""
    poller = HealthPoller(run, Contract(f"http://127.0.0.1:{port}"), asked_per_s)
    poller.start()
    time.sleep(seconds)
    poller.stop()


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run directory without any polls yet."""
    return RunDirectory.create(tmp_path, plan_of())


def read(run: RunDirectory) -> tuple[HealthAddress | None, tuple[HealthPoll, ...]]:
    """What was written down."""
    facts = read_facts(run, run.read_plan())
    return facts.health_address, facts.health


def test_readiness_is_asked_where_there_is_such_an_address(run: RunDirectory) -> None:
    """The address that an operator would page on."""
    with server(says("HTTP/1.1 200 OK")) as port:
        polled(run, port, 0.4)
    address, polls = read(run)

    assert address == HealthAddress("/readyz", 20.0)
    assert len(polls) >= 4
    assert all(poll.ok for poll in polls)


def test_a_target_without_readiness_is_asked_whether_it_lives(run: RunDirectory) -> None:
    """A 404 is no sign of ill health, but of another address."""

    def answer(connection: socket.socket, path: str) -> None:
        found = "200 OK" if path == "/healthz" else "404 Not Found"
        connection.sendall(f"HTTP/1.1 {found}\r\n\r\n".encode())

    with server(answer) as port:
        polled(run, port, 0.3)
    address, polls = read(run)

    assert address is not None
    assert address.path == "/healthz"
    assert polls
    assert all(poll.ok for poll in polls)


def test_a_slow_answer_delays_no_other_poll(run: RunDirectory) -> None:
    """A target that hangs is asked in the same rhythm as one that answers at once."""
    hanging = threading.Event()

    def answer(connection: socket.socket, path: str) -> None:
        if hanging.is_set():
            hang(connection, path)
        else:
            says("HTTP/1.1 200 OK")(connection, path)

    with server(answer) as port:
        poller = HealthPoller(run, Contract(f"http://127.0.0.1:{port}"), 10.0)
        poller.start()
        time.sleep(0.5)
        hanging.set()
        time.sleep(1.0)
        poller.stop()
    _, polls = read(run)
    begun = sorted(poll.at_ns / 1e9 for poll in polls)
    gaps = [later - earlier for earlier, later in pairwise(begun)]

    assert {poll.error for poll in polls} == {None, "timeout"}
    assert len(polls) == pytest.approx(15, abs=3)
    assert max(gaps) < 0.3
    assert max(p.ended_ns - p.at_ns for p in polls) < (TIMEOUT_SECONDS + 0.5) * 1e9


def test_polls_go_on_whatever_the_target_does(run: RunDirectory) -> None:
    """Down from the start, then up: red, then green."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    poller = HealthPoller(run, Contract(f"http://127.0.0.1:{port}"), 20.0)
    poller.start()
    time.sleep(0.3)
    with socket.create_server(("127.0.0.1", port)) as late:
        late.settimeout(2)
        connection, _ = late.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.close()
        poller.stop()
    _, polls = read(run)

    assert polls[0].error == "refused"
    assert any(poll.ok for poll in polls)


def test_a_poller_that_never_began_leaves_nothing(run: RunDirectory) -> None:
    """An interruption before the load: stopping is harmless, any number of times."""
    poller = HealthPoller(run, Contract("http://127.0.0.1:1"))
    poller.stop()
    poller.stop()

    assert read(run) == (None, ())


@pytest.mark.alone
def test_polling_costs_next_to_nothing(run: RunDirectory) -> None:
    """Less than a hundredth of a core, so that it disturbs neither load nor target."""
    with server(says("HTTP/1.1 200 OK")) as port:
        before = resource.getrusage(resource.RUSAGE_SELF)
        polled(run, port, 3.0, ASKED_PER_SECOND)
        after = resource.getrusage(resource.RUSAGE_SELF)
    used_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert used_s < 0.06  # twice the aim, for the server in the same process


# --- what is stored ------------------------------------------------------------------------------


def test_damaged_polls_are_noted(run: RunDirectory) -> None:
    """A cut line loses that poll only; without its first line nobody knows what was asked."""
    writer = run.health_writer(HealthAddress("/readyz", 5.0))
    writer.write("poll", HealthPoll(1, 2, ok=True, status=200))
    writer.write("poll", HealthPoll(3, 4, ok=False, error="timeout"))
    writer.close()
    path = run.path / "health.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert json.loads(lines[0])["schema"] == "lendchaos.health/1"
    path.write_text("".join(lines)[:-10])
    cut = read_facts(run, run.read_plan())
    path.write_text("{}\n" + lines[1])
    headless = read_facts(run, run.read_plan())

    assert cut.health == (HealthPoll(1, 2, ok=True, status=200),)
    assert any("health.jsonl, line 3" in damage for damage in cut.damage)
    assert (headless.health_address, headless.health) == (None, ())
    assert any("no readable header" in damage for damage in headless.damage)
