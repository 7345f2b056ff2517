"""Free TCP ports on loopback, below the range the kernel gives to outgoing connections.

A client that dials a closed port inside that range can be given the very same port as its own and
connect to itself: a refused connection would look like a silent one.
"""

import os
import random
import re
import socket
from collections.abc import Collection
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.processes import listeners

LOOPBACK = "127.0.0.1"
PORTS_VARIABLE = "LENDCHAOS_PORTS"
"""Environment variable with the ports to choose from, as in ``20000-24999``."""
_LOWEST = 12_000
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def ephemeral_start() -> int:
    """The first port the kernel may give to an outgoing connection."""
    try:
        return int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768  # Linux's default


def is_free(port: int) -> bool:
    """Whether no one listens on the port: an exclusive bind and listen succeed.

    Without SO_REUSEPORT, so that a leftover listener which set it is seen and not joined. With
    SO_REUSEADDR, which on Linux still refuses a port someone listens on, but not one where only
    closed connections wait for their last packets.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_ports(count: int, *, taken: Collection[int] = ()) -> tuple[int, ...]:
    """Distinct free ports, drawn at random so that two stacks rarely want the same.

    None of those ``taken``. HarnessError where fewer are free, UsageError as `port_range`.
    """
    lowest, highest = port_range()
    candidates = list(range(lowest, highest))
    # Not seeded: where a stack listens must differ from run to run.
    random.SystemRandom().shuffle(candidates)
    chosen: list[int] = []
    for port in candidates:
        if len(chosen) < count and port not in taken and is_free(port):
            chosen.append(port)
    if len(chosen) == count:
        return tuple(chosen)
    raise HarnessError(
        f"only {len(chosen)} of {count} ports are free from {lowest} to {highest - 1}"
    )


def port_range() -> tuple[int, int]:
    """The lowest port to choose, and the first one above them: by default where the kernel's
    outgoing range begins. UsageError where `PORTS_VARIABLE` is not two rising ports.
    """
    if wanted := os.environ.get(PORTS_VARIABLE):
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", wanted)
        if found is None or not 0 < int(found[1]) <= int(found[2]) < ephemeral_start():
            raise UsageError(
                f"{PORTS_VARIABLE} is {wanted!r}: it must be LOWEST-HIGHEST, from 1 to"
                f" {ephemeral_start() - 1} (the kernel gives higher ones away)"
            )
        return int(found[1]), int(found[2]) + 1
    highest = ephemeral_start()
    return (_LOWEST if highest > _LOWEST + 1_000 else 1_024), highest


def require_free(port: int, purpose: str) -> int:
    """The port itself; HarnessError where someone listens on it, with the processes if seen."""
    if is_free(port):
        return port
    pids = listeners(port)
    by_whom = f" by process {', '.join(map(str, pids))}" if pids else ""
    raise HarnessError(
        f"port {port}, wanted for {purpose}, is already in use{by_whom}: "
        "end that process or choose another port"
    )
