"""What a target declares of what it is made of: links, processes, database. Plain data.

A user's class of a target writes these (`harness.target`), and the stack makes links and processes
of them (`harness.stack.bring_up.attach`). Neither side imports the other.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from harness.core.user_module import UserReference, reference_to

EDGE_LINK = "edge"
"""The link in front of the service itself."""
LINK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_POSTGRES_SCHEME = re.compile(r"postgres(ql)?")
_PLACE = re.compile(r"\{([a-z][a-z0-9_-]*)\}")


@dataclass(frozen=True, slots=True)
class Link:
    """A hop to disturb: what stands behind it, ``host:port``, and where it listens.

    It listens at 127.0.0.1, on a port that is chosen unless ``listen`` names one: a system that
    already runs has to be set to connect there. ``asks`` is what the harness may ask through the
    link to see whether it carries anything: a path ("/health") for HTTP, any other text as it is
    sent (a line of Redis: "PING" and a line end), "" where the far side speaks first. A link to the
    target's ``database`` needs none. A link without a question can have no fault.
    """

    upstream: str
    listen: int | None = None
    asks: str | None = None


class Program:
    """A process of the lender that the harness starts, and ends with the stack.

    ``{name}`` in the command or in a value of the environment is the address at which the link of
    that name listens. It is up when it listens at ``listens``, ``host:port``. ``asks`` is what the
    harness may ask there to see that it works, as a `Link` has it. Without it a connection alone is
    tried: enough to see that it was killed, and not that it stands still, so it cannot be frozen.
    The environment has PATH, HOME, TMPDIR and what is given here.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        listens: str,
        asks: str | None = None,
        cwd: str = ".",
        **environment: str,
    ) -> None:
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        self.listens = listens
        self.asks = asks
        self.cwd = cwd
        self.environment = environment

    def started(self, listens_at: Mapping[str, str]) -> "ProgramSpec":
        """As it is to be started, with the addresses of links in place of their names."""

        def filled(text: str) -> str:
            return _PLACE.sub(lambda found: listens_at.get(found[1], found[0]), text)

        return ProgramSpec(
            tuple(map(filled, self.command)),
            {name: filled(value) for name, value in self.environment.items()},
            self.listens,
            str(Path(self.cwd).absolute()),
            self.asks,
        )


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """A `Program` with nothing left to fill in."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    listens: str
    cwd: str = "."
    asks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParts:
    """All that a stack in front of a target has to know of it.

    ``health`` is the path that tells whether it is well, None where it has none. ``database`` is
    the address of its PostgreSQL, around every link.
    """

    health: str | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    processes: Mapping[str, Program | type] = field(default_factory=dict)
    database: str | None = field(default=None, repr=False)

    @property
    def own_parts(self) -> dict[str, UserReference]:
        """The processes that a class of the user's starts (`harness.stack.parts.part`)."""
        own = {name: kind for name, kind in self.processes.items() if isinstance(kind, type)}
        found = {name: (reference_to(kind), kind.__name__) for name, kind in own.items()}
        return {
            name: replace(reference, name=called)
            for name, (reference, called) in found.items()
            if reference is not None
        }

    @property
    def programs(self) -> dict[str, Program]:
        """The processes that the harness starts."""
        return {name: p for name, p in self.processes.items() if isinstance(p, Program)}

    @property
    def database_address(self) -> str | None:
        """``host:port`` of the database."""
        if self.database is None:
            return None
        parts = urlsplit(self.database)
        return f"{parts.hostname or '127.0.0.1'}:{parts.port or 5432}"

    def leads_to_database(self, link: str) -> bool:
        """Whether the database is behind the link of this name."""
        found = self.links.get(link)
        return found is not None and found.upstream == self.database_address

    @property
    def questions(self) -> dict[str, str]:
        """What may be asked through each link, but for the one to the database."""
        asked = {name: link.asks for name, link in self.links.items()}
        asked[EDGE_LINK] = self.health
        return {name: asks for name, asks in asked.items() if asks is not None}

    def can_be_asked(self, link: str) -> bool:
        """Whether something can be asked through a link, so that a fault on it can be proven."""
        return link in self.questions or self.leads_to_database(link)

    def wrong(self) -> Iterator[str]:
        """Every declaration that cannot be, each with what would be valid."""
        for name in self.links:
            if not LINK_NAME.fullmatch(name) or name == EDGE_LINK:
                yield (
                    f"links: {name!r} must be lower-case letters, digits, - and _, and not"
                    f" {EDGE_LINK}, which is the link in front of the service"
                )
        for name, process in self.processes.items():
            if not LINK_NAME.fullmatch(name):
                yield f"processes: {name!r} must be lower-case letters, digits, - and _"
            if isinstance(process, Program) and not process.command:
                yield f"processes: {name} has no command"
            elif not isinstance(process, Program | type):
                yield f"processes: {name} must be a Program(...), or a class of a stack part"
            elif isinstance(process, type) and getattr(process, "group", None) != name:
                yield f'processes: {name} is a class whose group must be "{name}"'
        if self.database is not None and not _POSTGRES_SCHEME.fullmatch(
            urlsplit(self.database).scheme
        ):
            yield "database must be an address like postgresql://user@127.0.0.1:5432/name, or None"
