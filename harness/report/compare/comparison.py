"""Runs side by side, and against a baseline: what differs, by how much, and what so few can show.

Pure. A claim needs five runs of each side, an order that chance makes rarer than 5 % over all
figures together, and a shift that is worth a word. Without all three both lists are shown and
nothing is claimed: neither a regression nor, from a lucky run, an improvement.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.core.errors import UsageError
from harness.report.archive import Stored
from harness.report.compare.compared_figures import FIGURES, Figure, money_of
from harness.report.compare.likeness import conditions, differences, left_out, tested
from harness.report.shown_run import ShownRun, Value
from harness.verdict.measure.two_samples import RUNS_LEAST, TwoSamples, against, holm

__all__ = [
    "CHANCE_MAX",
    "FIGURES",
    "SCHEMA",
    "Claim",
    "ComparedFigure",
    "Comparison",
    "RunGroup",
    "ShownRun",
    "compare",
    "run_of",
]

SCHEMA = "lendchaos.comparison/1"
CHANCE_MAX = 0.05
"""Of a false claim in one comparison, over all its figures together."""
THESE = "new"


class Claim(StrEnum):
    """What is said of one figure."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    SMALL = "too small to matter"
    NONE = "no claim"


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that are taken together, the oldest first."""

    name: str
    runs: tuple[ShownRun, ...]

    @property
    def counted(self) -> list[ShownRun]:
        """Those whose figures count."""
        return [run for run in self.runs if not run.left_out]

    def values(self, figure: Figure) -> list[Value]:
        """One figure of those that count, where it was measured."""
        found = [run.figures[figure.name] for run in self.counted]
        return [value for value in found if value is not None]

    @property
    def money(self) -> list[str]:
        """What is wrong with the money, run by run; those that are left out count here, too."""
        return [f"{run.wrong} in {run.run_id}" for run in self.runs if run.money]


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of both groups; without ``test`` there are too few runs, or nothing to tell.

    ``p`` is corrected for the number of figures (Holm); ``worth`` is the smallest shift that
    matters, in the unit of the figure.
    """

    figure: Figure
    these: tuple[Value, ...]
    baseline: tuple[Value, ...]
    claim: Claim
    test: TwoSamples | None = None
    p: float | None = None
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What there is to say; ``baseline`` is None where runs are only shown side by side.

    ``not_alike`` are differences of the conditions: with any of them nothing is claimed.
    ``tested`` is what else differs, ``notes`` what happened to the lists before.
    """

    scenario: str
    these: RunGroup
    baseline: RunGroup | None
    results: tuple[ComparedFigure, ...]
    not_alike: tuple[str, ...]
    tested: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> list[ComparedFigure]:
        """Figures that have become worse, by evidence."""
        return [result for result in self.results if result.claim is Claim.REGRESSION]

    @property
    def decides(self) -> bool:
        """Whether a regression of any figure that was measured could have been seen."""
        counts = [(len(result.these), len(result.baseline)) for result in self.results]
        measured = [min(pair) for pair in counts if max(pair) > 0]
        return bool(measured) and min(measured) >= RUNS_LEAST and not self.not_alike

    @property
    def figures_tested(self) -> int:
        """For how many figures p is corrected."""
        return sum(result.test is not None for result in self.results)


def compare(
    these: Sequence[Stored],
    baseline: Sequence[Stored] | None = None,
    baseline_name: str = "baseline",
    notes: Sequence[str] = (),
) -> Comparison:
    """Put runs of one scenario side by side and, with a baseline, say what differs from it.

    Raises:
        UsageError: they are of several scenarios, or there are none.
    """
    scenario = _one_scenario([*these, *(baseline or [])])
    first = _group(THESE, these)
    second = None if baseline is None else _group(baseline_name, baseline)
    sides = {THESE: _counted(these)}
    if second is not None:
        sides[baseline_name] = _counted(baseline or [])
    not_alike = differences(conditions, sides)
    results = tuple(_shown(figure, first, second) for figure in FIGURES)
    if second is not None and not not_alike:
        results = _judged(results)
    return Comparison(
        scenario=scenario,
        these=first,
        baseline=second,
        results=results,
        not_alike=tuple(not_alike),
        tested=tuple(differences(tested, sides)),
        notes=tuple(notes),
    )


def _one_scenario(runs: Sequence[Stored]) -> str:
    found = sorted({stored.verdict.scenario for stored in runs})
    if not found:
        raise UsageError("there are no runs to compare")
    if len(found) > 1:
        raise UsageError(
            f"runs of several scenarios cannot be compared: {', '.join(found)}; name runs of one,"
            " or choose it with --scenario"
        )
    return found[0]


def _counted(runs: Sequence[Stored]) -> list[Stored]:
    return [stored for stored in runs if not left_out(stored)]


def _group(name: str, runs: Sequence[Stored]) -> RunGroup:
    ordered = sorted(runs, key=lambda s: (s.verdict.zero_utc or "", s.verdict.run_id))
    return RunGroup(name, tuple(run_of(stored) for stored in ordered))


def run_of(stored: Stored) -> ShownRun:
    """A stored run with all that is compared of it."""
    verdict = stored.verdict
    return ShownRun(
        run_id=verdict.run_id,
        zero_utc=verdict.zero_utc,
        seed=verdict.seed,
        verdict=verdict.verdict,
        label=stored.label,
        left_out=left_out(stored),
        figures={figure.name: figure.read(verdict) for figure in FIGURES},
        money=money_of(verdict),
        ledger_read=verdict.reconciliation.ledger_read
        and not any(found.code == "ledger_incomplete" for found in verdict.findings),
    )


# --- what can be claimed -------------------------------------------------------------------------


def _shown(figure: Figure, these: RunGroup, baseline: RunGroup | None) -> ComparedFigure:
    """Both lists, and no claim."""
    before = baseline.values(figure) if baseline else []
    return ComparedFigure(figure, tuple(these.values(figure)), tuple(before), Claim.NONE)


def _judged(results: Sequence[ComparedFigure]) -> tuple[ComparedFigure, ...]:
    """The same with what can be claimed; the correction is for those that can be tested at all."""
    tests = [_test(result) for result in results]
    corrected = iter(holm([test.p for test in tests if test is not None]))
    return tuple(
        result if test is None else _claimed(result, test, next(corrected))
        for result, test in zip(results, tests, strict=True)
    )


def _test(result: ComparedFigure) -> TwoSamples | None:
    these = [value.size for value in result.these]
    before = [value.size for value in result.baseline]
    if min(len(these), len(before)) < RUNS_LEAST or len({*these, *before}) == 1:
        return None
    return against(these, before)


def _claimed(result: ComparedFigure, test: TwoSamples, p: float) -> ComparedFigure:
    usual = statistics.median(value.size for value in result.baseline)
    worth = result.figure.worth(usual)
    claim = Claim.NONE
    if p < CHANCE_MAX:
        claim = Claim.SMALL
        if test.shift > worth:
            claim = Claim.REGRESSION
        elif test.shift < -worth:
            claim = Claim.IMPROVEMENT
    return ComparedFigure(result.figure, result.these, result.baseline, claim, test, p, worth)


def middle_of(values: Sequence[Value]) -> float:
    """The median; infinite when half of the runs or more outlasted their watch."""
    return statistics.median(v.size for v in values) if values else math.nan
