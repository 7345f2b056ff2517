"""What `up` and the supervisor that it starts say to each other, over the latter's standard input
and output.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.core.messages import Codec
from harness.core.processes import ProcessRef
from harness.stack.postgres import ClusterSpec
from harness.stack.state import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """A stack to be started: what it is, and the programs it is made of.

    ``cluster`` and ``service_port`` are None for an attached target, which is not ours to run. When
    ``owner`` dies, the stack goes, too; None for one that stays up until it is taken down.
    """

    stack: Stack
    toxiproxy: Path
    api_port: int
    cluster: ClusterSpec | None = None
    service_port: int | None = None
    owner: ProcessRef | None = None


TO_SUPERVISOR: Codec[LaunchSpec] = Codec(LaunchSpec)


@dataclass(frozen=True, slots=True)
class SupervisorStarted:
    """The supervisor is a process of its own."""

    pid: int


@dataclass(frozen=True, slots=True)
class LaunchStep:
    """What is being done, for people."""

    text: str


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """The stack does not come up, and what there is of it is taken down."""

    error: str


@dataclass(frozen=True, slots=True)
class StackUp:
    """Everything was started and answers."""


LaunchReport = SupervisorStarted | LaunchStep | LaunchFailed | StackUp
TO_UP: Codec[LaunchReport] = Codec(LaunchReport)
