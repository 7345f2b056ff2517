"""What is required of every run, each with the findings that say that it is broken. Pure."""

from typing import NamedTuple

from harness.core.codes import MONEY


class Rule(NamedTuple):
    """What is asked for, its limit in words, and which of a finding's evidence is its figure."""

    name: str
    limit: str
    figure: str = ""


NONE, NEEDED = "none ever allowed", "always needed"

RULES = {
    "lost": Rule("Loans missing from the ledger", NONE, "count"),
    "duplicated": Rule("Loans paid out more than once", NONE, "count"),
    "phantom": Rule("Loans paid out or reserved though refused", NONE, "count"),
    "corrupt": Rule("Loans not as asked for or told", NONE, "count"),
    "orphan": Rule("Loans that nobody asked for", NONE, "count"),
    "unbalanced": Rule("Loans with a wrong balance", NONE, "count"),
    "invariant_violated": Rule("Violations of the rules of lending", NONE),
    "replay_unstable": Rule("Repeated requests with another outcome", NONE, "count"),
    "false_decline": Rule("Entitled borrowers refused", NONE, "count"),
    "invalid_answer": Rule("Answers that break the contract", NONE, "count"),
    "safety_stop": Rule("Stops for safety", NONE),
    "outage": Rule("Failed requests in outages that no fault accounts for", NONE, "failed"),
    "degraded": Rule("Failed requests in degraded stretches without a fault", NONE, "failed"),
    "objective_missed": Rule("Objectives of the scenario", "the limit of each"),
    "not_recovered": Rule("Borrowing is seen to recover", NEEDED),
    "borrowers_shut_out": Rule("Borrowers shut out for good", NONE),
    "interrupted": Rule("A run to its planned end", NEEDED),
    "no_evidence": Rule("Borrow requests after the baseline", NEEDED),
    "evidence_damaged": Rule("A record without damage", NEEDED),
    "ledger_unread": Rule("A ledger that can be read", NEEDED),
    "ledger_incomplete": Rule("A complete listing of the ledger", NEEDED),
    "load_unfaithful": Rule("A load that is sent as planned", NEEDED),
    "baseline_not_steady": Rule("A steady baseline, long enough", NEEDED),
    "fault_did_not_bite": Rule("Proof that each fault took effect", NEEDED),
    "not_healed": Rule("Proof that each fault is healed", NEEDED),
    "foreign_change": Rule("Nobody else changes the stack", NEEDED),
    "unclean_recovery": Rule("Nothing left behind by a fault", NEEDED),
    "internal_check_error": Rule("Checks that run without an error", NEEDED),
    "objective_undecided": Rule("Evidence that decides each objective", NEEDED),
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
