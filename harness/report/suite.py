"""Runs of one scenario as a gate sees them: each check judged over all of them. Pure.

A series is never a way to get lucky: one run that fails a check fails it, one that leaves it open
leaves it open, and a run that was asked for and is not there is a lack of evidence.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.core.exit_codes import ExitCode
from harness.report import words
from harness.report.run_checks import CheckKind, GateCheck, checks_of
from harness.verdict.types import Judgement, Verdict

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
class GateRun:
    """One run. ``verdict`` is None when it ended without one, ``seconds`` how long it took.

    ``report`` is where its page lies, as it is shown; empty where there is none. ``picture`` is
    its chart, a path below the root of the checkout, or empty; ``directory`` is where it lies on
    this machine. ``why`` is the error that it ended with instead of a verdict, or empty.
    """

    number: int
    exit_code: int
    seconds: float
    verdict: Verdict | None
    report: str = ""
    picture: str = ""
    directory: Path | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class GateSuite:
    """All runs of a scenario; ``stopped`` says why some of those asked for are missing.

    ``file`` is the scenario file, empty where it is not known; ``statement`` is what several runs
    allow to be said together.
    """

    name: str
    file: str
    asked: int
    runs: tuple[GateRun, ...]
    stopped: str = ""
    statement: str = ""

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
    """Every check of every run, once each; of a suite without any verdict, one that says so."""
    by_name: dict[str, list[tuple[int, GateCheck]]] = {}
    for run in suite.runs:
        for check in checks_of(run.verdict) if run.verdict else ():
            by_name.setdefault(check.name, []).append((run.number, check))
    by_name.setdefault(CheckKind.EVIDENCE.value, [])
    cases = [_case(suite, name, checks) for name, checks in by_name.items()]
    return sorted(
        cases, key=lambda case: list(CheckKind).index(case.kind)
    )  # runs may differ in theirs


def _case(suite: GateSuite, name: str, checks: list[tuple[int, GateCheck]]) -> GateCase:
    lacking = missing(suite) if name == CheckKind.EVIDENCE.value else ""
    ranked = sorted(checks, key=lambda pair: _badness(pair[1]))
    decides = ranked[0][1] if ranked else None
    verdicts = [check.verdict for _, check in checks]
    said = _said(suite, checks, decides)
    if lacking:
        verdicts.append(Judgement.INCONCLUSIVE)
        open_ = decides is not None and decides.verdict is not Judgement.PASS
        said = f"{said}; {lacking}" if open_ else lacking
    return GateCase(
        name=name,
        kind=decides.kind if decides else CheckKind.EVIDENCE,
        verdict=worst(verdicts),
        meaning=decides.meaning if decides else words.objective(CheckKind.EVIDENCE),
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
    said = [_ending(suite, run) for run in suite.runs if _is_lacking(run)]
    failed = any(_judgement(run) is Judgement.FAIL for run in suite.runs)
    if len(suite.runs) < suite.asked and not failed:
        made = f"{len(suite.runs)} of {words.plural(suite.asked, 'run')} made"
        said.append(f"{made}: {suite.stopped}" if suite.stopped else made)
    return words.clean("; ".join(said))


def _is_lacking(run: GateRun) -> bool:
    """No verdict at all, or one that says pass of a run that did not end so."""
    green = run.verdict is not None and run.verdict.verdict is Judgement.PASS
    return run.verdict is None or (green and run.exit_code != ExitCode.PASS)


def _ending(suite: GateSuite, run: GateRun) -> str:
    which = f"run {run.number} of {suite.asked}" if suite.asked > 1 else "the run"
    known = {int(code): text for code, text in _ENDINGS.items()}
    kind = f" ({known[run.exit_code]})" if run.exit_code in known else ""
    had = "without a verdict, " if run.verdict is None else ""
    why = f": {run.why}" if run.why else ""
    return f"{which} ended {had}with exit code {run.exit_code}{kind}{why}"
