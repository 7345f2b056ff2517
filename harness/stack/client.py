"""Typed calls to a stack's supervisor, and what is asked and answered over its Unix socket.

`harness.stack.control_socket` is the other end. Instants are monotonic nanoseconds.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from harness.core.errors import HarnessError
from harness.core.messages import Codec
from harness.stack.layouts import layout_of
from harness.stack.state import Stack

SOCKET_BYTES_MAX = 107
Targets = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class StackRequest:
    """Something to be done to the processes of these names.

    ``kill`` (SIGKILL) and ``shut_down`` (in good order) take them down, and they are started again
    after so many ``seconds``; ``freeze`` stops them with all their descendants, and they go on
    after as many; without, after two minutes. ``thaw`` lets them go on, ``restart`` orders the
    start of what is down. ``wait_ready`` waits until they do their work, at most so long.
    ``status`` and ``down`` are of the whole stack.
    """

    do: Literal["status", "kill", "shut_down", "freeze", "thaw", "restart", "wait_ready", "down"]
    targets: tuple[str, ...] = ()
    seconds: float | None = None


REQUESTS: Codec[StackRequest] = Codec(StackRequest)


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the stack.

    ``last_exit`` is the code of its last end, negative for a signal; ``ordered_ns`` is the instant
    of the last order to start it, and ``started_by`` what gave the first one since it was taken
    down: ``request``, ``timer`` or ``supervisor`` (see `harness.stack.supervised_process`).
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
class ProcessList:
    """Every process, in the order of its start."""

    processes: tuple[ProcessStatus, ...]


@dataclass(frozen=True, slots=True)
class ProcessIds:
    """Ids by name of what was taken down, or stands still."""

    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class RequestDone:
    """When it was done; of a thaw 0, if the supervisor never had to since the freeze."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """It was not done."""

    error: str


StackAnswer = ProcessList | ProcessIds | RequestDone | RequestRefused
ANSWERS: Codec[StackAnswer] = Codec(StackAnswer)
AnswerT = TypeVar("AnswerT", bound=StackAnswer)


class StackClient:
    """Asks the supervisor; each call uses a connection of its own and ends in bounded time.

    A target is the name of a process, a role, or several names. Every call raises `HarnessError`
    where the supervisor refuses or does not answer.
    """

    def __init__(self, stack: Stack) -> None:
        self._socket_path = stack.socket_path
        self._layout = layout_of(stack)

    def status(self) -> tuple[ProcessStatus, ...]:
        """Every process, in the order of its start."""
        return self._ask(StackRequest("status"), ProcessList).processes

    def kill(self, target: Targets, restart_after_seconds: float | None = None) -> dict[str, int]:
        """SIGKILL; returns when the process is gone. The process ids by name.

        The supervisor itself orders the restart after the given time, or after two minutes, so that
        a killed process comes back even if nobody asks.
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
            return self._layout.candidates(target) or (target,)
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
