"""What may be a target, and what may be touched."""

import socket

import pytest

from harness.core.errors import UsageError
from harness.stack.addresses import (
    is_loopback,
    join_address,
    leads_to,
    require_allowed,
    split_address,
    split_target,
)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000),
        ("http://localhost/", "localhost", 80),
        ("http://[::1]:81", "::1", 81),
    ],
)
def test_a_base_url_has_host_and_port(url: str, host: str, port: int) -> None:
    """The port defaults to HTTP's; a slash at the end is nothing."""
    assert split_target(url) == (host, port)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://lender.example", "https.*certificate.*http://host:port"),
        ("http://127.0.0.1:8000/api", "more than host and port: use http://127.0.0.1:8000"),
        ("http://127.0.0.1?x=1", "more than host and port"),
        ("http://user:word@127.0.0.1", "more than host and port"),
        ("127.0.0.1:8000", "use http://host:port"),
        ("ftp://127.0.0.1", "use http://host:port"),
        ("http://", "use http://host:port"),
        ("http://127.0.0.1:99999", "no URL"),
        ("http://[::1", "no URL"),
        ("http://a..b:80", "is not a target: use http://host:port"),
        (f"http://{'x' * 64}.example", "is not a target"),
        ("http://a b:80", "is not a target"),
        ("http://.", "is not a target"),
    ],
)
def test_what_cannot_be_a_target_is_told_with_what_can(url: str, says: str) -> None:
    """One line that names the fault and the form that works."""
    with pytest.raises(UsageError, match=says):
        split_target(url)


def test_an_address_is_host_and_port() -> None:
    """Both are needed; IPv6 stands in brackets, and joining gives the address back."""
    assert split_address("127.0.0.1:5432") == ("127.0.0.1", 5432)
    assert join_address(*split_address("[::1]:5432")) == "[::1]:5432"


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", ":80", "h:0", "h:x", "h:1/x", "u@h:1", "[::1"]
)
def test_another_form_of_address_is_refused(address: str) -> None:
    """The message shows the right form."""
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:8000"):
        split_address(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1"])
def test_loopback_is_always_allowed(host: str) -> None:
    """Nobody else can be hurt."""
    assert is_loopback(host)
    require_allowed(host, ())


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "lender.example", "127.evil.example"])  # noqa: S104 - refused
def test_another_host_must_be_named(host: str) -> None:
    """The message names the option that allows it; naming it does."""
    with pytest.raises(UsageError, match=f"--allow-target {host}"):
        require_allowed(host, ["other.example"])
    require_allowed(host, [host.upper()])


@pytest.mark.parametrize("stray", ["10.0.0.1", "fe80::1%eth0"])
def test_a_localhost_that_leads_elsewhere_is_refused(
    stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is what the machine makes of it; naming it allows it all the same."""

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("127.0.0.1", 0)), (0, 0, 0, "", (stray, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(UsageError, match=r"localhost leads to \S+ here.*--allow-target localhost"):
        require_allowed("localhost", ())
    require_allowed("localhost", ["localhost"])
    require_allowed("localhost", (), look_up=False)


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", True),  # noqa: S104 - connected to
        ("::ffff:127.0.0.1", True),
        ("127.1", True),
        ("127.0.0.2", False),
        ("::1", False),
        ("nowhere.invalid", False),
    ],
)
def test_a_host_leads_to_what_a_connection_to_it_reaches(host: str, reached: bool) -> None:
    """Another address of this machine has listeners of its own; asked of the kernel, too."""
    assert leads_to(host, "127.0.0.1") is reached
    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            socket.create_connection((host, listener.getsockname()[1]), timeout=1).close()
        except OSError:
            assert not reached
        else:
            assert reached
