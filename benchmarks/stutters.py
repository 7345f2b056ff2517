"""Runs on a load machine that does not run now and then, as attempts of a journey each."""

from dataclasses import replace

import numpy as np

from benchmarks.sections import Figures
from benchmarks.simulate import GOOD, LATENCY_SIGMA, Floats, arrivals
from harness.history.columns import Attempts, Operations
from harness.history.events import Attempt, Outcome, Step
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.own_delay import own_delays_s
from harness.verdict.measure.samples import Samples, Timeline

BASELINE_SECONDS, BEGIN_SECONDS, LENGTH_SECONDS, LOAD_SECONDS = 8.0, 14.0, 4.0, 30.0
SLOWER_SECONDS = 0.3
CATCH_UP_SPEED = 1.5
"""Of the harness: after a pause it starts arrivals so many times as fast as planned."""
LAG_SECONDS = 0.0003
SECOND_NS = 1_000_000_000


def stuttering(chance: np.random.Generator, rate: int, pause_s: float, slow: bool) -> Figures:
    """Once in each second the load pauses; with ``slow`` answers take longer for a while, too."""
    latency_s = float(chance.choice([0.0055, 0.06]))
    pauses = np.arange(1, LOAD_SECONDS) + 0.9 * chance.random(int(LOAD_SECONDS) - 1)
    due_s = arrivals(rate, "jittered", LOAD_SECONDS, chance)
    sent_s = _sent(due_s, pauses, pause_s, 1 / rate / CATCH_UP_SPEED)
    took_s = latency_s * np.exp(LATENCY_SIGMA * chance.standard_normal(len(due_s)))
    since_s = sent_s - BEGIN_SECONDS
    took_s[slow & (since_s >= 0) & (since_s < LENGTH_SECONDS)] += SLOWER_SECONDS
    ended_s = _awake(sent_s + took_s, pauses, pause_s)
    operations, attempts = _rows(due_s, sent_s, ended_s)
    samples = Samples(
        operations=operations,
        times_s=due_s,
        ended_s=ended_s,
        wait_s=ended_s - due_s,
        failed=np.zeros(len(due_s), dtype=bool),
        indeterminate=np.zeros(len(due_s), dtype=bool),
        evidence=Evidence.at(due_s),
        own_s=own_delays_s(operations, attempts),
    )
    before = due_s < BASELINE_SECONDS
    p95 = float(np.percentile(samples.served_s[before] * 1e3, 95, method="higher"))
    baseline = Baseline(Share(0, int(before.sum())), p95, ())
    episodes = episodes_of(samples, Timeline(LOAD_SECONDS, None, None, 10.0), baseline)
    names = [one.class_ for one in episodes]
    return {"slow": names == ["slow"] if slow else "slow" in names}


def _awake(at_s: Floats, pauses_s: Floats, pause_s: float) -> Floats:
    """When something that is to be done at these instants is done."""
    last = np.searchsorted(pauses_s, at_s, side="right") - 1
    ends_s = np.where(last >= 0, pauses_s[last] + pause_s, -np.inf)
    return np.asarray(np.maximum(at_s, ends_s))


def _sent(due_s: Floats, pauses_s: Floats, pause_s: float, gap_s: float) -> Floats:
    """When each arrival is sent: after a pause one after the other, until all are caught up."""
    sent_s = _awake(due_s, pauses_s, pause_s)
    place = 0
    while place < len(due_s):
        if sent_s[place] > due_s[place]:
            next_s = float(sent_s[place])
            while place < len(due_s) and due_s[place] < next_s + LAG_SECONDS:
                sent_s[place] = next_s = float(_awake(np.array([next_s]), pauses_s, pause_s)[0])
                next_s += gap_s
                place += 1
        else:
            place += 1
    return sent_s + LAG_SECONDS


def _rows(due_s: Floats, sent_s: Floats, ended_s: Floats) -> tuple[Operations, Attempts]:
    stamps = np.stack((due_s, sent_s, ended_s), axis=1) * SECOND_NS
    operations, attempts = [], []
    for index, (due, sent, ended) in enumerate(stamps.astype(int).tolist()):
        operations.append(
            replace(GOOD, arrival=index, intended_ns=due, started_ns=sent, ended_ns=ended)
        )
        attempts.append(Attempt(index, Step.BORROW, 1, due, sent, ended, Outcome.APPROVED, ""))
    return Operations.of(operations), Attempts.of(attempts)
