"""Our own connections take nothing from the environment and the home of whoever runs this."""

import ast
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.connections import database_addresses
from harness.core.errors import HarnessError, UsageError
from harness.core.processes import RunAs
from harness.faults.proxy_control import ProxyControl
from harness.plan.plan import Scenario, Settings, expand
from harness.stack.parts.postgres import SERVICE_USER, SUPERUSER, ClusterSpec, database_url
from harness.target.account_provisioning import AccountProvisioner
from harness.target.contract import Contract
from tests.builders import LOCAL
from tests.hostile import hostile_environment
from tests.test_architecture import ROOT, SOURCES

MAKES_CONNECTIONS = {
    "psycopg.connect",
    "psycopg.Connection.connect",
    "psycopg.AsyncConnection.connect",
    *("urllib.request.urlopen", "http.client.HTTPConnection", "HTTPConnection"),
    *("requests." + name for name in ("get", "post", "put", "delete", "head", "patch", "request")),
    *("requests.Session", "requests.session"),
}
ELSEWHERE = {
    "harness/core/connections.py": {"psycopg.connect"},
    # A download from the internet goes the way that the user's environment says.
    "harness/stack/programs.py": {"urllib.request.urlopen"},
}
"""Where a connection is made by a library's own means, and by which."""
CONNECT = """
import sys
import psycopg
from harness.core.connections import connect
try:
    connect(sys.argv[1], connect_timeout=3)
except psycopg.OperationalError as error:
    print(error)
"""
PROTOCOL_3 = 196_608


def connecting_calls(path: Path) -> set[str]:
    """Every call in a file that connects by a library's own means."""
    return {
        name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in MAKES_CONNECTIONS
    }


def test_the_supervisors_is_the_only_socket_with_a_path() -> None:
    """A path has a length that the kernel takes: every other connection is TCP, or a pipe."""
    words = re.compile("AF_UNIX|unix_server|unix_connection|unix_socket_directories = '.+'")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in ("harness", "target_service")
        and words.search(path.read_text(encoding="utf-8"))
    }

    assert found == {"harness/stack/client.py", "harness/stack/control_socket.py"}


def test_only_one_file_makes_connections() -> None:
    """A library that asks the environment is called nowhere else, in the harness or beside it."""
    found = {
        path.relative_to(ROOT).as_posix(): calls
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in ("harness", "benchmarks")
        and (calls := connecting_calls(path))
    }

    assert found == ELSEWHERE


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port on which somebody listens who is no database."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.mark.parametrize("user", [SUPERUSER, SERVICE_USER])
def test_a_database_connection_says_only_what_we_say(
    user: str, listening: socket.socket, tmp_path: Path
) -> None:
    """Whatever ``PG…`` variables and files of a home say, the first packet is ours and comes."""
    port = listening.getsockname()[1]
    spec = ClusterSpec(
        bin_dir=tmp_path,
        data_dir=tmp_path,
        port=port,
        run_as=RunAs(),
        superuser_password="known",
        service_password="known",
    )
    environment = {**os.environ, **hostile_environment(tmp_path / "home")}
    url = database_url(spec, user, spec.address)
    with subprocess.Popen(
        [sys.executable, "-c", CONNECT, url],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            process.kill()
            pytest.fail(f"nobody came: {process.communicate()[0]}")
        with connection:
            packet = connection.recv(10_000)

    assert int.from_bytes(packet[4:8], "big") == PROTOCOL_3
    words = packet[8:].rstrip(b"\0").split(b"\0")
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert told == {b"user": user.encode(), b"database": b"lending"}


class _Server(http.server.ThreadingHTTPServer):
    """Keeps the credentials that were sent, None for none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.seen: list[str | None] = []


class _Recording(http.server.BaseHTTPRequestHandler):
    """Answers everything with an empty object."""

    server: _Server

    def _answer(self) -> None:
        self.server.seen.append(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """A question."""
        self._answer()

    def do_POST(self) -> None:
        """A change."""
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """Such a server, in an environment that would lead away from it."""
    for name, value in hostile_environment(tmp_path / "home").items():
        if not name.startswith("PG"):
            monkeypatch.setenv(name, value)
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_no_proxy_and_no_password_of_the_user_on_our_own_ways(recording: _Server) -> None:
    """Toxiproxy, the ledger and the set-up are spoken to directly, without a user's password."""
    url = f"http://127.0.0.1:{recording.server_port}"

    ProxyControl(url).proxies()
    with pytest.raises(HarnessError, match="listing"):  # an empty object is none
        Contract(url, "token").ledger.cursor()
    plan = expand("a", "b", Scenario(), Settings(rate=1), layout=LOCAL)
    with pytest.raises(HarnessError, match="200"):  # nor a registration
        AccountProvisioner(Contract(url, "token"), url, lambda _: None).provision(plan)
    assert len(recording.seen) == 3
    assert set(recording.seen) == {None}


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("postgresql://u:p@127.0.0.1:5433/db", ("127.0.0.1:5433",)),
        ("postgres://h/db", ("h:5432",)),
        ("postgresql://127.0.0.1:5432/db?host=10.0.0.9", ("10.0.0.9:5432",)),
        ("postgresql://h/db?hostaddr=10.0.0.9", ("10.0.0.9:5432",)),
        ("postgresql://h1:1,h2/db", ("h1:1", "h2:5432")),
        ("postgresql://h1,h2/db?port=7", ("h1:7", "h2:7")),
        ("postgresql://[::1]:5/db", ("[::1]:5",)),
        ("host=h port=1 dbname=db", ("h:1",)),
        ("postgresql:///db", "must name a host, and no socket"),
        ("postgresql://%2Ftmp/db", "must name a host, and no socket"),
        ("postgresql://h1,/db", "must name a host, and no socket"),
        ("postgresql://h/db?service=x", "must name its host, not a service"),
        ("postgresql://h1,h2,h3/db?port=1,2", "must have one port for each host"),
        ("postgresql://h:x/db", "must have ports from 1 to 65535"),
        ("postgresql://h:65536/db", "must have ports from 1 to 65535"),
        ("postgresql://u:secret@[::1/db", "must be an address like"),
        ("mysql://u:secret@h/db", "must be an address like"),
    ],
)
def test_where_a_database_is_is_read_as_libpq_reads_it(
    url: str, addresses: tuple[str, ...] | str
) -> None:
    """What it leaves open is refused, without a word of it."""
    if isinstance(addresses, tuple):
        assert database_addresses(url) == addresses
        return
    with pytest.raises(UsageError, match=f"^{addresses}") as caught:
        database_addresses(url)
    assert "secret" not in str(caught.value)
