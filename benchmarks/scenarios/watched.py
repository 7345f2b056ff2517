"""Somebody else's service goes wrong by a script of its own; we only watch.

Hypothesis: none. Whatever happens is measured, and the benchmark compares it with the script. So
nothing that fails ends the run.
"""

from harness import Borrower, Load, Objectives, Scenario, StopConditions


class Watched(Borrower):
    """Every borrower who is logged in presses "borrow" at once: one request for each arrival."""

    scenario = Scenario(
        objectives=Objectives(),
        load=Load(credit_line_share=0.0),
        stop=StopConditions(failed_budget="off", failed_surge=False, principal_at_risk_fen="off"),
    )
