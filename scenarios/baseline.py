"""Nothing is injected; an outage with any other cause is found and measured.

Hypothesis: no stretch of impaired borrowing, at most one borrow request in two hundred fails, and
every business decline is the right one.
"""

from harness import Borrower, Load, Objectives, Scenario


class Baseline(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        objectives=Objectives(impaired_episodes_max=0, failed_share_max=0.005),
    )
