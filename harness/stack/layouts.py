"""What a stack offers to faults, as `harness.plan.layout` has it: one that is up, or is to be."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from harness.plan.layout import Layout, LayoutLink, LayoutPart, Role
from harness.stack.service import NEEDED_TABLES, TABLES
from harness.stack.state import BUREAU, DATABASE, EDGE, Link, Stack, StackSettings

KILL, PAUSE, RESTART = "kill", "pause", "restart"
_ABILITIES = (KILL, PAUSE, RESTART)
_SERVERS = "postgres"


def local_layout(settings: StackSettings | None = None) -> Layout:
    """Of the local stack with these settings, before it is up: at addresses not known yet."""
    settings = settings or StackSettings()
    wires = {DATABASE, BUREAU} if settings.namespaces else set()
    names = (EDGE, DATABASE, BUREAU, *settings.extra_links)
    links = [_link(name, is_wire=name in wires) for name in names]
    replicas = [f"replica-{number}" for number in range(1, settings.replicas + 1)]
    return _local(links, replicas, {})


def attached_layout(links: Iterable[Link]) -> Layout:
    """Of a service that already runs, with proxies of ours in front of it."""
    return Layout(
        "attached",
        links=tuple(
            LayoutLink(
                link.name,
                protocol="http" if link.name == EDGE else "",
                needed=link.name == EDGE,
                where=f"{link.listen or 'this machine'} → {link.upstream}",
            )
            for link in links
        ),
    )


def layout_of(stack: Stack) -> Layout:
    """Of a stack that is up."""
    if stack.settings is None:
        return attached_layout(stack.links.values())
    database = urlsplit(stack.database_url or "")
    server = f"{database.hostname}:{database.port}" if stack.database_url else ""
    links = [
        _link(
            name,
            where=f"{link.listen} → {link.upstream}",
            to_database=link.upstream == server,
        )
        for name, link in stack.links.items()
    ]
    links += [_link(n, is_wire=True, where=wire.address) for n, wire in stack.wires.items()]
    addresses = {
        **dict.fromkeys(stack.replicas, urlsplit(stack.service_url).netloc),
        _SERVERS: server,
        BUREAU: stack.beyond(BUREAU) or "",
    }
    return _local(links, stack.replicas, addresses)


def _link(
    name: str, *, is_wire: bool = False, where: str = "", to_database: bool = False
) -> LayoutLink:
    behind = {EDGE: Role.REPLICAS.value, DATABASE: _SERVERS, BUREAU: BUREAU}.get(name, "")
    behind = _SERVERS if to_database else behind
    protocol = "postgres" if behind == _SERVERS else "http"
    return LayoutLink(name, behind, protocol, name in (EDGE, DATABASE), is_wire, where)


def _local(
    links: Iterable[LayoutLink], replicas: Iterable[str], addresses: dict[str, str]
) -> Layout:
    group = Role.REPLICAS.value
    services = [
        LayoutPart(n, group, _ABILITIES, addresses.get(n, ""), "instances") for n in replicas
    ]
    server = LayoutPart(_SERVERS, _SERVERS, _ABILITIES, addresses.get(_SERVERS, ""), "postgres")
    bureau = LayoutPart(BUREAU, BUREAU, _ABILITIES, addresses.get(BUREAU, ""))
    names = tuple(part.name for part in services)
    return Layout(
        "local",
        parts=(server, *services, bureau),
        links=tuple(links),
        roles={Role.REPLICAS: names, Role.REPLICA: names, Role.PRIMARY: (_SERVERS,)},
        one_of=frozenset({Role.REPLICA.value}),
        needed=frozenset({Role.REPLICAS.value, _SERVERS}),
        tables=TABLES,
        needed_tables=NEEDED_TABLES,
        database=_SERVERS,
        database_at=addresses.get(_SERVERS, ""),
    )
