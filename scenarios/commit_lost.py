"""PostgreSQL commits every loan, and the lending service never hears so.

Hypothesis: the service says that it does not know, and no more than that; a borrower who asks again
with the same key (`--retries 2`) is never lent twice, no loan is lost, and borrowing is back to
normal within five seconds of the link's return.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import CommitLost


class CommitsLost(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[CommitLost("database", at="0s", lasts="5s")],
        objectives=Objectives(recovery_seconds_max=5, failed_outside_fault_share_max=0.005),
    )
