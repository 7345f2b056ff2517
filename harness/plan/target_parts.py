"""What a target declares of what it is made of: links, processes, database. Plain data.

A user's class of a target writes these (`harness.target`), and the stack makes links and processes
of them (`harness.stack.bring_up.attach`). Neither side imports the other.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core.connections import database_addresses
from harness.core.errors import UsageError
from harness.core.host_port import split_address
from harness.core.user_module import UserReference, reference_to
from harness.plan.checked import shown

EDGE_LINK = "edge"
"""The link in front of the service itself."""
LINK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
PORT_MAX = 65535
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

    def wrong(self) -> Iterator[str]:
        """Every value that cannot be, with what would be valid."""
        yield from _address("upstream", self.upstream)
        is_port = _is(self.listen, int) and 1 <= (self.listen or 0) <= PORT_MAX
        if self.listen is not None and not is_port:
            yield f"listen {shown(self.listen)} must be a port from 1 to {PORT_MAX}, or None"
        yield from _asks(self.asks)


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
        self.command = shlex.split(command) if isinstance(command, str) else [*command]
        self.listens = listens
        self.asks = asks
        self.cwd = cwd
        self.environment = environment

    def wrong(self) -> Iterator[str]:
        """Every value that cannot be, with what would be valid."""
        words: Any = self.command
        if not words or not words[0] or not all(_is(word, str) for word in words):
            yield f"command {shown(words)} must be a program and its arguments, all of them texts"
        yield from _address("listens", self.listens)
        yield from _asks(self.asks)
        if not _is(self.cwd, str):
            yield f"cwd {shown(self.cwd)} must be a folder, as text"
        for name, value in self.environment.items():
            if not _is(value, str):
                yield f"{name}= must be a text, not of type {type(value).__name__}"

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
    the address of its PostgreSQL, around every link. ``read_at`` is every ``host:port`` beside all
    of these at which its ledger is read.
    """

    health: str | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    processes: Mapping[str, Program | type] = field(default_factory=dict)
    database: str | None = field(default=None, repr=False)
    read_at: tuple[str, ...] = ()

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
    def database_addresses(self) -> tuple[str, ...]:
        """Every ``host:port`` of the database; UsageError where it is no address."""
        return () if self.database is None else database_addresses(self.database)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every ``host:port`` that the harness connects to, or has a link lead to."""
        links = (link.upstream for link in self.links.values())
        listening = (getattr(process, "listens", "") for process in self.processes.values())
        return (*links, *filter(None, listening), *self.database_addresses, *self.read_at)

    @property
    def questions(self) -> dict[str, str]:
        """What may be asked through each link, but for the one to the database."""
        asked = {name: link.asks for name, link in self.links.items()}
        asked[EDGE_LINK] = self.health
        return {name: asks for name, asks in asked.items() if asks is not None}

    def wrong(self) -> Iterator[str]:
        """Every declaration that cannot be, each with what would be valid."""
        yield from self._wrong_links()
        yield from self._wrong_processes()
        try:
            _ = self.database_addresses
        except UsageError as error:
            yield f"database {error}"

    def _wrong_links(self) -> Iterator[str]:
        for name, link in self.links.items():
            yield from _name("links", name)
            if name == EDGE_LINK:
                yield f"links: {EDGE_LINK} is the link in front of the service; choose another name"
            found = link.wrong() if isinstance(link, Link) else ["must be a Link(...)"]
            yield from (f"links: {name} {text}" for text in found)
        ports = Counter(link.listen for link in self.links.values() if isinstance(link, Link))
        for port, count in ports.items():
            if port is not None and count > 1:
                yield f"links: {count} of them listen={port}; each must have a port of its own"

    def _wrong_processes(self) -> Iterator[str]:
        for name, process in self.processes.items():
            yield from _name("processes", name)
            if isinstance(process, Program):
                yield from (f"processes: {name} {text}" for text in process.wrong())
            elif not isinstance(process, type):
                yield f"processes: {name} must be a Program(...), or a class of a stack part"
            elif getattr(process, "group", None) != name:
                yield f'processes: {name} is a class whose group must be "{name}"'
            elif listens := getattr(process, "listens", ""):
                yield from _address(f"processes: {name} listens", listens)


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _asks(asks: Any) -> Iterator[str]:
    if not _is(asks, str, type(None)):
        yield f'asks {shown(asks)} must be a path, like "/health", another text, or None'


def _name(kind: str, name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not LINK_NAME.fullmatch(name):
        yield f"{kind}: {shown(name)} must be lower-case letters, digits, - and _"


def _address(what: str, shown_at: Any) -> Iterator[str]:
    try:
        split_address(shown_at)
    except UsageError as error:
        yield f"{what}: {error}"
