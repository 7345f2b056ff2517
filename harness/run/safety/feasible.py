"""What a run is refused for before anything is started; ``--dry-run`` asks the same functions.

They read the plan, the environment and, where a stack is up, its state file and locks, and change
nothing. What takes a connection or a program to know is asked for a run alone.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.core.errors import HarnessError, UsageError
from harness.core.ports import port_range
from harness.core.processes import is_alive
from harness.faults.registry import missing_for
from harness.plan.layout import StackLayout
from harness.plan.plan import Plan, Settings
from harness.plan.target_parts import TargetParts
from harness.stack import Stack, StackSettings
from harness.stack.addresses import join_address, require_allowed, split_address, split_target
from harness.stack.folder import ATTACHED, enterable
from harness.stack.layouts import attached_layout, layout_of, local_layout
from harness.stack.programs import find_postgres, find_toxiproxy
from harness.stack.register import require_listing
from harness.stack.run_lock import require_unused
from harness.stack.state import read_state
from harness.stack.usable import (
    TOKEN_VARIABLE,
    own_link,
    require_answer,
    require_proxy_for,
    require_same,
    require_startable,
)
from harness.target.interface import Target


def require_feasible(
    plan: Plan,
    state_dir: Path,
    host: str | None,
    allow_targets: Collection[str],
    *,
    look_up: bool = True,
    target: Target | None = None,
) -> Stack | None:
    """The stack that is up, if that is the target, which the plan may and can use.

    What "localhost" means is looked up, unless ``look_up`` is False. ``target`` is the user's class
    of it; None where it speaks our contract.

    Raises:
        UsageError: the target may not be touched, or lacks what the plan needs, and all is named.
        HarnessError: the state of the stack cannot be read, or the plan asks for another one.
    """
    found = _running(_folder_of(state_dir, host))
    stack = found if host is None else None
    if host is not None:
        for address in (split_target(host)[0], *_beyond(target)):
            require_allowed(address, allow_targets, look_up=look_up)
    elif stack is not None:
        require_reach(stack, allow_targets, look_up=look_up)
    port_range()
    layout = layout_for(plan.settings, stack, host, target)
    wrong = [text for fault in plan.faults if (text := missing_for(fault, layout))]
    if host is not None:
        beside = None
        with suppress(HarnessError):  # what is not ours there does not matter
            beside = _running(state_dir)
        wrong += _not_elsewhere(plan, host, (beside, found), target)
    if wrong:
        raise UsageError("; ".join(wrong))
    if found is not None and found.ready:  # else it is taken down
        if host is None:
            require_same(found, settings_for(plan, found))
        else:
            token = os.environ.get(TOKEN_VARIABLE, "") if target is None else ""
            require_proxy_for(found, _service_url(host), token, _parts(target))
    return stack


def _beyond(target: Target | None) -> list[str]:
    """Hosts that a target leads to by its own words, beside its own."""
    if target is None:
        return []
    parts = target.parts
    addresses = [link.upstream for link in parts.links.values()]
    addresses += [parts.database_address] if parts.database_address else []
    return [split_address(address)[0] for address in addresses]


def require_set_up(
    plan: Plan,
    state_dir: Path,
    host: str | None,
    *,
    asks: bool = True,
    target: Target | None = None,
) -> None:
    """Whether this machine can give what a feasible plan needs.

    The kernel, the programs of a stack and the target are asked, unless ``asks`` is False.

    Raises:
        UsageError: a stack cannot be at home in the state folder.
        HarnessError: the stack is in use, something is missing, or the target does not answer.
    """
    folder = enterable(_folder_of(state_dir, host))
    require_unused(folder)
    running = _running(folder)
    missing = running is None or not running.ready
    if host is None and missing:
        require_startable(settings_for(plan, running), folder, tries=asks)
    elif missing:
        require_listing()
    if asks and missing:
        find_toxiproxy()
    if asks and missing and host is None:
        find_postgres()
    if asks and host is not None:
        require_answer(_service_url(host), _parts(target))


def _parts(target: Target | None) -> TargetParts | None:
    return None if target is None else target.parts


def settings_for(plan: Plan, running: Stack | None) -> StackSettings:
    """What the local stack of a run has to be.

    One that is up may have more than the plan asks for; only the service's kind has to agree.
    """
    settings = (running and running.settings) or StackSettings()
    return replace(
        settings,
        service=plan.settings.service,
        defect=plan.settings.defect or settings.defect,
        namespaces=plan.settings.namespaces or settings.namespaces,
    )


class Address(NamedTuple):
    """A host that a run speaks to. One of ``ours`` is on this machine, whatever is allowed."""

    what: str
    host: str
    ours: bool = False


def addresses_of(stack: Stack) -> list[Address]:
    """Every host that a run on this stack speaks to."""
    urls = (
        ("the service", stack.service_url, False),
        ("the edge link", stack.edge_url, True),
        ("Toxiproxy's control interface", stack.toxiproxy_api, True),
        ("the database", stack.database_url, False),
    )
    found = [Address(what, urlsplit(url).hostname or "", ours) for what, url, ours in urls if url]
    for link in stack.links.values():
        found += [
            Address(f"the link {link.name}", split_address(link.listen)[0], ours=True),
            Address(f"the far side of the link {link.name}", split_address(link.upstream)[0]),
        ]
    return found


def require_reach(stack: Stack, allow_targets: Collection[str], *, look_up: bool = True) -> None:
    """Refuse a stack that leads to where nobody allowed us to go.

    It was asked the same when it came up. It is asked again for each run, of what the state file
    says now: allowing a host is a decision of each run, and a file can be old or changed by hand.

    Raises:
        UsageError: one line that names the address, what it is, and how to allow it.
    """
    for what, host, ours in addresses_of(stack):
        if any(wire.holds(host) for wire in stack.wires.values()):
            continue  # in network namespaces of the stack's own, which lead nowhere else
        try:
            require_allowed(host, () if ours else allow_targets, look_up=look_up)
        except UsageError as error:
            if ours:
                raise UsageError(f"{what} must be on this machine, not on {host}") from error
            raise UsageError(f"{what} is elsewhere: {error}") from error


def _folder_of(state_dir: Path, host: str | None) -> Path:
    return state_dir if host is None else state_dir / ATTACHED


def _service_url(host: str) -> str:
    return f"http://{join_address(*split_target(host))}"


def _running(state_dir: Path) -> Stack | None:
    """The stack that is up; nothing is tidied up where one was left behind."""
    stack = read_state(state_dir)
    return stack if stack is not None and is_alive(stack.supervisor) else None


def _not_elsewhere(
    plan: Plan, host: str, stacks: Collection[Stack | None], target: Target | None
) -> Iterator[str]:
    """What only the local stack can give, and what is no target beside these stacks of ours."""
    if plan.settings.defect:
        yield "--defect is for the local stack's service, not for one that runs"
    if plan.settings.service != "tuned":
        yield "--service is for the local stack's service, not for one that runs"
    if plan.settings.namespaces:
        yield "--namespaces is for the local stack, not for a service that runs"
    if target is None and not os.environ.get(TOKEN_VARIABLE):
        yield f"{TOKEN_VARIABLE} must hold the admin token of {host}"
    if own := own_link(stacks, *split_target(host)):
        yield own


def layout_for(
    settings: Settings, stack: Stack | None, host: str | None, target: Target | None = None
) -> StackLayout:
    """What the target of a run offers to faults: of the ``stack`` that is up, or that is to be."""
    if stack is not None:
        return layout_of(stack)
    if host is not None:
        parts = None if target is None else target.parts
        return attached_layout(join_address(*split_target(host)), parts)
    return local_layout(replace(StackSettings(), namespaces=settings.namespaces))
