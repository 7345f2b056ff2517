"""What conductor and guardian say to each other over the pipes between them.

The ends are `harness.faults.heal.guardian_link` and `harness.faults.heal.guardian`.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.core.messages import Codec
from harness.core.processes import ProcessRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedRun:
    """A run, and the stack that it uses: none yet, and no ``stack_id`` until it is up."""

    run_dir: Path
    run_id: str
    state_dir: Path | None
    stack_id: str
    owns_stack: bool
    load: ProcessRef | None


@dataclass(frozen=True, slots=True)
class RunInOrder:
    """The run is over: no one has to heal it."""


@dataclass(frozen=True, slots=True)
class GuardianReady:
    """The guardian stands guard."""


ToGuardian = GuardedRun | RunInOrder
TO_GUARDIAN: Codec[ToGuardian] = Codec(ToGuardian)
FROM_GUARDIAN: Codec[GuardianReady] = Codec(GuardianReady)
