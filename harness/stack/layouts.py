"""What a stack offers to faults, as `harness.plan.layout` has it: one that is up, or is to be."""

from collections.abc import Iterable, Mapping

from harness.plan.layout import Layout, LayoutLink, LayoutPart
from harness.stack.parts.bureau import Bureau
from harness.stack.parts.lending_service import NEEDED_TABLES, TABLES, LendingService
from harness.stack.parts.part import HasPrimary, StackPart, abilities_of
from harness.stack.parts.postgres import PostgresServer
from harness.stack.parts.toxiproxy import Toxiproxy
from harness.stack.state import EDGE, Link, Stack, StackSettings

LOCAL_PARTS: tuple[StackPart, ...] = (Toxiproxy(), PostgresServer(), LendingService(), Bureau())
"""What the local stack runs, in the order of its start."""
ATTACHED_PARTS: tuple[StackPart, ...] = (Toxiproxy(),)


def parts_of(stack: Stack) -> tuple[StackPart, ...]:
    """What a stack runs, in the order of its start."""
    return ATTACHED_PARTS if stack.settings is None else LOCAL_PARTS


def local_layout(settings: StackSettings | None = None) -> Layout:
    """Of the local stack with these settings, before it is up: at addresses not known yet."""
    settings = settings or StackSettings()
    names = [EDGE, *(part.link for part in LOCAL_PARTS if part.link not in ("", EDGE))]
    wires = names[1:] if settings.namespaces else []
    links = [_link(name, is_wire=name in wires) for name in (*names, *settings.extra_links)]
    return _layout("local", LOCAL_PARTS, settings, links, {})


def attached_layout(links: Iterable[Link]) -> Layout:
    """Of a service that already runs, with proxies of ours in front of it."""
    return Layout("attached", links=tuple(map(_attached_link, links)))


def layout_of(stack: Stack) -> Layout:
    """Of a stack that is up."""
    parts = parts_of(stack)
    addresses = {part.group: part.address(stack) for part in parts}
    at = {address: group for group, address in addresses.items()}
    if stack.settings is None:
        links = [_attached_link(link) for link in stack.links.values()]
        return _layout("attached", parts, StackSettings(), links, addresses)
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
        return LayoutLink(name, protocol="http", is_wire=is_wire, where=where)
    protocol = "postgres" if part.protocol == "postgres" else "http"
    return LayoutLink(name, part.group, protocol, part.needed, is_wire, where)


def _attached_link(link: Link) -> LayoutLink:
    is_edge = link.name == EDGE
    where = f"{link.listen or 'this machine'} → {link.upstream}"
    return LayoutLink(link.name, "", "http" if is_edge else "", is_edge, where=where)


def _layout(
    kind: str,
    parts: Iterable[StackPart],
    settings: StackSettings,
    links: Iterable[LayoutLink],
    addresses: Mapping[str, str],
) -> Layout:
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
    return Layout(
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
