"""A run of many impaired stretches: each is dated by the requests around it, and by no others."""

import numpy as np
import pytest

from harness.verdict.measure import impairments
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import Fate, met
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Timeline
from harness.verdict.types import Episode
from tests.builders import borrow_samples

RATE, PERIOD_S, DOWN_S = 50, 4.0, 1.0
FAILS = {"503 at the end": Fate.ANSWERED, "hang": Fate.HUNG, "cut": Fate.CUT}


def flapping(load_s: float, latency_s: float, fate: Fate = Fate.ANSWERED) -> list[Episode]:
    """Out for a second in every four, from the 9th second on; decided at the end of a request."""
    chance = np.random.default_rng(3)
    count = int(load_s * RATE)
    times_s = (np.arange(count) + chance.random(count)) / RATE
    took_s = latency_s * np.exp(0.5 * chance.standard_normal(count))
    met_s = times_s + took_s
    failed = (met_s > 9) & (met_s % PERIOD_S < DOWN_S) | (chance.random(count) < 0.002)
    took_s[failed] = 2.0 if fate is Fate.HUNG else took_s[failed]
    samples = borrow_samples(times_s, took_s, failed, fate)
    baseline = Baseline(Share(0, 8 * RATE), 1e4, ())
    return episodes_of(samples, Timeline(load_s, None, None, 10.0), baseline)


@pytest.mark.parametrize("latency_s", [0.005, 0.05, 0.1])
@pytest.mark.parametrize("kind", FAILS)
def test_they_are_dated_as_by_the_whole_run(
    kind: str, latency_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beyond the neighbours of a stretch makes no difference to it."""
    found = flapping(60.0, latency_s, FAILS[kind])
    monkeypatch.setattr(impairments._Run, "near", lambda run, _: run._all)

    assert len(found) >= 12
    assert found == flapping(60.0, latency_s, FAILS[kind])


def test_the_cost_grows_with_the_run_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four times as long a run, with four times the stretches, takes some four times the work."""
    looked_at: list[int] = []

    def counted(*of: object) -> object:
        looked_at.append(len(of[1]))  # type: ignore[arg-type]  # the planned starts
        return met(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(impairments, "met", counted)
    work = []
    for load_s in (100.0, 400.0):
        looked_at.clear()
        found = flapping(load_s, 0.05)
        assert len(found) >= load_s / PERIOD_S - 4
        work.append(sum(looked_at))

    assert work[1] < 5 * work[0]
