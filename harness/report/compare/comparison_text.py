"""A comparison in words for a terminal, and as programs read it: `lendchaos compare`."""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.core import numbers
from harness.core.documents import text_of
from harness.report import words
from harness.report.compare.compared_figures import Figure, Value
from harness.report.compare.comparison import (
    CHANCE_MAX,
    SCHEMA,
    Claim,
    ComparedFigure,
    Comparison,
    RunGroup,
    middle_of,
)
from harness.verdict.measure import two_samples
from harness.verdict.measure.two_samples import RUNS_LEAST, TwoSamples, smallest_p
from harness.verdict.series import median_confidence

_WIDTH = 98
_UNIT = re.compile(r"(?<=[0-9]) (?=(?:%|s|ms|pp)\b|%)")
"""Between a number and its unit."""
_JOINT = "\x00"


def render(comparison: Comparison) -> str:
    """The whole comparison as lines of text."""
    these, baseline = comparison.these, comparison.baseline
    how = f"against {len(baseline.runs)} of {baseline.name}" if baseline else "side by side"
    lines = [f"{comparison.scenario}: {words.plural(len(these.runs), 'run')} {how}", ""]
    for group in (baseline, these):
        lines += [] if group is None else _runs(group)
    for result in comparison.results:
        lines += ["", *_figure(result, comparison)]
    lines += ["", *warnings(comparison), *_wrapped(what_it_can_show(comparison))]
    # A name from a file may hold an end of line; none is to begin a line of its own.
    return "\n".join(words.clean(line) for line in lines) + "\n"


def warnings(comparison: Comparison) -> list[str]:
    """What a reader must not miss, a line each: regressions, money, and what is not alike."""
    these, baseline = comparison.these, comparison.baseline
    before = baseline.money if baseline else []
    out = [f"{run.run_id} is left out: {run.left_out}" for run in these.runs if run.left_out]
    unread = [
        f"the ledger of {run.run_id} was not read in full: whether its money is right is not known"
        for run in these.runs
        if not run.ledger_read
    ]
    unlike = "not comparable, so there is no conclusion" if baseline else "the runs are not alike"
    return [
        *(f"warning: REGRESSION of {r.figure.meaning}: {_told(r)}" for r in comparison.regressions),
        *(f"warning: MONEY: {text}" for text in these.money),
        *(f"warning: {text}" for text in out),
        *(f"warning: {text}" for text in unread),
        *(f"warning: money in the baseline: {text}" for text in before),
        *(f"warning: {unlike}: {text}" for text in comparison.not_alike),
        *(f"note: what was tested differs: {text}" for text in comparison.tested),
        *(f"note: {text}" for text in comparison.notes),
    ]


def what_it_can_show(comparison: Comparison) -> str:
    """An honest statement of what so many runs can show."""
    these, baseline = comparison.these, comparison.baseline
    if baseline is None:
        return _of_one_group(len(these.counted))
    first, second = len(these.counted), len(baseline.counted)
    both = f"{first} against {second}"
    if comparison.not_alike:
        return f"{both}, under different conditions: no conclusion."
    if min(first, second) < RUNS_LEAST:
        least = smallest_p(RUNS_LEAST, RUNS_LEAST)
        return (
            f"{both} runs: too few for a conclusion, in either direction. It takes at least"
            f" {RUNS_LEAST} against {RUNS_LEAST}: there, alike runs all lie on one side of the"
            f" others by chance in 1 of {1 / least:.0f} cases (two-sided p = {least:.3f}). With"
            " fewer, one odd run decides."
        )
    tested = comparison.figures_tested
    if not tested:
        return f"{both} runs: no figure differs, or was measured in {RUNS_LEAST} of each side."
    least = smallest_p(first, second)
    said = (
        f"{both} runs: the smallest p that they can give is {_p(least)} (two-sided Mann-Whitney),"
        f" and {_p(min(1.0, tested * least))} corrected for {tested} figures (Holm). A claim takes"
        f" less than {CHANCE_MAX:g} and a shift that matters: all claims together are false in at"
        " most 1 of 20 comparisons of alike runs."
    )
    if 2 * tested * least >= CHANCE_MAX:
        said += " So few runs show only differences in which hardly a run lies among the others."
    return f"{said} No conclusion does not mean that nothing has changed."


def _of_one_group(runs: int) -> str:
    if not runs:
        return "No run here has figures that count, so there is nothing to be said."
    said = (
        f"{words.plural(runs, 'run')} side by side: the largest of each figure is an upper bound of"
        f" its median in runs like these with {100 * median_confidence(runs):.1f} % confidence, if"
        " all that were made are here."
    )
    return f"{said} To claim a change takes a --baseline, and {RUNS_LEAST} runs of each."


# --- the parts -----------------------------------------------------------------------------------


def _runs(group: RunGroup) -> list[str]:
    lines = [f"{group.name}:" if group.runs else f"{group.name}: no run"]
    for run in group.runs:
        told = [words.date(run.zero_utc), run.run_id, f"seed {run.seed}", run.verdict.value]
        told += [run.label] if run.label and run.label != group.name else []
        told += [f"left out: {run.left_out}"] if run.left_out else []
        told += [] if run.ledger_read else ["ledger not read in full"]
        lines.append(f"  {', '.join(told)}")
    return lines


def _figure(result: ComparedFigure, comparison: Comparison) -> list[str]:
    figure, baseline = result.figure, comparison.baseline
    lines = [figure.meaning]
    if baseline is not None:
        lines += _list(figure, baseline.name, result.baseline)
    lines += _list(figure, comparison.these.name, result.these)
    if baseline is not None:
        lines += _wrapped(_outcome(result, comparison), "  = ", "    ")
    return lines


def _list(figure: Figure, name: str, values: Sequence[Value]) -> list[str]:
    """Median and largest, then every run with its interval, the oldest first."""
    if not values:
        return [f"  {name}: {words.NOT_MEASURED}"]
    median, largest = (
        words.NOT_SEEN if math.isinf(size) else figure.write(size)
        for size in (middle_of(values), max(value.size for value in values))
    )
    # No line ends within one.
    texts = "; ".join(value_text(figure, value).replace(" ", _JOINT) for value in values)
    return [f"  {name}: median {median}, largest {largest}", *_wrapped(texts, "    ", "    ")]


def value_text(figure: Figure, value: Value) -> str:
    """One value with its interval."""
    size, between = figure.told(value)
    return f"{size} ({between})" if between else size


def _outcome(result: ComparedFigure, comparison: Comparison) -> str:
    """What is said of one figure."""
    if result.test is None:
        if comparison.not_alike:
            return "no conclusion: the runs are not comparable"
        if min(len(result.these), len(result.baseline)) < RUNS_LEAST:
            counts = f"measured in {len(result.these)} against {len(result.baseline)} runs"
            return f"no conclusion: {counts}, and it takes {RUNS_LEAST} against {RUNS_LEAST}"
        return "no difference: all runs have the same value"
    advice = _advice(result, result.test, comparison) if result.claim is Claim.NONE else ""
    return f"{_CLAIMS[result.claim]}: {_told(result)}{advice}"


def _advice(result: ComparedFigure, test: TwoSamples, comparison: Comparison) -> str:
    """How many runs would claim a difference as it is seen; nothing where its size is unsure."""
    worth = result.worth or 0.0
    if abs(test.shift) <= worth:
        return "; more runs will not help, if the shift is the one seen"
    if math.isfinite(test.shift) and not math.isfinite(test.shift_high - test.shift_low):
        return ""
    runs = len(result.these), len(result.baseline)
    enough = two_samples.runs_enough(test, runs, CHANCE_MAX / comparison.figures_tested, worth)
    many = (
        f"not even {two_samples.RUNS_MOST:,}"
        if enough is None
        else f"{max(enough, min(runs) + 1):,}"
    )
    return f"; {many} runs of each suffice in 9 of 10 comparisons, if the shift is the one seen"


_CLAIMS = {
    Claim.REGRESSION: "REGRESSION",
    Claim.IMPROVEMENT: "improvement",
    Claim.SMALL: "a difference too small to matter",
    Claim.NONE: "no conclusion",
}


def _told(result: ComparedFigure) -> str:
    """Size, effect and chance of a difference."""
    test, figure = result.test, result.figure
    assert test is not None  # noqa: S101  # for the type checker; the callers asked
    worth = figure.write_shift(result.worth or 0.0).removeprefix("+")

    def written(shift: float) -> str:
        if math.isinf(shift):
            return "beyond measure" if shift > 0 else "beyond measure downwards"
        return figure.write_shift(shift)

    ends = f"{written(test.shift_low)} to {written(test.shift_high)}"
    return (
        f"shift {written(test.shift)} ({ends}), where less than {worth} does not matter; a new run"
        f" is the larger one in {words.share(test.larger)} of all pairs"
        f" ({words.interval(test.larger_low, test.larger_high, words.share)}); p = {_p(test.p)},"
        f" corrected {_p(result.p or 0.0)}"
    )


def _p(chance: float) -> str:
    return "less than 0.001" if chance < 0.001 else f"{chance:.3f}"  # noqa: PLR2004  # enough


def _wrapped(text: str, first: str = "", later: str = "") -> list[str]:
    lines = textwrap.wrap(
        _UNIT.sub(_JOINT, text), _WIDTH, initial_indent=first, subsequent_indent=later,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(_JOINT, " ") for line in lines]


# --- for programs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBody:
    """These runs against the baseline (Mann-Whitney); what is infinite is None."""

    p: numbers.Share
    larger: numbers.Share
    larger_low: numbers.Share
    larger_high: numbers.Share
    shift: numbers.Figure | None
    shift_low: numbers.Figure | None
    shift_high: numbers.Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureBody:
    """One figure of both groups; without ``test`` there are too few runs, or nothing to tell."""

    name: str
    meaning: str
    claim: Claim
    runs: tuple[numbers.Count, numbers.Count]
    median: numbers.Figure | None
    baseline_median: numbers.Figure | None
    test: TestBody | None
    p_corrected: numbers.Share | None
    worth: numbers.Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonDocument:
    """What `lendchaos compare --json` prints.

    ``baseline`` is None where runs are only put side by side. With any difference in ``not_alike``
    there is no conclusion.
    """

    scenario: str
    these: RunGroup
    baseline: RunGroup | None
    figures: tuple[FigureBody, ...]
    regressions: tuple[str, ...]
    not_alike: tuple[str, ...]
    tested_differs: tuple[str, ...]
    notes: tuple[str, ...]
    statement: str
    schema: str = SCHEMA


def to_json(comparison: Comparison) -> str:
    """The comparison as JSON; what is beyond measure (infinite) is null, with ``censored``."""
    return text_of(
        ComparisonDocument(
            scenario=comparison.scenario,
            these=comparison.these,
            baseline=comparison.baseline,
            figures=tuple(_body(result) for result in comparison.results),
            regressions=tuple(result.figure.name for result in comparison.regressions),
            not_alike=comparison.not_alike,
            tested_differs=comparison.tested,
            notes=comparison.notes,
            statement=what_it_can_show(comparison),
        )
    )


def _body(result: ComparedFigure) -> FigureBody:
    test = result.test
    return FigureBody(
        name=result.figure.name,
        meaning=result.figure.meaning,
        claim=result.claim,
        runs=(len(result.these), len(result.baseline)),
        median=_finite(middle_of(result.these)),
        baseline_median=_finite(middle_of(result.baseline)),
        test=None if test is None else TestBody(**{n: _finite(v) for n, v in asdict(test).items()}),
        p_corrected=result.p,
        worth=_finite(result.worth),
    )


def _finite(size: float | None) -> Any:
    return size if size is not None and math.isfinite(size) else None
