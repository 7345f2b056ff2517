"""Whether a stack can be started here, or the one that is up can be used; changes nothing.

`up` and `attach` ask this first, and so does a run before it makes its run directory.
"""

import socket
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from harness.core.disk import require_room
from harness.core.errors import HarnessError
from harness.core.http_calls import get
from harness.plan.target_parts import TargetParts
from harness.stack import namespaces, register
from harness.stack.addresses import leads_to, split_address, split_target
from harness.stack.layouts import attached_layout
from harness.stack.state import EDGE, HEALTH_PATH, Stack, StackSettings

TOKEN_VARIABLE = "LENDING_ADMIN_TOKEN"  # noqa: S105 - a variable's name, not a token
ANSWER_SECONDS_MAX = 5.0
STACK_BYTES_MIN = 48_000_000
"""A database as it is made takes 39 MB; the rest is for logs."""


# --- the local stack -----------------------------------------------------------------------------


def require_startable(settings: StackSettings, state_dir: Path, *, tries: bool = True) -> None:
    """Whether a local stack can be started in a state folder where none is up.

    The kernel is tried for network namespaces, unless ``tries`` is False. HarnessError where they
    are asked for and not available, the disk has no room, or the register cannot list a stack.
    """
    if settings.namespaces and (refusal := namespaces.why_not(tries=tries)) is not None:
        raise HarnessError(f"no stack in network namespaces here: {refusal}")
    try:
        require_room(state_dir, STACK_BYTES_MIN)
    except OSError as error:
        raise HarnessError(f"{error.filename} cannot be written: {error.strerror}") from error
    register.require_listing()


def require_same(running: Stack, settings: StackSettings) -> None:
    """Whether the stack that is up is the local one that is asked for; HarnessError where not."""
    if running.settings is None:
        raise HarnessError(
            f"a proxy in front of {running.service_url} is up in {running.state_dir}: "
            "`lendchaos down` first"
        )
    if not settings.accepts(running.settings):
        raise HarnessError(
            f"a stack with other settings is up in {running.state_dir} "
            f"({_in_words(running.settings)}; wanted: {_in_words(settings)}): "
            "`lendchaos down` first"
        )


def _in_words(settings: StackSettings) -> str:
    words = [f"service {settings.service}", f"{settings.replicas} replicas"]
    named = [(n, getattr(settings, n)) for n in ("password_cost", "edge_port", "service_port")]
    words += [f"{name} {value}" for name, value in named if value is not None]
    if settings.namespaces:
        words.append("in network namespaces")
    if settings.defect:
        words.append(f"planted defect {settings.defect}")
    words.extend(f"link {name} to {to}" for name, to in settings.extra_links.items())
    return ", ".join(words)


# --- a service that already runs -----------------------------------------------------------------


def own_link(stacks: Iterable[Stack | None], host: str, port: int) -> str | None:
    """Why a target is none, where it is a link of one of our stacks; None where it is not."""
    for stack in filter(None, stacks):
        for name, link in stack.links.items():
            address, own_port = split_address(link.listen)
            if port == own_port and leads_to(host, address):
                return (
                    f"port {port} is our own link {name!r}: a target behind it would be broken"
                    f" twice; the service itself is at {stack.service_url}"
                )
    return None


def require_proxy_for(
    running: Stack, service_url: str, token: str, parts: TargetParts | None = None
) -> None:
    """Whether the stack that is up is a proxy for this service, with this admin token or these
    parts.

    HarnessError where it is another one.
    """
    what = "the local stack" if running.runs_service else f"a proxy for {running.service_url}"
    same = not running.runs_service
    same &= (running.service_url, running.admin_token) == (service_url, token)
    if parts is not None:
        upstreams = {EDGE: service_url.removeprefix("http://")}
        upstreams |= {name: link.upstream for name, link in parts.links.items()}
        listens_at = {name: link.listen for name, link in running.links.items()}
        programs = {name: each.started(listens_at) for name, each in parts.programs.items()}
        alike = upstreams == {link.name: link.upstream for link in running.links.values()}
        alike = alike and (programs, parts.own_parts) == (running.programs, running.own_parts)
        alike = alike and attached_layout(running.links, parts, running) == running.layout
        what = what if alike else f"{what}, with other links or processes,"
        same &= alike
    if not same:
        raise HarnessError(f"{what} is up in {running.state_dir}: `lendchaos down` first")


def require_answer(service_url: str, parts: TargetParts | None = None) -> None:
    """Whether a service answers, and is well; HarnessError where not.

    Without ``parts`` it speaks our contract. One that declares no health path is only connected to,
    and one whose processes the harness starts is not there yet.
    """
    if parts is not None and (parts.programs or parts.own_parts):
        return
    path = HEALTH_PATH if parts is None else parts.health
    if path is None:
        _require_listening(service_url)
        return
    answer = get(f"{service_url}{path}", timeout_seconds=ANSWER_SECONDS_MAX)
    if answer is None:
        raise HarnessError(
            f"{service_url} does not answer GET {path}: is the service running there?"
        )
    if parts is None and answer.status != HTTPStatus.OK:
        raise HarnessError(f"{service_url} answers GET {path} with {answer.status}, not 200")
    if not 200 <= answer.status < 300:  # noqa: PLR2004  # HTTP's words
        raise HarnessError(f"{service_url} answers GET {path} with {answer.status}, not 2xx")


def _require_listening(service_url: str) -> None:
    try:
        socket.create_connection(split_target(service_url), ANSWER_SECONDS_MAX).close()
    except OSError as error:
        raise HarnessError(
            f"no one listens at {service_url} ({error.strerror or error}): is the service running"
            " there?"
        ) from error
