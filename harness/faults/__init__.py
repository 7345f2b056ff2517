"""Faults: specifications for scenario files here, one family of injectors a file beside it."""

from harness.plan.fault_specs import (
    BlockingMigration,
    CommitLost,
    Flap,
    Freeze,
    Kill,
    Latency,
    PacketDrop,
    Partition,
    Refuse,
    Reset,
    Restart,
    Throttle,
)

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
