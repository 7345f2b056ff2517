"""The faults that a scenario file uses, by name; each is one file in a folder below.

Every registered fault can be imported from here. The list is for type checkers.
"""

from typing import TYPE_CHECKING, Any

from harness.plan import fault_registry

if TYPE_CHECKING:
    from harness.faults.database.blocking_migration import BlockingMigration as BlockingMigration
    from harness.faults.database.commit_lost import CommitLost as CommitLost
    from harness.faults.network.flap import Flap as Flap
    from harness.faults.network.latency import Latency as Latency
    from harness.faults.network.packet_drop import PacketDrop as PacketDrop
    from harness.faults.network.partition import Partition as Partition
    from harness.faults.network.refuse import Refuse as Refuse
    from harness.faults.network.reset import Reset as Reset
    from harness.faults.network.throttle import Throttle as Throttle
    from harness.faults.process.freeze import Freeze as Freeze
    from harness.faults.process.kill import Kill as Kill
    from harness.faults.process.restart import Restart as Restart


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """A fault by its name, or ``__all__`` of them."""
        if name == "__all__":
            return list(fault_registry.specs())
        if name.startswith("_") or name not in (found := fault_registry.specs()):
            raise AttributeError(f"module 'harness.faults' has no attribute {name!r}")
        return found[name]

    def __dir__() -> list[str]:
        return list(fault_registry.specs())
