"""Runs side by side, and against a baseline: what differs, by how much, and what so few can show.

Pure. A claim needs five runs of each side, an order that chance makes rarer than 5 % over all
figures together, and a shift that is worth a word. Without all three both lists are shown without
a conclusion: neither a regression nor, from a lucky run, an improvement.

Under other conditions of measuring every figure means something else, so a comparison draws no
conclusion. What was tested may differ: a comparison is there to show what that does. It names both.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.core.errors import UsageError
from harness.history.run_facts import LOCAL_STACK
from harness.plan.run_options import RUN_OPTIONS, Use
from harness.report import words
from harness.report.archive import Stored, by_age
from harness.report.compare.compared_figures import FIGURES, Figure, ShownRun, Value, money_of
from harness.verdict.measure.two_samples import RUNS_LEAST, TwoSamples, against, holm
from harness.verdict.types import Severity

SCHEMA = "lendchaos.comparison/1"
CHANCE_MAX = 0.05
"""Of a false claim in one comparison, over all its figures together."""
THESE = "new"
NO_EVIDENCE = {
    "interrupted": "it was interrupted",
    "safety_stop": "it was stopped for safety",
    "no_evidence": "there is next to nothing to judge",
    "evidence_damaged": "its record is damaged",
    "load_unfaithful": "its load was not sent as planned",
    "baseline_not_steady": "its baseline was not steady",
    "fault_did_not_bite": "its fault did not take effect",
}
"""Findings of a run whose figures are no evidence, unlike a run that failed."""


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

    def values(self, figure: Figure) -> tuple[Value, ...]:
        """One figure of those that count, where it was measured."""
        found = (run.figures[figure.name] for run in self.counted)
        return tuple(value for value in found if value is not None)

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
    claim: Claim = Claim.NONE
    test: TwoSamples | None = None
    p: float | None = None
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What there is to say; ``baseline`` is None where runs are only shown side by side.

    ``not_alike`` are differences of the conditions: with any of them there is no conclusion.
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
        """Whether a regression of any figure that was measured could have been seen, and money that
        is wrong in any of these runs, those that are left out included.
        """
        counts = [(len(result.these), len(result.baseline)) for result in self.results]
        measured = [min(pair) for pair in counts if max(pair) > 0]
        seen = bool(measured) and min(measured) >= RUNS_LEAST and not self.not_alike
        return seen and all(run.ledger_read for run in self.these.runs)

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
    UsageError if they are of several scenarios, or there are none.
    """
    scenarios = sorted({stored.verdict.scenario for stored in (*these, *(baseline or ()))})
    if not scenarios:
        raise UsageError("there are no runs to compare")
    if len(scenarios) > 1:
        raise UsageError(
            f"runs of several scenarios cannot be compared: {', '.join(scenarios)}; name runs of"
            " one, or choose it with --scenario"
        )
    sides = {THESE: these}
    if baseline is not None:
        sides[baseline_name] = baseline
    counted = {name: [s for s in runs if not left_out(s)] for name, runs in sides.items()}
    not_alike = _differences(_conditions, counted)
    first = _group(THESE, these)
    second = None if baseline is None else _group(baseline_name, baseline)
    results = [
        ComparedFigure(figure, first.values(figure), second.values(figure) if second else ())
        for figure in FIGURES
    ]
    if second is not None and not not_alike:
        results = _judged(results)
    return Comparison(
        scenario=scenarios[0],
        these=first,
        baseline=second,
        results=tuple(results),
        not_alike=not_alike,
        tested=_differences(_tested, counted),
        notes=tuple(notes),
    )


def _group(name: str, runs: Sequence[Stored]) -> RunGroup:
    return RunGroup(name, tuple(run_of(stored) for stored in sorted(runs, key=by_age)))


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


def _judged(results: Sequence[ComparedFigure]) -> list[ComparedFigure]:
    """The same with what can be claimed; the correction is for those that can be tested at all."""
    tests = [_test(result) for result in results]
    corrected = iter(holm([test.p for test in tests if test is not None]))
    judged = []
    for result, test in zip(results, tests, strict=True):
        if test is None:
            judged.append(result)
            continue
        p, worth = next(corrected), result.figure.worth(middle_of(result.baseline))
        claim = Claim.SMALL if p < CHANCE_MAX else Claim.NONE
        if p < CHANCE_MAX and abs(test.shift) > worth:
            claim = Claim.REGRESSION if test.shift > 0 else Claim.IMPROVEMENT
        judged.append(replace(result, claim=claim, test=test, p=p, worth=worth))
    return judged


def _test(result: ComparedFigure) -> TwoSamples | None:
    these = [value.size for value in result.these]
    before = [value.size for value in result.baseline]
    if min(len(these), len(before)) < RUNS_LEAST or len({*these, *before}) == 1:
        return None
    return against(these, before)


def middle_of(values: Sequence[Value]) -> float:
    """The median; infinite when half of the runs or more outlasted their watch."""
    return statistics.median(v.size for v in values) if values else math.nan


# --- what can be compared ------------------------------------------------------------------------


def left_out(stored: Stored) -> str:
    """Why a run is shown and not compared; empty when it is."""
    weighty = (f.code for f in stored.verdict.findings if f.verdict is not Severity.NOTE)
    return next((NO_EVIDENCE[code] for code in weighty if code in NO_EVIDENCE), "")


def same(first: Stored, second: Stored) -> bool:
    """Whether two runs were made under the same conditions, as far as both are known."""
    one, two = _conditions(first), _conditions(second)
    return all(one[name] == two[name] for name in one.keys() & two.keys())


def _conditions(stored: Stored) -> dict[str, str]:
    verdict, settings = stored.verdict, stored.settings or {}
    faults = ", ".join(sorted(f.description or f.name for f in verdict.faults)) or "none"
    found = {
        "rate": f"{verdict.load.rate_asked:g} arrivals/s",
        "request timeout": f"{verdict.load.request_timeout_s:g} s",
        "faults": words.cut(faults, 300),
    }
    if verdict.phases and not settings:
        length_s = verdict.phases[-1].end_s - verdict.phases[0].start_s
        found["length of the load"] = f"{length_s:.0f} s"
    return found | _given(settings, Use.CONDITION)


def _tested(stored: Stored) -> dict[str, str]:
    """What a run tested, and what was asked of it."""
    target = stored.verdict.target
    limits = ", ".join(f"{o.id} {o.limit:g}" for o in stored.verdict.objectives)
    # Every local stack has an id of its own, which says nothing.
    named = LOCAL_STACK if target.startswith(LOCAL_STACK) else words.cut(target, 100)
    given = _given(stored.settings or {}, Use.TESTED)
    return {"target": named, **given, "objectives": words.cut(limits or "none", 500)}


def _given(settings: Mapping[str, object], use: Use) -> dict[str, str]:
    """The options of one use, as a stored run has them."""
    return {
        each.name: f"{_shown(settings[each.setting])} {each.type.unit}".rstrip()
        for each in RUN_OPTIONS
        if use in each.uses and each.setting in settings
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}"
    return words.cut(str(value), 100) or "none"


def _differences(
    read: Callable[[Stored], dict[str, str]], groups: Mapping[str, Sequence[Stored]]
) -> tuple[str, ...]:
    """Everything in which runs differ, with the values of each group."""
    read_of = {name: [read(stored) for stored in runs] for name, runs in groups.items() if runs}
    found = []
    for key in dict.fromkeys(key for runs in read_of.values() for run in runs for key in run):
        values = {
            name: list(dict.fromkeys(run[key] for run in runs if key in run))
            for name, runs in read_of.items()
        }
        if len({value for group in values.values() for value in group}) > 1:
            told = "; ".join(f"{' and '.join(v)} in {g}" for g, v in values.items() if v)
            found.append(f"{key}: {told}")
    return tuple(found)
