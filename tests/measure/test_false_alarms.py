"""A service whose failures come by chance is hardly ever found impaired; an impaired one is."""

import numpy as np
import pytest

from harness.history.columns import Bools, Floats
from harness.verdict.measure.baseline import Baseline, healthy_share
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share, events_to_bound
from harness.verdict.measure.search import ImpairedStretch, RequestCounts, impaired_stretches
from harness.verdict.measure.standing_out import Window, windows_of


def before(part: int, whole: int) -> Baseline:
    """A baseline in which so many failed."""
    failed = Share(part, whole)
    unsteady = whole < events_to_bound(0.025, 0.975) or (failed.high or 0) >= 0.025
    return Baseline(failed, None, ("bad",) if unsteady else ())


def found_in(
    times_s: Floats, bad: Bools, baseline_s: float, end_s: float, *faults_s: Window
) -> list[ImpairedStretch]:
    """The stretches of a run in which each request met the service when it was planned."""
    inside = times_s < baseline_s
    healthy = healthy_share(before(int(bad[inside].sum()), int(inside.sum())))
    windows = windows_of(times_s, int(inside.sum()), faults_s)
    requests = RequestCounts(times_s, bad, Evidence.at(times_s), windows=windows)
    return impaired_stretches(requests, end_s, healthy)


def planned(rate: float, end_s: float, chance: np.random.Generator) -> Floats:
    """One request in each slot of 1 / rate."""
    count = int(rate * end_s)
    return np.asarray((np.arange(count) + chance.random(count)) / rate)


@pytest.mark.parametrize(("rate", "baseline", "requests"), [(1, 160, 220), (5, 160, 300)])
@pytest.mark.parametrize("share", [0.001, 0.005, 0.01])
def test_chance_makes_no_impairment(rate: int, baseline: int, requests: int, share: float) -> None:
    """At most once in 600 runs; such a short baseline often shows no failure at all."""
    found = 0
    for seed in range(600):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, requests / rate, chance)
        bad = chance.random(requests) < share
        found += bool(found_in(times_s, bad, baseline / rate, requests / rate))

    assert found <= 1


@pytest.mark.parametrize(("rate", "baseline_s", "end_s"), [(1, 40, 100), (5, 8, 40), (50, 8, 40)])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.20])
def test_a_steady_share_is_no_impairment(
    rate: int, baseline_s: float, end_s: float, share: float
) -> None:
    """2 % of the runs at most are to show a stretch; 8 of 100 hardly come by chance then."""
    found = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, end_s, chance)
        found += bool(found_in(times_s, chance.random(len(times_s)) < share, baseline_s, end_s))

    assert found <= 7


@pytest.mark.parametrize("faults_s", [((16, 20),), ((16, 18), (22, 24), (28, 30))])
@pytest.mark.parametrize("share", [0.05, 0.10, 0.20])
def test_a_fault_makes_no_impairment_of_a_steady_share(
    faults_s: tuple[Window, ...], share: float
) -> None:
    """2 % of the runs at most are to show a stretch; 11 of 200 hardly come by chance then."""
    found = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        times_s = planned(10, 36, chance)
        found += bool(found_in(times_s, chance.random(len(times_s)) < share, 16, 36, *faults_s))

    assert found <= 10


def test_a_few_percent_from_the_fault_on_are_found() -> None:
    """4 % of 500 requests, after 160 of which none failed: by chance that is one run of 250."""
    times_s = np.arange(660) / 10 + 0.05
    bad = (times_s > 16) & (np.arange(660) % 25 == 5)

    (one,) = found_in(times_s, bad, 16, 66, (16.0, 46.0))

    assert one.parts[0].start_s < 20
    assert one.parts[-1].stop_s > 60


def test_a_long_run_is_no_excuse_for_a_stretch() -> None:
    """In 60,000 requests there are many places where hardly any fails, and none where more do."""
    found = 0
    for seed in range(8):
        chance = np.random.default_rng(seed)
        times_s = planned(200, 300, chance)
        found += bool(found_in(times_s, chance.random(len(times_s)) < 0.05, 60, 300))

    assert found <= 1


def test_shuffled_failures_are_no_impairment() -> None:
    """A brownout of 20 % and an outage make stretches; their failures in any order make none."""
    found = shuffled = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        times_s = planned(50, 40, chance)
        share = np.select([times_s < 10, times_s < 18, times_s < 20], [0.001, 0.2, 1.0], 0.001)
        bad = chance.random(len(times_s)) < share
        found += bool(found_in(times_s, bad, 8, 40))
        shuffled += bool(found_in(times_s, chance.permutation(bad), 8, 40))

    assert found == 60
    assert shuffled <= 5


@pytest.mark.parametrize("part", [0, 1, 4, 40, 160])
def test_an_outage_is_found_whatever_the_baseline_was(part: int) -> None:
    """Ten requests of 220 at the end, one a second."""
    bad = np.arange(220) >= 210
    times_s = np.arange(220.0)
    requests = RequestCounts(times_s, bad, Evidence.at(times_s))

    assert impaired_stretches(requests, 220.0, healthy_share(before(part, 160)))


@pytest.mark.parametrize(("rate", "share", "least"), [(10, 0.1, 25), (20, 0.05, 20)])
def test_what_begins_with_the_load_costs_no_scan(rate: int, share: float, least: int) -> None:
    """After 8 s of baseline, in so many of 40 runs: a search over all stretches finds it in half of
    them.
    """
    found = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, 28, chance)
        bad = chance.random(len(times_s)) < np.where(times_s < 8, 0.001, share)
        found += bool(found_in(times_s, bad, 8, 28))

    assert found >= least


def test_a_brownout_under_a_fault_is_found() -> None:
    """Seven of 75 fail while a fault is at work, and of 190 others none."""
    times_s = np.arange(265) / 5
    bad = np.isin(np.arange(265), [172, 180, 191, 200, 214, 230, 240])
    windows = windows_of(times_s, 170, [(34.0, 49.0)])
    found = impaired_stretches(
        RequestCounts(times_s, bad, Evidence.at(times_s), windows=windows), 53.0, 0.003
    )

    (stretch,) = found
    assert stretch.parts[0].start_s == times_s[172]
    assert stretch.parts[-1].stop_s == times_s[240]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_what_begins_and_never_ends_is_found(share: float) -> None:
    """After a baseline of 400 requests, in each of 40 runs."""
    for seed in range(40):
        chance = np.random.default_rng(seed)
        times_s = planned(50, 28, chance)
        bad = chance.random(len(times_s)) < np.where(times_s < 9, 0.001, share)

        (stretch, *_) = found_in(times_s, bad, 8, 28)

        assert stretch.parts[0].start_s < 12


def test_an_outage_amid_a_steady_share_is_found_alone() -> None:
    """Of a service that fails one request in five the outage is a stretch, and nothing else is."""
    others = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        times_s = planned(50, 40, chance)
        inside = (times_s >= 20) & (times_s < 23)
        bad = chance.random(len(times_s)) < np.where(inside, 1.0, 0.2)

        found = found_in(times_s, bad, 8, 40)
        others += len(found) - 1

        assert any(
            stretch.parts[0].start_s > 17 and stretch.parts[-1].stop_s < 26 for stretch in found
        )
    assert others <= 3


def test_more_than_a_fifth_is_no_noise_however_steady() -> None:
    """A service that fails every second request from first to last is impaired all the time."""
    for seed in range(20):
        chance = np.random.default_rng(seed)
        times_s = planned(10, 40, chance)

        (stretch,) = found_in(times_s, chance.random(len(times_s)) < 0.5, 8, 40)

        assert stretch.parts[0].start_s < 1
        assert stretch.parts[-1].stop_s > 39
