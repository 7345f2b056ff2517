"""Typed calls to a stack's supervisor."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from harness.core.errors import HarnessError
from harness.stack import control_protocol as protocol
from harness.stack.state import Stack

_ANSWER_SECONDS_MAX = 10.0
SOCKET_BYTES_MAX = 107

AnswerT = TypeVar("AnswerT", bound=protocol.StackAnswer)


class StackClient:
    """Asks the supervisor; each call uses a connection of its own and ends in bounded time.

    Targets are those of `harness.stack.control_protocol`. Every call raises `HarnessError` when the
    supervisor refuses or does not answer.
    """

    def __init__(self, stack: Stack) -> None:
        self._socket_path = stack.socket_path

    def status(self) -> tuple[protocol.ProcessStatus, ...]:
        """Every process, in the order of its start."""
        return self._ask(protocol.StackRequest("status"), protocol.ProcessList).processes

    def kill(self, target: str, restart_after_seconds: float | None = None) -> protocol.Killed:
        """SIGKILL; returns when the process is gone.

        The supervisor itself orders the restart after the given time, or after two minutes, so that
        a killed process comes back even if nobody asks.
        """
        request = protocol.StackRequest("kill", target, restart_after_seconds)
        return self._ask(request, protocol.Killed)

    def shut_down(self, target: str, restart_after_seconds: float | None = None) -> protocol.Killed:
        """Asks to stop in good order; returns when the process is gone, if need be by force.

        Comes back as after `kill`; ``killed_ns`` is the instant of the request.
        """
        request = protocol.StackRequest("shut_down", target, restart_after_seconds)
        return self._ask(request, protocol.Killed)

    def freeze(self, target: str, thaw_after_seconds: float | None = None) -> dict[str, int]:
        """SIGSTOP of the process and its descendants; the process ids by name.

        The supervisor lets it go on after the given time, or after two minutes.
        """
        request = protocol.StackRequest("freeze", target, thaw_after_seconds)
        return self._ask(request, protocol.Frozen).pids

    def thaw(self, target: str) -> int:
        """Lets what is frozen go on; the monotonic instant of the last time the supervisor did.

        0 if it never had to since the freeze.
        """
        return self._ask(protocol.StackRequest("thaw", target), protocol.RequestDone).at_ns

    def restart(self, target: str) -> int:
        """Orders the restart of what is down; the monotonic instant of the last order."""
        return self._ask(protocol.StackRequest("restart", target), protocol.RequestDone).at_ns

    def wait_ready(self, target: str, timeout_seconds: float) -> int:
        """Waits until the target answers; the monotonic instant at which it was seen to."""
        request = protocol.StackRequest("wait_ready", target, timeout_seconds)
        return self._ask(request, protocol.RequestDone, timeout_seconds).at_ns

    def down(self) -> None:
        """Takes the whole stack down and returns when it is."""
        self._ask(protocol.StackRequest("down"), protocol.RequestDone)

    def _ask(
        self, request: protocol.StackRequest, answer: type[AnswerT], more_seconds: float = 0.0
    ) -> AnswerT:
        return ask(self._socket_path, request, answer, _ANSWER_SECONDS_MAX + more_seconds)


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


def ask(
    path: Path, request: protocol.StackRequest, answer: type[AnswerT], timeout_seconds: float
) -> AnswerT:
    """One request to the supervisor that listens on a socket; what it answers is an ``answer``.

    Raises:
        HarnessError: It refused, or there was no answer in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            with short_path(path) as short:
                connection.connect(short)
            connection.sendall(protocol.REQUESTS.encode(request))
            with connection.makefile("rb") as lines:
                told = protocol.ANSWERS.decode(lines.readline())
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"the stack's supervisor does not answer `{request.do}` on {path}: "
            f"{error or type(error).__name__}"
        ) from error
    if isinstance(told, answer):
        return told
    raise HarnessError(f"the stack's supervisor refused: {getattr(told, 'error', told)}")
