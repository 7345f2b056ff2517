"""When each operation met the service: what the edges of an impairment are dated by.

Shares and counts refer to planned starts, for that is when a borrower came. An edge is another
matter: a journey of three steps meets an outage at whichever step the outage falls on, a few
milliseconds or a whole retry after its planned start. So an edge is dated by attempts.

An attempt takes time, and the moment at which the service decided what becomes of it lies between
its start and its end: early where a service decides at arrival, late where it does at commit. So
every attempt has an early and a late reading; a reading between them is given by its part of the
way. An attempt without an answer has a third one: answers do not all take the same time, and no one
knows how long that one would have taken.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from scipy.special import gammaincc

from harness.history.columns import Attempts, Bools, Floats, Ints, Operations
from harness.history.events import ANSWERED, Clock, Outcome, Step

STEPS = tuple(Step)
GOOD = (Outcome.OK, *ANSWERED)
BROKEN = ("reset", "end_of_file")
STEP_SHARE_MIN = 0.1
"""A step at which fewer of an impairment's failures happened says little about its edges."""
RECENT = 100
"""Of the good answers before an impairment, so many of the last may tell that they became slow."""
SLOWED_CHANCE_MAX, SLOWED_TIMES_MIN = 0.005, 2.0
"""They tell it where as many as late by chance are as rare as this, and half of them took so many
times as long as one usually does."""
LATEST, GROWS_MIN, STILL_SLOWER = 5, 1.5, 5.0
"""Where the last few of these took so many times as long as half of all of them, answers go on to
become slower: one that never came was due after up to so many times what the last few took."""
SHORTEST_SECONDS = 1e-6
"""No answer takes less."""
LEVELS = np.arange(1, 21) / 20
"""Of the quantiles that are kept of how long a good answer takes, up to the longest."""
QUICK, USUAL, LONGEST = 0, 9, 19
"""Of these quantiles: an answer that never came was due after the second, and hardly before the
first."""
ARRIVED, ENDED = 0, 1
"""Of the readings of an `Evidence`."""
ARRIVAL, END = 0.0, 1.0
"""Where on the way of a request the service decides: at its arrival, or at its end, ..."""
PARTS_OF_THE_WAY = (ARRIVAL, 0.25, 0.5, 0.75, END)
"""... or anywhere in between."""
SOONER_MIN = 2.0
"""Failures that take less time than good answers do so by more than chance: in standard errors. To
believe so wrongly, one time in 40, costs some width only."""
_SECOND = 1e9


class Fate(IntEnum):
    """How an attempt ended, as far as that says when it met the service."""

    GOOD = 0
    ANSWERED = 1
    """By a failure: the service decided at some time in between."""
    CUT = 2
    """The connection broke, at the end of the attempt."""
    HUNG = 3
    """Someone gave up, which says nothing: an answer was due when one usually comes."""
    REFUSED = 4
    """The connection was refused, at the start of the attempt."""


_BAD_FATES = {"timeout": Fate.HUNG, "refused": Fate.REFUSED, **dict.fromkeys(BROKEN, Fate.CUT)}


@dataclass(frozen=True, slots=True)
class TryTable:
    """The attempts of a run as arrays of one length, by their start, in seconds after zero.

    ``place`` is the index of the operation, ``step`` that of the step in `STEPS`.
    """

    place: Ints
    step: Ints
    began_s: Floats
    ended_s: Floats
    fate: Ints


@dataclass(frozen=True, slots=True)
class Evidence:
    """For n operations, seconds after zero at which attempts met the service; NaN for none.

    The last axis has the readings: early, late, and the soonest at which a request that was never
    answered can have come to its end (of others it is the late one). ``up_s`` has shape (n, 3, 3),
    by `STEPS`: the good attempt of each step, unless a later attempt of the operation failed;
    ``was_up_s`` likewise the good ones before its first failure. ``down_first_s`` and
    ``down_last_s``, shape (n, 3), are its first and last failed attempt, ``first_step`` and
    ``last_step`` are the indices of their steps, -1 for none. ``hung`` says whether the first one
    was never answered. ``takes_s``, shape (3, 20), says how long good answers take, by step:
    the quantiles at `LEVELS`; ``slowed`` says that they still become slower.
    """

    up_s: Floats
    was_up_s: Floats
    down_first_s: Floats
    down_last_s: Floats
    first_step: Ints
    last_step: Ints
    hung: Bools
    takes_s: Floats
    slowed: bool = False

    @classmethod
    def none(cls, count: int) -> "Evidence":
        """No attempt is known of any of ``count`` operations."""
        up_s = np.full((count, len(STEPS), 3), np.nan)
        down_s = np.full((count, 3), np.nan)
        steps = np.full(count, -1, dtype=np.int64)
        takes_s = np.zeros((len(STEPS), len(LEVELS)))
        hung = np.zeros(count, dtype=bool)
        return cls(up_s, up_s.copy(), down_s, down_s.copy(), steps, steps.copy(), hung, takes_s)

    @classmethod
    def at(cls, times_s: Floats) -> "Evidence":
        """Every operation met the service at one instant: for requests of a single step."""
        found = cls.none(len(times_s))
        borrow = STEPS.index(Step.BORROW)
        found.up_s[:, borrow] = found.down_first_s[:] = found.down_last_s[:] = times_s[:, None]
        found.first_step[:] = found.last_step[:] = borrow
        return found

    @property
    def takes_time(self) -> bool:
        """Whether the late readings differ from the early ones."""
        all_s = (self.up_s, self.was_up_s, self.down_first_s, self.down_last_s)
        return any(bool((one_s[..., 1] > one_s[..., 0]).any()) for one_s in all_s)

    @property
    def parts_of_the_way(self) -> tuple[tuple[float, float], ...]:
        """Where the service may decide good and failed requests, if that makes any difference.

        Where failures are sooner than good answers, it may tell them as soon as it knows.
        """
        if not self.takes_time:
            return ((ARRIVAL, ARRIVAL),)
        same = [(part, part) for part in PARTS_OF_THE_WAY]
        at_once = [(part, END) for part in PARTS_OF_THE_WAY[:-1]] if self.fails_sooner else []
        return (*same[:-1], *at_once, same[-1])

    @property
    def fails_sooner(self) -> bool:
        """Whether failures clearly take less time than good answers of their step.

        Those that took no time, or were never answered, say nothing of that.
        """
        took_s = self.down_first_s[:, ENDED] - self.down_first_s[:, ARRIVED]
        told = (took_s > 0) & ~self.hung
        rank = [
            np.searchsorted(self.takes_s[step], took_s[told & (self.first_step == step)])
            for step in range(len(STEPS))
        ]
        ranks = (np.concatenate(rank) + 1 / 2) / len(LEVELS)  # the middle between two quantiles
        error = 1 / np.sqrt(12 * max(len(ranks), 1))  # of a mean of ranks
        return len(ranks) > 0 and bool(ranks.mean() < 1 / 2 - SOONER_MIN * error)

    def reach_s(self, times_s: Floats) -> tuple[Floats, Floats]:
        """The first and the last instant that any reading may give each operation; (n,) each."""
        count = len(times_s)
        told = [self.up_s, self.was_up_s, self.down_first_s, self.down_last_s]
        all_s = np.concatenate([one_s.reshape(count, -1) for one_s in told], axis=1)
        first_s = np.fmin.reduce(all_s, axis=1, initial=np.inf)
        last_s = np.fmax.reduce(all_s, axis=1, initial=-np.inf)
        return np.minimum(first_s, times_s), np.maximum(last_s, times_s)

    def slower(self, before_s: float) -> "Evidence":
        """The same, if answers had become slow by this instant: they may take far longer then.

        Those last sent before it are compared with all before it, of whatever step. How many of
        them tell is chosen; that they are so late by chance is unlikely all the same.
        """
        both_s = np.concatenate([self.up_s, self.was_up_s])
        sent = both_s[..., ARRIVED] < before_s
        step = np.nonzero(sent)[1]
        began_s, took_s = both_s[sent, ARRIVED], both_s[sent, ENDED] - both_s[sent, ARRIVED]
        longer = np.ones(len(step))
        for index in range(len(STEPS)):
            own = step == index
            all_s = np.sort(took_s[own])
            longer[own] = 1 - np.searchsorted(all_s, took_s[own]) / max(len(all_s), 1)
        last = np.argsort(began_s)[::-1][:RECENT]
        numbers = np.arange(1, len(last) + 1)
        chances = gammaincc(numbers, np.cumsum(-np.log(longer[last])))  # Fisher's: all together
        usual_s = self.takes_s[:, [USUAL]]
        times = took_s[last] / np.maximum(usual_s[step[last], 0], SHORTEST_SECONDS)
        count = int(chances.argmin()) + 1 if len(last) else 0
        if not count or chances.min() > SLOWED_CHANCE_MAX:
            return self
        if np.median(times[:count]) < SLOWED_TIMES_MIN:
            return self
        latest = times[: min(count, LATEST)]
        if np.median(latest) < GROWS_MIN * np.median(times):  # they were as slow for a while
            return replace(self, takes_s=usual_s * np.quantile(times[:count], LEVELS))
        grown = STILL_SLOWER * np.quantile(latest, LEVELS)
        return replace(self, takes_s=usual_s * grown, slowed=True)

    def failed_within(self, times_s: Floats, start_s: float, stop_s: float) -> Bools:
        """Which operations, if they failed, may have done so between: shape (n,).

        ``times_s`` are the planned starts, for those of which no attempt is known.
        """
        early_s, late_s = self.failed_s(times_s)
        return (late_s >= start_s) & (early_s <= stop_s)

    def failed_s(self, times_s: Floats) -> tuple[Floats, Floats]:
        """The first and the last instant at which each operation may have failed, if it did.

        Shape (n,) each. One that was never answered may have taken as long as the longest answer.
        """
        early_s, late_s, soonest_s = self.down_last_s.T
        longest_s = early_s + self.takes_s[self.last_step, LONGEST]
        late_s = np.where(soonest_s < late_s, longest_s, late_s)
        return _or_else(early_s, times_s), _or_else(late_s, times_s)

    def kept(self, these: "Bools | slice") -> "Evidence":
        """That of these operations alone."""
        return Evidence(
            self.up_s[these],
            self.was_up_s[these],
            self.down_first_s[these],
            self.down_last_s[these],
            self.first_step[these],
            self.last_step[these],
            self.hung[these],
            self.takes_s,
            self.slowed,
        )


@dataclass(frozen=True, slots=True)
class Met:
    """Instants of n operations as evidence for the begin and for the end of one impairment.

    Around its begin a good operation counts at its latest sign of a service that was up, and a
    failed one at its first sign that it was down; around its end the other way round. ``well_s``
    are instants, of failed operations, at which an earlier attempt was still answered well.
    ``begins`` leaves out those that failed at a step where hardly any did: the good ones of that
    step are left out, too. ``hung_step`` is the step of a failed request that was never answered,
    else -1, ``sent_s`` when it was sent; all three have shape (n,). ``way_s``, shape (3, 20), is
    how long requests of each step are on their way until the service decides, as quantiles.
    """

    begin_s: Floats
    end_s: Floats
    well_s: Floats
    begins: Bools
    hung_step: Ints
    sent_s: Floats
    way_s: Floats

    @property
    def latest_s(self) -> Floats:
        """``begin_s``, but as late as it may be of a request that was never answered."""
        return np.where(
            self.hung_step < 0, self.begin_s, self.sent_s + self.way_s[self.hung_step, LONGEST]
        )


def evidence_of(operations: Operations, attempts: Attempts, clock: Clock) -> Evidence:
    """The evidence of these operations, in their order."""
    place = attempts.places_in(operations)
    tried, place = attempts.take(place >= 0), place[place >= 0]
    began_s, ended_s = (
        (at_ns - clock.zero_ns) / _SECOND for at_ns in (tried.started_ns, tried.ended_ns)
    )
    bad = tried.error.each(lambda error: _BAD_FATES.get(error or "", Fate.ANSWERED))
    fate = np.where(tried.outcome.are(*GOOD), Fate.GOOD, bad)
    step = tried.step.each(lambda step: STEPS.index(step or Step.BORROW))
    return evidence_from(len(operations), TryTable(place, step, began_s, ended_s, fate))


def evidence_from(count: int, tries: TryTable) -> Evidence:
    """The evidence of ``count`` operations from all their attempts."""
    order = np.argsort(tries.began_s, kind="stable")
    place, step, fate = tries.place[order], tries.step[order], tries.fate[order]
    began_s, ended_s = tries.began_s[order], tries.ended_s[order]
    found = Evidence.none(count)
    for index in range(len(STEPS)):
        took_s = (ended_s - began_s)[(step == index) & (fate == Fate.GOOD)]
        if took_s.size:
            found.takes_s[index] = np.quantile(took_s, LEVELS)
    # A failure that took longer than every good answer was held up by somebody who waited for one,
    # like a gateway: as of a request that was never answered, its end says nothing.
    longest_s = found.takes_s[step, LONGEST]
    held_up = (longest_s > 0) & (ended_s - began_s > longest_s)
    fate = np.where((fate == Fate.ANSWERED) & held_up, Fate.HUNG, fate)
    at_s = _between_s(found.takes_s[step], began_s, ended_s, fate)
    bad = np.flatnonzero(fate != Fate.GOOD)
    # Of several attempts of one operation the last one is kept, from either side.
    found.down_last_s[place[bad]], found.last_step[place[bad]] = at_s[bad], step[bad]
    first, last = np.full(count, len(order)), np.full(count, -1)
    first[place[bad[::-1]]], last[place[bad]] = bad[::-1], bad
    down = first < len(order)
    found.down_first_s[down] = at_s[first[down]]
    found.first_step[down] = step[first[down]]
    found.hung[down] = (fate == Fate.HUNG)[first[down]]
    good = np.flatnonzero(fate == Fate.GOOD)
    after, before = good[good > last[place[good]]], good[good < first[place[good]]]
    before = before[last[place[before]] >= 0]
    found.up_s[place[after], step[after]] = at_s[after]
    found.was_up_s[place[before], step[before]] = at_s[before]
    return found


def _between_s(takes_s: Floats, began_s: Floats, ended_s: Floats, fate: Ints) -> Floats:
    """The readings of each of n attempts, shape (n, 3); ``takes_s`` has shape (n, 20)."""
    quick_s, usual_s = takes_s[:, QUICK], takes_s[:, USUAL]
    # What broke in less than a quick answer takes may have been decided at once.
    cut = (fate == Fate.CUT) & (ended_s - began_s > quick_s)
    early_s = np.where(cut, ended_s, began_s)
    last_s = [ended_s, ended_s, ended_s, began_s + usual_s, began_s]
    late_s = np.minimum(np.choose(fate, last_s), ended_s)
    soonest_s = np.where(fate == Fate.HUNG, np.minimum(began_s + quick_s, ended_s), late_s)
    return np.stack([early_s, late_s, soonest_s], axis=1)


def met(
    evidence: Evidence,
    times_s: Floats,
    failed: Bools,
    core: Bools,
    parts: tuple[float, float] = (END / 2, END / 2),
) -> Met:
    """When the operations met the service, as far as the impairment with this ``core`` shows.

    ``core`` says which operations lie surely inside it. A step at which they did not fail is no
    evidence: it was up all along. Operations without a fitting attempt count at their planned
    start, ``times_s``. ``parts`` says where on the way of a good request and of a failed one the
    service decides: from `ARRIVAL` to `END`. It would have decided one that was never answered
    where it decides the good ones.
    """
    steps = evidence.last_step[core & failed]
    counts = np.bincount(steps[steps >= 0], minlength=len(STEPS))
    hit = counts >= max(1.0, STEP_SHARE_MIN * counts.sum())
    if not hit.any():
        hit[:] = True

    good, bad = parts
    down = np.where(evidence.hung, good, bad)

    def at(all_s: Floats, part: "float | Floats" = good, late: int = ENDED) -> Floats:
        return all_s[..., 0] + part * (all_s[..., late] - all_s[..., 0])

    up_s, was_up_s = at(evidence.up_s[:, hit]), at(evidence.was_up_s[failed][:, hit])
    last_up_s = np.where(np.isnan(up_s), -np.inf, up_s).max(axis=1)
    first_up_s = np.where(np.isnan(up_s), np.inf, up_s).min(axis=1)
    return Met(
        _or_else(np.where(failed, at(evidence.down_first_s, down), last_up_s), times_s),
        _or_else(np.where(failed, at(evidence.down_last_s, down, 2), first_up_s), times_s),
        was_up_s[~np.isnan(was_up_s)],
        ~failed | (evidence.first_step < 0) | hit[evidence.first_step],
        np.where(failed & evidence.hung, evidence.first_step, -1),
        evidence.down_first_s[:, 0],
        good * evidence.takes_s,
    )


def _or_else(found_s: Floats, times_s: Floats) -> Floats:
    return np.where(np.isfinite(found_s), found_s, times_s)
