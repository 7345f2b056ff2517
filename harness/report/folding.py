"""Which of the sections that can be folded stay open: those in which something is wrong. Pure."""

from collections.abc import Iterable

from harness.report.tables import Table
from harness.verdict.catalogue import MONEY, MONEY_STOPS
from harness.verdict.types import Judgement, Verdict, Weight

_WRONG = ("fail", "inconclusive")
_ABOUT = {
    "reconciliation": (*MONEY, *MONEY_STOPS, "ledger_unread", "ledger_incomplete"),
    "episodes": (
        *("outage", "degraded", "not_recovered", "recovery_seconds_max"),
        *("latency_recovery_seconds_max", "lost_service_seconds_max"),
        *("impaired_episodes_max", "slow_episodes_max"),
    ),
    "health": ("grey_failure_seconds_max",),
    "retries": ("attempts_per_operation_max",),
    "decisions": ("decision_shift_share_max",),
    "waits": ("latency_ms_p99_max",),
    "method": ("load_unfaithful", "evidence_damaged", "interrupted", "no_evidence"),
}
"""The findings, stop conditions and objectives that each section has the figures of."""


def stays_open(section: str, verdict: Verdict, tables: Iterable[Table]) -> bool:
    """Whether a cell of a section is marked, or what it is about was missed or not decided."""
    if any(cell.tone in _WRONG for table in tables for cells in table.rows for cell in cells):
        return True
    weighty = [found for found in verdict.findings if found.verdict is not Weight.NOTE]
    wrong = {found.code for found in weighty}
    wrong |= {str(found.evidence.get("condition")) for found in weighty}
    wrong |= {one.id for one in verdict.objectives if one.verdict is not Judgement.PASS}
    return not wrong.isdisjoint(_ABOUT.get(section, ()))
