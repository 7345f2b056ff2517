"""The catalogue of codes: what each code means that this program can write down, or end with.

Reports, `lendchaos explain`, gates, schemas and the tests of the documentation read it. The rows
stand in `catalogue_findings`, `catalogue_evidence` and `catalogue_limits`.
"""

from harness.verdict.catalogue_evidence import EVIDENCE, NOTES
from harness.verdict.catalogue_findings import OF_ANSWERS, OF_LOANS, OF_RUNS
from harness.verdict.catalogue_limits import CHECKS, EXITS, OBJECTIVES, STOPS
from harness.verdict.catalogue_row import CatalogueRow, EntryKind

FINDINGS: dict[str, CatalogueRow] = {**OF_LOANS, **OF_ANSWERS, **OF_RUNS, **EVIDENCE, **NOTES}
"""Every code that a finding of a verdict can have."""
CATALOGUE: dict[str, CatalogueRow] = {**FINDINGS, **OBJECTIVES, **STOPS, **CHECKS, **EXITS}
"""Every code, in the order in which they are listed."""

LOANS = tuple(OF_LOANS)
"""What can be wrong with a loan, the worst first."""
MONEY = tuple(code for code, row in FINDINGS.items() if row.is_money)
"""Findings about money, the worst first."""
MONEY_STOPS = tuple(code for code, row in STOPS.items() if row.is_money)
"""Stop conditions about money."""
RULES: dict[str, CatalogueRow] = {
    code: FINDINGS[code] for code in (*MONEY, *FINDINGS) if FINDINGS[code].rule
}
"""What is required of every run, by the code of the finding that says that it is broken or not
decided: money first, then the worst."""
ASKED: dict[str, str] = {
    code: row.requires or row.title
    for code, row in CATALOGUE.items()
    if row.kind in (EntryKind.OBJECTIVE, EntryKind.INVARIANT, EntryKind.CHECK)
}
"""What each line of a gate asks for."""
