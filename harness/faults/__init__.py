"""The faults that a scenario file uses, by name; each is one file in a folder below.

Every registered fault can be imported from here. The list is for type checkers.
"""

from typing import TYPE_CHECKING, Any

from harness.plan import fault_registry

if TYPE_CHECKING:
    from harness.faults.database.blocking_migration import BlockingMigration
    from harness.faults.database.commit_lost import CommitLost
    from harness.faults.network.flap import Flap
    from harness.faults.network.latency import Latency
    from harness.faults.network.packet_drop import PacketDrop
    from harness.faults.network.partition import Partition
    from harness.faults.network.refuse import Refuse
    from harness.faults.network.reset import Reset
    from harness.faults.network.throttle import Throttle
    from harness.faults.process.freeze import Freeze
    from harness.faults.process.kill import Kill
    from harness.faults.process.restart import Restart

__all__ = [
    "BlockingMigration",
    "CommitLost",
    "Flap",
    "Freeze",
    "Kill",
    "Latency",
    "PacketDrop",
    "Partition",
    "Refuse",
    "Reset",
    "Restart",
    "Throttle",
]


def _load() -> None:
    from harness.faults.registry import load_specs  # which brings the stack's types

    load_specs()


fault_registry.fill_with(_load)


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in (found := fault_registry.specs()):
        raise AttributeError(f"module 'harness.faults' has no attribute {name!r}")
    return found[name]
