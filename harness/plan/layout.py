"""What a target has that can be disturbed: its parts, roles, links and tables, as plain data.

The stack says it (`harness.stack.parts`); plans, previews and proofs only read it. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Roles of the stacks that ship. A fault may name one, or a single part, as plain text too."""

    REPLICAS = "replicas"
    """All replicas of the lending service."""
    REPLICA = "replica"
    """One of them, chosen when the fault is injected."""
    PRIMARY = "primary"
    """The database server that takes writes."""
    EDGE = "edge"
    """The link in front of the lending service."""
    DATABASE = "database"
    """The link from the lending service to its database."""


TO_DATABASE = "to_database"
"""Of a link: that it leads to the database which SQL reaches."""
CARRIES_DATA = "carries_data"
"""Of a link: that as much as is wanted can be sent through it and back."""


class Thing(StrEnum):
    """What a fault can be on."""

    LINK = "link"
    PACKETS = "packets"
    PROCESS = "process"
    TABLE = "table"
    DATABASE = "database"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """One thing of a target, by its name; ``ability`` is what can be done to it, or what of it is
    meant.
    """

    what: Thing
    name: str = ""
    ability: str = ""

    def __str__(self) -> str:
        """For people."""
        if self.what is Thing.PACKETS:
            return f"packets on the link {self.name}"
        return f"{self.what} {self.name}".strip()


START_SECONDS = 15.0
"""What a process may take from a restart to its first answer."""
FIRST_START_FACTOR = 2
"""How much longer its very first start may take, whose files are in no memory yet."""
POSTGRESQL = "postgresql"
INSTANCES = "instances"
"""Of processes that share one address: HTTP, and each tells its name on its health page."""


def protocol_of(asks: str | None) -> str:
    """What is spoken where this may be asked first; empty where nothing may be.

    A path is HTTP's. Any other text is ``raw``: it is sent as it is.
    """
    if asks is None:
        return ""
    return "http" if asks.startswith("/") else "raw"


@dataclass(frozen=True, slots=True)
class LayoutPart:
    """One process of a target: what can be done to it, and where it answers.

    Parts of one ``group`` answer in one another's place. ``address`` is ``host:port``, empty where
    it is not known yet; ``protocol`` is what it speaks there, and ``asks`` the first question to
    it, as for a `LayoutLink`. Where nothing may be asked, a connection alone tells that it runs.
    """

    name: str
    group: str
    abilities: tuple[str, ...] = ()
    address: str = ""
    protocol: str = ""
    ours: bool = False
    """Whether it is the harness's own tool, and no part of the target."""
    asks: str | None = None
    start_seconds: float = START_SECONDS


@dataclass(frozen=True, slots=True)
class LayoutLink:
    """One hop on the way of a request. ``leads_to`` is the group behind it, which speaks
    ``protocol``; empty for unknown, and then nothing may be asked through it.

    ``asks`` is the first question through it: a path for ``http``, for ``raw`` a text as it is.
    ``is_wire``: a pair of kernels that lose packets, with no proxy between them. ``needed``: no
    borrow passes without it.
    """

    name: str
    leads_to: str = ""
    protocol: str = ""
    needed: bool = False
    is_wire: bool = False
    where: str = ""
    asks: str | None = None


@dataclass(frozen=True, slots=True)
class StackLayout:
    """Everything that a target offers to faults.

    ``roles`` maps a role to the parts that may hold it; of those in ``one_of`` one part is meant,
    chosen when the fault is injected. No borrow passes without the groups in ``needed`` and the
    tables in ``needed_tables``. ``database`` is the group of the database that SQL reaches, empty
    for none. ``kind`` names the backend, for messages.
    """

    kind: str = "local"
    parts: tuple[LayoutPart, ...] = ()
    links: tuple[LayoutLink, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one_of: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    tables: tuple[str, ...] = ()
    needed_tables: frozenset[str] = frozenset()
    database: str = ""
    database_at: str = ""
    database_role: str = ""
    """The role as which the service is in the database; empty where it is not known."""

    def part(self, name: str) -> LayoutPart | None:
        """The part of that name."""
        return next((part for part in self.parts if part.name == name), None)

    def link(self, name: str) -> LayoutLink | None:
        """The link of that name."""
        return next((link for link in self.links if link.name == name), None)

    def candidates(self, target: str) -> tuple[str, ...]:
        """The parts that a name or a role may mean; none where there is nothing of that name."""
        return self.roles.get(target) or ((target,) if self.part(target) is not None else ())

    def meant(self, target: str) -> tuple[str, ...]:
        """The same; of a name that is not known, the name."""
        return self.candidates(target) or (target,)

    def is_one_of(self, target: str) -> bool:
        """Whether only one of the candidates is meant."""
        return target in self.one_of and len(self.candidates(target)) > 1

    def groups(self, parts: Iterable[str]) -> frozenset[str]:
        """The groups of these parts; a name that is no part is its own."""
        return frozenset(part.group if (part := self.part(name)) else name for name in parts)

    def leads_to_database(self, link: str) -> bool:
        """Whether the far side of a link is the database which SQL reaches."""
        found = self.link(link)
        return bool(self.database) and found is not None and found.leads_to == self.database

    def offers(self, need: Need) -> bool:
        """Whether there is such a thing, and it can do what is needed."""
        match need.what:
            case Thing.LINK:
                link = self.link(need.name)
                if link is None or link.is_wire:
                    return False
                carries = link.protocol in ("", "http", POSTGRESQL)  # unknown is told by itself
                return (need.ability != TO_DATABASE or self.leads_to_database(need.name)) and (
                    need.ability != CARRIES_DATA or carries
                )
            case Thing.PACKETS:
                link = self.link(need.name)
                return link is not None and link.is_wire
            case Thing.PROCESS:
                found = [self.part(name) for name in self.candidates(need.name)]
                able = [part for part in found if part is not None]
                return bool(able) and all(
                    not need.ability or need.ability in part.abilities for part in able
                )
            case Thing.TABLE:
                return bool(self.database) and (not self.tables or need.name in self.tables)
        return bool(self.database)

    def is_needed(self, need: Need) -> bool:
        """Whether no borrow at all passes while this is gone."""
        match need.what:
            case Thing.LINK | Thing.PACKETS:
                link = self.link(need.name)
                return link is not None and link.needed
            case Thing.PROCESS if not self.is_one_of(need.name):
                gone = set(self.candidates(need.name))
                return any(
                    gone >= {part.name for part in self.parts if part.group == group}
                    for group in self.groups(gone) & self.needed
                )
            case Thing.TABLE:
                return need.name in self.needed_tables
        return False
