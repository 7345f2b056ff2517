"""Packets are lost between the lending service and its database; needs --namespaces, as root.

Hypothesis: a service that gives up a silent connection early, instead of waiting for the kernel to
try it again, is back within two seconds of the network's return, and no loan is lost or doubled.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import PacketDrop


class PacketLoss(Borrower):
    """One simulated borrower a second for each Locust user."""

    scenario = Scenario(
        load=Load(
            rate=50,
            baseline="8s",
            recovery="15s",
            credit_line_share=0.5,  # the others have it on their screen and borrow at once
        ),
        faults=[PacketDrop("database", at="0s", lasts="5s")],
        objectives=Objectives(recovery_seconds_max=2, failed_outside_fault_share_max=0.005),
    )
