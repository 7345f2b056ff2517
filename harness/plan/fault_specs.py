"""What a scenario can break, as frozen specifications; how it is done is in `harness.faults`.

Scenario files take these from `harness.faults`. Nothing here has an effect.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

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


def _is_whole(value: float, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most


def _wrong_direction(direction: str) -> list[str]:
    known = get_args(Direction)
    if direction in known:
        return []
    return [f"direction {direction!r} must be {', '.join(known[:-1])} or {known[-1]}"]


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

    @property
    def shares(self) -> tuple[float, float]:
        """``during`` without what adding up in a loop leaves behind: 1.0000000000000002 is 1."""
        start, end = self.during
        return round(start, 9), round(end, 9)

    @property
    def problems(self) -> list[str]:
        """Every value that cannot be, each with what would be valid; none for a sound fault."""
        return []


@dataclass(frozen=True, slots=True)
class LinkFault(FaultSpec):
    """What every fault has that Toxiproxy carries out on one ``link``."""

    link: str

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"link:{self.link}"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return self.link


@dataclass(frozen=True, slots=True)
class Partition(LinkFault):
    """Bytes vanish on a link while its connections stay open.

    ``direction`` is ``both``, ``upstream`` (requests vanish) or ``downstream`` (answers vanish).
    """

    direction: Direction = "both"
    kind: Literal["partition"] = "partition"
    stops_lending_on = NEEDED_LINKS

    @property
    def problems(self) -> list[str]:
        """What cannot be."""
        return _wrong_direction(self.direction)

    @property
    def description(self) -> str:
        """One line for the report."""
        which = "" if self.direction == "both" else f" ({self.direction} only)"
        return f"bytes vanish on the link {self.link}{which}, its connections stay open"


@dataclass(frozen=True, slots=True)
class Refuse(LinkFault):
    """A link is down: established connections are cut, new ones refused."""

    kind: Literal["refuse"] = "refuse"
    stops_lending_on = NEEDED_LINKS

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"connections on the link {self.link} are cut, new ones refused"


@dataclass(frozen=True, slots=True)
class Reset(LinkFault):
    """Every connection of a link is reset (TCP RST), pooled ones too, and so is every new one."""

    kind: Literal["reset"] = "reset"
    stops_lending_on = NEEDED_LINKS

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"every connection on the link {self.link} is reset, pooled ones too"


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
        """What cannot be."""
        found = _wrong_direction(self.direction)
        if not _is_whole(self.milliseconds, 1, MILLISECONDS_MAX):
            found.append(
                f"milliseconds {self.milliseconds} must be a whole number from 1 to"
                f" {MILLISECONDS_MAX}"
            )
        elif not _is_whole(self.jitter, 0, self.milliseconds):
            found.append(
                f"jitter {self.jitter} must be a whole number from 0 to milliseconds"
                f" ({self.milliseconds})"
            )
        return found

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

    @property
    def problems(self) -> list[str]:
        """What cannot be."""
        found = _wrong_direction(self.direction)
        if not _is_whole(self.kilobytes_per_second, 1, KILOBYTES_PER_SECOND_MAX):
            found.append(
                f"kilobytes_per_second {self.kilobytes_per_second} must be a whole number from 1"
                f" to {KILOBYTES_PER_SECOND_MAX}"
            )
        return found

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"each connection on the link {self.link} carries {self.kilobytes_per_second} KB/s"


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
        """What cannot be."""
        found = _wrong_direction(self.direction)
        if not PERIOD_SECONDS_MIN <= self.period <= PERIOD_SECONDS_MAX:
            found.append(
                f"period {self.period:g} must be from {PERIOD_SECONDS_MIN:g} to"
                f" {PERIOD_SECONDS_MAX:g} seconds"
            )
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

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"COMMITs arrive over the link {self.link}, their answers do not"


@dataclass(frozen=True, slots=True)
class PacketDrop(FaultSpec):
    """Packets of a link are dropped by the kernel; both ends retransmit and back off.

    Needs a stack whose links run between network namespaces of their own.
    """

    link: str
    direction: Direction = "both"
    kind: Literal["packet_drop"] = "packet_drop"
    stops_lending_on = NEEDED_LINKS

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"packets:{self.link}"

    @property
    def target(self) -> str:
        """What the fault touches, as the report names it."""
        return self.link

    @property
    def description(self) -> str:
        """One line for the report."""
        which = "" if self.direction == "both" else f" ({self.direction} only)"
        return f"packets on the link {self.link} are dropped{which}"


@dataclass(frozen=True, slots=True)
class Kill(FaultSpec):
    """SIGKILL of a process, restarted at the heal.

    ``target`` is ``replica-1`` …, ``replicas`` for all of them, ``postgres`` or ``bureau``.
    """

    target: str = "replicas"
    kind: Literal["kill"] = "kill"
    stops_lending_on = NEEDED_PROCESSES

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"process:{self.target}"

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"SIGKILL of {self.target}; the supervisor restarts on order"


@dataclass(frozen=True, slots=True)
class Freeze(FaultSpec):
    """SIGSTOP of a process, alive and silent until the heal: a grey failure.

    ``target`` as for `Kill`.
    """

    target: str = "replicas"
    kind: Literal["freeze"] = "freeze"
    stops_lending_on = NEEDED_PROCESSES

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"process:{self.target}"

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"SIGSTOP of {self.target}: alive, connections open, silent"


@dataclass(frozen=True, slots=True)
class Restart(FaultSpec):
    """An orderly restart: a request to stop, then a start at the heal. ``target`` as for `Kill`."""

    target: str = "replicas"
    kind: Literal["restart"] = "restart"
    stops_lending_on = NEEDED_PROCESSES

    @property
    def requires(self) -> str:
        """What a stack must offer for this fault."""
        return f"process:{self.target}"

    @property
    def description(self) -> str:
        """One line for the report."""
        return f"{self.target} asked to stop, and started again at the heal"


@dataclass(frozen=True, slots=True)
class BlockingMigration(FaultSpec):
    """An ALTER TABLE queued behind a long transaction, so that everything queues behind the
    ALTER.
    """

    table: str = "loan"
    kind: Literal["blocking_migration"] = "blocking_migration"
    stops_lending_on = NEEDED_TABLES

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
