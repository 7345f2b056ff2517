"""A service whose few failures come by chance is hardly ever found impaired."""

import numpy as np
import pytest

from harness.measure.baseline import Baseline, healthy_share
from harness.measure.intervals import Share
from harness.measure.search import IMPAIRED_SHARE
from harness.measure.segments import segments


def before(part: int, whole: int) -> Baseline:
    """A baseline in which so many failed."""
    failed = Share(part, whole)
    return Baseline(failed, None, ("bad",) if (failed.high or 0) >= 0.025 else ())


@pytest.mark.parametrize(("rate", "baseline", "requests"), [(1, 160, 220), (5, 160, 300)])
@pytest.mark.parametrize("share", [0.001, 0.005, 0.01])
def test_chance_makes_no_impairment(rate: int, baseline: int, requests: int, share: float) -> None:
    """At most once in 600 runs; such a short baseline often shows no failure at all."""
    found = 0
    for seed in range(600):
        chance = np.random.default_rng(seed)
        times_s = np.sort(chance.random(requests)) * requests / rate
        bad = chance.random(requests) < share
        healthy = healthy_share(before(int(bad[:baseline].sum()), baseline))
        found += bool(segments(times_s, bad, requests / rate, healthy, IMPAIRED_SHARE))

    assert found <= 1


@pytest.mark.parametrize("part", [0, 1, 4, 40, 160])
def test_an_outage_is_found_whatever_the_baseline_was(part: int) -> None:
    """Ten requests of 220 at the end, one a second."""
    bad = np.arange(220) >= 210
    times_s = np.arange(220.0)

    assert segments(times_s, bad, 220.0, healthy_share(before(part, 160)), IMPAIRED_SHARE)
