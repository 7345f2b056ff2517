"""A verdict as a list of checks, and each check judged over all runs of a scenario. Pure.

The command line, the pytest plugin and the files of a CI merge several runs here, so that all of
them say the same and a red line has the same name everywhere. Names are known before the run: one
for each objective, one for each invariant, one for whatever else may fail a run, and one for the
evidence. A series is never a way to get lucky: one run that fails a check fails it, one that leaves
it open leaves it open, and a run that was asked for and is not there is a lack of evidence.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.core.exit_codes import ExitCode
from harness.plan.objectives import INVARIANTS
from harness.report import words
from harness.report.words import WORST_FIRST
from harness.verdict.catalogue import LOANS
from harness.verdict.reasons import about
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity, Verdict

OF_OBJECTIVES = ("objective_missed", "objective_undecided")
_LEDGER = (*LOANS, "invariant_violated")
"""Those that nothing can be said of where the ledger was not read."""
_UNREAD = ("ledger_unread", "ledger_incomplete", "no_evidence", "evidence_damaged")
MESSAGE_MAX = 1_000
"""Letters of one message in a file or a list of a CI; `verdict.json` has the whole text."""
_ENDINGS: dict[int, str] = {
    ExitCode.FAIL: "of Locust itself",
    ExitCode.USAGE: "it cannot be run as it was asked for",
    ExitCode.INCONCLUSIVE: "the surroundings did not allow it",
    ExitCode.SAFETY_STOP: "stopped for safety",
    ExitCode.INTERNAL: "a bug",
    ExitCode.INTERRUPTED: "interrupted",
}


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


# --- one run -------------------------------------------------------------------------------------


def names_of(objectives: Iterable[str]) -> list[str]:
    """Names of the checks of a run with these objectives, in the order of `checks_of`."""
    return [*objectives, *INVARIANTS, CheckKind.OTHER.value, CheckKind.EVIDENCE.value]


def checks_of(verdict: Verdict) -> list[GateCheck]:
    """Everything that had to hold in a run and what came of it.

    Whatever makes the verdict a failure fails at least one of them, whatever leaves it open leaves
    at least one open: no finding that counts is without its line.
    """
    found = verdict.findings
    failing = [f for f in found if f.verdict is Severity.FAIL]
    # Failures that are neither an objective nor an invariant, an outage of nobody's making.
    others = [f for f in failing if f.code not in (*INVARIANTS, *OF_OBJECTIVES)]
    # Everything that leaves the run open, an objective that is not decided excepted.
    open_ = [f for f in found if f.verdict is Severity.INCONCLUSIVE and f.code not in OF_OBJECTIVES]
    judged = Judgement.FAIL if others else Judgement.PASS
    decided = Judgement.INCONCLUSIVE if open_ else Judgement.PASS
    return [
        *(_objective(result) for result in verdict.objectives),
        *(_invariant(name, verdict) for name in INVARIANTS),
        GateCheck(CheckKind.OTHER.value, judged, _found(others) or "none found"),
        GateCheck(CheckKind.EVIDENCE.value, decided, _found(open_) or "nothing is missing"),
    ]


def cut_message(message: str) -> str:
    """A message at a length that a CI can do with; how long it was is said."""
    return words.cut(message, MESSAGE_MAX)


def _objective(result: ObjectiveResult) -> GateCheck:
    low, seen, high = result.low, result.observed, result.high
    if "recovery" in result.id:
        low, seen, high = map(no_less_than_zero, (low, seen, high))
    said = words.clean(about(result))
    return GateCheck(result.id, result.verdict, said, seen, low, high, result.limit, result.source)


def no_less_than_zero(seconds: float | None) -> float | None:
    """The time that a recovery took: none, where it was over before the heal was confirmed."""
    return None if seconds is None else max(seconds, 0.0)


def _invariant(name: str, verdict: Verdict) -> GateCheck:
    broken = [f for f in verdict.findings if f.code == name and f.verdict is Severity.FAIL]
    if broken:
        counts = [f.evidence["count"] for f in broken if isinstance(f.evidence.get("count"), int)]
        observed = float(sum(counts)) if counts else None
        return GateCheck(name, Judgement.FAIL, _found(broken, name), observed, limit=0.0)
    unread = [f for f in verdict.findings if f.code in _UNREAD and f.verdict is not Severity.NOTE]
    if unread and name in _LEDGER:
        return GateCheck(name, Judgement.INCONCLUSIVE, _found(unread), limit=0.0)
    return GateCheck(name, Judgement.PASS, "none found", observed=0.0, limit=0.0)


def _found(findings: list[Finding], name: str = "") -> str:
    """What was found, and its code, unless that is the ``name`` of the check."""
    return "; ".join(
        words.clean(f.message if f.code == name else f"{f.message} ({f.code})") for f in findings
    )


# --- all runs of a scenario ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateRun(EndedRun):
    """One run of a suite, by its ``number`` from 1; ``seconds`` is how long it took."""

    number: int = 1
    seconds: float = 0.0

    @classmethod
    def of(cls, ended: EndedRun, number: int, seconds: float = 0.0) -> "GateRun":
        """A run that ended, as the one with this number."""
        return cls(ended.path, ended.exit_code, ended.verdict, ended.why, number, seconds)


@dataclass(frozen=True, slots=True)
class GateSuite:
    """All runs of a scenario; ``stopped`` says why some of those asked for are missing.

    ``file`` is the scenario file, empty where it is not known; ``statement`` is what several runs
    allow to be said together. ``names`` are those of its checks, empty where they were not known
    before it was run: a run that was judged by others is no evidence. ``shown`` writes a path for
    people; ``picture`` is the chart of the run that decides, so written, or empty.
    """

    name: str
    file: str
    asked: int
    runs: tuple[GateRun, ...]
    stopped: str = ""
    statement: str = ""
    names: tuple[str, ...] = ()
    shown: Callable[[Path], str] = str
    picture: str = ""

    def report_of(self, run: GateRun) -> str:
        """Where the page of a run lies; empty where it has none."""
        return "" if run.path is None else self.shown(run.path / "report.html")

    @property
    def reports(self) -> list[str]:
        """Where the page of each run lies that has one."""
        return [report for run in self.runs if (report := self.report_of(run))]

    @property
    def verdict(self) -> Judgement:
        """The worst of its cases."""
        return _worst(case.verdict for case in cases_of(self))

    @property
    def sentence(self) -> str:
        """What the run that decides says of itself."""
        decides = deciding_run(self)
        if decides is None or decides.verdict is None:
            return _missing(self) or "No run came to a verdict."
        of = f"Run {decides.number} of {self.asked}: " if self.asked > 1 else ""
        said = of + decides.verdict.sentence
        passed = decides.verdict.verdict is Judgement.PASS
        if passed and (lacking := _missing(self)):
            said = f"{lacking[0].upper()}{lacking[1:]}. {said}"
        return words.clean(said)


@dataclass(frozen=True, slots=True)
class GateCase:
    """One check over all runs. ``checks`` are those of each run, by its number.

    ``decides`` is the check that the others are no worse than; None where no run had it.
    """

    name: str
    kind: CheckKind
    verdict: Judgement
    meaning: str
    message: str
    checks: tuple[tuple[int, GateCheck], ...] = ()
    decides: GateCheck | None = None

    @property
    def figures(self) -> dict[str, str | float | None]:
        """Its verdict, and the figures of the check that decides."""
        found: dict[str, str | float | None] = {"verdict": self.verdict.value}
        names = ("observed", "low", "high", "limit", "source") if self.decides else ()
        return found | {name: getattr(self.decides, name) for name in names}


def _worst(verdicts: Iterable[Judgement]) -> Judgement:
    """Merged: fail beats inconclusive beats pass; of none, inconclusive."""
    return min(verdicts, key=WORST_FIRST.index, default=Judgement.INCONCLUSIVE)


def deciding_run(suite: GateSuite) -> GateRun | None:
    """The first of the worst runs that came to a verdict."""
    judged = [run for run in suite.runs if run.verdict is not None]
    return min(judged, key=lambda run: WORST_FIRST.index(_judgement(run)), default=None)


def _judgement(run: GateRun) -> Judgement:
    return Judgement.INCONCLUSIVE if run.verdict is None else run.verdict.verdict


def cases_of(suite: GateSuite) -> list[GateCase]:
    """Every check that was known beforehand or that a run has, once each, the evidence last."""
    by_name: dict[str, list[tuple[int, GateCheck]]] = {name: [] for name in suite.names}
    for run in suite.runs:
        for check in _checks(suite, run):
            by_name.setdefault(check.name, []).append((run.number, check))
    by_name.setdefault(CheckKind.EVIDENCE.value, [])
    cases = [_case(suite, name, checks) for name, checks in by_name.items()]
    # Sorted: runs may differ in theirs.
    return sorted(cases, key=lambda case: list(CheckKind).index(case.kind))


def case_of(suite: GateSuite, name: str) -> GateCase:
    """The case of a check that was known beforehand."""
    return next(case for case in cases_of(suite) if case.name == name)


def _checks(suite: GateSuite, run: GateRun) -> list[GateCheck]:
    """What a run has to say: nothing without a verdict, nor judged by other than was asked."""
    found = checks_of(run.verdict) if run.verdict is not None else []
    return found if suite.names in ((), tuple(check.name for check in found)) else []


def _case(suite: GateSuite, name: str, checks: list[tuple[int, GateCheck]]) -> GateCase:
    """The worst of the runs that have the check; where there is none, it is open."""
    lacking = _missing(suite) if name == CheckKind.EVIDENCE or not checks else ""
    decides = min((check for _, check in checks), key=_badness, default=None)
    verdicts = [check.verdict for _, check in checks]
    said = _said(suite, checks, decides)
    if lacking:
        verdicts.append(Judgement.INCONCLUSIVE)
        open_ = decides is not None and decides.verdict is not Judgement.PASS
        said = f"{said}; {lacking}" if open_ else lacking
    named = decides or GateCheck(name, Judgement.INCONCLUSIVE, lacking)
    verdict = _worst(verdicts)
    return GateCase(name, named.kind, verdict, named.meaning, said, tuple(checks), decides)


def _badness(check: GateCheck) -> tuple[int, float]:
    """What has a lower end and was not observed lasted longer than could be seen."""
    size = check.observed
    if size is None:
        size = 0.0 if check.low is None else math.inf
    return (WORST_FIRST.index(check.verdict), -size)


def _said(suite: GateSuite, checks: list[tuple[int, GateCheck]], decides: GateCheck | None) -> str:
    """Which runs are not met and why; of a check that holds, the largest that was observed."""
    if decides is None:
        return ""
    if suite.asked == 1 and len(checks) == 1:
        return decides.message
    told = [(n, c) for n, c in checks if c.verdict is not Judgement.PASS]
    if not told:
        told = [(n, c) for n, c in checks if c is decides][:1]
    return "; ".join(f"run {number} of {suite.asked}: {check.message}" for number, check in told)


def _missing(suite: GateSuite) -> str:
    """Which evidence there should be and is not, beside what the verdicts say; empty if none.

    A series that has failed may end early: what it left out could not have made it good.
    """
    said = [why for run in suite.runs if (why := _lack(suite, run))]
    failed = any(_judgement(run) is Judgement.FAIL for run in suite.runs)
    if len(suite.runs) < suite.asked and not failed:
        made = f"{len(suite.runs)} of {words.plural(suite.asked, 'run')} made"
        said.append(f"{made}: {suite.stopped}" if suite.stopped else made)
    return words.clean("; ".join(said))


def _lack(suite: GateSuite, run: GateRun) -> str:
    """Why a run is no evidence, or no pass although its verdict is one; empty if neither."""
    which = f"run {run.number} of {suite.asked}" if suite.asked > 1 else ""
    if run.verdict is not None and not _checks(suite, run):
        judged_by = ", ".join(result.id for result in run.verdict.objectives) or "no objective"
        said = f"the scenario changed after it was collected: its run was judged by {judged_by}"
        return f"{which}: {said}" if which else said
    passed = _judgement(run) is Judgement.PASS
    if run.verdict is not None and (not passed or run.exit_code == ExitCode.PASS):
        return ""
    kind = f" ({_ENDINGS[run.exit_code]})" if run.exit_code in _ENDINGS else ""
    had = "without a verdict, " if run.verdict is None else ""
    why = f": {run.why}" if run.why else ""
    return f"{which or 'the run'} ended {had}with exit code {run.exit_code}{kind}{why}"
