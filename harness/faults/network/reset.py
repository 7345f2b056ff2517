"""`Reset`: every connection of a link ends with a TCP RST, pooled ones too, and so does a new one.

Toxiproxy's `reset_peer` toxic resets only connections that are opened after it, at their first
data; those that were open get an orderly FIN when they speak, and idle ones nothing at all
(measured, version 2.12). Disabling the proxy sends FINs as well.

So the open ones are reset through copies of Toxiproxy's own sockets: pidfd_getfd(2) gives us a
descriptor, and a connect to AF_UNSPEC on it makes the kernel drop the connection with an RST at
once. First they are armed by SO_LINGER, then the toxic is added, which closes what speaks
meanwhile, then what is left is reset: at no time does a connection end with a FIN.

Copying a descriptor needs what a debugger needs: the same user as Toxiproxy's and a kernel that
lets one process look into another (`kernel.yama.ptrace_scope` 0), or CAP_SYS_PTRACE, as root has.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError
from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.probes import HEALED_TIMEOUT_SECONDS, wait_for
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import FaultPage, Phrase, PlannedFault
from harness.plan.layout import Need, Thing
from harness.stack.client import StackClient
from harness.stack.parts.toxiproxy import TOXIPROXY
from harness.stack.state import Stack, StackLink

_SYS_PIDFD_GETFD = 438  # the same number on every architecture, as for all recent system calls
_AF_UNSPEC_ADDRESS = struct.pack("H14x", socket.AF_UNSPEC)
_library = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Reset(LinkFault):
    """Every connection of a link is reset (TCP RST), pooled ones too, and so is every new one."""

    kind = "reset"
    told = "every connection on the link {0.link} is reset, pooled ones too"
    phrase = Phrase("connections on the {target} link were reset", "end of the resets")
    page = FaultPage(
        effect=(
            "every connection ends with a TCP RST: pooled ones at once, a new one when it sends; "
            "needs Toxiproxy's sockets, so root or the same user and `kernel.yama.ptrace_scope` 0"
        ),
        canary="an open connection and a new one are reset",
        heal="the toxic is removed",
        example="`lendchaos run --inject 'Reset(\"database\")'`",
    )
    stops_service = True

    @property
    def switches(self) -> tuple[Need, ...]:
        """The proxy as a whole: another fault that disables it would leave nothing to reset."""
        return (Need(Thing.LINK, self.link),)


class ResetInjector(LinkInjector):
    """Open connections through Toxiproxy's sockets, new ones by its `reset_peer` toxic."""

    kind = "reset_peer"

    def __init__(self, planned: PlannedFault, spec: Reset, stack: Stack) -> None:
        super().__init__(planned, spec, stack, ("upstream",), timeout=0)
        self._client = StackClient(stack)
        self._reset = 0
        self._pooled: socket.socket | None = None

    def ready(self) -> Proof:
        """The far side answers, and Toxiproxy's sockets can be had."""
        proof = super().ready()
        with self._probe.connect():
            reached = wait_for(lambda: self._each_socket(lambda _: None) > 0, 1.0)
        text = f"{proof.text}; its open sockets can{'' if reached else 'not'} be reached"
        return Proof("canary", proof.holds and reached, text)

    def inject(self) -> None:
        """Arm what is open, add the toxic, reset what is still there.

        The fault opens a connection before that, as if pooled: it is the canary for all of them.
        """
        self._pooled = self._probe.connect(HEALED_TIMEOUT_SECONDS)
        self._each_socket(_arm)
        super().inject()
        self._reset = self._each_socket(_disconnect)

    def read_back(self) -> Proof:
        """The toxic is in place and sockets were reset."""
        proof = super().read_back()
        text = f"{proof.text}; {self._reset} open sockets reset"
        return Proof("control_plane", proof.holds and self._reset > 0, text)

    def canary(self) -> Proof:
        """A connection that was open and a new one both end with an RST."""
        pooled = "not tried"
        if self._pooled is not None:
            with closing(self._pooled) as connection:
                pooled = self._probe.end_of(connection)
        try:
            with self._probe.connect(HEALED_TIMEOUT_SECONDS) as connection:
                new = self._probe.end_of(connection)
        except ConnectionResetError:
            new = "reset"
        except OSError as error:
            new = f"not to be had ({error})"
        text = f"during: on {self._link.name} an open connection: {pooled}, a new one: {new}"
        return Proof("canary", pooled == new == "reset", text)

    def heal(self) -> int:
        """Remove the toxic, and close our own connection if it was never looked at."""
        healed_ns = super().heal()
        if self._pooled is not None:
            self._pooled.close()
        return healed_ns

    def _each_socket(self, act: Callable[[socket.socket], None]) -> int:
        """Do something to every socket Toxiproxy has on the link; how many there were."""
        proxy = self._client.process(TOXIPROXY)
        if proxy is None or proxy.pid is None:
            raise HarnessError("Toxiproxy is not running")
        count = 0
        for copy in _sockets(proxy.pid, self._link):
            with suppress(OSError):  # it may have ended meanwhile
                act(copy)
                count += 1
        return count


def _arm(copy: socket.socket) -> None:
    """Make whatever closes this connection send an RST."""
    copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _disconnect(copy: socket.socket) -> None:
    """Drop the connection with an RST now; Python's connect cannot name AF_UNSPEC."""
    if _library.connect(copy.fileno(), _AF_UNSPEC_ADDRESS, len(_AF_UNSPEC_ADDRESS)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _sockets(pid: int, link: StackLink) -> Iterator[socket.socket]:
    """Copies of the descriptors of a process that belong to one link; each is closed after use."""
    try:
        handle = os.pidfd_open(pid)
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError as error:
        raise HarnessError(_refused(pid, error.strerror or str(error))) from error
    try:
        for entry in entries:
            copy = _copy(handle, pid, entry)
            if copy is None:
                continue
            with copy:
                if _belongs(copy, link):
                    yield copy
    finally:
        os.close(handle)


def _copy(handle: int, pid: int, entry: Path) -> socket.socket | None:
    try:
        if not str(entry.readlink()).startswith("socket:"):
            return None
    except OSError:
        return None  # closed meanwhile
    descriptor = _library.syscall(_SYS_PIDFD_GETFD, handle, int(entry.name), 0)
    if descriptor < 0:
        number = ctypes.get_errno()
        if number == errno.EBADF:
            return None  # closed meanwhile
        raise HarnessError(_refused(pid, os.strerror(number)))
    return socket.socket(fileno=descriptor)


def _belongs(copy: socket.socket, link: StackLink) -> bool:
    """Whether it is a connection of the link: accepted on its port, or open to its far side."""
    try:
        ends = (copy.getsockname(), copy.getpeername())
    except OSError:
        return False  # listening, or over
    near, far = (f"{end[0]}:{end[1]}" if isinstance(end, tuple) else "" for end in ends)
    return near == link.listen or far == link.upstream


def _refused(pid: int, reason: str) -> str:
    return (
        f"open connections cannot be reset: no access to the sockets of Toxiproxy (process {pid}):"
        f" {reason}. Run as root, or as Toxiproxy's own user with kernel.yama.ptrace_scope = 0"
    )


register(Reset, ResetInjector)
