"""One replica of the lending service is killed, and a little later all of them.

Hypothesis: losing one of two replicas is no outage; losing both is one that ends within ten
seconds of the order to restart them; and no loan is lost or granted twice either way.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import Kill


class ServerFailure(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[
            Kill("replica-1", at="0s", lasts="1.5s", expects_impact=False),
            Kill("replicas", at="2.5s", lasts="2.5s"),
        ],
        objectives=Objectives(recovery_seconds_max=10, failed_outside_fault_share_max=0.005),
    )
