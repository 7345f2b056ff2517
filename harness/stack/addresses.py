"""Where a fault may go: loopback, and hosts the user named."""

import socket
import urllib.parse
from collections.abc import Collection

from harness.core.errors import UsageError
from harness.core.host_port import is_loopback as is_loopback
from harness.core.host_port import is_same_address as is_same_address
from harness.core.host_port import join_address as join_address
from harness.core.host_port import split_address as split_address

_TAKEN_FOR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing listens there
"""Where Linux goes when a connection is to no address."""


def split_target(url: str) -> tuple[str, int]:
    """Host and port of a target's base URL, ``http://host[:port]``.

    UsageError where it is no such URL: our proxy passes bytes, so it can neither end TLS nor add a
    path.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL ({error}): use http://host:port") from error
    if parts.scheme == "https":
        raise UsageError(
            f"{url} is https, and a proxy on 127.0.0.1 cannot show that host's certificate: "
            "use the service's plain http://host:port behind its TLS"
        )
    if parts.scheme != "http" or not host or port == 0 or not _can_be(host):
        raise UsageError(f"{url!r} is not a target: use http://host:port")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"{url!r} has more than host and port: use http://{host}:{port or 80}")
    return host, port or 80


def _can_be(host: str) -> bool:
    """Whether a host may have this name; who asks for another meets an error of Python's."""
    try:
        return b" " not in host.encode("idna") and host.isprintable()
    except UnicodeError:
        return False


def require_allowed(host: str, allow_targets: Collection[str], *, look_up: bool = True) -> None:
    """Refuses, as UsageError, a host that is neither loopback nor named by the user.

    What "localhost" means is looked up, unless ``look_up`` is False: it may lead elsewhere.
    """
    if host.lower() in {name.lower() for name in allow_targets}:
        return
    if not is_loopback(host):
        raise UsageError(
            f"{host} is another machine: name it with --allow-target {host} to send faults there"
        )
    strays = [] if not look_up else [a for a in _meant_by(host) if not is_loopback(a)]
    if strays:
        raise UsageError(
            f"{host} leads to {strays[0]} here, which is another machine: name it with"
            f" --allow-target {host} to send faults there"
        )


def _meant_by(host: str) -> list[str]:
    """The addresses of a name; an address is its own, in whatever way it is written."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []  # no one can be reached by it, then
    # The part behind % is the interface of a link-local address.
    return [str(address[0]).partition("%")[0] for *_, address in found]


def leads_to(host: str, address: str) -> bool:
    """Whether who connects to a host may reach what listens on an address; looks a name up."""
    found = {one.removeprefix("::ffff:") for one in _meant_by(host)}
    return address in {_TAKEN_FOR.get(one, one) for one in found}
