"""Every failed operation belongs to one episode, or lies outside of all."""

import numpy as np
import pytest

from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of, impaired
from harness.verdict.measure.evidence import Fate
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.outside_stretches import elsewhere_of
from harness.verdict.measure.samples import Samples, Timeline
from tests.builders import borrow_samples

RATE, LOAD_S, TIMEOUT_S = 50, 40.0, 2.0


def run(seed: int) -> Samples:
    """Some troubles of several shares, adjoining or seconds apart, of a service that takes time."""
    chance = np.random.default_rng(seed)
    count = int(LOAD_S * RATE)
    times_s = (np.arange(count) + chance.random(count)) / RATE
    took_s = chance.choice([0.05, 0.2, 0.6]) * np.exp(0.4 * chance.standard_normal(count))
    met_s = times_s + took_s * chance.integers(2)
    share = np.full(count, 0.005)
    begin_s = 8.0 + 4 * chance.random()
    for _ in range(4):
        stop_s = begin_s + 0.5 + 5 * chance.random()
        share[(met_s >= begin_s) & (met_s < stop_s)] = chance.choice([0.2, 0.5, 1.0])
        begin_s = stop_s + chance.choice([0.0, 0.3, 2.0])
    failed = chance.random(count) < share
    fate = chance.choice([Fate.ANSWERED, Fate.HUNG])
    if fate == Fate.HUNG:
        took_s[failed] = TIMEOUT_S
    return borrow_samples(times_s, took_s, failed, fate)


@pytest.mark.parametrize("seed", range(12))
def test_every_failure_is_counted_once(seed: int) -> None:
    """Also one whose request was under way when one trouble went over into the next."""
    samples = run(seed)
    baseline = Baseline(Share(2, 8 * RATE), 1e4, ())
    found = impaired(episodes_of(samples, Timeline(LOAD_S, None, None, 10.0), baseline))
    rest = elsewhere_of(samples, found).failed

    assert found
    assert sum(one.failed for one in found) + rest.part == samples.failed.sum()
    assert sum(one.operations for one in found) + rest.whole == pytest.approx(
        len(samples.times_s), abs=len(found)
    )
