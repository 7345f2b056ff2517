"""Who failed: everybody now and then, or some again and again. Chance here has fixed seeds."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.verdict.measure.borrowers import (
    P_RESOLVED,
    AffectedBorrowers,
    BorrowerTries,
    affected_of,
    came_and_failed,
    tail,
)
from harness.verdict.measure.samples import Timeline
from harness.verdict.types import Episode

Share = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def steady(share: float) -> Share:
    """The same share of failures all along."""
    return lambda times_s: np.full(len(times_s), share)


def between(start_s: float, end_s: float, share: float) -> Share:
    """That share in between, one in 500 elsewhere."""
    return lambda times_s: np.where((times_s >= start_s) & (times_s < end_s), share, 0.002)


def simulated(
    chance: np.random.Generator,
    share: Share,
    *,
    rate: int = 50,
    seconds: float = 28.0,
    log_in_share: float = 1.0,
    locked: float = 0.0,
    locked_s: tuple[float, float] = (0.0, np.inf),
    workers: int = 2,
    timeline: Timeline | None = None,
    episodes: tuple[Episode, ...] = (),
) -> AffectedBorrowers:
    """Tries as the plan sends them, of which that share fails at random, and of ``locked`` of the
    borrowers every one.
    """
    count = round(rate * seconds)
    index = np.arange(count)
    times_s = (index + chance.random(count)) / rate
    borrowers = rate * 8
    blocks = np.split(np.arange(borrowers), 8)
    rounds = [chance.permutation(b) for _ in range(count // borrowers + 1) for b in blocks]
    borrower = np.concatenate(rounds)[:count]
    out = np.zeros(borrowers, dtype=bool)
    out[chance.choice(borrowers, round(locked * borrowers), replace=False)] = True
    failed = chance.random(count) < share(times_s)
    failed |= out[borrower] & (times_s >= locked_s[0]) & (times_s < locked_s[1])
    kept = chance.random(count) < log_in_share
    tries = BorrowerTries(times_s[kept], borrower[kept], failed[kept], (index % workers)[kept])
    timeline = timeline or Timeline(seconds, None, None, 10.0)
    return affected_of(
        tries, timeline, list(episodes), came_and_failed(tries.borrower, tries.failed)
    )


FAULT = Timeline(28.0, 8.0, 13.0, 5.0, faults_s=((8.0, 13.0),))
OUTAGE = Episode("outage", 8.3, 8.3, 8.3, 13.4, 13.4, 13.4, confirmed=True, failed=255)


@pytest.mark.parametrize(
    ("share", "episodes"),
    [
        (steady(0.001), ()),
        (steady(0.01), ()),
        (steady(0.05), ()),
        (between(8.3, 13.4, 1.0), (OUTAGE,)),
        (between(8.3, 13.4, 1.0), ()),
        (between(8.3, 21.6, 1.0), ()),
        (between(8.3, 20.0, 0.2), ()),
        (between(5.0, 25.0, 0.5), ()),
        (between(5.0, 25.0, 0.9), ()),
        (lambda t: np.where(t < 8, 0.002, np.clip((23 - t) / 10, 0.002, 1)), ()),
        (lambda t: np.where((t - 0.3) % 2 < 1, 1.0, 0.002), ()),
        (lambda t: np.where((t - 0.3) % 2 < 1, 0.5, 0.002), ()),
        (lambda t: np.where(t % 1 < 0.06, 1.0, 0.002), ()),
    ],
    ids=[
        *("0.1 % noise", "1 % noise", "5 % noise", "outage", "outage no one found", "long outage"),
        *("20 % brownout", "50 % brownout", "90 % brownout", "ramp", "flapping"),
        *("flapping brownout", "a stall every second"),
    ],
)
@pytest.mark.parametrize("log_in_share", [0.3, 1.0])
def test_what_hits_whoever_arrives_shuts_nobody_out(
    share: Share, episodes: tuple[Episode, ...], log_in_share: float
) -> None:
    """No false alarm in 100 runs of each kind: 2,600 in all, 2 of which chance would allow."""
    chance = np.random.default_rng(17)
    found = [
        simulated(chance, share, log_in_share=log_in_share, episodes=episodes) for _ in range(100)
    ]

    assert sum(who.shuts_out for who in found) == 0
    assert {who.affected.shut_out for who in found} == {0}


@pytest.mark.parametrize(
    ("locked", "options", "found_min"),
    [
        (0.05, {"seconds": 20.0}, 1.0),
        (0.01, {"seconds": 28.0}, 0.95),
        (0.05, {"seconds": 28.0, "log_in_share": 0.3}, 0.8),
        (0.02, {"seconds": 20.0, "log_in_share": 0.3, "rate": 200}, 0.8),
        (0.4, {"seconds": 20.0}, 1.0),
    ],
)
def test_some_who_are_shut_out_are_found(
    locked: float, options: dict[str, Any], found_min: float
) -> None:
    """Few of many: as often as their number of tries allows, and counted about rightly."""
    chance = np.random.default_rng(23)
    found = [simulated(chance, steady(0.002), locked=locked, **options) for _ in range(60)]
    shares = [w.affected.shut_out / w.tried_again for w in found if w.shuts_out]

    assert sum(who.shuts_out for who in found) / 60 >= found_min
    assert all(who.persists for who in found if who.shuts_out)
    # Where not all are found, those found are the runs with more of them than usual.
    assert np.mean(shares) == pytest.approx(locked, rel=0.2 if found_min == 1 else 0.6)


def test_an_outage_beside_it_hides_nobody() -> None:
    """Five per cent shut out all along, and five seconds in which nobody is served."""
    chance = np.random.default_rng(29)
    share = between(8.3, 13.4, 1.0)
    for _ in range(30):
        who = simulated(chance, share, locked=0.05, timeline=FAULT, episodes=(OUTAGE,))

        assert who.shuts_out
        assert who.persists
        assert who.affected.shut_out == pytest.approx(20, abs=4)
        assert set(who.examples) >= set(who.examples[: who.affected.shut_out])


def test_what_a_fault_did_and_undid_does_not_persist() -> None:
    """Shut out only while the fault was at work: significant, and over."""
    chance = np.random.default_rng(31)
    fault = Timeline(60.0, 8.0, 28.0, 10.0, faults_s=((8.0, 28.0),))
    for _ in range(30):
        who = simulated(
            *(chance, steady(0.002)),
            locked=0.05,
            locked_s=(8.0, 28.0),
            timeline=fault,
            seconds=60.0,
        )

        assert who.shuts_out
        assert not who.persists
        assert who.affected.shut_out <= 1


def test_asking_twice_at_once_is_no_repeat() -> None:
    """Both of two requests of one moment meet the same trouble."""
    times_s = np.repeat(np.arange(200) / 10.0, 2)
    borrower = np.repeat(np.arange(200), 2)
    failed = np.repeat(np.arange(200) % 10 == 0, 2)
    tries = BorrowerTries(times_s, borrower, failed, np.zeros(400, dtype=np.int64))
    who = affected_of(tries, Timeline(20.0, None, None, 10.0), [], (200, 20))

    assert (who.repeats, who.tried_again, who.affected.shut_out_p) == (0, 0, None)


def test_nobody_who_tried_is_nobody_shut_out() -> None:
    """Without a single try every figure is empty, and none is a number."""
    empty = np.zeros(0, dtype=np.int64)
    who = affected_of(
        BorrowerTries(np.zeros(0), empty, empty.astype(bool), empty), FAULT, [OUTAGE], (0, 0)
    )

    assert not who.shuts_out
    assert (who.affected.affected_share, who.affected.shut_out_p) == (None, None)


def test_the_tail_is_that_of_independent_chances() -> None:
    """Against the binomial law, certain events, and one event convolved with the next."""
    chance = np.random.default_rng(37)
    mixed = chance.uniform(0, 0.6, size=30)
    law = np.ones(1)
    for one in mixed:
        law = np.convolve(law, [1 - one, one])

    assert tail(np.full(10, 0.5), 10) == pytest.approx(0.5**10, rel=1e-6)
    assert tail(np.array([1.0, 1.0, 0.1]), 2) == pytest.approx(1.0)
    assert tail(np.array([1.0, 1.0, 0.1]), 3) == pytest.approx(0.1)
    assert tail(mixed, 14) == pytest.approx(law[14:].sum(), rel=1e-9)
    assert (tail(mixed, 0), tail(mixed, 31), tail(np.zeros(5), 1)) == (1.0, P_RESOLVED, P_RESOLVED)


def test_a_long_run_is_no_burden() -> None:
    """20,000 pairs, as of an hour at 50 a second: near the normal law, in a moment."""
    chance = np.random.default_rng(41)
    fine = np.round(chance.uniform(0.001, 0.2, size=20_000), 3)
    mean, scatter = fine.sum(), np.sqrt((fine * (1 - fine)).sum())
    begun_s = time.process_time()
    found = tail(fine, math.ceil(mean + 2 * scatter))

    assert found == pytest.approx(0.0228, rel=0.08)
    assert time.process_time() - begun_s < 2
