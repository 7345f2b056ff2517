"""What a scenario can break, as frozen specifications; how it is done is in `harness.faults`.

Scenario files take these from `harness.faults`. Nothing here has an effect.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """What every fault has.

    ``during`` is the part of the fault phase in which it is active, as two shares of its length;
    ``expects_impact`` is False for a fault that borrowers should not notice.
    """

    during: tuple[float, float] = (0.0, 1.0)
    expects_impact: bool = True


@dataclass(frozen=True, slots=True)
class Partition(FaultSpec):
    """Bytes vanish on a link while its connections stay open.

    ``direction`` is ``both``, ``upstream`` (requests vanish) or ``downstream`` (answers vanish).
    """

    link: str
    direction: Literal["both", "upstream", "downstream"] = "both"
    kind: Literal["partition"] = "partition"

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"link:{self.link}"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return self.link

    @property
    def description(self) -> str:
        """One line for the report."""
        which = "" if self.direction == "both" else f" ({self.direction} only)"
        return f"bytes vanish on the link {self.link}{which}, its connections stay open"


@dataclass(frozen=True, slots=True)
class Kill(FaultSpec):
    """SIGKILL of one replica (``replica-1``) or of ``replicas``, all; restarted at the heal."""

    target: str = "replicas"
    kind: Literal["kill"] = "kill"

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return "process:replicas"

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"SIGKILL of {self.target}; the supervisor restarts on order"


@dataclass(frozen=True, slots=True)
class BlockingMigration(FaultSpec):
    """An ALTER TABLE queued behind a long transaction, so that everything queues behind the
    ALTER.
    """

    table: str = "loan"
    kind: Literal["blocking_migration"] = "blocking_migration"

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return "database"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return f"table {self.table}"

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"ALTER TABLE {self.table} waits behind a long transaction; borrows wait behind it"


AnyFault = Annotated[Partition | Kill | BlockingMigration, Field(discriminator="kind")]
