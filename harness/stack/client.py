"""Typed calls to a stack's supervisor. Instants are monotonic nanoseconds."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from harness.core.errors import HarnessError
from harness.stack.state import Stack
from harness.stack.supervisor_messages import (
    ANSWERS,
    REQUESTS,
    ProcessIds,
    ProcessList,
    ProcessStatus,
    RequestDone,
    StackAnswer,
    StackRequest,
)

SOCKET_BYTES_MAX = 107
Targets = str | Sequence[str]


AnswerT = TypeVar("AnswerT", bound=StackAnswer)


class StackClient:
    """Asks the supervisor; each call uses a connection of its own and ends in bounded time.

    A target is the name of a process, a role, or several names. Every call raises `HarnessError`
    where the supervisor refuses or does not answer.
    """

    def __init__(self, stack: Stack) -> None:
        self._socket_path = stack.socket_path
        self._stack = stack

    def status(self) -> tuple[ProcessStatus, ...]:
        """Every process, in the order of its start."""
        return self._ask(StackRequest("status"), ProcessList).processes

    def process(self, name: str) -> ProcessStatus | None:
        """The process of that name; None where the stack has none."""
        return next((process for process in self.status() if process.name == name), None)

    def kill(self, target: Targets, restart_after_seconds: float | None = None) -> dict[str, int]:
        """SIGKILL; returns when the process is gone. The process ids by name.

        The supervisor itself orders the restart after the given time, or after two minutes, so that
        a killed process comes back even if no one asks.
        """
        return self._ask(
            StackRequest("kill", self._names(target), restart_after_seconds), ProcessIds
        ).pids

    def shut_down(
        self, target: Targets, restart_after_seconds: float | None = None
    ) -> dict[str, int]:
        """Asks to stop in good order, if need be by force; else as `kill`."""
        return self._ask(
            StackRequest("shut_down", self._names(target), restart_after_seconds), ProcessIds
        ).pids

    def freeze(self, target: Targets, thaw_after_seconds: float | None = None) -> dict[str, int]:
        """SIGSTOP of the process and its descendants; the process ids by name.

        The supervisor lets it go on after the given time, or after two minutes.
        """
        return self._ask(
            StackRequest("freeze", self._names(target), thaw_after_seconds), ProcessIds
        ).pids

    def thaw(self, target: Targets) -> int:
        """Lets what is frozen go on; the monotonic instant of the last time the supervisor did.

        0 if it never had to since the freeze.
        """
        return self._ask(StackRequest("thaw", self._names(target)), RequestDone).at_ns

    def restart(self, target: Targets) -> int:
        """Orders the restart of what is down; the monotonic instant of the last order."""
        return self._ask(StackRequest("restart", self._names(target)), RequestDone).at_ns

    def wait_ready(self, target: Targets, timeout_seconds: float) -> int:
        """Waits until the target answers; the monotonic instant at which it was seen to."""
        request = StackRequest("wait_ready", self._names(target), timeout_seconds)
        return self._ask(request, RequestDone, timeout_seconds).at_ns

    def down(self) -> None:
        """Takes the whole stack down and returns when it is."""
        self._ask(StackRequest("down"), RequestDone)

    def _names(self, target: Targets) -> tuple[str, ...]:
        if isinstance(target, str):
            return self._stack.layout.meant(target)
        return tuple(target)

    def _ask(
        self, request: StackRequest, answer: type[AnswerT], more_seconds: float = 0.0
    ) -> AnswerT:
        return ask(self._socket_path, request, answer, 10.0 + more_seconds)


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
    path: Path, request: StackRequest, answer: type[AnswerT], timeout_seconds: float
) -> AnswerT:
    """One request to the supervisor that listens on a socket; what it answers is an ``answer``.

    HarnessError where it refused, or there was no answer in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            with short_path(path) as short:
                connection.connect(short)
            connection.sendall(REQUESTS.encode(request))
            with connection.makefile("rb") as lines:
                told = ANSWERS.decode(lines.readline())
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"the stack's supervisor does not answer `{request.do}` on {path}: "
            f"{error or type(error).__name__}"
        ) from error
    if isinstance(told, answer):
        return told
    raise HarnessError(f"the stack's supervisor refused: {getattr(told, 'error', told)}")
