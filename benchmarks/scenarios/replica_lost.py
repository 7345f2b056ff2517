"""One of two replicas of the lending service is killed, and restarted a little later.

Hypothesis: borrowers hardly notice: what was on its way to the dead replica may fail, the other one
carries on, and nothing is lost or lent twice.
"""

from harness import Borrower, Objectives, Scenario
from harness.faults import Kill


class ReplicaLost(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        faults=[Kill("replica-1", expects_impact=False)],
        objectives=Objectives(recovery_seconds_max=5, failed_outside_fault_share_max=0.005),
    )
