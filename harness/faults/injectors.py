"""From a specification to the injector that carries it out."""

from collections.abc import Callable
from typing import Any

from harness.core.errors import UsageError
from harness.faults.base import Injector
from harness.faults.commit_lost import CommitLostInjector
from harness.faults.flap import FlapInjector
from harness.faults.migration import BlockingMigrationInjector
from harness.faults.network import (
    LatencyInjector,
    PartitionInjector,
    RefuseInjector,
    ThrottleInjector,
)
from harness.faults.packets import PacketDropInjector
from harness.faults.reset import ResetInjector
from harness.faults.server import FreezeInjector, KillInjector, RestartInjector
from harness.plan.fault_specs import AnyFault
from harness.plan.plan import PlannedFault
from harness.stack.state import Stack

INJECTORS: dict[str, Callable[[PlannedFault, Any, Stack], Injector]] = {
    "partition": PartitionInjector,
    "refuse": RefuseInjector,
    "reset": ResetInjector,
    "latency": LatencyInjector,
    "throttle": ThrottleInjector,
    "flap": FlapInjector,
    "commit_lost": CommitLostInjector,
    "packet_drop": PacketDropInjector,
    "kill": KillInjector,
    "freeze": FreezeInjector,
    "restart": RestartInjector,
    "blocking_migration": BlockingMigrationInjector,
}
"""By the kind of a fault; each is made of the planned fault, its specification and the stack."""


def injector_for(planned: PlannedFault, stack: Stack) -> Injector:
    """The injector of one planned fault; `UsageError` if the stack has not what it needs."""
    if planned.spec.requires not in stack.capabilities:
        raise UsageError(_missing(planned.spec, stack))
    return INJECTORS[planned.spec.kind](planned, planned.spec, stack)


def _missing(spec: AnyFault, stack: Stack) -> str:
    """One line that says what is lacking and what would do."""
    what = f"the fault {type(spec).__name__} on {spec.target!r}"
    kind, _, name = spec.requires.partition(":")
    if kind == "packets":
        return _no_packets(what, name, stack)
    if kind == "link" and name in stack.wires:
        return (
            f"{what} needs a proxy on that link, and in namespaces the service has none there:"
            " run it without --namespaces, or use PacketDrop"
        )
    if kind == "link":
        links = ", ".join(sorted(stack.links))
        return f"{what} needs a link {name!r}; this {stack.kind} target has: {links}"
    if kind == "process" and stack.kind == "local":
        known = sorted(c.partition(":")[2] for c in stack.capabilities if c.startswith("process:"))
        return f"{what} needs a process {name!r}; this stack has: {', '.join(known)}"
    need = f"the process {name!r}" if kind == "process" else "the service's own database"
    return (
        f"{what} needs {need}, which this {stack.kind} target does not give us;"
        " run it on the local stack (without --host)"
    )


def _no_packets(what: str, link: str, stack: Stack) -> str:
    if stack.wires:
        wires = ", ".join(sorted(stack.wires))
        return f"{what} needs a link between network namespaces; this stack has: {wires}"
    if stack.kind == "attached":
        return f"{what} needs the local stack in network namespaces (--namespaces, without --host)"
    return (
        f"{what} needs the link {link!r} between network namespaces: start the stack with"
        " --namespaces (as root; if it is up already, `lendchaos down` first)"
    )
