"""Bytes vanish between the lending service and its credit bureau for a few seconds.

Hypothesis: borrowing goes on. The last score on file stands in for the bureau's while it is recent,
so no borrower fails, none waits long, and hardly any gets a different decision than before.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import Partition


class BureauOutage(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[Partition("bureau", at="0s", lasts="5s", expects_impact=False)],
        objectives=Objectives(
            failed_share_max=0.01,
            impaired_episodes_max=0,
            decision_shift_share_max=0.2,  # an outage that sends everybody to review shifts more
        ),
    )
