"""Links on which packets can be lost for real: network namespaces of a stack's own.

Behind Toxiproxy no packet is ever lost: its kernel acknowledges what it then throws away. So a
stack in namespaces has, from the service to its database and to its credit bureau, a wire each: two
virtual cables with a router between them.

    main namespace          middle namespace        far namespace
    replicas, Toxiproxy     forwards; nftables      PostgreSQL, or the bureau
      .1 ────── veth ────── .2          .9 ────── veth ────── .10 the service's way in
                                                              .11 the harness's own

The replicas connect to .10 directly, so that the kernel at either end talks TCP to the other. A
fault drops packets from or to .10 while they are *forwarded*: both kernels sent them and know
nothing, retransmit and back off. (Dropped where it is sent, a packet counts as refused by one's own
machine, which the kernel answers otherwise.) The ledger is read and tables are locked over .11,
around the fault, as `Stack.database_url` goes around Toxiproxy elsewhere.

The rest of the stack is as always, and no rule of the machine's own firewall is read or changed:
all it sees is one network device a wire, ``lc``, the beginning of the stack's id and a letter, with
a route to the addresses behind it. The namespaces have no name and no file: the supervisor holds
them open, and the kernel takes them away, devices, routes and rules included, when it has ended,
however it ended.
"""

import ipaddress
import json
import os
import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.errors import HarnessError

BENCHMARK_NETWORK = ipaddress.IPv4Network("198.18.0.0/15")
"""Set aside for tests between network devices (RFC 2544): no one's real addresses."""
_BLOCK_BITS = 28
_NEW_NETWORK = "--net"
_COMMAND_SECONDS_MAX = 5.0
_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin"
_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "unshare": "util-linux"}
_TRIAL_RULES = """\
table inet trial {
    chain trial {
        type filter hook forward priority 0
        ip daddr 198.18.0.1 counter drop
    }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A stretch of network in namespaces of a stack's own.

    ``device`` is its end in the main namespace, ``block`` the first of its sixteen addresses,
    ``port`` where the far end listens; ``middle`` and ``far`` are paths that lead into the
    namespaces while the stack's supervisor lives, empty until `lay`.
    """

    device: str
    block: str
    port: int
    middle: str = ""
    far: str = ""

    def host(self, number: int) -> str:
        """One of the sixteen addresses."""
        return str(ipaddress.IPv4Address(self.block) + number)

    def holds(self, host: str) -> bool:
        """Whether a host is one of them, and no one's real address."""
        hosts = {self.host(number) for number in range(2 ** (32 - _BLOCK_BITS))}
        return host in hosts and ipaddress.IPv4Address(host) in BENCHMARK_NETWORK

    @property
    def near_host(self) -> str:
        """Where the service's packets come from."""
        return self.host(1)

    @property
    def far_host(self) -> str:
        """Where the service connects to; packets from and to it can be dropped."""
        return self.host(10)

    @property
    def aside_host(self) -> str:
        """Where the harness itself connects to, around every fault."""
        return self.host(11)

    @property
    def address(self) -> str:
        """``host:port`` that the service connects to."""
        return f"{self.far_host}:{self.port}"

    @property
    def aside(self) -> str:
        """``host:port`` that the harness itself connects to."""
        return f"{self.aside_host}:{self.port}"


# --- can it be had? ------------------------------------------------------------------------------


def missing_programs() -> str | None:
    """What has to be installed, in one line; None when all is there."""
    missing = [name for name in _PROGRAMS if _find(name) is None]
    if not missing:
        return None
    packages = " ".join(dict.fromkeys(_PROGRAMS[name] for name in missing))
    return f"`{'`, `'.join(missing)}` not found: apt-get install {packages}, or your system's own"


def why_not(*, tries: bool = True) -> str | None:
    """Why no stack can be started in namespaces here, and what to do; None when one can.

    Tries what a stack would do, in a namespace that is gone again when this returns, unless
    ``tries`` is False.
    """
    if os.geteuid() != 0:
        return "only root may make network namespaces: run as root, or without --namespaces"
    if lacking := missing_programs():
        return lacking
    if not tries:
        return None
    try:
        held = _new_namespace(forwards=True)
    except HarnessError as error:
        return str(error)
    try:
        inside = entering(_path_of(held))
        _run([*inside, _program("nft"), "-f", "-"], _TRIAL_RULES)
        _run([*inside, _program("ip"), "link", "add", "trial", "type", "veth"])
    except HarnessError as error:
        return f"this kernel cannot drop packets in a network namespace ({error})"
    finally:
        os.close(held)
    return None


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")


def _program(name: str) -> str:
    path = _find(name)
    if path is None:
        raise HarnessError(missing_programs() or f"`{name}` not found")
    return path


# --- making and removing -------------------------------------------------------------------------


def plan_wires(stack_id: str, ports: Mapping[str, int]) -> dict[str, Wire]:
    """Wires to be laid, with addresses that nothing on this machine leads to yet.

    ``ports`` are those at the far ends, by the names of the links that the wires stand for; these
    begin with different letters. HarnessError where there are no addresses left.
    """
    told = json.loads(_run([_program("ip"), "-json", "-4", "route", "show", "table", "all"]))
    taken = [ipaddress.IPv4Network(route["dst"]) for route in told if route.get("dst") != "default"]
    blocks = list(BENCHMARK_NETWORK.subnets(new_prefix=_BLOCK_BITS))
    # Not seeded: two stacks must rarely want the same.
    random.SystemRandom().shuffle(blocks)
    free = (block for block in blocks if not any(block.overlaps(other) for other in taken))
    wires = {
        name: Wire(device=f"lc{stack_id[:11]}{name[0]}", block=str(block[0]), port=port)
        for (name, port), block in zip(ports.items(), free, strict=False)
    }
    if len(wires) < len(ports):
        raise HarnessError(f"this machine has a route for every block of {BENCHMARK_NETWORK}")
    return wires


def lay(wire: Wire) -> Wire:
    """Makes the namespaces and what connects them; they last as long as the calling process.

    HarnessError where the system refused.
    """
    middle = _path_of(_new_namespace(forwards=True))
    far = _path_of(_new_namespace(forwards=False))
    near_host, router, far_router = wire.host(1), wire.host(2), wire.host(9)
    _ip(
        "",
        f"link add {wire.device} type veth peer name near netns {middle}",
        f"address add {near_host}/30 dev {wire.device}",
        f"link set {wire.device} up",
        f"route add {wire.host(8)}/29 via {router}",
    )
    _ip(
        middle,
        f"address add {router}/30 dev near",
        "link set near up",
        f"link add far type veth peer name wire netns {far}",
        f"address add {far_router}/29 dev far",
        "link set far up",
    )
    _ip(
        far,
        "link set lo up",
        f"address add {wire.far_host}/29 dev wire",
        f"address add {wire.aside_host}/29 dev wire",
        "link set wire up",
        f"route add default via {far_router}",
    )
    return replace(wire, middle=middle, far=far)


def remove(wire: Wire) -> None:
    """Takes a wire out of the main namespace, and with it the way to the others; any number of
    times.
    """
    with suppress(HarnessError):
        _run([_program("ip"), "link", "delete", wire.device])


def _new_namespace(*, forwards: bool) -> int:
    """An open file that holds a new namespace, which has no name; HarnessError where refused."""
    # Made by a process of its own, which ends at once. A thread that leaves the main namespace is
    # the whole program where gevent stands in for threads, and takes along whatever it starts.
    forward = "echo 1 > /proc/sys/net/ipv4/ip_forward && " if forwards else ""
    command = [_program("unshare"), _NEW_NETWORK, "--", "sh", "-c", f"{forward}echo made; read end"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as inside:
        told = "" if inside.stdout is None else inside.stdout.readline().strip()
        if told != "made":
            raise HarnessError(
                f"the kernel refuses a network namespace: {told or 'no reason given'}"
            )
        return os.open(f"/proc/{inside.pid}/ns/net", os.O_RDONLY)


def _path_of(held: int) -> str:
    return f"/proc/{os.getpid()}/fd/{held}"


# --- commands inside -----------------------------------------------------------------------------


def entering(namespace: str) -> list[str]:
    """What to put before a command line so that it runs in a namespace; it becomes the command."""
    return [_program("nsenter"), f"--net={namespace}", "--"]


def nft(namespace: str, *arguments: str, script: str = "") -> str:
    """Runs nftables' command in a namespace of lendchaos; what it said.

    HarnessError where it refused, or did not answer in time.
    """
    return _run([*entering(namespace), _program("nft"), *arguments], script)


def _ip(namespace: str, *commands: str) -> None:
    inside = entering(namespace) if namespace else []
    _run([*inside, _program("ip"), "-batch", "-"], "\n".join(commands) + "\n")


def _run(command: Sequence[str], script: str = "") -> str:
    try:
        done = subprocess.run(
            command,
            input=script,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode != 0:
        raise HarnessError((done.stderr.strip().splitlines() or ["no reason given"])[0])
    return done.stdout
