"""Ports are free for us alone, below the kernel's own range, and told by name when taken."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.ports import LOOPBACK, choose_ports, ephemeral_start, is_free, require_free
from harness.core.processes import listeners


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who listens and would share the port with anybody."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((LOOPBACK, choose_ports(1)[0]))
        sock.listen()
        yield sock


def test_chosen_ports_are_distinct_free_and_below_the_kernels_range() -> None:
    """No chosen port can be given to an outgoing connection."""
    ports = choose_ports(20)
    assert len(set(ports)) == 20
    assert all(is_free(port) and port < ephemeral_start() for port in ports)


def test_taken_ports_are_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two free ports the one that is spoken for is left out."""
    monkeypatch.setenv("LENDCHAOS_PORTS", "1024-1025")
    first, second = 1_024, 1_025
    chosen = None
    if is_free(first) and is_free(second):
        chosen = choose_ports(1, taken=[first])
    assert chosen in (None, (second,))


def test_too_few_free_ports_are_an_error_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how many there were and where they were looked for."""
    monkeypatch.setenv("LENDCHAOS_PORTS", "1024-1025")
    with pytest.raises(HarnessError, match=r"only \d of 9 ports are free from 1024 to 1025"):
        choose_ports(9)


def test_a_listener_that_shares_its_port_is_seen(listener: socket.socket) -> None:
    """SO_REUSEPORT on the other side doesn't make a port free."""
    assert not is_free(listener.getsockname()[1])


def test_a_listener_on_all_addresses_is_seen() -> None:
    """Loopback is covered by a listener on 0.0.0.0."""
    with socket.create_server(("0.0.0.0", choose_ports(1)[0])) as sock:  # noqa: S104 - the case under test
        assert not is_free(sock.getsockname()[1])


def test_a_port_with_only_closed_connections_is_free() -> None:
    """TIME_WAIT after `down` does not keep a fixed port from being used again."""
    port = choose_ports(1)[0]
    with socket.create_server((LOOPBACK, port)) as server:
        client = socket.create_connection((LOOPBACK, port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert is_free(port)


def test_a_wanted_port_in_use_names_its_purpose_and_the_process(listener: socket.socket) -> None:
    """The user can act on the message alone."""
    port = listener.getsockname()[1]
    with pytest.raises(HarnessError, match=rf"port {port}, wanted for the edge.*{os.getpid()}"):
        require_free(port, "the edge")


def test_listeners_are_found_by_port(listener: socket.socket) -> None:
    """The process that listens is told, and for a free port none."""
    assert listeners(listener.getsockname()[1]) == [os.getpid()]
    assert listeners(choose_ports(1)[0]) == []


@pytest.mark.parametrize("name", ["damaged", "missing"])
def test_an_unreadable_range_falls_back_to_the_usual_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where /proc tells nothing, Linux's default holds."""
    (tmp_path / "damaged").write_text("?")
    monkeypatch.setattr("harness.core.ports._RANGE_FILE", tmp_path / name)
    assert ephemeral_start() == 32_768


def test_ports_are_chosen_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two bounds, both of them included."""
    (first,) = choose_ports(1)
    monkeypatch.setenv("LENDCHAOS_PORTS", f"{first}-{first}")

    assert choose_ports(1) == (first,)
    with pytest.raises(HarnessError, match="only 1 of 2 ports are free"):
        choose_ports(2)


@pytest.mark.parametrize("wanted", ["20000", "5-4", "0-10", "20000-99999", "a-b", "1-2-3"])
def test_bounds_that_cannot_be_are_refused(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what would be valid."""
    monkeypatch.setenv("LENDCHAOS_PORTS", wanted)

    with pytest.raises(UsageError, match="it must be LOWEST-HIGHEST"):
        choose_ports(1)
