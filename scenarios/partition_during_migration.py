"""Bytes vanish between the service and its database while a migration holds a table.

Hypothesis: the end of the partition hands the service fresh connections while everything still
waits behind the ALTER TABLE; borrowers still get an answer in time, and borrowing is back within
five seconds of the last heal, with nothing lost or lent twice.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import BlockingMigration, Partition


class PartitionDuringMigration(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[
            BlockingMigration(table="loan", at="0s", lasts="5s"),
            Partition("database", at="0.5s", lasts="1.5s"),
        ],
        objectives=Objectives(
            recovery_seconds_max=5,
            failed_outside_fault_share_max=0.005,
            # The driver's defaults meet it under either fault alone, and miss it under both.
            indeterminate_share_max=0.15,
        ),
    )
