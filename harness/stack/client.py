"""Typed calls to a stack's supervisor."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.stack.state import Stack

_ANSWER_SECONDS_MAX = 10.0
SOCKET_BYTES_MAX = 107


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the stack.

    ``last_exit`` is the code of its last end, negative for a signal; ``ordered_ns`` is the
    monotonic instant of the last order to start it, and ``started_by`` what gave the first one
    since it was taken down: ``request``, ``timer`` or ``supervisor`` (see `harness.stack.child`).
    ``frozen`` means all of its processes, ``stopped`` any of them; ``thawed_ns`` is when the
    supervisor let it go on since it was frozen, else 0.
    """

    name: str
    pid: int | None
    alive: bool
    frozen: bool
    restarts: int
    last_exit: int | None
    ordered_ns: int
    stopped: bool = False
    thawed_ns: int = 0
    started_by: str = ""


@dataclass(frozen=True, slots=True)
class Killed:
    """What was killed: monotonic instants of the signal and of the last one's end, and ids."""

    killed_ns: int
    gone_ns: int
    pids: dict[str, int]


class StackClient:
    """Asks the supervisor; each call uses a connection of its own and ends in bounded time.

    Targets are ``replica-1`` …, ``replicas`` for all of them, ``postgres``, ``bureau`` and
    ``toxiproxy``. Every call raises `HarnessError` when the supervisor refuses or does not answer.
    """

    def __init__(self, stack: Stack) -> None:
        self._socket_path = stack.socket_path

    def status(self) -> tuple[ProcessStatus, ...]:
        """Every process, in the order of its start."""
        answer = self._ask({"command": "status"})
        return tuple(ProcessStatus(**process) for process in answer["processes"])

    def kill(self, target: str, restart_after_seconds: float | None = None) -> Killed:
        """SIGKILL; returns when the process is gone.

        The supervisor itself orders the restart after the given time, or after two minutes, so that
        a killed process comes back even if nobody asks.
        """
        return self._take_down("kill", target, restart_after_seconds)

    def shut_down(self, target: str, restart_after_seconds: float | None = None) -> Killed:
        """Asks to stop in good order; returns when the process is gone, if need be by force.

        Comes back as after `kill`; ``killed_ns`` is the instant of the request.
        """
        return self._take_down("shut_down", target, restart_after_seconds)

    def _take_down(self, command: str, target: str, after_seconds: float | None) -> Killed:
        request = {"command": command, "target": target}
        answer = self._ask({**request, "restart_after_seconds": after_seconds})
        return Killed(answer["killed_ns"], answer["gone_ns"], answer["pids"])

    def freeze(self, target: str, thaw_after_seconds: float | None = None) -> dict[str, int]:
        """SIGSTOP of the process and its descendants; the process ids by name.

        The supervisor lets it go on after the given time, or after two minutes.
        """
        request = {"command": "freeze", "target": target}
        answer = self._ask({**request, "thaw_after_seconds": thaw_after_seconds})
        return {str(name): int(pid) for name, pid in answer["pids"].items()}

    def thaw(self, target: str) -> int:
        """Lets what is frozen go on; the monotonic instant of the last time the supervisor did.

        0 if it never had to since the freeze.
        """
        return int(self._ask({"command": "thaw", "target": target})["thawed_ns"])

    def restart(self, target: str) -> int:
        """Orders the restart of what is down; the monotonic instant of the last order."""
        return int(self._ask({"command": "restart", "target": target})["ordered_ns"])

    def wait_ready(self, target: str, timeout_seconds: float) -> int:
        """Waits until the target answers; the monotonic instant at which it was seen to."""
        request = {"command": "wait_ready", "target": target, "timeout_seconds": timeout_seconds}
        return int(self._ask(request, timeout_seconds)["ready_ns"])

    def down(self) -> None:
        """Takes the whole stack down and returns when it is."""
        self._ask({"command": "down"})

    def _ask(self, request: dict[str, Any], more_seconds: float = 0.0) -> dict[str, Any]:
        return ask(self._socket_path, request, _ANSWER_SECONDS_MAX + more_seconds)


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A socket's path that the kernel takes, which is 107 bytes at most, however deep it lies."""
    if len(os.fsencode(path)) <= SOCKET_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(path: Path, request: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    """One request to the supervisor that listens on a socket.

    Raises:
        HarnessError: It refused, or there was no answer in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            with short_path(path) as short:
                connection.connect(short)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"the stack's supervisor does not answer `{request['command']}` on {path}: "
            f"{error or type(error).__name__}"
        ) from error
    if not answer.get("ok"):
        raise HarnessError(f"the stack's supervisor refused: {answer.get('error')}")
    return dict(answer)
