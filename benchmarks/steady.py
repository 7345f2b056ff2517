"""False stretches of services that fail a steady share of requests, whatever the baseline shows.

Nothing changes in such a run, so that every stretch in it is false: one by its share of failures,
or one by failures in a row.
"""

import numpy as np

from benchmarks.sections import Figures
from benchmarks.simulate import arrivals
from harness.plan.plan import SteadyState
from harness.verdict.measure.baseline import Baseline, healthy_share
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share, events_to_bound
from harness.verdict.measure.search import RequestCounts, by_share, impaired_stretches
from harness.verdict.measure.standing_out import Window, windows_of, with_known

FALSE_MAX = 0.02
"""Of the runs, those with a false stretch; half of it for either kind."""
SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.10, 0.15, 0.20)
LENGTHS = {
    1: ((40.0, 60.0), (160.0, 220.0)),
    2: ((20.0, 40.0), (80.0, 140.0)),
    5: ((8.0, 28.0), (30.0, 60.0)),
    10: ((8.0, 28.0), (60.0, 120.0)),
    50: ((8.0, 28.0), (30.0, 60.0), (60.0, 120.0)),
    200: ((8.0, 28.0), (30.0, 60.0)),
}
"""By rate: where the baseline ends, and the load, in s."""
SHUFFLED = {"an outage of 3 s": (3.0, 1.0), "a brownout of 20 % for 10 s": (10.0, 0.2)}
"""Runs whose failures, strays and trouble, are shuffled over all requests: seconds, share."""
WITH_FAULTS: tuple[tuple[int, float, tuple[Window, ...], float], ...] = (
    (5, 20.0, ((20.0, 35.0),), 0.05),
    (10, 16.0, ((16.0, 18.0),), 0.20),
    (10, 16.0, ((16.0, 21.0), (25.0, 30.0), (34.0, 39.0)), 0.10),
    (50, 8.0, ((8.0, 13.0), (17.0, 19.0), (23.0, 26.0)), 0.05),
)
"""Runs with faults that nobody notices: rate, end of the baseline and injections and heals in s,
steady share of failures. The load ends 10 s after the last heal.
"""


def baseline_from(part: int, whole: int) -> Baseline:
    """What `baseline_of` makes of so many failures."""
    failed, limit = Share(part, whole), SteadyState().failed_share_max
    unsteady = whole < events_to_bound(limit, 0.975) or (failed.high or 0.0) >= limit
    return Baseline(failed, None, ("not steady",) if unsteady else ())


def steady(
    chance: np.random.Generator, rate: int, ends_s: tuple[float, float], share: float
) -> Figures:
    """One run with a steady share of failures that come by chance."""
    times_s = arrivals(rate, "jittered", ends_s[1], chance)
    return _found(times_s, chance.random(len(times_s)) < share, ends_s)


def beside_faults(
    chance: np.random.Generator,
    rate: int,
    baseline_s: float,
    faults_s: tuple[Window, ...],
    share: float,
) -> Figures:
    """One run with faults that change nothing, and a steady share of failures."""
    ends_s = baseline_s, faults_s[-1][1] + 10.0
    times_s = arrivals(rate, "jittered", ends_s[1], chance)
    return _found(times_s, chance.random(len(times_s)) < share, ends_s, faults_s)


def shuffled(
    chance: np.random.Generator,
    rate: int,
    ends_s: tuple[float, float],
    trouble: tuple[float, float],
) -> Figures:
    """One run whose failures are those of a trouble and of strays, in another order."""
    times_s = arrivals(rate, "jittered", ends_s[1], chance)
    since_s = times_s - ends_s[0]
    inside = (since_s >= 0) & (since_s < trouble[0])
    bad = chance.random(len(times_s)) < np.where(inside, trouble[1], 0.001)
    return _found(times_s, chance.permutation(bad), ends_s)


def _found(
    times_s: np.ndarray,
    bad: np.ndarray,
    ends_s: tuple[float, float],
    faults_s: tuple[Window, ...] = (),
) -> Figures:
    before = bad[times_s < ends_s[0]]
    healthy = healthy_share(baseline_from(int(before.sum()), len(before)))
    windows = windows_of(times_s, len(before), faults_s)
    requests = RequestCounts(times_s, bad, Evidence.at(times_s), windows=windows)
    shares, _ = by_share(requests, ends_s[1], healthy)
    shares = with_known(times_s, bad, windows, shares)
    every = impaired_stretches(requests, ends_s[1], healthy)
    return {
        "false": bool(every),
        "by share": bool(shares),
        "in a row": len(every) > len(shares),
    }
