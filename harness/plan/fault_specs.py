"""What a scenario can break, as frozen specifications; how it is done is in `harness.faults`.

Scenario files take these from `harness.faults`. Nothing here has an effect.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Direction = Literal["both", "upstream", "downstream"]
"""``upstream``: requests, towards the far side; ``downstream``: answers, back from it."""


MILLISECONDS_MAX = 60_000
KILOBYTES_PER_SECOND_MAX = 1_000_000
PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX = 0.1, 60.0

NEEDED_LINKS = frozenset({"edge", "database"})
NEEDED_PROCESSES = frozenset({"replicas", "postgres"})
NEEDED_TABLES = frozenset({"table account", "table idempotency_key", "table loan"})
"""What every single borrow needs, as `target` names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """What every fault has.

    ``during`` is the part of the fault phase in which it is active, as two shares of its length;
    ``expects_impact`` is False for a fault that borrowers should not notice.
    """

    during: tuple[float, float] = (0.0, 1.0)
    expects_impact: bool = True

    stops_lending_on = frozenset[str]()
    """The targets on which this fault leaves nobody served as long as it is in place, whatever the
    state of the service. None where it only may: then the run has to show what it did."""
    needs = ""
    told = ""
    """What it `requires`, and its `description`; with fields of the fault in braces."""

    @property
    def shares(self) -> tuple[float, float]:
        """``during`` without what adding up in a loop leaves behind: 1.0000000000000002 is 1."""
        start, end = self.during
        return round(start, 9), round(end, 9)

    @property
    def problems(self) -> list[str]:
        """Every value of the right type that cannot be, each with what would be valid."""
        return []

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return self.needs.format(self)

    @property
    def description(self) -> str:
        """One line for the report."""
        return self.told.format(self)


@dataclass(frozen=True, slots=True)
class LinkFault(FaultSpec):
    """What every fault has that is on one ``link``, as a rule at its proxy."""

    link: str
    needs = "link:{0.link}"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return self.link


@dataclass(frozen=True, slots=True)
class SilentLink(LinkFault):
    """What faults have after which nothing passes on a link, in one ``direction`` or in both."""

    direction: Direction = "both"
    stops_lending_on = NEEDED_LINKS

    @property
    def only(self) -> str:
        """The direction in words; empty for both."""
        return "" if self.direction == "both" else f" ({self.direction} only)"


@dataclass(frozen=True, slots=True)
class ProcessFault(FaultSpec):
    """What every fault of processes has; ``target`` is one of them, or ``replicas``."""

    target: str = "replicas"
    stops_lending_on = NEEDED_PROCESSES
    needs = "process:{0.target}"


@dataclass(frozen=True, slots=True)
class Partition(SilentLink):
    """Bytes vanish on a link while its connections stay open.

    ``direction`` is ``both``, ``upstream`` (requests vanish) or ``downstream`` (answers vanish).
    """

    kind: Literal["partition"] = "partition"
    told = "bytes vanish on the link {0.link}{0.only}, its connections stay open"


@dataclass(frozen=True, slots=True)
class Refuse(LinkFault):
    """A link is down: established connections are cut, new ones refused."""

    kind: Literal["refuse"] = "refuse"
    stops_lending_on = NEEDED_LINKS
    told = "connections on the link {0.link} are cut, new ones refused"


@dataclass(frozen=True, slots=True)
class Reset(LinkFault):
    """Every connection of a link is reset (TCP RST), pooled ones too, and so is every new one."""

    kind: Literal["reset"] = "reset"
    stops_lending_on = NEEDED_LINKS
    told = "every connection on the link {0.link} is reset, pooled ones too"


@dataclass(frozen=True, slots=True)
class Latency(LinkFault):
    """Everything on a link takes longer, by ``milliseconds`` give or take ``jitter`` milliseconds.

    The delay is added once for each piece of data in that direction; ``both`` adds it each way.
    """

    milliseconds: int
    jitter: int = 0
    direction: Direction = "downstream"
    kind: Literal["latency"] = "latency"

    @property
    def problems(self) -> list[str]:
        """A delay out of bounds, or jitter beyond it."""
        delay, jitter = self.milliseconds, self.jitter
        if not 1 <= delay <= MILLISECONDS_MAX:
            return [f"milliseconds {delay} must be a whole number from 1 to {MILLISECONDS_MAX}"]
        if not 0 <= jitter <= delay:
            return [f"jitter {jitter} must be a whole number from 0 to milliseconds ({delay})"]
        return []

    @property
    def description(self) -> str:
        """One line for the report."""
        more = f" ± {self.jitter}" if self.jitter else ""
        which = {"both": " each way", "upstream": " up", "downstream": " back"}[self.direction]
        return f"{self.milliseconds}{more} ms more on the link {self.link},{which}"


@dataclass(frozen=True, slots=True)
class Throttle(LinkFault):
    """Each connection of a link carries at most ``kilobytes_per_second`` in a direction."""

    kilobytes_per_second: int
    direction: Direction = "both"
    kind: Literal["throttle"] = "throttle"
    told = "each connection on the link {0.link} carries {0.kilobytes_per_second} KB/s"

    @property
    def problems(self) -> list[str]:
        """A rate out of bounds."""
        rate, most = self.kilobytes_per_second, KILOBYTES_PER_SECOND_MAX
        if not 1 <= rate <= most:
            return [f"kilobytes_per_second {rate} must be a whole number from 1 to {most}"]
        return []


@dataclass(frozen=True, slots=True)
class Flap(LinkFault):
    """A partition that comes and goes: cut for ``duty`` of every ``period`` seconds.

    Each period begins with the cut. In a cut connections stay open and bytes vanish; its end closes
    those connections, because no network gives a stream with a hole in it.
    """

    period: float = 1.0
    duty: float = 0.5
    direction: Direction = "both"
    kind: Literal["flap"] = "flap"

    @property
    def problems(self) -> list[str]:
        """A period out of bounds, or a cut that is none or never ends."""
        found = []
        least, most = PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX
        if not least <= self.period <= most:
            found.append(f"period {self.period:g} must be from {least:g} to {most:g} seconds")
        if not 0 < self.duty < 1:
            found.append(f"duty {self.duty:g} must be a share between 0 and 1, both excluded")
        return found

    @property
    def description(self) -> str:
        """One line for the report."""
        return (
            f"the link {self.link} is cut for {100 * self.duty:.0f} % of every {self.period:g} s;"
            " what was open in a cut is closed at its end"
        )


@dataclass(frozen=True, slots=True)
class CommitLost(LinkFault):
    """The database receives the COMMIT, the service never sees its answer.

    Every connection ends when PostgreSQL has done a COMMIT on it, before the answer is passed on.
    What became of a borrow is then truly unknown to the service until it asks again. The link must
    lead to the stack's own PostgreSQL.
    """

    link: str = "database"
    kind: Literal["commit_lost"] = "commit_lost"
    told = "COMMITs arrive over the link {0.link}, their answers do not"


@dataclass(frozen=True, slots=True)
class PacketDrop(SilentLink):
    """Packets of a link are dropped by the kernel; both ends retransmit and back off.

    Needs a stack whose links run between network namespaces of their own.
    """

    kind: Literal["packet_drop"] = "packet_drop"
    needs = "packets:{0.link}"
    told = "packets on the link {0.link} are dropped{0.only}"


@dataclass(frozen=True, slots=True)
class Kill(ProcessFault):
    """SIGKILL of a process, restarted at the heal.

    ``target`` is ``replica-1`` …, ``replicas`` for all of them, ``postgres`` or ``bureau``.
    """

    kind: Literal["kill"] = "kill"
    told = "SIGKILL of {0.target}; the supervisor restarts on order"


@dataclass(frozen=True, slots=True)
class Freeze(ProcessFault):
    """SIGSTOP of a process, alive and silent until the heal: a grey failure.

    ``target`` as for `Kill`.
    """

    kind: Literal["freeze"] = "freeze"
    told = "SIGSTOP of {0.target}: alive, connections open, silent"


@dataclass(frozen=True, slots=True)
class Restart(ProcessFault):
    """An orderly restart: a request to stop, then a start at the heal. ``target`` as for `Kill`."""

    kind: Literal["restart"] = "restart"
    told = "{0.target} asked to stop, and started again at the heal"


@dataclass(frozen=True, slots=True)
class BlockingMigration(FaultSpec):
    """An ALTER TABLE queued behind a long transaction, so that everything queues behind the
    ALTER.
    """

    table: str = "loan"
    kind: Literal["blocking_migration"] = "blocking_migration"
    stops_lending_on = NEEDED_TABLES
    needs = "database"
    told = "ALTER TABLE {0.table} waits behind a long transaction; borrows wait behind it"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return f"table {self.table}"


AnyFault = Annotated[
    Partition
    | Refuse
    | Reset
    | Latency
    | Throttle
    | Flap
    | CommitLost
    | PacketDrop
    | Kill
    | Freeze
    | Restart
    | BlockingMigration,
    Field(discriminator="kind"),
]
