"""Edges of services that take time: made-up attempts, measured by the harness's own estimators.

A request is under way for a while, and the moment at which the service decides what becomes of it
lies somewhere in between: at its arrival or at its end. A row is one way to fail, under one of the
two rules, at one rate and one latency of a step. The truth is when the rule of the service changed.
"""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.scoring import Span, holds, spans_of
from benchmarks.simulate import (
    BAD,
    BASELINE_SECONDS,
    GOOD,
    LATENCY_SIGMA,
    PROCESSES,
    STRAY_SHARE,
    TAIL_SECONDS,
    Floats,
    arrivals,
)
from benchmarks.truth import LOG_IN_SHARE, TIMEOUT_SECONDS
from harness.measure.baseline import Baseline
from harness.measure.episodes import episodes_of
from harness.measure.evidence import STEPS, Evidence, Fate, Tries, evidence_from
from harness.measure.intervals import Share
from harness.measure.samples import Samples, Timeline

Rule = Literal["arrival", "end"]
RATES = (10, 50, 200)
LATENCIES_MS = (5, 30, 60, 100, 300)
LENGTHS_SECONDS = {10: (2.0, 3.0), 50: (1.0, 3.0), 200: (1.0, 3.0)}
AT_ONCE_SECONDS = 0.001
LAG_SECONDS = 0.0005
"""From the planned start to the sending, on average."""
CHUNK = 20
COVERAGE_ROW_MIN = 0.90
COVERAGE_MIN = 0.93


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to fail; where ``by_turns`` holds, the refusal comes at once in every other run."""

    name: str
    fate: Fate
    rule: Rule
    by_turns: bool = False

    @property
    def label(self) -> str:
        """As the table has it."""
        return self.name if self.fate is Fate.REFUSED else f"{self.name}, at {_AT[self.rule]}"


_AT = {"arrival": "arrival", "end": "the end"}
KINDS = (
    Kind("503", Fate.ANSWERED, "arrival", by_turns=True),
    Kind("503", Fate.ANSWERED, "end"),
    Kind("cut", Fate.CUT, "arrival"),
    Kind("cut", Fate.CUT, "end"),
    Kind("hang", Fate.HUNG, "arrival"),
    Kind("hang", Fate.HUNG, "end"),
    Kind("refused connect", Fate.REFUSED, "arrival"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """Some runs of one row; ``kind`` None for requests that take no time. ``seed`` fixes chance."""

    kind: Kind | None
    rate: int
    latency_s: float
    runs: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge as measured; ``error_s`` is measured minus true."""

    error_s: float
    held: bool
    width_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One kind at one rate and latency: every edge of the runs in which one trouble was found."""

    kind: Kind
    rate: int
    latency_s: float
    runs: int
    onsets: list[Edge]
    recoveries: list[Edge]


@dataclass(frozen=True, slots=True)
class Attempted:
    """The attempts of a made-up run, and what they came to for each of its n operations."""

    times_s: Floats
    ended_s: Floats
    failed: np.ndarray
    tries: Tries
    load_s: float


def attempted(job: Job, number: int, chance: np.random.Generator) -> tuple[Attempted, Floats]:
    """One run and the two instants at which the rule of its service changed.

    Every other pair of runs has requests of a single step, the others a credit line, some of them a
    log-in, before the borrow.
    """
    kind = job.kind
    length_s = LENGTHS_SECONDS[job.rate][number // 4 % 2]
    begin_s = BASELINE_SECONDS + 1 + float(chance.random())
    between = np.array([begin_s, begin_s + length_s + float(chance.random()) / 2])
    load_s = float(between[1]) + TAIL_SECONDS
    times_s = arrivals(job.rate, "jittered", load_s, chance)
    count = len(times_s)
    stray = chance.random(count) < STRAY_SHARE
    at_s = times_s + chance.exponential(LAG_SECONDS, count)
    going = np.ones(count, dtype=bool)
    failed = np.zeros(count, dtype=bool)
    pieces = []
    journeys = number // 2 % 2 == 1
    for step, name in enumerate(STEPS):
        takes = going if name == "borrow" else going & journeys
        if name == "log_in":
            takes = takes & (chance.random(count) < LOG_IN_SHARE)
        place = np.flatnonzero(takes)
        began_s = at_s[place]
        took_s = job.latency_s * np.exp(LATENCY_SIGMA * chance.standard_normal(len(place)))
        fate = np.full(len(place), Fate.GOOD, dtype=np.int64)
        if name == "borrow":
            fate[stray[place]] = Fate.ANSWERED
        decided_s = began_s + took_s if kind is not None and kind.rule == "end" else began_s
        hit = (decided_s >= between[0]) & (decided_s < between[1])
        if kind is not None:
            fate[hit] = kind.fate
            took_s[hit] = _lasts_s(kind, took_s[hit], number, chance)
        ended_s = began_s + took_s
        pieces.append((place, np.full(len(place), step), began_s, ended_s, fate))
        at_s[place] = ended_s
        bad = place[fate != Fate.GOOD]
        failed[bad], going[bad] = True, False
    tries = Tries(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    return Attempted(times_s, at_s, failed, tries, load_s), between


def _lasts_s(kind: Kind, took_s: Floats, number: int, chance: np.random.Generator) -> Floats:
    """How long failed attempts last that would have taken ``took_s``."""
    if kind.fate is Fate.HUNG:
        return np.full(len(took_s), TIMEOUT_SECONDS)
    if kind.rule == "end" or (kind.by_turns and number % 2):
        return took_s
    return AT_ONCE_SECONDS * (0.5 + chance.random(len(took_s)))


def _at_once(job: Job, number: int, chance: np.random.Generator) -> tuple[Samples, Floats, float]:
    """A run whose requests meet the service at their planned starts."""
    length_s = LENGTHS_SECONDS[job.rate][number % 2]
    begin_s = BASELINE_SECONDS + 1 + float(chance.random())
    between = np.array([begin_s, begin_s + length_s + float(chance.random()) / 2])
    load_s = float(between[1]) + TAIL_SECONDS
    times_s = arrivals(job.rate, "jittered", load_s, chance)
    failed = chance.random(len(times_s)) < STRAY_SHARE
    failed |= (times_s >= between[0]) & (times_s < between[1])
    samples = _samples(times_s, times_s + AT_ONCE_SECONDS, failed, Evidence.at(times_s))
    return samples, between, load_s


def _samples(times_s: Floats, ended_s: Floats, failed: np.ndarray, evidence: Evidence) -> Samples:
    return Samples(
        operations=tuple(BAD if bad else GOOD for bad in failed.tolist()),
        times_s=times_s,
        ended_s=ended_s,
        wait_s=np.where(failed, np.nan, ended_s - times_s),
        failed=failed,
        indeterminate=np.zeros(len(failed), dtype=bool),
        evidence=evidence,
    )


def perform(job: Job) -> tuple[list[Edge], list[Edge]]:
    """Make the runs of a job up and measure their edges."""
    chance = np.random.default_rng(job.seed)
    onsets: list[Edge] = []
    recoveries: list[Edge] = []
    for number in range(job.runs):
        if job.kind is None:
            samples, between, load_s = _at_once(job, number, chance)
        else:
            run, between = attempted(job, number, chance)
            evidence = evidence_from(len(run.times_s), run.tries)
            samples = _samples(run.times_s, run.ended_s, run.failed, evidence)
            load_s = run.load_s
        before = samples.times_s < BASELINE_SECONDS
        well = Share(int(samples.failed[before].sum()), int(before.sum()))
        waits_ms = samples.wait_s[before & ~samples.failed] * 1e3
        baseline = Baseline(well, float(np.percentile(waits_ms, 95)), ())
        episodes = episodes_of(samples, Timeline(load_s, None, None, 10.0), baseline)
        span = _the_one(spans_of(episodes, slow=False), between)
        if span is not None and span.recovered_s is not None:
            onsets.append(_edge(span.onset_s, span.onset, float(between[0])))
            recoveries.append(_edge(span.recovered_s, span.recovered, float(between[1])))
    return onsets, recoveries


def _the_one(spans: list[Span], between: Floats) -> Span | None:
    met = [
        span
        for span in spans
        if span.onset_s < between[1] and (span.recovered_s or np.inf) > between[0]
    ]
    return met[0] if len(met) == 1 else None


def _edge(at_s: float, ends: tuple[float | None, float | None], true_s: float) -> Edge:
    low, high = ends
    width_s = np.inf if low is None or high is None else high - low
    return Edge(at_s - true_s, holds(ends, true_s), width_s)


def jobs_of(kind: Kind | None, rate: int, latency_ms: int, runs: int, seed: int) -> list[Job]:
    """The runs of one row in pieces, so that the processes share them evenly."""
    place = len(KINDS) if kind is None else KINDS.index(kind)
    return [
        Job(
            kind,
            rate,
            latency_ms / 1e3,
            min(CHUNK, runs - first),
            (seed, place, rate, latency_ms, first),
        )
        for first in range(0, runs, CHUNK)
    ]


@dataclass(frozen=True, slots=True)
class InFlight:
    """The rows of the table, and the median widths of both edges at each rate without flight."""

    rows: list[Row]
    usual_s: dict[int, tuple[float, float]]


Cell = tuple[Kind, int, int]
CELLS: tuple[Cell, ...] = tuple(
    (kind, rate, latency_ms) for kind in KINDS for latency_ms in LATENCIES_MS for rate in RATES
)


def measured(repeats: int, seed: int, cells: Iterable[Cell] = CELLS) -> InFlight:
    """The rows of these cells, with so many runs each, on a pool of processes."""
    cells = list(cells)
    keys: list[tuple[Kind | None, int, int]] = [(None, rate, 0) for rate in RATES]
    keys += cells
    jobs = [(key, job) for key in keys for job in jobs_of(*key, repeats, seed)]
    found: dict[tuple[Kind | None, int, int], tuple[list[Edge], list[Edge]]] = {
        key: ([], []) for key in keys
    }
    for (key, _), (onsets, recoveries) in zip(jobs, _all(job for _, job in jobs), strict=True):
        found[key][0].extend(onsets)
        found[key][1].extend(recoveries)
    rows = [
        Row(kind, rate, latency_ms / 1e3, repeats, *found[kind, rate, latency_ms])
        for kind, rate, latency_ms in cells
    ]
    usual = {rate: found[None, rate, 0] for rate in RATES}
    return InFlight(rows, {rate: (width(one), width(two)) for rate, (one, two) in usual.items()})


def _all(jobs: Iterable[Job]) -> Iterator[tuple[list[Edge], list[Edge]]]:
    with ProcessPoolExecutor(PROCESSES) as pool:
        yield from pool.map(perform, jobs)


def width(edges: list[Edge]) -> float:
    """The median width; NaN for none."""
    return float(np.median([edge.width_s for edge in edges])) if edges else float("nan")


def share_held(edges: list[Edge]) -> float:
    """How many of the intervals hold the truth."""
    return float(np.mean([edge.held for edge in edges])) if edges else float("nan")


def error(edges: list[Edge]) -> float:
    """The mean signed error, in seconds."""
    return float(np.mean([edge.error_s for edge in edges])) if edges else float("nan")


def misses(table: InFlight) -> list[str]:
    """Each aim that a row misses, in words; the mean error is that over both rules of a kind."""
    told = []
    for row in table.rows:
        name = f"{row.kind.label}, {row.rate}/s, {row.latency_s * 1e3:g} ms"
        usual_s = table.usual_s[row.rate]
        for what, edges, least_s in zip(
            ("onset", "recovery"), (row.onsets, row.recoveries), usual_s, strict=True
        ):
            if share_held(edges) < COVERAGE_ROW_MIN:
                told.append(f"{name}: {what} held in {share_held(edges):.1%}")
            most_s = least_s + 2 * row.latency_s
            if width(edges) > most_s:
                told.append(f"{name}: {what} {_ms(width(edges))} wide, wanted {_ms(most_s)}")
        told += _biased(table, row, name)
    return told


def _biased(table: InFlight, row: Row, name: str) -> list[str]:
    """Of the two rules of a kind, the row of the first one tells for both."""
    same = [
        other
        for other in table.rows
        if (other.kind.name, other.rate, other.latency_s)
        == (row.kind.name, row.rate, row.latency_s)
    ]
    if same[0] is not row:
        return []
    limit_s = row.latency_s / 10 + 0.1 / row.rate
    told = []
    for what in ("onsets", "recoveries"):
        mean_s = float(np.mean([error(getattr(other, what)) for other in same]))
        if abs(mean_s) > limit_s:
            told.append(f"{name}, both rules: {what} off by {_ms(mean_s)}, wanted {_ms(limit_s)}")
    return told


def _ms(at_s: float) -> str:
    return f"{at_s * 1e3:.1f} ms"


def main() -> None:
    """Print the table: `python -m benchmarks.in_flight [repeats [rate …]]`."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else CHUNK
    rates = [int(text) for text in sys.argv[2:]] or RATES
    table = measured(repeats, 1, [cell for cell in CELLS if cell[1] in rates])
    print(f"{'kind':22} {'rate':>4} {'f ms':>4} {'n':>4} | onset: held, width, error | recovery")
    for row in table.rows:
        cells = [
            f"{share_held(e):6.1%} {_ms(width(e)):>10} {_ms(error(e)):>10}"
            for e in (row.onsets, row.recoveries)
        ]
        f_ms = f"{row.latency_s * 1e3:g}"
        print(f"{row.kind.label:22} {row.rate:>4} {f_ms:>4} {len(row.onsets):>4} |", *cells)
    edges = [edge for row in table.rows for edge in (*row.onsets, *row.recoveries)]
    print(
        f"together {share_held(edges):.1%}",
        {k: [_ms(x) for x in v] for k, v in table.usual_s.items()},
    )
    print(*misses(table), sep="\n")


if __name__ == "__main__":
    main()
