"""A verdict as a list of checks, each of which a gate shows as one line. Pure.

The same list serves the pytest plugin, JUnit XML and the summaries, so that a red line has the same
name everywhere. Its names are known before the run: one for each objective, one for each invariant,
one for whatever else may fail a run, and one for the evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.plan.objectives import INVARIANTS
from harness.report import words
from harness.verdict.catalogue import LOANS
from harness.verdict.reasons import about
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Verdict, Weight

_LEDGER = (*LOANS, "invariant_violated")
"""Those that nothing can be said of where the ledger was not read."""
_UNREAD = ("ledger_unread", "ledger_incomplete", "no_evidence", "evidence_damaged")
_OF_OBJECTIVES = ("objective_missed", "objective_undecided")


MESSAGE_MAX = 1_000
"""Letters of one message in a file or a list of a CI; `verdict.json` has the whole text."""


class CheckKind(StrEnum):
    """What a check is about."""

    OBJECTIVE = "objective"
    INVARIANT = "invariant"
    OTHER = "other_findings"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One thing that had to hold. ``low`` and ``high`` are the 95 % interval of ``observed``.

    Values have the unit of the objective (seconds, milliseconds, a share from 0 to 1, a count); of
    an invariant, ``observed`` is how many broke it, None where that is not known.
    """

    name: str
    verdict: Judgement
    message: str
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    source: str = ""

    @property
    def kind(self) -> CheckKind:
        """What it is about, which its name says."""
        if self.name in (CheckKind.OTHER, CheckKind.EVIDENCE):
            return CheckKind(self.name)
        return CheckKind.INVARIANT if self.name in INVARIANTS else CheckKind.OBJECTIVE

    @property
    def meaning(self) -> str:
        """What it asks for, in one phrase."""
        named = words.objective(self.name)
        if self.kind is not CheckKind.OBJECTIVE or self.limit is None:
            return named
        return f"{named} at most {words.limit_of(self.name, self.limit)}"


def names_of(objectives: Iterable[str]) -> list[str]:
    """Names of the checks of a run with these objectives, in the order of `checks_of`."""
    return [*objectives, *INVARIANTS, CheckKind.OTHER.value, CheckKind.EVIDENCE.value]


def checks_of(verdict: Verdict) -> list[GateCheck]:
    """Everything that had to hold in a run and what came of it.

    Whatever makes the verdict a failure fails at least one of them, whatever leaves it open leaves
    at least one open: no finding that counts is without its line.
    """
    return [
        *(_objective(result) for result in verdict.objectives),
        *(_invariant(name, verdict) for name in INVARIANTS),
        _others(verdict),
        _evidence(verdict),
    ]


def cut_message(message: str) -> str:
    """A message at a length that a CI can do with; how long it was is said."""
    return words.cut(message, MESSAGE_MAX)


def _objective(result: ObjectiveResult) -> GateCheck:
    ends = (result.observed, result.low, result.high)
    recovery = "recovery" in result.id
    observed, low, high = map(no_less_than_zero, ends) if recovery else ends
    return GateCheck(
        name=result.id,
        verdict=result.verdict,
        message=words.clean(about(result)),
        observed=observed,
        low=low,
        high=high,
        limit=result.limit,
        source=result.source,
    )


def no_less_than_zero(seconds: float | None) -> float | None:
    """The time that a recovery took: none, where it was over before the heal was confirmed."""
    return None if seconds is None else max(seconds, 0.0)


def _invariant(name: str, verdict: Verdict) -> GateCheck:
    broken = [f for f in verdict.findings if f.code == name and f.verdict is Weight.FAIL]
    if broken:
        counts = [f.evidence["count"] for f in broken if isinstance(f.evidence.get("count"), int)]
        observed = float(sum(counts)) if counts else None
        said = _said(broken, name)
        return GateCheck(name, Judgement.FAIL, said, observed=observed, limit=0.0)
    unread = [f for f in verdict.findings if f.code in _UNREAD and f.verdict is not Weight.NOTE]
    if unread and name in _LEDGER:
        return GateCheck(name, Judgement.INCONCLUSIVE, _said(unread), limit=0.0)
    return GateCheck(name, Judgement.PASS, "none found", observed=0.0, limit=0.0)


def _others(verdict: Verdict) -> GateCheck:
    """Failures that are neither an objective nor an invariant, an outage of nobody's making."""
    known = (*INVARIANTS, *_OF_OBJECTIVES)
    found = [f for f in verdict.findings if f.verdict is Weight.FAIL and f.code not in known]
    judgement = Judgement.FAIL if found else Judgement.PASS
    return GateCheck(CheckKind.OTHER.value, judgement, _said(found) or "none found")


def _evidence(verdict: Verdict) -> GateCheck:
    """Everything that leaves the run open, an objective that is not decided excepted."""
    found = [
        f
        for f in verdict.findings
        if f.verdict is Weight.INCONCLUSIVE and f.code not in _OF_OBJECTIVES
    ]
    judgement = Judgement.INCONCLUSIVE if found else Judgement.PASS
    return GateCheck(CheckKind.EVIDENCE.value, judgement, _said(found) or "nothing is missing")


def _said(findings: list[Finding], name: str = "") -> str:
    """What was found, and its code, unless that is the ``name`` of the check."""
    return "; ".join(
        words.clean(f.message if f.code == name else f"{f.message} ({f.code})") for f in findings
    )
