"""Addresses as text: ``host:port``."""

import ipaddress
from urllib.parse import urlsplit

from harness.core.errors import UsageError


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``; an IPv6 address stands in brackets. UsageError of others."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.netloc != address or "@" in address:
        raise UsageError(f"an address is host:port, as in 127.0.0.1:8000, not {address!r}")
    return host, port


def join_address(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_same_address(one: str, other: str) -> bool:
    """Whether two ``host:port`` are one, by their text alone: all names of this machine are."""
    (host, port), (other_host, other_port) = split_address(one), split_address(other)
    here = is_loopback(host) and is_loopback(other_host)
    return port == other_port and (here or host.lower() == other_host.lower())
