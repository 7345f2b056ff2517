"""Ports of this test process alone.

Another process of the same test run must not be given a port between our choice and its use, nor
while a server of ours is down on purpose: then its clients would talk to the wrong program.
"""

import os
import socket

_BAND = 1_000
_LOWEST = 4_000
_STACK_BAND = 5_000
_STACK_LOWEST = 12_000
WORKERS_MAX = 4

_given: set[int] = set()


def worker() -> int:
    """Number of this process among those of the test run."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX


def stack_ports() -> str:
    """The ports that stacks started from this process choose from, as ``LENDCHAOS_PORTS``."""
    lowest = _STACK_LOWEST + worker() * _STACK_BAND
    return f"{lowest}-{lowest + _STACK_BAND - 1}"


def free_port() -> int:
    """A port that nobody listens on, and that this process was not given before."""
    lowest = _LOWEST + worker() * _BAND
    for port in range(lowest, lowest + _BAND):
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
