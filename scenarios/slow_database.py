"""Every answer of the database takes ten milliseconds longer, as from another data centre.

Hypothesis: a borrow asks the database several times and becomes slower by as often, but no borrower
is refused and no stretch of borrowing is impaired.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import Latency


class SlowDatabase(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(rate=50, baseline="8s", recovery="15s"),
        faults=[Latency("database", milliseconds=10, jitter=5, at="0s", lasts="5s")],
        objectives=Objectives(impaired_episodes_max=0, failed_share_max=0.01),
    )
