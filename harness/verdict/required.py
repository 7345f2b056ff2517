"""What is required of every run, each with the findings that say that it is broken. Pure."""

from typing import NamedTuple

from harness.core.codes import MONEY


class RequiredRule(NamedTuple):
    """What is asked for, its limit in words, and which of a finding's evidence is its figure."""

    name: str
    limit: str
    figure: str = ""


NONE, NEEDED = "none ever allowed", "always needed"

RULES = {
    "lost": RequiredRule("Loans missing from the ledger", NONE, "count"),
    "duplicated": RequiredRule("Loans paid out more than once", NONE, "count"),
    "phantom": RequiredRule("Loans paid out or reserved though refused", NONE, "count"),
    "corrupt": RequiredRule("Loans not as asked for or told", NONE, "count"),
    "orphan": RequiredRule("Loans that nobody asked for", NONE, "count"),
    "unbalanced": RequiredRule("Loans with a wrong balance", NONE, "count"),
    "invariant_violated": RequiredRule("Violations of the rules of lending", NONE),
    "replay_unstable": RequiredRule("Repeated requests with another outcome", NONE, "count"),
    "false_decline": RequiredRule("Entitled borrowers refused", NONE, "count"),
    "invalid_answer": RequiredRule("Answers that break the contract", NONE, "count"),
    "safety_stop": RequiredRule("Stops for safety", NONE),
    "outage": RequiredRule("Failed requests in outages that no fault accounts for", NONE, "failed"),
    "degraded": RequiredRule(
        "Failed requests in degraded stretches without a fault", NONE, "failed"
    ),
    "objective_missed": RequiredRule("Objectives of the scenario", "the limit of each"),
    "not_recovered": RequiredRule("Borrowing is seen to recover", NEEDED),
    "borrowers_shut_out": RequiredRule("Borrowers shut out for good", NONE),
    "interrupted": RequiredRule("A run to its planned end", NEEDED),
    "no_evidence": RequiredRule("Borrow requests after the baseline", NEEDED),
    "evidence_damaged": RequiredRule("A record without damage", NEEDED),
    "ledger_unread": RequiredRule("A ledger that can be read", NEEDED),
    "ledger_incomplete": RequiredRule("A complete listing of the ledger", NEEDED),
    "load_unfaithful": RequiredRule("A load that is sent as planned", NEEDED),
    "baseline_not_steady": RequiredRule("A steady baseline, long enough", NEEDED),
    "fault_did_not_bite": RequiredRule("Proof that each fault took effect", NEEDED),
    "not_healed": RequiredRule("Proof that each fault is healed", NEEDED),
    "foreign_change": RequiredRule("Nobody else changes the stack", NEEDED),
    "unclean_recovery": RequiredRule("Nothing left behind by a fault", NEEDED),
    "internal_check_error": RequiredRule("Checks that run without an error", NEEDED),
    "objective_undecided": RequiredRule("Evidence that decides each objective", NEEDED),
}
"""By the code of the finding that says that it is broken, or not decided: the worst first."""

HELD = {
    "no loan lost, lent twice or wrong": (*MONEY, "ledger_unread", "ledger_incomplete"),
    "no outage without a fault": ("outage", "degraded", "not_recovered"),
    "nobody refused wrongly": ("false_decline", "invalid_answer", "borrowers_shut_out"),
    "a steady baseline": ("baseline_not_steady",),
    "a load as planned": ("load_unfaithful",),
}
"""What holds where none of these codes was found, in a run whose evidence is whole."""
SPOILS_ALL = ("interrupted", "no_evidence", "evidence_damaged", "internal_check_error")
"""With one of these nothing is said to hold."""
