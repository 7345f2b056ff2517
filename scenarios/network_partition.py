"""Bytes vanish between the lending service and its database for a few seconds.

Hypothesis: borrowers get an answer within their deadline, nothing is lent twice or lost, and
borrowing is back to normal within five seconds of the network's return, without anyone's help.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import Partition


class NetworkPartition(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(
            rate=50,
            baseline="8s",
            recovery="15s",
            credit_line_share=0.5,  # the others have it on their screen and borrow at once
        ),
        faults=[Partition("database", at="0s", lasts="5s")],
        objectives=Objectives(
            recovery_seconds_max=5,
            failed_outside_fault_share_max=0.005,
            indeterminate_share_max=0.05,
        ),
    )
