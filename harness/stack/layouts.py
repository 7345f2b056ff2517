"""What a stack offers to faults, as `harness.plan.layout` has it: one that is up, or is to be."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from harness.core.user_module import UserReference, class_in, imported
from harness.plan.layout import LayoutLink, LayoutPart, StackLayout
from harness.plan.target_parts import ProgramSpec, TargetParts
from harness.stack.parts.bureau import Bureau
from harness.stack.parts.lending_service import NEEDED_TABLES, TABLES, LendingService
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
"""The group behind the links that lead there; no process of the stack."""


def parts_of(stack: Stack) -> tuple[StackPart, ...]:
    """What a stack runs, in the order of its start."""
    if stack.settings is not None:
        return LOCAL_PARTS
    return _parts_of_target(stack.programs, stack.own_parts)


def _parts_of_target(
    programs: Mapping[str, ProgramSpec], own: Mapping[str, UserReference]
) -> tuple[StackPart, ...]:
    """UsageError where the module of one of the user's own parts cannot be imported."""
    started = (TargetProgram(name, spec) for name, spec in programs.items())
    theirs = (_own_part(reference) for reference in own.values())
    return (*ATTACHED_PARTS, *started, *theirs)


def _own_part(reference: UserReference) -> StackPart:
    base: Any = StackPart
    return cast("StackPart", class_in(imported(reference, _PART), reference, base, _PART)())


def local_layout(settings: StackSettings | None = None) -> StackLayout:
    """Of the local stack with these settings, before it is up: at addresses not known yet."""
    settings = settings or StackSettings()
    names = [EDGE, *(part.link for part in LOCAL_PARTS if part.link not in ("", EDGE))]
    wires = names[1:] if settings.namespaces else []
    links = [_link(name, is_wire=name in wires) for name in (*names, *settings.extra_links)]
    return _layout("local", LOCAL_PARTS, settings, links, {})


def attached_layout(address: str, parts: TargetParts | None = None) -> StackLayout:
    """Of a service that already runs at ``host:port``, before our proxies are in front of it.

    ``parts`` are what its target declares; without any it speaks our contract.
    """
    links = {EDGE: address}
    programs: dict[str, ProgramSpec] = {}
    if parts is not None:
        links |= {name: link.upstream for name, link in parts.links.items()}
        programs = {name: program.started({}) for name, program in parts.programs.items()}
    made = {name: StackLink(name, "this machine", upstream) for name, upstream in links.items()}
    return _attached(
        made,
        None if parts is None else parts.questions,
        _parts_of_target(programs, {} if parts is None else parts.own_parts),
        (parts.database_address or "") if parts is not None else "",
    )


def layout_of(stack: Stack) -> StackLayout:
    """Of a stack that is up."""
    parts = parts_of(stack)
    addresses = {part.group: part.address(stack) for part in parts}
    if stack.settings is None:
        database = ""
        if stack.database_url is not None:
            found = urlsplit(stack.database_url)
            database = f"{found.hostname or '127.0.0.1'}:{found.port or 5432}"
        known = _attached(stack.links, stack.questions, parts, database)
        return replace(known, parts=_with_addresses(known.parts, addresses))
    at = {address: group for group, address in addresses.items()}
    links = [
        _link(name, where=f"{link.listen} → {link.upstream}", group=at.get(link.upstream, ""))
        for name, link in stack.links.items()
    ]
    links += [_link(n, is_wire=True, where=wire.address) for n, wire in stack.wires.items()]
    return _layout("local", parts, stack.settings, links, addresses)


def _link(name: str, *, is_wire: bool = False, where: str = "", group: str = "") -> LayoutLink:
    """A link of the local stack; ``group`` is who listens at its far side, where that is known."""
    part = next((p for p in LOCAL_PARTS if p.link == name or p.group == group != ""), None)
    if part is None:
        return LayoutLink(name, "", "http", is_wire=is_wire, where=where, asks=HEALTH_PATH)
    protocol = "postgres" if part.protocol == "postgres" else "http"
    return LayoutLink(name, part.group, protocol, part.needed, is_wire, where, HEALTH_PATH)


def _attached(
    links: Mapping[str, StackLink],
    questions: Mapping[str, str] | None,
    parts: Iterable[StackPart],
    database: str,
) -> StackLayout:
    """``database`` is where the target's own database is, around every link; empty for none."""
    asked = {EDGE: HEALTH_PATH} if questions is None else questions
    at = {part.listens: part.group for part in parts if part.listens}
    found = []
    for name, link in links.items():
        is_database = bool(database) and link.upstream == database
        asks = asked.get(name)
        told = (
            "http"
            if asks is not None and asks.startswith("/")
            else "raw"
            if asks is not None
            else ""
        )
        protocol = "postgres" if is_database else told
        behind = _DATABASE if is_database else at.get(link.upstream, "")
        where = f"{link.listen} → {link.upstream}"
        found.append(
            LayoutLink(
                name,
                behind,
                protocol,
                needed=name == EDGE,
                where=where,
                asks=asks,
            )
        )
    known = _layout("attached", parts, StackSettings(), found, {})
    return replace(known, database=_DATABASE if database else "", database_at=database)


def _with_addresses(
    parts: Iterable[LayoutPart], addresses: Mapping[str, str]
) -> tuple[LayoutPart, ...]:
    return tuple(replace(part, address=addresses.get(part.group, "")) for part in parts)


def _layout(
    kind: str,
    parts: Iterable[StackPart],
    settings: StackSettings,
    links: Iterable[LayoutLink],
    addresses: Mapping[str, str],
) -> StackLayout:
    known: list[LayoutPart] = []
    roles: dict[str, tuple[str, ...]] = {}
    one_of: set[str] = set()
    servers = ""
    for part in parts:
        names, able = part.names(settings), abilities_of(part)
        at = addresses.get(part.group, "")
        known += [
            LayoutPart(name, part.group, able, at, part.protocol, part.ours) for name in names
        ]
        if names != (part.group,):  # a role for all of them, and one for any
            one = part.group.removesuffix("s")
            roles |= {part.group: names, one: names}
            one_of.add(one)
        if isinstance(part, HasPrimary):
            roles[part.role] = names
            servers = part.group
    return StackLayout(
        kind,
        parts=tuple(known),
        links=tuple(links),
        roles=roles,
        one_of=frozenset(one_of),
        needed=frozenset(part.group for part in parts if part.needed),
        tables=TABLES if servers else (),
        needed_tables=NEEDED_TABLES if servers else frozenset(),
        database=servers,
        database_at=addresses.get(servers, ""),
    )
