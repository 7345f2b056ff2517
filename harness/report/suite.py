"""Runs of one scenario as a gate sees them: each check judged over all of them. Pure.

The command line, the pytest plugin and the files of a CI merge several runs here, so that all of
them say the same. A series is never a way to get lucky: one run that fails a check fails it, one
that leaves it open leaves it open, and a run that was asked for and is not there is a lack of
evidence.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.core.exit_codes import ExitCode
from harness.report import words
from harness.report.run_checks import CheckKind, GateCheck, checks_of
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Judgement

_WORST_FIRST = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)
_ENDINGS = {
    ExitCode.FAIL: "of Locust itself",
    ExitCode.USAGE: "it cannot be run as it was asked for",
    ExitCode.INCONCLUSIVE: "the surroundings did not allow it",
    ExitCode.SAFETY_STOP: "stopped for safety",
    ExitCode.INTERNAL: "a bug",
    ExitCode.INTERRUPTED: "interrupted",
}


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
        return worst(case.verdict for case in cases_of(self))

    @property
    def sentence(self) -> str:
        """What the run that decides says of itself."""
        decides = deciding_run(self)
        if decides is None or decides.verdict is None:
            return missing(self) or "No run came to a verdict."
        of = f"Run {decides.number} of {self.asked}: " if self.asked > 1 else ""
        said = of + decides.verdict.sentence
        passed = decides.verdict.verdict is Judgement.PASS
        if passed and (lacking := missing(self)):
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


def worst(verdicts: Iterable[Judgement]) -> Judgement:
    """Merged: fail beats inconclusive beats pass; of none, inconclusive."""
    found = list(verdicts)
    return min(found, key=_WORST_FIRST.index) if found else Judgement.INCONCLUSIVE


def deciding_run(suite: GateSuite) -> GateRun | None:
    """The first of the worst runs that came to a verdict."""
    judged = [run for run in suite.runs if run.verdict is not None]
    return min(judged, key=lambda r: _WORST_FIRST.index(_judgement(r)), default=None)


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
    lacking = missing(suite) if name == CheckKind.EVIDENCE or not checks else ""
    ranked = sorted(checks, key=lambda pair: _badness(pair[1]))
    decides = ranked[0][1] if ranked else None
    verdicts = [check.verdict for _, check in checks]
    said = _said(suite, checks, decides)
    if lacking:
        verdicts.append(Judgement.INCONCLUSIVE)
        open_ = decides is not None and decides.verdict is not Judgement.PASS
        said = f"{said}; {lacking}" if open_ else lacking
    named = decides or GateCheck(name, Judgement.INCONCLUSIVE, lacking)
    return GateCase(
        name=name,
        kind=named.kind,
        verdict=worst(verdicts),
        meaning=named.meaning,
        message=said,
        checks=tuple(checks),
        decides=decides,
    )


def _badness(check: GateCheck) -> tuple[int, float]:
    """What has a lower end and was not observed lasted longer than could be seen."""
    size = check.observed
    if size is None:
        size = 0.0 if check.low is None else math.inf
    return (_WORST_FIRST.index(check.verdict), -size)


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


def missing(suite: GateSuite) -> str:
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
    known = {int(code): text for code, text in _ENDINGS.items()}
    kind = f" ({known[run.exit_code]})" if run.exit_code in known else ""
    had = "without a verdict, " if run.verdict is None else ""
    why = f": {run.why}" if run.why else ""
    return f"{which or 'the run'} ended {had}with exit code {run.exit_code}{kind}{why}"
