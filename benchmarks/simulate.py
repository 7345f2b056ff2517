"""Runs made up by chance, measured by the harness's own estimators: many, quickly, always the same.

A simulated request meets the service at its planned start, so that nothing but the estimator stands
between the truth and the figure. A service fails one request in a thousand for reasons of its own.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import Spacing
from benchmarks.outage_script import Kind, Stretch
from benchmarks.scoring import Answers, Score, extra, holds, score, spans_of
from benchmarks.truth import HARD, LOG_IN_SHARE, SHAPES, TIMEOUT_SECONDS, truths_of
from harness.history.columns import Operations
from harness.history.events import Operation, Outcome
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.recovery_interval import recovery_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Crossing as MeasuredCrossing

STRAY_SHARE = 0.001
BASELINE_SECONDS = 8.0
TAIL_SECONDS = 10.0
CLEAN_SECONDS = 30.0
BORROWER_SECONDS = 8.0
"""The harness plans so many borrowers that each one comes back after this long."""
LATENCY_SECONDS = 0.012
LATENCY_SIGMA = 0.5
PROCESSES = 2
CHUNK = 25
CROSSING_SHAPES = (HARD[0], "ramp of 0.5 s", "ramp of 2 s", "ramp of 10 s")
"""Those whose recovery is also measured at other shares of failures."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Job:
    """Some runs of one kind; ``shape`` None for clean ones. ``seed`` makes them always the same."""

    shape: str | None
    rate: int
    spacing: Spacing
    runs: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Crossing:
    """The recovery at one share of failures, error in seconds."""

    shape: str
    rate: int
    spacing: Spacing
    failed_share: float
    error_s: float | None
    held: bool | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of a job: a score a trouble, and impairments reported where there was none."""

    job: Job
    scores: list[Score]
    false_alarms: int
    crossings: list[Crossing]


@dataclass(frozen=True, slots=True)
class Simulated:
    """Operations of a made-up run, by planned start, in seconds after zero."""

    times_s: Floats
    ended_s: Floats
    failed: NDArray[np.bool_]
    load_s: float


def arrivals(rate: int, spacing: Spacing, load_s: float, chance: np.random.Generator) -> Floats:
    """Planned starts from 0 to ``load_s``."""
    if spacing == "poisson":
        gaps = chance.exponential(1 / rate, int(load_s * rate * 1.3) + 100)
        times_s = np.cumsum(gaps)
        return np.asarray(times_s[times_s < load_s])
    count = int(load_s * rate)
    return np.asarray((np.arange(count) + chance.random(count)) / rate)


def simulate(
    stretches: Iterable[Stretch],
    rate: int,
    spacing: Spacing,
    load_s: float,
    chance: np.random.Generator,
) -> Simulated:
    """One run with these stretches, in seconds after zero."""
    times_s = arrivals(rate, spacing, load_s, chance)
    count = len(times_s)
    took_s = LATENCY_SECONDS * np.exp(LATENCY_SIGMA * chance.standard_normal(count))
    failed = chance.random(count) < STRAY_SHARE
    borrower = np.arange(count) % round(rate * BORROWER_SECONDS)
    logs_in = chance.random(count) < LOG_IN_SHARE
    for stretch in stretches:
        inside = (times_s >= stretch.start_s) & (times_s < stretch.end_s)
        left_s = stretch.end_s - times_s
        match stretch.kind:
            case Kind.SLOW:
                took_s[inside] += stretch.delay_s
                continue
            case Kind.STALL:
                took_s[inside] = np.minimum(left_s, TIMEOUT_SECONDS)[inside]
                hit = inside & (left_s > TIMEOUT_SECONDS)
            case Kind.RAMP:
                share = stretch.share * left_s / (stretch.end_s - stretch.start_s)
                hit = inside & (chance.random(count) < share)
            case Kind.SILENT:
                chosen = chance.random(borrower.max() + 1) < stretch.share
                only = logs_in if stretch.steps == ("log_in",) else np.ones(count, dtype=bool)
                hit = inside & chosen[borrower] & only
            case _:
                hit = inside & (chance.random(count) < stretch.share)
        failed |= hit
        lasts_s = TIMEOUT_SECONDS if stretch.kind in (Kind.BLACK_HOLE, Kind.STALL) else 0.002
        took_s[hit] = lasts_s
    return Simulated(times_s, times_s + took_s, failed, load_s)


# --- the one place that knows how the harness wants its samples ----------------------------------


def _operation(outcome: Outcome) -> Operation:
    return Operation(
        arrival=0,
        borrower=0,
        account_class="good",
        key="",
        amount_fen=1,
        intended_ns=0,
        outcome=outcome,
    )


GOOD, BAD = _operation(Outcome.APPROVED), _operation(Outcome.FAILED)


def samples_from(run: Simulated) -> tuple[Samples, Baseline]:
    """A made-up run as the harness's own arrays, and its baseline."""
    return arrays(run.times_s, run.ended_s, run.failed, Evidence.at(run.times_s), BASELINE_SECONDS)


def arrays(
    times_s: Floats, ended_s: Floats, failed: Bools, evidence: Evidence, baseline_s: float
) -> tuple[Samples, Baseline]:
    """Requests sent at ``times_s`` as the harness's own arrays; those before ``baseline_s`` are
    the baseline.
    """
    wait_s = np.where(failed, np.nan, ended_s - times_s)
    samples = Samples(
        operations=Operations.of(BAD if bad else GOOD for bad in failed.tolist()),
        times_s=times_s,
        ended_s=ended_s,
        wait_s=wait_s,
        failed=failed,
        indeterminate=np.zeros(len(failed), dtype=bool),
        evidence=evidence,
    )
    before = times_s < baseline_s
    waits_ms = wait_s[before & ~failed] * 1e3
    p95 = float(np.percentile(waits_ms, 95, method="higher")) if len(waits_ms) else None
    return samples, Baseline(Share(int(failed[before].sum()), int(before.sum())), p95, ())


# --- measuring -----------------------------------------------------------------------------------


def perform(job: Job) -> Outcomes:
    """Make the runs of a job up and measure them."""
    chance = np.random.default_rng(job.seed)
    scores: list[Score] = []
    crossings: list[Crossing] = []
    alarms = 0
    for _ in range(job.runs):
        if job.shape is None:
            alarms += _clean_run(job, chance)
            continue
        found, extras, across = _run(job, job.shape, chance)
        scores += found
        alarms += extras
        crossings += across
    return Outcomes(job, scores, alarms, crossings)


def _clean_run(job: Job, chance: np.random.Generator) -> int:
    """1 if any episode was reported although nothing happened."""
    run = simulate([], job.rate, job.spacing, CLEAN_SECONDS, chance)
    samples, baseline = samples_from(run)
    return int(bool(episodes_of(samples, Timeline(run.load_s, None, None, 10.0), baseline)))


def _run(
    job: Job, shape_name: str, chance: np.random.Generator
) -> tuple[list[Score], int, list[Crossing]]:
    shape = SHAPES[shape_name]
    start_s = BASELINE_SECONDS + 1 + float(chance.random())
    # Off the harness's own bins and ours, in every run anew.
    jitter_s = float(chance.random())
    stretches = [_shifted(stretch, jitter_s) for stretch in shape.at(start_s)]
    stop_s = max(stretch.end_s for stretch in stretches)
    run = simulate(stretches, job.rate, job.spacing, stop_s + TAIL_SECONDS, chance)
    samples, baseline = samples_from(run)
    timeline = Timeline(run.load_s, start_s, stop_s, 10.0)
    episodes = episodes_of(samples, timeline, baseline)
    truths, spans = truths_of(stretches), spans_of(episodes, slow=shape.is_slow)
    answers = None if shape.is_slow else Answers(run.times_s, run.ended_s, run.failed)
    crossings = []
    if shape_name in CROSSING_SHAPES:
        recovery = recovery_of(samples, timeline, baseline, episodes)
        last = stretches[-1]
        crossings = [
            _crossing(job, found, _falls_below(last, found.failed_share) - stop_s)
            for found in recovery.crossings
            if found.resolvable
        ]
    return score(truths, spans, answers), extra(truths, spans), crossings


def _shifted(stretch: Stretch, later_s: float) -> Stretch:
    """The last edge moved, so that the lengths differ from run to run."""
    fixed = stretch.kind is Kind.RAMP or stretch.label.split("/")[-1] in ("1", "2")
    if fixed or stretch.label.startswith("ramp"):
        return stretch
    return Stretch(
        kind=stretch.kind,
        start_s=stretch.start_s,
        end_s=stretch.end_s + later_s,
        share=stretch.share,
        delay_s=stretch.delay_s,
        steps=stretch.steps,
        label=stretch.label,
    )


def _falls_below(last: Stretch, share: float) -> float:
    if last.kind is not Kind.RAMP:
        return last.end_s
    return last.start_s + (last.end_s - last.start_s) * (1 - share / last.share)


def _crossing(job: Job, found: MeasuredCrossing, true_s: float) -> Crossing:
    """``true_s`` counts from the heal, as what was measured does."""
    error_s = held = None
    if found.from_heal_s is not None:
        error_s = found.from_heal_s - true_s
        held = holds((found.from_heal_s_low, found.from_heal_s_high), true_s)
    return Crossing(job.shape or "", job.rate, job.spacing, found.failed_share, error_s, held)


def jobs_for(shape: str | None, rate: int, spacing: Spacing, runs: int, seed: int) -> list[Job]:
    """The runs of one cell in pieces, so that the processes share them evenly."""
    place = 0 if shape is None else 1 + list(SHAPES).index(shape)
    pieces = range(0, runs, CHUNK)
    return [
        # Every piece has chance of its own, whatever else is simulated beside it.
        Job(
            shape, rate, spacing, min(CHUNK, runs - first), (seed, place, rate, len(spacing), first)
        )
        for first in pieces
    ]


def perform_all(jobs: list[Job]) -> Iterator[Outcomes]:
    """All jobs, on a pool of processes; in the order of the jobs."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        yield from pool.map(perform, jobs)
