"""From a specification to the injector that carries it out."""

from harness.errors import UsageError
from harness.fault_specs import AnyFault, BlockingMigration, Kill, Partition
from harness.faults.base import Injector
from harness.faults.migration import BlockingMigrationInjector
from harness.faults.network import PartitionInjector
from harness.faults.server import KillInjector
from harness.plan import PlannedFault
from harness.stack.state import Stack


def injector_for(planned: PlannedFault, stack: Stack) -> Injector:
    """The injector of one planned fault.

    Raises:
        UsageError: the stack does not have what the fault needs.
    """
    spec = planned.spec
    if spec.requires not in stack.capabilities:
        raise UsageError(_missing(spec, stack))
    match spec:
        case Partition():
            return PartitionInjector(planned.name, spec, stack)
        case Kill():
            return KillInjector(planned, spec, stack)
        case BlockingMigration():
            return BlockingMigrationInjector(planned.name, spec, stack)


def _missing(spec: AnyFault, stack: Stack) -> str:
    """One line that says what is lacking and what would do."""
    what = f"the fault {type(spec).__name__} on {spec.target!r}"
    kind, _, name = spec.requires.partition(":")
    if kind == "link":
        links = ", ".join(sorted(stack.links))
        return f"{what} needs a link {name!r}; this {stack.kind} target has: {links}"
    need = "the replicas' processes" if kind == "process" else "the service's own database"
    return (
        f"{what} needs {need}, which this {stack.kind} target does not give us;"
        " run it on the local stack (without --host)"
    )
