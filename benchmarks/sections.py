"""The frame of the calibration's tables: what a row is, how rows are repeated and judged.

A module with a table of its own offers one or more `Section`s; `benchmarks.all_sections` lists
them. A section is a table: its `Row`s differ in the ``cells`` below its ``head``, and every
`Column` shows one figure of all of them. A row names a function of its module, and what it is
called with: ``repeat(chance, *arguments)`` makes one run up, puts it through the harness's own
estimators and returns its figures by name,

    {"found": True, "onset held": False, "onset error": 0.013, "recovery error": None}

a truth value for what is counted as a share, a number (seconds, for an instant), None for what this
run says nothing about. The function and its arguments must be picklable: rows are repeated in two
processes. Every repeat has chance of its own, from the seed, the row's name and its number alone,
so that one row by itself, a quick calibration and a whole one see the same runs.

A `Want` is a limit for one figure of one row (``Row.wants``), of some rows taken together (`Joint`,
``Section.joint``) or of all of them (``Section.together``). A whole calibration compares what it
measured with the limit. A quick one has too few repeats for that: it says no only where chance
alone explains the miss in less than one of 1,000 calibrations. A figure without a single value has
missed its limit either way.
"""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.verdict.measure.intervals import clopper_pearson

PROCESSES = 2
CHUNK = 10
"""Repeats that a process makes at a time."""
CHANCE = 0.001
"""How seldom a quick calibration says no to an estimator that just reaches a limit, a limit."""
TRIM = 0.05
"""Of the values of a mean, so many are left out at either end."""
BEYOND_CHANCE = f", beyond chance ({CHANCE:.1%})"
"""Behind a limit that is compared so."""

Figures = Mapping[str, float | bool | None]
Values = NDArray[np.float64]


class Rule(StrEnum):
    """How a figure is compared with its limit."""

    SHARE_MIN = "share at least"
    SHARE_MAX = "share at most"
    MEDIAN_MAX = "median at most"
    P95_MAX = "95th percentile at most"
    MEAN_MAX = "mean at most, to either side"
    """Of all but the extremes: see `trimmed`."""


_QUANTILE = {Rule.MEDIAN_MAX: 0.5, Rule.P95_MAX: 0.95}


@dataclass(frozen=True, slots=True)
class Want:
    """One limit for one figure; ``why`` says, if it cannot be met, why it cannot.

    ``what`` names the aim in the list of aims; wants of the same name and rule are one aim there.
    """

    what: str
    figure: str
    rule: Rule
    limit: float
    why: str = ""

    def measured(self, values: Values) -> float | None:
        """What is compared with the limit; None without a value."""
        if not len(values):
            return None
        match self.rule:
            case Rule.SHARE_MIN | Rule.SHARE_MAX:
                return float(np.mean(values))
            case Rule.MEAN_MAX:
                return float(abs(np.mean(trimmed(values))))
        return float(np.quantile(np.abs(values), _QUANTILE[self.rule]))

    def met(self, values: Values, *, quick: bool) -> bool:
        """Whether these values reach the limit or, if ``quick``, may be by chance beyond it."""
        found = self.measured(values)
        if found is None:
            return False
        reached = found >= self.limit if self.rule is Rule.SHARE_MIN else found <= self.limit
        return reached or (quick and self._by_chance(values))

    def _by_chance(self, values: Values) -> bool:
        count = len(values)
        match self.rule:
            case Rule.SHARE_MIN:
                return bounds(int(values.sum()), count)[1] >= self.limit
            case Rule.SHARE_MAX:
                return bounds(int(values.sum()), count)[0] <= self.limit
            case Rule.MEAN_MAX:
                if count == 1:
                    return False
                kept = trimmed(values)
                error = float(np.std(values.clip(kept[0], kept[-1]), ddof=1)) / count**0.5
                reach = float(stdtrit(len(kept) - 1, 1 - CHANCE)) * error * count / len(kept)
                return float(abs(np.mean(kept))) - reach <= self.limit
        beyond = int((np.abs(values) > self.limit).sum())
        return bounds(beyond, count)[0] <= 1 - _QUANTILE[self.rule]


def trimmed(values: Values) -> Values:
    """All but the `TRIM` of them that are the least and the most, in order.

    A stray failure in the very second after a recovery moves that one instant by as much as a
    second, and so the mean of a hundred of them by as much as all that the mean is to show.
    """
    cut = int(TRIM * len(values))
    return np.sort(values)[cut : len(values) - cut]


def bounds(part: int, whole: int) -> tuple[float, float]:
    """One-sided bounds of a share, each of which it is beyond in `CHANCE` of all cases."""
    return clopper_pearson(part, whole, 1 - 2 * CHANCE)


class Form(StrEnum):
    """How a column shows its figure."""

    SHARE = "share"
    MEDIAN = "median"
    """Of the figure in seconds."""
    ERROR = "median / 95th percentile"
    """Of the absolute figure in seconds."""
    MEAN = "mean"
    """Of the figure in seconds, with its sign; without the extremes: see `trimmed`."""
    NUMBER = "number"
    """The median of a figure that is no time."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of measured figures."""

    title: str
    figure: str
    form: Form = Form.SHARE


@dataclass(frozen=True, slots=True)
class Row:
    """One condition; see the module. ``most`` repeats are made at most, however many are asked for.

    ``quick`` rows are those of the quick calibration, too. Without ``repeat`` the row is none that
    can be made up: its section's real runs fill it.
    """

    cells: tuple[str, ...]
    repeat: Callable[..., Figures] | None = None
    arguments: tuple[Any, ...] = ()
    wants: tuple[Want, ...] = ()
    quick: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Joint:
    """What is wanted of the values of several rows, named by their cells, taken together.

    Where only some of them are measured, nothing is said.
    """

    want: Want
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One table: see the module. ``name`` selects it (``--only``), ``text`` stands before it.

    Rows of ``few`` values are compared with their limits beyond chance only, even in a whole
    calibration; what is wanted of all rows together is not.
    """

    name: str
    title: str
    text: str
    head: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    together: tuple[Want, ...] = ()
    joint: tuple[Joint, ...] = ()
    few: bool = False

    def __post_init__(self) -> None:
        """Refuse rows that do not fit.

        Raises:
            ValueError: a row has not a cell for each heading, two rows have the same, or one that
                is named is none.
        """
        if any(len(row.cells) != len(self.head) for row in self.rows):
            raise ValueError(f"a row of {self.name} has not one cell under each of {self.head}")
        known = {row.cells for row in self.rows}
        if len(known) != len(self.rows):
            raise ValueError(f"two rows of {self.name} have the same cells")
        if not known.issuperset(cells for joint in self.joint for cells in joint.rows):
            raise ValueError(f"a joint limit of {self.name} names a row that is none")


@dataclass(slots=True)
class Tally:
    """A row of a section, with all its values so far, and what they cost in processor seconds."""

    section: Section
    row: Row
    repeats: int = 0
    seconds: float = 0.0
    figures: dict[str, list[float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The row in words."""
        return ", ".join((self.section.name, *self.row.cells))

    def add(self, every: Iterable[Figures]) -> None:
        """File the figures of some repeats."""
        for figures in every:
            self.repeats += 1
            for name, value in figures.items():
                known = self.figures.setdefault(name, [])
                if value is not None:
                    known.append(float(value))

    def values(self, figure: str) -> Values:
        """All values of one figure.

        Raises:
            KeyError: no repeat of this row knows of such a figure.
        """
        if figure not in self.figures and self.repeats:
            raise KeyError(f"{self.name}: there is no figure {figure!r} in {list(self.figures)}")
        return np.array(self.figures.get(figure, []), dtype=float)


def chance_of(seed: int, section: str, cells: Sequence[str], number: int) -> np.random.Generator:
    """The chance of one repeat."""
    place = zlib.crc32("/".join((section, *cells)).encode())
    return np.random.default_rng((seed, place, number))


def chosen(sections: Iterable[Section], *, quick: bool = False, text: str = "") -> list[Tally]:
    """Empty tallies of the rows to be measured: all, or the quick ones; those named ``text``."""
    every = [Tally(section, row) for section in sections for row in section.rows]
    return [one for one in every if (one.row.quick or not quick) and text in one.name]


@dataclass(frozen=True, slots=True)
class _Job:
    """Some repeats of one row; ``place`` is that of its tally."""

    place: int
    section: str
    row: Row
    numbers: range
    seed: int


def _perform(job: _Job) -> tuple[int, list[Figures], float]:
    began_s = time.process_time()
    row, repeat = job.row, job.row.repeat
    assert repeat is not None  # noqa: S101  # for the type checker; no job is made of such a row
    every = [
        repeat(chance_of(job.seed, job.section, row.cells, number), *row.arguments)
        for number in job.numbers
    ]
    return job.place, every, time.process_time() - began_s


def repeat_rows(
    rows: Sequence[Tally], repeats: int, seed: int, processes: int = PROCESSES
) -> Iterator[float]:
    """Fill the tallies; yields, again and again, which share of the work is done.

    With one process everything is done in this one.
    """
    jobs = []
    for place, tally in enumerate(rows):
        if tally.row.repeat is None:
            continue
        count = min(repeats, tally.row.most or repeats)
        for first in range(0, count, CHUNK):
            numbers = range(first, min(first + CHUNK, count))
            jobs.append(_Job(place, tally.section.name, tally.row, numbers, seed))
    with ProcessPoolExecutor(processes) as pool:
        done = map(_perform, jobs) if processes == 1 else pool.map(_perform, jobs)
        for number, (place, every, seconds) in enumerate(done, start=1):
            rows[place].add(every)
            rows[place].seconds += seconds
            yield number / len(jobs)
