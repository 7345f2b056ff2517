"""Runs that nobody would think of: whatever is found in them has an order, and failures."""

import numpy as np
import pytest

from benchmarks.simulate import arrays
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of, impaired
from harness.verdict.measure.evidence import STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.outside_stretches import elsewhere_of, recovered_below
from harness.verdict.measure.recovery_interval import recovery_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode

RUNS = 250
FATES = (Fate.ANSWERED, Fate.CUT, Fate.HUNG, Fate.REFUSED)


def wild(chance: np.random.Generator) -> tuple[Samples, Timeline, Baseline]:
    """A run of any rate, latency and steady share, with up to four troubles of any kind."""
    rate, load_s = chance.choice([1, 2, 5, 10, 20, 50, 120]), float(chance.choice([5, 12, 28]))
    latency_s, spread = chance.choice([0, 0.001, 0.03, 0.1, 0.3, 1]), chance.choice([0, 0.5, 1.2])
    count = int(rate * load_s)
    times_s = np.sort(chance.uniform(0, load_s, count))
    before_s = min(8.0, load_s / 2)
    spans, at_s = [], before_s * chance.choice([0, 0.2, 1, 1.05])
    for _ in range(chance.integers(0, 5)):
        begin_s = at_s + chance.exponential()
        at_s = begin_s + chance.choice([0.1, 0.3, 1, 3, 10, 99])
        spans.append((begin_s, at_s))
        at_s += chance.choice([0, 0.05, 0.3, 1, 5])
    steady = chance.choice([0, 0.001, 0.02, 0.1, 0.2, 0.5])
    sent_s, going, rows = times_s.copy(), np.ones(count, dtype=bool), []
    for step, name in enumerate(STEPS):
        place = np.flatnonzero(going & ((name == "borrow") | (chance.random(count) < 0.3)))
        began_s = sent_s[place]
        took_s = latency_s * np.exp(spread * chance.standard_normal(len(place)))
        fate = np.where(chance.random(len(place)) < steady, Fate.ANSWERED, Fate.GOOD)
        for begin_s, end_s in spans:
            decided_s = began_s + chance.choice([0, 0.5, 1]) * took_s
            hit = (decided_s >= begin_s) & (decided_s < end_s)
            hit &= chance.random(len(place)) < chance.choice([0.03, 0.3, 0.9, 1])
            fate[hit] = chance.choice(FATES)
            took_s[hit] = chance.choice([0, 0.001, 1, 2, 5, 3 * latency_s])
        rows.append((place, np.full(len(place), step), began_s, began_s + took_s, fate))
        sent_s[place] = began_s + took_s
        going[place[fate != Fate.GOOD]] = False
    tries = TryTable(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    samples, baseline = arrays(times_s, sent_s, ~going, evidence_from(count, tries), before_s)
    injected_s = spans[0][0] if spans else None
    healed_s = spans[-1][1] if spans and spans[-1][1] < load_s else None
    return samples, Timeline(load_s, injected_s, healed_s, 10.0), baseline


def wrong(episode: Episode) -> bool:
    """Whether an episode contradicts itself."""
    onset = episode.onset_s_low, episode.onset_s, episode.onset_s_high
    over = episode.recovered_s_low, episode.recovered_s, episode.recovered_s_high
    return (
        not ordered(onset)
        or not ordered(over)
        or not ordered((episode.onset_s, episode.recovered_s))
        or episode.failed > episode.operations
        or (episode.class_ != "slow" and not episode.failed)
    )


def ordered(instants: tuple[float | None, ...]) -> bool:
    """Whether none comes before the one that precedes it; to within a nanosecond."""
    known = [at_s for at_s in instants if at_s is not None]
    return bool(np.isfinite(known).all() and (np.diff(known) > -1e-9).all())


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_found_has_an_order_and_failures(seed: int) -> None:
    """No trouble is over before it began, none lacks failures, nothing divides by nought."""
    found = []
    for number in range(RUNS):
        samples, timeline, baseline = wild(np.random.default_rng((seed, number)))
        episodes = episodes_of(samples, timeline, baseline)
        failing = impaired(episodes)
        elsewhere_of(samples, failing)
        recovered_below(samples, failing, baseline)
        recovery_of(samples, timeline, baseline, failing)
        found += [episode for episode in episodes if wrong(episode)]
        assert sum(episode.failed for episode in failing) <= samples.failed.sum()

    assert not found
