"""Who failed: all of the borrowers a little, or some of them again and again.

A share of failures hides a well-known problem: a few per cent of users cannot log in at all, the
others notice nothing. What gives it away are failures that come back to the same borrower. Under
the opposite assumption, that a failure hits any borrower who arrives, the failures of one moment
fall on the arrivals of that moment at random; so each failure is compared with its neighbours, and
an outage or a brownout, however long, is no sign of anything.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.history.columns import Bools, Floats, Ints, any_of
from harness.history.events import RIGHT_BEFORE_BORROW, Step
from harness.verdict.figures import Affected
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import MeasuredRun, Samples, Timeline
from harness.verdict.types import Episode

STRATUM_TRIES, STRATUM_TRIES_MIN = 12, 6
"""Enough to tell one failure from many, few enough to stay within one moment."""
MOMENT_SECONDS = 1.0
RUN_TRIES = 5
APART_SECONDS = 1.0
"""A borrower who asks twice at once is hit twice by one impairment: that is no repeat."""
SHARE_OF_ALL = 0.95
"""Where more of the arrivals failed than this, that one borrower failed tells nothing of it."""
SHUT_OUT_P_MAX = 0.001
PERSISTS_P_MAX = 0.01
REPEATS_MIN = 2
"""A single failure that came back is an accident of one borrower, however unlikely."""
P_RESOLVED = 1e-12
"""Whatever is less likely is given as this: no one needs to know how much less."""


@dataclass(frozen=True, slots=True)
class BorrowerTries:
    """n tries in order of their planned start (s after zero): whose, whether failed, by whom sent.

    ``borrower`` and ``worker`` are small numbers; all arrays have shape (n,).
    """

    times_s: Floats
    borrower: Ints
    failed: Bools
    worker: Ints


@dataclass(frozen=True, slots=True)
class AffectedBorrowers:
    """Who failed at one step, with the evidence for some of them being shut out.

    ``tried_again`` are borrowers with two tries or more that tell something; ``repeats`` of these
    tries failed right after the same borrower's last one had, where chance gives
    ``repeats_by_chance``. ``persists`` says whether that is so outside the reach of our faults,
    too. ``examples`` are indices of borrowers whose last tries all failed.
    """

    affected: Affected
    tried_again: int
    repeats: int
    repeats_by_chance: float
    persists: bool
    examples: tuple[int, ...]

    @property
    def shuts_out(self) -> bool:
        """Whether failures come back to the same borrowers beyond chance."""
        p = self.affected.shut_out_p
        return p is not None and p < SHUT_OUT_P_MAX and self.repeats >= REPEATS_MIN


def affected_borrowers(
    run: MeasuredRun, episodes: list[Episode]
) -> tuple[AffectedBorrowers, AffectedBorrowers]:
    """Whom failures hit, at the log-in and at the borrow.

    A log-in that left no good answer behind has failed. What it blocks counts for log-ins, and must
    not count twice: that borrower came, but tried no borrow.
    """
    samples = run.samples
    log_ins = _tries(samples, *tries_at(Step.LOG_IN, run))
    borrows = _tries(samples, ~samples.operations.blocked_by.are(Step.LOG_IN), samples.failed)
    logged_in = came_and_failed(log_ins.borrower, log_ins.failed)
    borrowed = came_and_failed(samples.operations.borrower, samples.failed)
    return (
        affected_of(log_ins, run.timeline, episodes, logged_in),
        affected_of(borrows, run.timeline, episodes, borrowed),
    )


def tries_at(step: Step, run: MeasuredRun) -> tuple[Bools, Bools]:
    """Of all operations, which tried a step before the borrow, and which got no good answer to it;
    shape (n,) each.
    """
    operations, attempts = run.samples.operations, run.facts.attempts
    logs_in = [a.index for a in run.plan.arrivals if a.logs_in and step is Step.LOG_IN]
    place = np.where(attempts.step.are(step), attempts.places_in(operations), -1)
    good = np.where(attempts.outcome.are(*RIGHT_BEFORE_BORROW), place, -1)
    kept = np.isin(operations.arrival, logs_in) | any_of(place, len(operations))
    return kept, ~any_of(good, len(operations))


def _tries(samples: Samples, kept: Bools, failed: Bools) -> BorrowerTries:
    of = samples.operations.take(kept)
    return BorrowerTries(samples.times_s[kept], of.borrower, failed[kept], of.worker.codes)


def affected_of(
    tries: BorrowerTries, timeline: Timeline, episodes: list[Episode], came: tuple[int, int]
) -> AffectedBorrowers:
    """Who failed, and whether some were shut out.

    ``came`` are the borrowers who came at all and those of them who failed, which ``tries`` may be
    a part of. The statistic is the number of pairs of tries, one after the other of the same
    borrower and at different moments, that both failed. Tries of one load worker are taken in
    strata of `STRATUM_TRIES` and about a second at most, cut where an impairment or a run of
    failures begins or ends.
    Given how many failed in every stratum, and that any of its tries might have been the ones, the
    mean is the sum over pairs of the product of both strata's shares of failures. The tail is that
    of independent pairs (Poisson-binomial), which errs on the safe side: drawing without
    replacement scatters less. It assumes that trouble shorter than a stratum does not come round
    exactly as often as the borrowers do.
    """
    borrowers, failed = came
    share = Share(failed, borrowers)
    stratum, shares = _strata(tries, episodes)
    telling = shares[stratum] < SHARE_OF_ALL
    first, second = _pairs(tries, telling)
    both = tries.failed[first] & tries.failed[second]
    chance = shares[stratum[first]] * shares[stratum[second]]
    outside = timeline.undisturbed(tries.times_s[second])
    p = tail(chance, int(both.sum()))
    borrower = tries.borrower[first]
    last = np.append(borrower[:-1] != borrower[1:], np.ones(len(borrower[:1]), dtype=bool))
    shut_out = 0
    if p < SHUT_OUT_P_MAX and int(both.sum()) >= REPEATS_MIN:
        before, after = shares[stratum[first[last]]], shares[stratum[second[last]]]
        shut_out = _beyond_chance(int(both[last].sum()), before, after)
    return AffectedBorrowers(
        affected=Affected(
            borrowers=borrowers,
            affected=failed,
            affected_share=share.observed,
            affected_share_low=share.low,
            affected_share_high=share.high,
            shut_out=shut_out,
            shut_out_p=p if len(first) else None,
        ),
        tried_again=int(last.sum()),
        repeats=int(both.sum()),
        repeats_by_chance=float(chance.sum()),
        persists=tail(chance[outside], int(both[outside].sum())) < PERSISTS_P_MAX,
        examples=tuple(tries.borrower[second[last & both]].tolist()),
    )


def _strata(tries: BorrowerTries, episodes: list[Episode]) -> tuple[Ints, Floats]:
    """The stratum of every try, shape (n,), and the share of failures of every stratum."""
    count = len(tries.times_s)
    if not count:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    stretches = [(e.onset_s, e.recovered_s) for e in impaired(episodes)]
    edges = np.sort([at_s for stretch in stretches for at_s in stretch if at_s is not None])
    order = np.lexsort((tries.times_s, tries.worker))
    worker, failed = tries.worker[order], tries.failed[order]
    stretch = np.searchsorted(edges, tries.times_s[order], side="right")
    moment = np.floor(tries.times_s[order] / _moment_s(tries))
    broken = _in_long_run(worker, failed)
    broken |= _in_long_run(np.zeros_like(worker), tries.failed)[order]
    cuts = _changes(worker) | _changes(stretch) | _changes(moment) | _changes(broken)
    segment = np.cumsum(cuts) - 1
    length = np.bincount(segment)
    place = np.arange(count) - (np.cumsum(length) - length)[segment]
    parts = -(-length // STRATUM_TRIES)  # equal ones, none larger than that
    part = place * parts[segment] // length[segment]
    stratum = np.empty(count, dtype=np.int64)
    stratum[order] = (np.cumsum(parts) - parts)[segment] + part
    bad = np.bincount(stratum, weights=tries.failed)
    return stratum, bad / np.bincount(stratum)


def _moment_s(tries: BorrowerTries) -> float:
    """The length of a stratum at most, in s: as long as it takes for enough tries to come."""
    streams = len(np.unique(tries.worker))
    length_s = float(tries.times_s[-1] - tries.times_s[0])
    return max(MOMENT_SECONDS, STRATUM_TRIES_MIN * streams * length_s / len(tries.times_s))


def _changes(values: NDArray[np.generic]) -> Bools:
    """Which of them differ from the one before; the first one does."""
    return np.append(True, values[1:] != values[:-1])  # a value of the array


def _in_long_run(worker: Ints, failed: Bools) -> Bools:
    """Which tries belong to `RUN_TRIES` or more failures of one worker without a success between:
    that is an outage, however short.
    """
    run = np.cumsum(_changes(worker) | _changes(failed)) - 1
    found: Bools = failed & (np.bincount(run)[run] >= RUN_TRIES)
    return found


def _pairs(tries: BorrowerTries, telling: Bools) -> tuple[Ints, Ints]:
    """Indices of each telling try and of the same borrower's next one, by borrower and time."""
    kept = np.flatnonzero(telling)
    kept = kept[np.argsort(tries.borrower[kept], kind="stable")]
    first, second = kept[:-1], kept[1:]
    same = tries.borrower[first] == tries.borrower[second]
    same &= tries.times_s[second] - tries.times_s[first] >= APART_SECONDS
    return first[same], second[same]


def tail(chance: Floats, least: int) -> float:
    """The chance that ``least`` or more of independent events happen, each with its own chance.

    ``chance`` has shape (n,), in 0..1; the result is `P_RESOLVED` at least. The exact law of their
    number (Poisson-binomial), by convolution: nothing but sums and products of positive numbers,
    so that a small tail is as exact as a large one, and the same on every machine. Beyond twelve
    standard deviations and 60 events above both mean and ``least`` it is cut.
    """
    chance = chance[chance > 0]
    if least <= 0:
        return 1.0
    if least > len(chance):
        return P_RESOLVED
    mean, scatter = float(chance.sum()), float(np.sqrt((chance * (1 - chance)).sum()))
    length = min(len(chance), math.ceil(max(mean, least) + 12 * scatter + 60)) + 1
    law = np.ones(1)
    for level, times in zip(*np.unique(chance, return_counts=True), strict=True):
        law = np.convolve(law, _binomial(float(level), int(times), length))[:length]
    return float(min(1.0, max(P_RESOLVED, law[least:].sum())))


def _binomial(chance: float, times: int, length: int) -> Floats:
    """The law of how many of ``times`` equally likely events happen, up to ``length`` of it."""
    law, power = np.ones(1), np.array([1 - chance, chance])
    while times:
        if times % 2:
            law = np.convolve(law, power)[:length]
        power = np.convolve(power, power)[:length]
        times //= 2
    return law


def _beyond_chance(seen: int, before: Floats, after: Floats) -> int:
    """How many borrowers are shut out, of those whose last two tries failed.

    The others fail by chance, twice with the product of both moments' shares of failures among
    *them*; so the number is the one at which shut out and unlucky together are as many as seen.
    Shares have one entry for each borrower who tried twice.
    """
    whole = len(before)
    low, high = 0.0, seen / whole

    def unlucky(part: float) -> float:
        rest = 1 - part
        others = np.maximum(before - part, 0) / rest * np.maximum(after - part, 0) / rest
        return float(rest * others.mean())

    if high >= 1 or unlucky(0.0) >= high:
        return seen if high >= 1 else 0
    for _ in range(50):
        middle = (low + high) / 2
        if middle + unlucky(middle) < seen / whole:
            low = middle
        else:
            high = middle
    return round(high * whole)


def came_and_failed(borrower: Ints, failed: Bools) -> tuple[int, int]:
    """How many borrowers there are among these tries (shape (n,)), and how many of them failed."""
    return len(np.unique(borrower)), len(np.unique(borrower[failed]))
