"""From single measurements to the calibration table: errors, coverage, aims, in words and numbers.

Pure. A cell is one shape at one rate and spacing, simulated or real.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import Limit, Spacing, edge_limit, ideal_misses, length_limit
from benchmarks.scoring import Score
from benchmarks.sections import BEYOND_CHANCE, Rule, Want, bounds
from benchmarks.truth import HARD

SLACK = 1.2
"""How much worse than theory allows a hard outage may be dated."""
COVERAGE_MIN = 0.93


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a cell is about."""

    source: str
    """``simulated`` or ``real``."""
    shape: str
    rate: int
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one figure: absolute errors, their median and 95th percentile, in seconds, and
    the share of intervals that hold the truth (None: it has none).
    """

    sizes_s: NDArray[np.float64]
    median_s: float
    p95_s: float
    held: int | None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sizes_s)

    @property
    def coverage(self) -> float | None:
        """Share of intervals that hold the truth."""
        return None if self.held is None else self.held / self.count


@dataclass(frozen=True, slots=True)
class Cell:
    """All measurements of one shape under one condition."""

    key: Key
    troubles: int
    found: int
    onset: Errors | None
    recovery: Errors | None
    length: Errors | None
    naive: dict[str, tuple[float | None, float | None]]
    """By rule: median absolute error of onset and of recovery, in seconds."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One thing that has to hold; ``why`` is for one that does not."""

    what: str
    wanted: str
    got: str
    met: bool
    why: str = ""


@dataclass(slots=True)
class Collection:
    """Scores of all conditions, as they come in."""

    scores: dict[Key, list[Score]] = field(default_factory=lambda: defaultdict(list))

    def add(self, source: str, rate: int, spacing: Spacing, scores: Iterable[Score]) -> None:
        """File these under their cells."""
        for score in scores:
            self.scores[Key(source, score.shape, rate, spacing)].append(score)

    def cells(self) -> list[Cell]:
        """One cell a condition, in the order in which shapes were first seen."""
        shapes = list(dict.fromkeys(key.shape for key in self.scores))
        ordered = sorted(
            self.scores,
            key=lambda k: (k.source != "simulated", shapes.index(k.shape), k.spacing, k.rate),
        )
        return [_cell(key, self.scores[key]) for key in ordered]


def _cell(key: Key, scores: Sequence[Score]) -> Cell:
    found = [score for score in scores if score.found]
    return Cell(
        key=key,
        troubles=len(scores),
        found=len(found),
        onset=_errors([s.onset_error_s for s in found], [s.onset_held for s in found]),
        recovery=_errors([s.recovery_error_s for s in found], [s.recovery_held for s in found]),
        length=_errors([s.length_error_s for s in found], None),
        naive=_naive(scores),
    )


def _errors(errors_s: Sequence[float | None], held: Sequence[bool | None] | None) -> Errors | None:
    known = np.abs([error for error in errors_s if error is not None])
    if not len(known):
        return None
    return Errors(
        sizes_s=known,
        median_s=float(np.median(known)),
        p95_s=float(np.quantile(known, 0.95)),
        held=None if held is None else sum(bool(h) for h in held),
    )


def _naive(scores: Sequence[Score]) -> dict[str, tuple[float | None, float | None]]:
    rules = dict.fromkeys(rule for score in scores for rule in score.naive)
    return {
        rule: (
            _median([score.naive[rule][0] for score in scores if rule in score.naive]),
            _median([score.naive[rule][1] for score in scores if rule in score.naive]),
        )
        for rule in rules
    }


def _median(errors_s: Sequence[float | None]) -> float | None:
    known = [abs(error) for error in errors_s if error is not None]
    return statistics.median(known) if known else None


# --- aims ----------------------------------------------------------------------------------------


def hard_aims(
    cells: Iterable[Cell], floor_s: Callable[[Key], float | None], *, quick: bool = False
) -> list[Aim]:
    """How near a hard outage is dated to what is possible at all.

    ``floor_s`` tells how long requests of a cell were under way to the target (median), which no
    rate of arrivals improves; None in simulation. A ``quick`` one allows for chance, as `sections`
    do.
    """
    found = []
    for cell in cells:
        if cell.key.shape not in HARD:
            continue
        limit = edge_limit(cell.key.rate, cell.key.spacing)
        for name, errors in (("onset", cell.onset), ("recovery", cell.recovery)):
            aim = _edge_aim(cell, name, errors, limit, floor_s(cell.key), quick=quick)
            found.append(aim)
    return found


def hard_found(cells: Iterable[Cell]) -> list[Aim]:
    """That each hard outage of a real run is found: what was not has no error in any table."""
    hard = [c for c in cells if c.key.source == "real" and c.key.shape in HARD]
    troubles = sum(cell.troubles for cell in hard)
    what, why = "real hard outages that were not found, each by itself", "see the runs' reports"
    missed = troubles - sum(cell.found for cell in hard)
    return [none_of(what, missed, troubles, why)] if hard else []


def _edge_aim(
    cell: Cell,
    name: str,
    errors: Errors | None,
    limit: Limit,
    floor_s: float | None,
    *,
    quick: bool,
) -> Aim:
    what = f"{cell.key.source}, {cell.key.shape}, {cell.key.rate}/s {cell.key.spacing}: {name}"
    wanted = f"≤ {ms(SLACK * limit.median_s)} / {ms(SLACK * limit.p95_s)}{_allowed(quick=quick)}"
    if errors is None:
        return Aim(what, wanted, "nothing measured", met=False, why="no outage was found")
    wants = (
        Want("", "", Rule.MEDIAN_MAX, SLACK * limit.median_s),
        Want("", "", Rule.P95_MAX, SLACK * limit.p95_s),
    )
    met = all(want.met(errors.sizes_s, quick=quick) for want in wants)
    why = ""
    if not met:
        floor = (
            "one stray failure in a thousand, which the limit leaves out, moves an edge beside it"
            if floor_s is None
            else f"half a request's travel ({ms(floor_s)}, median) and its variation are a floor"
        )
        chance = ideal_misses(errors.count, cell.key.spacing, SLACK)
        why = (
            f"{floor}; and of {errors.count:,} edges a faultless estimator misses this in"
            f" {chance:.0%} of trials"
        )
    return Aim(what, wanted, f"{ms(errors.median_s)} / {ms(errors.p95_s)}", met=met, why=why)


def coverage_aim(cells: Sequence[Cell], *, quick: bool = False) -> Aim:
    """Whether the 95 % intervals of all conditions together hold the truth often enough."""
    every = [
        errors
        for cell in cells
        for errors in (cell.onset, cell.recovery)
        if errors is not None and errors.held is not None
    ]
    count, held = sum(e.count for e in every), sum(e.held or 0 for e in every)
    share = held / count if count else 0.0
    met = share >= COVERAGE_MIN or (quick and bounds(held, count)[1] >= COVERAGE_MIN)
    low = [cell for cell in cells if _lowest(cell) < COVERAGE_MIN]
    sources = sorted({cell.key.source for cell in cells})
    return Aim(
        what=f"intervals of all {' and '.join(sources)} conditions together hold the truth",
        wanted=f"≥ {COVERAGE_MIN:.0%}{_allowed(quick=quick)}",
        got=f"{share:.1%} of {count:,}; {len(low)} of {len(cells)} conditions alone below",
        met=met,
        why="" if met else "intervals are too narrow",
    )


def _allowed(*, quick: bool) -> str:
    return BEYOND_CHANCE if quick else ""


def _lowest(cell: Cell) -> float:
    both = (cell.onset, cell.recovery)
    return min((e.coverage for e in both if e and e.coverage is not None), default=1.0)


def none_of(what: str, bad: int, tries: int, why: str) -> Aim:
    """An aim that nothing of a kind happens."""
    return Aim(what, f"0 of {tries:,}", f"{bad} of {tries:,}", met=bad == 0, why=why if bad else "")


def ms(seconds: float | None) -> str:
    """Milliseconds with a digit where one matters, seconds above ten of them."""
    if seconds is None:
        return "-"
    if abs(seconds) >= 10:
        return f"{seconds:.1f} s"
    millis = seconds * 1e3
    return f"{millis:.1f} ms" if abs(millis) < 10 else f"{millis:,.0f} ms"


def reference(cell: Cell) -> tuple[Limit, Limit] | None:
    """What theory allows for an edge and for the length; None where there is no such theory."""
    if cell.key.shape not in HARD:
        return None
    return (
        edge_limit(cell.key.rate, cell.key.spacing),
        length_limit(cell.key.rate, cell.key.spacing),
    )
