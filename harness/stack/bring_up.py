"""Brings a stack up, or hands back the one that is up.

It is a local one, of PostgreSQL, Toxiproxy, the reference service and its credit bureau as plain
processes; or a service that already runs, with only our own Toxiproxy in front of it.
"""

import os
import secrets
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.ports import LOOPBACK, choose_ports, ephemeral_start, require_free
from harness.core.processes import ProcessRef
from harness.plan.target_parts import LINK_NAME, TargetParts
from harness.stack import namespaces, register
from harness.stack.addresses import join_address, require_allowed, split_address, split_target
from harness.stack.folder import DATA, LOGS, default_state_dir
from harness.stack.launch import LaunchSpec, current_stack, launch, revive, silent, state_lock
from harness.stack.layouts import LOCAL_PARTS, attached_layout, local_layout
from harness.stack.namespaces import Wire
from harness.stack.parts import postgres
from harness.stack.parts.lending_service import LendingService
from harness.stack.programs import FoundProgram, Progress, provide_toxiproxy, provision_all
from harness.stack.state import (
    DATA_PREFIX,
    DATABASE,
    EDGE,
    Stack,
    StackLink,
    StackSettings,
    load_state,
    socket_path_for,
)
from harness.stack.usable import (
    TOKEN_VARIABLE,
    own_link,
    require_answer,
    require_proxy_for,
    require_same,
    require_startable,
)

REPLICAS_MAX = 8
_SHARED_CACHE = Path("/var/tmp/lendchaos")  # noqa: S108 - ownership is checked before use


def attach(
    base_url: str,
    state_dir: Path | None = None,
    allow_targets: Collection[str] = (),
    progress: Progress = silent,
    *,
    parts: TargetParts | None = None,
    owner: ProcessRef | None = None,
) -> Stack:
    """Puts the edge link in front of a running service; the same stack if it is there already.

    It answers at ``base_url``, ``http://host:port``. The stack's state is kept in ``state_dir``
    (None: `default_state_dir`), ``allow_targets`` are hosts beside loopback that may be touched,
    and ``progress`` gets one line on what takes time. ``parts`` are what the target declares of
    itself: its further links, and processes that are started and end with the stack. Without any
    it speaks our contract. The death of the ``owner`` takes a stack down, as for `up`.

    Raises:
        UsageError: The URL cannot be a target, a host is not allowed, or LENDING_ADMIN_TOKEN is not
            set for a service that speaks our contract.
        HarnessError: The service does not answer, or another stack is up.
    """
    host, port = split_target(base_url)
    require_allowed(host, allow_targets)
    for link in parts.links.values() if parts else ():
        require_allowed(split_address(link.upstream)[0], allow_targets)
    token = os.environ.get(TOKEN_VARIABLE, "") if parts is None else ""
    if not token and parts is None:
        raise UsageError(f"{TOKEN_VARIABLE} must hold the admin token of {base_url}")
    service_url = f"http://{join_address(host, port)}"
    state_dir = (state_dir or default_state_dir()).absolute()
    with state_lock(state_dir, progress):
        running = current_stack(state_dir, progress)
        if own := own_link([running], host, port):
            raise UsageError(own)
        if running is None:
            require_answer(service_url, parts)
        else:
            require_answer(service_url, parts and replace(parts, processes={}))
            require_proxy_for(running, service_url, token, parts)
            return _same(running, progress)
        register.prepared()  # reports what is wrong with it before anything is built or started
        toxiproxy = provide_toxiproxy(progress).path
        spec = _attached(service_url, token, state_dir, toxiproxy, parts)
        return launch(replace(spec, owner=owner), progress)


def _attached(
    service_url: str, token: str, state_dir: Path, toxiproxy: Path, parts: TargetParts | None
) -> LaunchSpec:
    """A stack of Toxiproxy alone, with what a target declares."""
    wanted = {} if parts is None else dict(parts.links)
    asked = [link.listen for link in wanted.values() if link.listen is not None]
    programs = {} if parts is None else parts.programs
    # What these will listen on is free until they are started.
    theirs = [split_address(each.listens)[1] for each in programs.values()]
    api_port, *chosen = choose_ports(2 + len(wanted) - len(asked), taken=[*asked, *theirs])
    upstreams = {EDGE: service_url.removeprefix("http://")}
    upstreams |= {name: link.upstream for name, link in wanted.items()}
    links = {}
    for name, upstream in upstreams.items():
        port = wanted[name].listen if name in wanted else None
        port = chosen.pop(0) if port is None else require_free(port, f"the link {name}")
        links[name] = StackLink(name, f"{LOOPBACK}:{port}", upstream)
    listens_at = {name: link.listen for name, link in links.items()}
    stack = Stack(
        kind="attached",
        stack_id=secrets.token_hex(8),
        state_dir=state_dir,
        log_dir=state_dir / LOGS,
        socket_path=socket_path_for(state_dir),
        links=links,
        questions=None if parts is None else parts.questions,
        toxiproxy_api=f"http://{LOOPBACK}:{api_port}",
        service_url=service_url,
        edge_url=f"http://{listens_at[EDGE]}",
        admin_token=token,
        database_url=None if parts is None else parts.database,
        programs={name: program.started(listens_at) for name, program in programs.items()},
        own_parts={} if parts is None else parts.own_parts,
    )
    stack = replace(stack, layout=attached_layout(links, parts, stack))
    return LaunchSpec(stack=stack, toxiproxy=toxiproxy, api_port=api_port)


def up(
    settings: StackSettings | None = None,
    state_dir: Path | None = None,
    progress: Progress = silent,
    allow_targets: Collection[str] = (),
    owner: ProcessRef | None = None,
) -> Stack:
    """Brings the local stack up and returns it; the same stack if it is up already.

    ``state_dir`` and ``progress`` are as of `attach`, ``allow_targets`` are hosts beside loopback
    that extra links may lead to. The death of the ``owner``, if there is one, takes a stack down
    that is brought up now.

    Raises:
        HarnessError: A program is missing, a port is taken, something did not come up, another
            stack is up, wanted network namespaces are not available, or there is no room.
        UsageError: The settings cannot be.
    """
    settings = settings or StackSettings()
    _check(settings, allow_targets)
    state_dir = (state_dir or default_state_dir()).absolute()
    with state_lock(state_dir, progress):
        running = current_stack(state_dir, progress)
        if running is not None:
            require_same(running, settings)
            return _same(running, progress)
        require_startable(settings, state_dir)
        register.prepared()
        programs = provision_all(progress)
        return launch(replace(_specify(settings, state_dir, *programs), owner=owner), progress)


def _same(running: Stack, progress: Progress) -> Stack:
    revive(running, progress)
    return load_state(running.state_dir) or running


# --- what a local stack is to be -----------------------------------------------------------------


def _check(settings: StackSettings, allow_targets: Collection[str]) -> None:
    if settings.service not in ("tuned", "naive"):
        raise UsageError(f"service must be tuned or naive, not {settings.service!r}")
    if not 1 <= settings.replicas <= REPLICAS_MAX:
        raise UsageError(f"replicas must be 1 to {REPLICAS_MAX}, not {settings.replicas}")
    highest = ephemeral_start() - 1
    for name, port in (("edge_port", settings.edge_port), ("service_port", settings.service_port)):
        if port is not None and not 0 < port <= highest:
            raise UsageError(
                f"{name} must be 1 to {highest} (the kernel gives higher ones away), not {port}"
            )
    if settings.edge_port is not None and settings.edge_port == settings.service_port:
        raise UsageError("edge_port and service_port must differ")
    taken = [EDGE, *_inner_links()]
    for name, upstream in settings.extra_links.items():
        if not LINK_NAME.fullmatch(name) or name in taken:
            raise UsageError(
                "a link's name is lower-case letters, digits, - and _, and not"
                f" {', '.join(taken[:-1])} or {taken[-1]}: {name!r}"
            )
        host, _port = split_address(upstream)
        require_allowed(host, allow_targets)


def _specify(
    settings: StackSettings, state_dir: Path, binaries: FoundProgram, toxiproxy: FoundProgram
) -> LaunchSpec:
    inner = _inner_links()
    service_port, edge_port, api_port, *more = _ports(settings, 2 * len(inner))
    behind = dict(zip(inner, more, strict=False))
    upstreams = {
        EDGE: f"{LOOPBACK}:{service_port}",
        **{name: f"{LOOPBACK}:{port}" for name, port in behind.items()},
        **settings.extra_links,
    }
    ports = (edge_port, *more[len(inner) :])
    links = {
        name: StackLink(name, f"{LOOPBACK}:{port}", upstream)
        for (name, upstream), port in zip(upstreams.items(), ports, strict=True)
    }
    stack_id = secrets.token_hex(8)
    cluster = _cluster(state_dir, binaries, behind[DATABASE])
    wires: dict[str, Wire] = {}
    if settings.namespaces:
        wires = namespaces.plan_wires(stack_id, behind)
        # These ways have no proxy, whose kernel would answer for the far one.
        links = {name: link for name, link in links.items() if name not in wires}
        wire = wires[DATABASE]
        hosts = (wire.aside_host, wire.far_host)
        cluster = replace(cluster, hosts=hosts, clients=(wire.near_host,))
    stack = Stack(
        kind="local",
        stack_id=stack_id,
        state_dir=state_dir,
        log_dir=state_dir / LOGS,
        socket_path=socket_path_for(state_dir),
        links=links,
        wires=wires,
        toxiproxy_api=f"http://{LOOPBACK}:{api_port}",
        service_url=f"http://{LOOPBACK}:{service_port}",
        edge_url=f"http://{LOOPBACK}:{edge_port}",
        admin_token=secrets.token_urlsafe(24),
        settings=settings,
        data_dir=cluster.data_dir,
        database_url=postgres.database_url(cluster, postgres.SUPERUSER, cluster.address),
    )
    logs = {name: stack.log_dir / f"{name}.jsonl" for name in LendingService().names(settings)}
    return LaunchSpec(
        stack=replace(stack, service_logs=logs, layout=local_layout(settings, stack)),
        toxiproxy=toxiproxy.path,
        api_port=api_port,
        cluster=cluster,
        service_port=service_port,
    )


def _inner_links() -> list[str]:
    """Those behind the service: one to each part that it needs."""
    return [part.link for part in LOCAL_PARTS if part.link not in ("", EDGE)]


def _ports(settings: StackSettings, more: int) -> list[int]:
    """Free ones, the first two for the service and the edge link: those asked for, if any are."""
    asked = {"the service": settings.service_port, "the edge link": settings.edge_port}
    taken = [port for port in asked.values() if port is not None]
    ports = list(choose_ports(3 + more + len(settings.extra_links), taken=taken))
    for place, (purpose, port) in enumerate(asked.items()):
        if port is not None:
            ports[place] = require_free(port, purpose)
    return ports


def _cluster(state_dir: Path, binaries: FoundProgram, port: int) -> postgres.ClusterSpec:
    run_as, data_dir = postgres.unprivileged(), state_dir / DATA
    if run_as.uid is not None:
        # That user cannot enter our folders, so program and data go where it can.
        binaries = postgres.reachable_by_others(binaries, _SHARED_CACHE)
        data_dir = Path(tempfile.mkdtemp(prefix=DATA_PREFIX))
    return postgres.ClusterSpec(
        bin_dir=binaries.path,
        data_dir=data_dir,
        port=port,
        run_as=run_as,
        superuser_password=secrets.token_hex(16),
        service_password=secrets.token_hex(16),
    )
