"""What a run is refused for before anything is started; ``--dry-run`` asks the same functions.

They read the plan, the environment and, where a stack is up, its state file and locks, and change
nothing. What takes a connection or a program to know is asked for a run alone.
"""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.core.connections import database_addresses
from harness.core.errors import HarnessError, UsageError
from harness.core.ports import port_range
from harness.core.processes import is_alive
from harness.faults.registry import missing_for
from harness.plan.layout import StackLayout
from harness.plan.plan import Plan, Settings
from harness.stack import Stack
from harness.stack.addresses import require_allowed, split_address
from harness.stack.backends import Backend, backend_for
from harness.stack.folder import enterable
from harness.stack.run_lock import require_unused
from harness.stack.state import read_state
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
    backend = _backend(plan.settings, state_dir, host, target)
    found = _running(backend.folder)
    stack = found if backend.outlasts else None
    for name in backend.hosts():
        require_allowed(name, allow_targets, look_up=look_up)
    if stack is not None:
        require_reach(stack, allow_targets, look_up=look_up)
    port_range()
    layout = backend.layout(stack)
    wrong = [text for fault in plan.faults if (text := missing_for(fault, layout))]
    beside = None
    with suppress(HarnessError):  # what is not ours there does not matter
        beside = found if backend.outlasts else _running(state_dir)
    wrong += backend.objections(plan.settings, (beside, found))
    if wrong:
        raise UsageError("; ".join(wrong))
    if found is not None and found.ready:  # else it is taken down
        backend.require_alike(found)
    return stack


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
    backend = _backend(plan.settings, state_dir, host, target)
    folder = enterable(backend.folder)
    require_unused(folder)
    backend.require_possible(_running(folder), asks=asks)


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
    )
    found = [Address(what, urlsplit(url).hostname or "", ours) for what, url, ours in urls if url]
    if stack.database_url is not None:
        at = database_addresses(stack.database_url)
        found += [Address("the database", split_address(address)[0]) for address in at]
    for link in stack.links.values():
        found += [
            Address(f"the link {link.name}", split_address(link.listen)[0], ours=True),
            Address(f"the far side of the link {link.name}", split_address(link.upstream)[0]),
        ]
    return found


def require_reach(stack: Stack, allow_targets: Collection[str], *, look_up: bool = True) -> None:
    """Refuse a stack that leads to where no one allowed us to go.

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


def _running(state_dir: Path) -> Stack | None:
    """The stack that is up; nothing is tidied up where one was left behind."""
    stack = read_state(state_dir)
    return stack if stack is not None and is_alive(stack.supervisor) else None


def layout_for(
    settings: Settings, stack: Stack | None, host: str | None, target: Target | None = None
) -> StackLayout:
    """What the target of a run offers to faults: of the ``stack`` that is up, or that is to be."""
    return _backend(settings, Path(), host, target).layout(stack)


def _backend(
    settings: Settings, state_dir: Path, host: str | None, target: Target | None
) -> Backend:
    return backend_for(settings, state_dir, host, parts=None if target is None else target.parts)
