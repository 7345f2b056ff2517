"""What is asked of a stack's supervisor and answered over its Unix socket.

`harness.stack.client` asks, `harness.stack.control_socket` answers. Instants are monotonic
nanoseconds.
"""

from dataclasses import dataclass
from typing import Literal

from harness.core.messages import Codec


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
