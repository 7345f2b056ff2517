"""Troubles of every shape, found and named from simulated answers."""

import numpy as np
import pytest

from harness.history.columns import Operations
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of, flaps_of
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode

END_S = 40.0
Script = list[tuple[float, float, float]]


def found(script: Script, rate: int, seed: int) -> list[Episode]:
    """Episodes of a run whose share of failures is 0.1 % but in the stretches of the script."""
    chance = np.random.default_rng(seed)
    count = int(END_S * rate)
    times_s = (np.arange(count) + chance.random(count)) / rate
    share = np.full(count, 0.001)
    for begin_s, end_s, failing in script:
        share[(times_s >= begin_s) & (times_s < end_s)] = failing
    failed = chance.random(count) < share
    samples = Samples(
        operations=Operations.of(()),
        times_s=times_s,
        ended_s=times_s + 0.01,
        wait_s=np.where(failed, np.nan, 0.01),
        failed=failed,
        indeterminate=np.zeros(count, dtype=bool),
        evidence=Evidence.at(times_s),
    )
    before = failed[times_s < 8]
    baseline = Baseline(Share(int(before.sum()), len(before)), 10.0, ())
    return episodes_of(samples, Timeline(END_S, None, None, 10.0), baseline)


SHAPES: dict[str, tuple[Script, list[str]]] = {
    "half a second": ([(10, 10.5, 1.0)], ["outage"]),
    "an outage": ([(10, 15, 1.0)], ["outage"]),
    "a brownout of half": ([(10, 20, 0.5)], ["degraded"]),
    "a mild brownout": ([(10, 30, 0.06)], ["degraded"]),
    "an outage, then a brownout": ([(10, 15, 1.0), (15, 25, 0.2)], ["outage", "degraded"]),
    "a brownout, then an outage": ([(10, 18, 0.2), (18, 22, 1.0)], ["degraded", "outage"]),
    "worse and better": (
        [(10, 14, 0.4), (14, 18, 1.0), (18, 26, 0.2)],
        ["degraded", "outage", "degraded"],
    ),
    "three with a breath between": (
        [(10, 12, 1.0), (12.5, 15, 1.0), (15.5, 18, 1.0)],
        ["outage", "outage", "outage"],
    ),
    "one more, later": ([(10, 13, 1.0), (25, 27, 1.0)], ["outage", "outage"]),
}


@pytest.mark.parametrize("rate", [50, 200])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_trouble_is_found_and_named(shape: str, rate: int) -> None:
    """Twenty runs of a shape: the right episodes in all of them, with edges where they are."""
    script, names = SHAPES[shape]
    for seed in range(20):
        episodes = found(script, rate, seed)

        assert [episode.class_ for episode in episodes] == names
        for episode, (begin_s, end_s, failing) in zip(episodes, script, strict=True):
            near_s = 60 / (rate * failing)  # sixty failures' worth of time
            assert episode.onset_s == pytest.approx(begin_s, abs=near_s)
            assert episode.recovered_s == pytest.approx(end_s, abs=near_s)


def test_where_one_trouble_ends_the_next_one_begins() -> None:
    """The end of the outage is the onset of the brownout, and that is no flap."""
    outage, brownout = found([(10, 15, 1.0), (15, 25, 0.2)], 50, 1)

    assert outage.recovered_s == brownout.onset_s
    assert flaps_of([outage, brownout]) == 0


def test_a_relapse_is_a_flap() -> None:
    """Three outages with a breath between them are two flaps."""
    assert flaps_of(found(SHAPES["three with a breath between"][0], 50, 1)) == 2


def test_counts_of_an_episode() -> None:
    """All that failed inside it, and all that were planned inside it."""
    (episode,) = found([(10, 20, 0.5)], 200, 3)

    assert episode.operations == pytest.approx(2000, abs=30)
    assert episode.failed == pytest.approx(1000, abs=80)


def test_a_few_strays_beside_an_outage_do_not_make_a_brownout() -> None:
    """Failures of the ordinary kind that happen to lie near an outage change nothing."""
    names = {tuple(e.class_ for e in found([(10, 15, 1.0)], 200, seed)) for seed in range(60)}

    assert names == {("outage",)}
