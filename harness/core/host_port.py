"""Addresses as text: ``host:port``."""

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
