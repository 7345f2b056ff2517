"""Nothing is injected: an outage that you cause by hand is found and measured.

Hypothesis: one outage, and no more; it costs less than a minute of service and loses no money, and
once it is over every business decline is the right one again.
"""

from harness import Borrower, Objectives, Scenario


class Observe(Borrower):
    """One simulated borrower a second for each Locust user."""

    # An outage that turns into a brownout before it ends counts as two stretches.
    scenario = Scenario(
        observe=True,
        objectives=Objectives(impaired_episodes_max=2, lost_service_seconds_max=60),
    )
