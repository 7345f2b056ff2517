"""What a stack offers to faults, as `harness.plan.layout` has it: one that is up, or is to be.

It is made when the stack is, and kept in its state file: the process that heals reads it
there, and needs no class of the user's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from harness.core.errors import UsageError
from harness.core.user_module import UserReference, class_in, imported, raised
from harness.plan.layout import POSTGRESQL, LayoutLink, LayoutPart, StackLayout, protocol_of
from harness.plan.target_parts import ProgramSpec, TargetParts
from harness.stack.addresses import is_same_address
from harness.stack.own_part import require_whole
from harness.stack.parts.bureau import Bureau
from harness.stack.parts.lending_service import LendingService
from harness.stack.parts.part import HasPrimary, StackPart, abilities_of
from harness.stack.parts.postgres import PostgresServer
from harness.stack.parts.program import TargetProgram
from harness.stack.parts.toxiproxy import Toxiproxy
from harness.stack.state import EDGE, HEALTH_PATH, Stack, StackLink, StackSettings

LOCAL_PARTS: tuple[StackPart, ...] = (Toxiproxy(), PostgresServer(), LendingService(), Bureau())
"""What the local stack runs, in the order of its start."""
ATTACHED_PARTS: tuple[StackPart, ...] = (Toxiproxy(),)
_PART = "part of the stack"
_DATABASE = "the target's database"
"""The group behind the links that lead there, where no process of the stack is it."""


def parts_of(stack: Stack) -> tuple[StackPart, ...]:
    """What a stack runs, in the order of its start.

    UsageError where the module of one of the user's own parts cannot be imported.
    """
    if stack.runs_service:
        return LOCAL_PARTS
    own = (_own_part(reference) for reference in stack.own_parts.values())
    return (*ATTACHED_PARTS, *_started(stack.programs), *own)


def _started(programs: Mapping[str, ProgramSpec]) -> Iterable[StackPart]:
    return (TargetProgram(name, spec) for name, spec in programs.items())


def _own_part(reference: UserReference) -> StackPart:
    base: Any = StackPart
    kind = class_in(imported(reference, _PART), reference, base, _PART)
    try:
        part = cast("StackPart", kind())
        require_whole(part)
    except Exception as error:
        raise UsageError(f"{_PART} {reference}: {raised(error, None)}") from error
    return part


def local_layout(settings: StackSettings | None = None, stack: Stack | None = None) -> StackLayout:
    """Of the local stack with these settings; before it is up at addresses not known yet."""
    settings = settings or StackSettings()
    if stack is None:
        names = [EDGE, *(part.link for part in LOCAL_PARTS if part.link not in ("", EDGE))]
        wires = names[1:] if settings.namespaces else []
        links = [_link(name, is_wire=name in wires) for name in (*names, *settings.extra_links)]
        return _layout("local", LOCAL_PARTS, settings, links, None)
    at = {part.address(stack): part.group for part in LOCAL_PARTS}
    links = [
        _link(link.name, at.get(link.upstream, ""), _where(link)) for link in stack.links.values()
    ]
    links += [_link(n, where=wire.address, is_wire=True) for n, wire in stack.wires.items()]
    return _layout("local", LOCAL_PARTS, settings, links, stack)


def _link(name: str, group: str = "", where: str = "", *, is_wire: bool = False) -> LayoutLink:
    """A link of the local stack; ``group`` is who listens at its far side, where that is known."""
    part = next((p for p in LOCAL_PARTS if p.link == name or p.group == group != ""), None)
    if part is None:
        return LayoutLink(name, "", "http", is_wire=is_wire, where=where, asks=HEALTH_PATH)
    protocol = part.protocol if part.protocol == POSTGRESQL else protocol_of(part.asks)
    return LayoutLink(name, part.group, protocol, part.needed, is_wire, where, part.asks)


def attached_layout(
    links: Mapping[str, StackLink], parts: TargetParts | None = None, stack: Stack | None = None
) -> StackLayout:
    """Of a service behind these links; without the ``stack`` before our proxies are there.

    ``parts`` are what its target declares; without any it speaks our contract.
    """
    declared = parts or TargetParts(health=HEALTH_PATH)
    programs = {name: program.started({}) for name, program in declared.programs.items()}
    runs = [*ATTACHED_PARTS, *_started(programs), *map(_own_part, declared.own_parts.values())]
    at = {part.listens: part.group for part in runs if part.listens}

    def behind(upstream: str) -> str:
        return next((at[each] for each in at if is_same_address(each, upstream)), "")

    addresses = declared.database_addresses
    database = (next(filter(None, map(behind, addresses)), "") or _DATABASE) if addresses else ""
    found = []
    for name, link in links.items():
        is_database = any(is_same_address(link.upstream, address) for address in addresses)
        asks = declared.questions.get(name)
        known = LayoutLink(
            name,
            database if is_database else behind(link.upstream),
            POSTGRESQL if is_database else protocol_of(asks),
            needed=name == EDGE,
            where=_where(link),
            asks=asks,
        )
        found.append(known)
    made = _layout("attached", runs, StackSettings(), found, stack)
    return replace(
        made,
        database=database,
        database_at=", ".join(addresses),
        tables=(),
        needed_tables=frozenset(),
    )


def _where(link: StackLink) -> str:
    return f"{link.listen} → {link.upstream}"


def _layout(
    kind: str,
    parts: Iterable[StackPart],
    settings: StackSettings,
    links: Iterable[LayoutLink],
    stack: Stack | None,
) -> StackLayout:
    known: list[LayoutPart] = []
    roles: dict[str, tuple[str, ...]] = {}
    tables: list[str] = []
    needed_tables: frozenset[str] = frozenset()
    one_of: set[str] = set()
    server, server_at, service_role = "", "", ""
    for part in parts:
        names = part.names(settings)
        at = "" if stack is None else part.address(stack)
        seen = LayoutPart(
            "",
            part.group,
            abilities_of(part) if part.listens or part.link else (),
            at,
            part.protocol or protocol_of(part.asks),
            part.ours,
            part.asks,
            part.start_seconds,
        )
        known += [replace(seen, name=name) for name in names]
        if names != (part.group,):
            roles[part.group] = names
        if part.one_of_them:
            roles[part.one_of_them] = names
            one_of.add(part.one_of_them)
        if isinstance(part, HasPrimary):
            roles[part.role] = names
            server, server_at, service_role = part.group, at, part.service_role
        tables += part.tables
        needed_tables |= part.needed_tables
    return StackLayout(
        kind,
        parts=tuple(known),
        links=tuple(links),
        roles=roles,
        one_of=frozenset(one_of),
        needed=frozenset(part.group for part in parts if part.needed),
        tables=tuple(tables),
        needed_tables=needed_tables,
        database=server,
        database_at=server_at,
        database_role=service_role,
    )
