"""A comparison as programs read it: `lendchaos compare --json`."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.documents import text_of
from harness.core.numbers import Count, Figure, Share
from harness.report.compare.comparison import (
    SCHEMA,
    Claim,
    ComparedFigure,
    Comparison,
    RunGroup,
    middle_of,
)
from harness.report.compare.comparison_text import what_it_can_show


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBody:
    """These runs against the baseline (Mann-Whitney); what is infinite is None."""

    p: Share
    larger: Share
    larger_low: Share
    larger_high: Share
    shift: Figure | None
    shift_low: Figure | None
    shift_high: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureBody:
    """One figure of both groups; without ``test`` there are too few runs, or nothing to tell."""

    name: str
    meaning: str
    claim: Claim
    runs: tuple[Count, Count]
    median: Figure | None
    baseline_median: Figure | None
    test: TestBody | None
    p_corrected: Share | None
    worth: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonDocument:
    """What `lendchaos compare --json` prints.

    ``baseline`` is None where runs are only put side by side. With any difference in ``not_alike``
    nothing is claimed.
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
            figures=tuple(_figure(result) for result in comparison.results),
            regressions=tuple(result.figure.name for result in comparison.regressions),
            not_alike=comparison.not_alike,
            tested_differs=comparison.tested,
            notes=comparison.notes,
            statement=what_it_can_show(comparison),
        )
    )


def _figure(result: ComparedFigure) -> FigureBody:
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
