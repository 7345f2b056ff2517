"""The local stack: PostgreSQL, Toxiproxy, the reference service and its credit bureau as plain
processes.
"""

import re
import secrets
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.ports import LOOPBACK, choose_ports, ephemeral_start, require_free
from harness.core.processes import ProcessRef, RunAs
from harness.stack import namespaces, postgres, register
from harness.stack.addresses import require_allowed, split_address
from harness.stack.folder import LOGS, default_state_dir
from harness.stack.launch import Progress, current_stack, launch, revive, silent, state_lock
from harness.stack.launch_protocol import LaunchSpec
from harness.stack.namespaces import Wire
from harness.stack.postgres_binaries import reachable_by_others, unprivileged
from harness.stack.provision import Programs, provision_all
from harness.stack.state import (
    BUREAU,
    DATA_PREFIX,
    DATABASE,
    EDGE,
    Link,
    Stack,
    StackSettings,
    data_dir_for,
    load_state,
    socket_path_for,
)
from harness.stack.usable import require_same, require_startable

REPLICAS_MAX = 8
_LINK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SHARED_CACHE = Path("/var/tmp/lendchaos")  # noqa: S108 - ownership is checked before use


def up(
    settings: StackSettings | None = None,
    state_dir: Path | None = None,
    progress: Progress = silent,
    allow_targets: Collection[str] = (),
    owner: ProcessRef | None = None,
) -> Stack:
    """Brings the local stack up and returns it; the same stack if it is up already.

    Args:
        settings: What it should be.
        state_dir: Where its state is kept; `default_state_dir` if None.
        progress: Told in one line what takes time.
        allow_targets: Hosts beside loopback that extra links may lead to.
        owner: Whose death takes a stack down that is brought up now; None: nobody's.

    Raises:
        HarnessError: A program is missing, a port is taken, something did not come up, another
            stack is up, network namespaces are asked for and can't be had, or there is no room.
        UsageError: The settings cannot be.
    """
    settings = settings or StackSettings()
    _check(settings, allow_targets)
    state_dir = (state_dir or default_state_dir()).absolute()
    with state_lock(state_dir, progress):
        running = current_stack(state_dir, progress)
        if running is not None:
            return _same(running, settings, progress)
        require_startable(settings, state_dir)
        register.prepared()
        programs = provision_all(progress)
        return launch(replace(_specify(settings, state_dir, programs), owner=owner), progress)


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
    for name, upstream in settings.extra_links.items():
        if not _LINK_NAME.fullmatch(name) or name in (EDGE, DATABASE, BUREAU):
            raise UsageError(
                f"a link's name is lower-case letters, digits, - and _, and not {EDGE}, "
                f"{DATABASE} or {BUREAU}: {name!r}"
            )
        host, _port = split_address(upstream)
        require_allowed(host, allow_targets)


def _same(running: Stack, settings: StackSettings, progress: Progress) -> Stack:
    require_same(running, settings)
    revive(running, progress)
    return load_state(running.state_dir) or running


def _specify(settings: StackSettings, state_dir: Path, programs: Programs) -> LaunchSpec:
    wanted = [port for port in (settings.edge_port, settings.service_port) if port is not None]
    service_port, edge_port, link_port, database_port, api_port, *more = choose_ports(
        7 + len(settings.extra_links), taken=wanted
    )
    bureau_link_port, bureau_port, *extra = more
    if settings.service_port is not None:
        service_port = require_free(settings.service_port, "the service")
    if settings.edge_port is not None:
        edge_port = require_free(settings.edge_port, "the edge link")
    links = {
        EDGE: _link(EDGE, edge_port, f"{LOOPBACK}:{service_port}"),
        DATABASE: _link(DATABASE, link_port, f"{LOOPBACK}:{database_port}"),
        BUREAU: _link(BUREAU, bureau_link_port, f"{LOOPBACK}:{bureau_port}"),
        **_extra_links(settings.extra_links, extra),
    }
    stack_id = secrets.token_hex(8)
    cluster = _cluster(state_dir, programs, database_port)
    wires: dict[str, Wire] = {}
    if settings.namespaces:
        wires = namespaces.plan_wires(stack_id, {DATABASE: database_port, BUREAU: bureau_port})
        # These ways have no proxy, whose kernel would answer for the far one.
        links = {name: link for name, link in links.items() if name not in wires}
        cluster = _beyond(wires[DATABASE], cluster)
    log_dir = state_dir / LOGS
    stack = Stack(
        kind="local",
        stack_id=stack_id,
        state_dir=state_dir,
        log_dir=log_dir,
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
    logs = {name: log_dir / f"{name}.jsonl" for name in stack.replicas}
    return LaunchSpec(
        stack=replace(stack, service_logs=logs),
        toxiproxy=programs.toxiproxy.path,
        api_port=api_port,
        cluster=cluster,
        service_port=service_port,
    )


def _beyond(wire: Wire, cluster: postgres.ClusterSpec) -> postgres.ClusterSpec:
    hosts = (wire.aside_host, wire.far_host)
    return replace(cluster, hosts=hosts, clients=(wire.near_host,))


def _link(name: str, port: int, upstream: str) -> Link:
    return Link(name, f"{LOOPBACK}:{port}", upstream)


def _extra_links(wanted: Mapping[str, str], ports: Collection[int]) -> dict[str, Link]:
    return {
        name: _link(name, port, upstream)
        for (name, upstream), port in zip(wanted.items(), ports, strict=True)
    }


def _cluster(state_dir: Path, programs: Programs, port: int) -> postgres.ClusterSpec:
    run_as: RunAs = unprivileged()
    binaries, data_dir = programs.postgres, data_dir_for(state_dir)
    if run_as.uid is not None:
        # That user cannot enter our folders, so program and data go where it can.
        binaries = reachable_by_others(binaries, _SHARED_CACHE)
        data_dir = Path(tempfile.mkdtemp(prefix=DATA_PREFIX))
    return postgres.ClusterSpec(
        bin_dir=binaries.bin_dir,
        data_dir=data_dir,
        port=port,
        run_as=run_as,
        superuser_password=secrets.token_hex(16),
        service_password=secrets.token_hex(16),
    )
