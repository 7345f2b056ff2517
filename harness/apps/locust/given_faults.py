"""The faults that the command line gives, and nothing else: `lendchaos run --inject FAULT`.

Hypothesis: a borrower who cannot borrow gets an answer that says so, borrowing is as before soon
after the last heal, and nothing is lost or lent twice.
"""

from harness import Borrower, Scenario


class GivenFaults(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario()
