"""Troubles of which the run shows no end, or no begin, against simulated truth."""

import numpy as np
import pytest

from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of, impaired, overlaps
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode

END_S = 28.0
RUNS = 60


def found(chance: np.random.Generator, rate: int, spans: list[tuple[float, float, float]],
          end_s: float = END_S, noise: float = 0.001) -> tuple[list[Episode], Samples]:  # fmt: skip
    """Impaired stretches of a run in which these (begin, end, share) fail, and else ``noise``."""
    count = int(end_s * rate)
    times_s = (np.arange(count) + chance.random(count)) / rate
    share = np.full(count, noise)
    for begin_s, stop_s, failing in spans:
        share[(times_s >= begin_s) & (times_s < stop_s)] = failing
    failed = chance.random(count) < share
    none = np.zeros(count, dtype=bool)
    waits_s = np.where(failed, np.nan, 0.01)
    evidence = Evidence.at(times_s)
    samples = Samples((), times_s, times_s + 0.01, waits_s, failed, none, evidence)
    before = Share(int(failed[times_s < 8].sum()), int((times_s < 8).sum()))
    reasons = ("unsteady",) if (before.high or 0.0) > 0.025 else ()
    timeline = Timeline(end_s, None, None, 10.0)
    return impaired(episodes_of(samples, timeline, Baseline(before, 10.0, reasons))), samples


@pytest.mark.parametrize(
    ("rate", "share"), [(50, 0.1), (50, 0.2), (50, 0.5), (10, 0.5), (200, 0.1)]
)
def test_what_never_ended_has_no_recovery(rate: int, share: float) -> None:
    """However the last requests went; and it surely lasted to near the end of the load."""
    chance = np.random.default_rng(11)
    open_ended, surely_s = 0, []
    for _ in range(RUNS):
        last = found(chance, rate, [(8.0, np.inf, share)])[0][-1]
        open_ended += last.recovered_s is None and last.recovered_s_high is None
        assert last.recovered_s_low is not None
        surely_s.append(END_S - last.recovered_s_low)

    # 60 trials at a true coverage of 93 %: 51 or more, in 99 of 100 such tests.
    assert open_ended >= 51
    # Against 5 %, a share of 10 % takes some 75 requests to tell, 20 % takes 20.
    requests = {0.1: 120, 0.2: 30, 0.5: 5}[share]
    assert np.median(surely_s) < requests / rate


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_what_ended_in_time_to_see_it_keeps_its_recovery(share: float) -> None:
    """With the requests of three seconds after it."""
    chance = np.random.default_rng(12)
    ended = 0
    for _ in range(RUNS):
        last = found(chance, 50, [(8.0, 14.0, share)], end_s=17.0)[0][-1]
        ended += last.recovered_s is not None and last.recovered_s_high is not None

    assert ended >= 58


@pytest.mark.parametrize(
    ("noise", "share"), [(0.04, 1.0), (0.1, 1.0), (0.2, 1.0), (0.1, 0.6)], ids=str
)
def test_what_comes_back_to_its_usual_share_has_recovered(noise: float, share: float) -> None:
    """A service that always fails so often, and worse for five seconds: that was all."""
    chance = np.random.default_rng(15)
    late_s, held = [], 0
    for _ in range(RUNS // 2):
        (trouble,), _ = found(chance, 50, [(9.0, 14.0, share)], end_s=39.0, noise=noise)
        assert trouble.class_ == ("outage" if share == 1.0 else "degraded")
        low_s, high_s = trouble.recovered_s_low or 0.0, trouble.recovered_s_high or np.inf
        held += low_s <= 14.0 <= high_s
        late_s.append(high_s - 14.0)

    assert held >= 24  # of 30, at 90 % in 98 of 100 such tests
    assert np.median(late_s) < 4.0


def test_what_comes_back_worse_than_usual_has_not_recovered() -> None:
    """Of 4 % before an outage 12 % are left after it."""
    chance = np.random.default_rng(16)
    for _ in range(RUNS // 4):
        spans = [(12.0, 14.0, 1.0), (14.0, np.inf, 0.12)]
        last = found(chance, 200, spans, noise=0.04)[0][-1]
        assert (last.recovered_s_low or 0.0) > 18.0


def test_what_ended_just_before_the_load_is_open() -> None:
    """Twenty good answers after an outage bound nothing; it lasted at least to its last failure."""
    (outage,), _ = found(np.random.default_rng(1), 50, [(8.0, 19.6, 2.0)], end_s=20.0)

    assert outage.recovered_s is None
    assert not outage.confirmed
    assert outage.recovered_s_low == pytest.approx(19.6, abs=0.06)


def test_a_trouble_before_another_one_ended_before_it() -> None:
    """However few requests lie between them: only the last one can be open."""
    one, two = found(np.random.default_rng(2), 50, [(9, 12, 2.0), (12.5, 99, 2.0)])[0]

    assert one.recovered_s == pytest.approx(12, abs=0.05)
    assert two.recovered_s is None


@pytest.mark.parametrize("rate", [10, 50, 200])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_what_was_always_there_has_no_begin(rate: int, share: float) -> None:
    """From the first request on: it began then or before, and nobody knows when."""
    chance = np.random.default_rng(13)
    opened, first, seen = 0, 0, 0
    for _ in range(RUNS):
        episodes, samples = found(chance, rate, [(-1, 6, share)])
        if not episodes:
            assert (rate, share) == (10, 0.2)  # a dozen failures are not always told from chance
            continue
        seen += 1
        opened += episodes[0].onset_s_low is None
        first += episodes[0].onset_s == samples.times_s[0]
        assert episodes[0].onset_s_high is not None
        assert episodes[0].onset_s_high >= samples.times_s[0]

    assert opened >= 0.93 * seen
    assert first >= 0.8 * seen


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("good", [1, 2, 5, 20])
def test_what_began_among_the_first_requests_is_held_as_well(good: int, share: float) -> None:
    """A few good answers before it say little; the interval holds the truth all the same."""
    chance = np.random.default_rng(14)
    held = 0
    for _ in range(RUNS):
        begin_s = (good + float(chance.random())) / 50
        first = found(chance, 50, [(begin_s, 6, share)])[0][0]
        assert first.onset_s_high is not None
        held += (first.onset_s_low or 0.0) <= begin_s <= first.onset_s_high

    assert held >= 53


def test_a_trouble_that_began_later_has_a_begin() -> None:
    """A hundred good requests before an outage, or two hundred before a brownout of a half."""
    for share, begin_s in ((1.0, 2.0), (0.5, 4.0)):
        first = found(np.random.default_rng(3), 50, [(begin_s, 9, share)])[0][0]

        assert first.onset_s_low == pytest.approx(begin_s, abs=0.2)


def test_what_was_always_there_may_have_begun_before_anything() -> None:
    """An open begin is before every instant, not at the first request."""
    first = found(np.random.default_rng(4), 50, [(-1, 6, 1.0)])[0][0]

    assert overlaps(first, -5.0, -4.0)
    assert not overlaps(first, 7.0, 8.0)


def test_an_outage_without_an_end_counts_no_more_than_where_it_surely_still_was() -> None:
    """A fifth of a second fails, 100 requests go well, and two of the last fifty do not."""
    chance = np.random.default_rng(21)
    spans = [(24.0, 24.16, 1.0), (25.8, 25.82, 1.0), (26.1, 26.12, 1.0)]
    runs = [found(chance, 50, spans, end_s=26.16, noise=0.0)[0] for _ in range(40)]
    open_ended = [run[0] for run in runs if run[0].recovered_s is None]

    assert len(open_ended) >= 10
    for episode in open_ended:
        assert episode.class_ == "outage"
        assert episode.failed >= 0.9 * episode.operations
