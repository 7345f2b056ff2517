"""A service that already runs: only our own Toxiproxy is put in front of it."""

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.ports import LOOPBACK, choose_ports
from harness.stack import register
from harness.stack.addresses import join_address, require_allowed, split_target
from harness.stack.folder import LOGS, default_state_dir
from harness.stack.launch import Progress, current_stack, launch, revive, silent, state_lock
from harness.stack.launch_protocol import LaunchSpec
from harness.stack.state import EDGE, Link, Stack, load_state, socket_path_for
from harness.stack.toxiproxy_binary import provide_toxiproxy
from harness.stack.usable import own_link, require_answer, require_proxy_for

TOKEN_VARIABLE = "LENDING_ADMIN_TOKEN"  # noqa: S105 - a variable's name, not a token


def attach(
    base_url: str,
    state_dir: Path | None = None,
    allow_targets: Collection[str] = (),
    progress: Progress = silent,
) -> Stack:
    """Puts the edge link in front of a running service; the same stack if it is there already.

    Args:
        base_url: Where the service answers, ``http://host:port``.
        state_dir: Where the stack's state is kept; `default_state_dir` if None.
        allow_targets: Hosts beside loopback that may be touched.
        progress: Told in one line what takes time.

    Raises:
        UsageError: The URL cannot be a target, its host is not allowed, or LENDING_ADMIN_TOKEN is
            not set.
        HarnessError: The service does not answer, or another stack is up.
    """
    host, port = split_target(base_url)
    require_allowed(host, allow_targets)
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise UsageError(f"{TOKEN_VARIABLE} must hold the admin token of {base_url}")
    address = join_address(host, port)
    state_dir = (state_dir or default_state_dir()).absolute()
    with state_lock(state_dir, progress):
        running = current_stack(state_dir, progress)
        if own := own_link([running], host, port):
            raise UsageError(own)
        require_answer(f"http://{address}")
        if running is not None:
            return _same(running, f"http://{address}", token, progress)
        register.prepared()  # what is wrong with it is told before anything is built or started
        program = provide_toxiproxy(progress)
        edge_port, api_port = choose_ports(2)
        stack = Stack(
            kind="attached",
            stack_id=secrets.token_hex(8),
            state_dir=state_dir,
            log_dir=state_dir / LOGS,
            socket_path=socket_path_for(state_dir),
            links={EDGE: Link(EDGE, f"{LOOPBACK}:{edge_port}", address)},
            toxiproxy_api=f"http://{LOOPBACK}:{api_port}",
            service_url=f"http://{address}",
            edge_url=f"http://{LOOPBACK}:{edge_port}",
            admin_token=token,
        )
        spec = LaunchSpec(stack=stack, toxiproxy=program.path, api_port=api_port)
        return launch(spec, progress)


def _same(running: Stack, service_url: str, token: str, progress: Progress) -> Stack:
    require_proxy_for(running, service_url, token)
    revive(running, progress)
    return load_state(running.state_dir) or running
