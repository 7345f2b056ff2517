"""What the supervisor is told on its standard input when it starts."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

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


LAUNCH_SPEC = TypeAdapter(LaunchSpec)
