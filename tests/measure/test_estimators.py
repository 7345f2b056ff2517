"""Episodes, onset and recovery against simulated truth, always the same one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from harness.verdict.measure import change_point
from harness.verdict.measure.segments import segments

Simulated = tuple[NDArray[np.float64], NDArray[np.bool_], float, float]
END_S = 28.0


def simulate(
    chance: np.random.Generator, rate: int, share: float, ramp_s: float = 0.0
) -> Simulated:
    """28 s of arrivals with an impairment of about 5 s, and its true begin and end."""
    count = int(rate * END_S)
    times_s = (np.arange(count) + chance.random(count)) / rate
    begin_s, end_s = 8 + chance.random() / 2, 13 + chance.random() / 2
    fading = share * (1 - (times_s - end_s) / ramp_s) if ramp_s else np.zeros(count)
    after = np.maximum(fading, 0.001)
    failing = np.where(times_s < begin_s, 0.001, np.where(times_s < end_s, share, after))
    return times_s, chance.random(count) < failing, begin_s, end_s


def estimate(
    times_s: NDArray[np.float64], bad: NDArray[np.bool_]
) -> tuple[change_point.Instant, change_point.Instant]:
    """Onset of the first and recovery from the last impairment."""
    found = segments(times_s, bad, END_S, 0.002, 0.1)
    first, last = found[0], found[-1]
    onset = change_point.onset(times_s, bad, max(0, first[0] - 10), (first[0] + first[1]) / 2)
    tail = times_s >= (last[0] + last[1]) / 2
    return onset, change_point.recovery(times_s[tail], bad[tail], 0.05)


def holds(at: change_point.Instant, truth_s: float) -> bool:
    """Whether an interval holds the truth."""
    assert at.low_s is not None
    return at.low_s <= truth_s and (at.high_s is None or truth_s <= at.high_s)


@pytest.mark.parametrize(
    ("rate", "share", "onset_s", "recovered_s"),
    [(50, 1.0, 0.03, 0.03), (200, 1.0, 0.008, 0.008), (50, 0.2, 0.5, 0.5), (200, 0.2, 0.12, 0.12)],
)
def test_edges_of_an_outage_and_a_brownout(
    rate: int, share: float, onset_s: float, recovered_s: float
) -> None:
    """Nineteen of twenty edges are off by no more than theory says, and intervals hold them."""
    chance = np.random.default_rng(rate)
    errors, held = [], []
    for _ in range(60):
        times_s, bad, begin_s, end_s = simulate(chance, rate, share)
        onset, recovery = estimate(times_s, bad)
        assert onset.at_s is not None
        assert recovery.at_s is not None
        errors.append((abs(onset.at_s - begin_s), abs(recovery.at_s - end_s)))
        held.append((holds(onset, begin_s), holds(recovery, end_s)))

    off_s = np.quantile(np.array(errors), 0.95, axis=0)
    assert off_s[0] < onset_s
    assert off_s[1] < recovered_s
    # 60 trials at a true coverage of 95 %: 53 or more, in 99 of 100 such tests.
    assert np.sum(held, axis=0).min() >= 53


def test_a_gradual_recovery_is_held_by_its_interval() -> None:
    """Failures that fade over two seconds: the crossing of 5 % lies in the interval."""
    chance = np.random.default_rng(7)
    held = 0
    for _ in range(60):
        times_s, bad, _, end_s = simulate(chance, 200, 1.0, ramp_s=2.0)
        _, recovery = estimate(times_s, bad)
        held += holds(recovery, end_s + 2.0 * 0.95)

    assert held >= 53


def test_clean_runs_show_no_episode() -> None:
    """Two hundred runs with one failure in a thousand: no false alarm."""
    chance = np.random.default_rng(3)
    found = 0
    for number in range(200):
        rate = (50, 200)[number % 2]
        count = int(rate * END_S)
        times_s = (np.arange(count) + chance.random(count)) / rate
        found += bool(segments(times_s, chance.random(count) < 0.001, END_S, 0.002, 0.1))

    assert found == 0


def test_two_outages_are_two_episodes() -> None:
    """Flapping with healthy seconds between is told apart."""
    times_s = np.arange(0, 30, 0.02)
    bad = ((times_s > 5) & (times_s < 8)) | ((times_s > 14) & (times_s < 16))

    found = segments(times_s, bad, 30.0, 0.002, 0.1)

    assert [(round(a), round(b)) for a, b in found] == [(5, 8), (14, 16)]


def test_a_single_failure_is_no_episode() -> None:
    """One stray failure in a thousand requests stays a stray failure."""
    times_s = np.arange(0, 20, 0.02)
    bad = np.zeros(len(times_s), dtype=bool)
    bad[500] = True

    assert segments(times_s, bad, 20.0, 0.002, 0.1) == []


def test_no_recovery_when_all_fails_to_the_end() -> None:
    """Where the share never falls there is no instant to report, only how long it surely lasted."""
    times_s = np.arange(0, 5, 0.02)

    found = change_point.recovery(times_s, np.ones(len(times_s), dtype=bool), 0.05)

    assert found == change_point.Instant(None, times_s[-1], None)


def test_recovery_just_before_the_end_is_open() -> None:
    """Too few good answers at the end: the upper end of the interval is not known."""
    times_s = np.arange(0, 5, 0.02)

    found = change_point.recovery(times_s, times_s < 4.9, 0.05)

    assert found.at_s == pytest.approx(4.89, abs=0.02)
    assert found.high_s is None
    assert not change_point.confirmed((times_s < 4.9)[times_s > 4.9], 0.05)


def test_monotone_fit_agrees_with_scipy() -> None:
    """The single-pass fit is the isotonic regression."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  # slow to import, needed once

    bad = np.random.default_rng(1).random(200) < np.linspace(0.9, 0.1, 200)
    prefixes, free, blocks = change_point._scan(bad, 0.05)
    starts = [start for start, _ in blocks]
    lengths = np.diff([*starts, len(bad)])
    fitted = np.repeat([share for _, share in blocks], lengths)

    assert fitted == pytest.approx(isotonic_regression(bad.astype(float), increasing=False).x)
    assert free == pytest.approx(xlogy(bad, fitted).sum() + xlog1py(~bad, -fitted).sum())
    for count in (1, 7, 60, 200):
        own = isotonic_regression(bad[:count].astype(float), increasing=False).x.clip(min=0.05)
        likely = xlogy(bad[:count], own).sum() + xlog1py(~bad[:count], -own).sum()
        assert prefixes[count] == pytest.approx(likely)


def test_a_failure_that_may_still_be_of_the_impairment_does_not_count_against_its_end() -> None:
    """Sixty good ones after it are enough, as after an outage that ended there."""
    times_s = np.arange(100) * 0.1
    bad = times_s == times_s[39]

    assert change_point.lasts(times_s, bad, 2.0, 4.5, 0.05)
    assert not change_point.lasts(times_s, bad, 2.0, 3.0, 0.05)
    assert not change_point.lasts(times_s, bad, 2.0, None, 0.05)
