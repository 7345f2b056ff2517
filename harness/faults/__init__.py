"""Faults: specifications for scenario files here, one family of injectors a file beside it."""

from harness.fault_specs import BlockingMigration, Kill, Partition

__all__ = ["BlockingMigration", "Kill", "Partition"]
