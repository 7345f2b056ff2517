"""A migration adds a column to the loan table while a long transaction holds it.

Hypothesis: borrowing stops behind the waiting ALTER TABLE, but borrowers get an answer in time, and
it is back to normal within five seconds of the migration's end, with no loan lost or granted twice.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import BlockingMigration


class DatabaseMigration(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[BlockingMigration(table="loan", at="0s", lasts="5s")],
        objectives=Objectives(recovery_seconds_max=5, failed_outside_fault_share_max=0.005),
    )
