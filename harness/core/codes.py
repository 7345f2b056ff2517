"""Codes of what must always hold, in the words of ``verdict.json``."""

LOANS = ("lost", "duplicated", "phantom", "corrupt", "orphan", "unbalanced")
"""What can be wrong with a loan, the worst first; `Reconciliation` counts each."""
MONEY = (*LOANS, "invariant_violated", "replay_unstable")
"""Findings about money."""
MONEY_STOPS = ("double_disbursement", "principal_at_risk_fen")
"""Stop conditions about money."""
INVARIANTS = (*LOANS, "invariant_violated", "false_decline", "invalid_answer", "replay_unstable")
"""What must hold in every phase, even of a run that was cut short, money first; no limit to set."""
