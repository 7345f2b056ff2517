"""When exactly an impairment began and when it was over, each with an interval.

The onset is a sudden change, so it gets the posterior of one change point. Recovery often is not
sudden, and a change point would be wrong and overconfident about it: there the share of failures
is only assumed never to rise again, and its crossing of a threshold is bracketed by inverting the
likelihood-ratio test for a monotone function (Banerjee and Wellner 2001).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from harness.history.columns import Bools, Floats, Ints
from harness.verdict.measure.intervals import upper_bound

LIKELIHOOD_RATIO_MAX = 3.0
"""The limit distribution of the likelihood-ratio statistic has its 95 % quantile at 2.287. With the
few hundred failures of a short run that covers 90 to 93 % of gradual recoveries; 3.0 was found in
simulation (``benchmarks/``) to cover 94.6 % or more of every shape and rate tried."""

STEADY_RATIO_MAX = 5.0
"""The same over a steady share of failures: the limit distribution knows of no single failures,
and with a steady 10 % the first request after a recovery fails in one of ten runs. The statistic of
such a failure is up to 5 where the share is 5 % or more."""

FAILED_BEFORE = 0.002
"""Share of requests that fail for reasons of their own before an impairment."""

AT_ONCE_PART = 0.05
"""Failures so much closer to each other than the first of them to the last good answer came at
once, as the service broke: the onset may be the very instant of the first one."""

_GOOD_PRIOR = (0.5, 50.0)
_ANY_PRIOR = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Instant:
    """A time in seconds with its 95 % interval; an end that the data does not bound is None.

    ``fit`` is how likely it makes the data, as a logarithm: to be compared between readings of when
    the same requests met the service. ``clean`` says whether it tells good ones from bad ones.
    """

    at_s: float | None
    low_s: float | None
    high_s: float | None
    fit: float = field(default=0.0, compare=False)
    clean: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hung:
    """Failures that were never answered, among n events: when the service decided them is unknown.

    ``step`` is -1 for all others, ``sent_s`` when they were sent; both have shape (n,). ``way_s``
    has a row for each step: rising quantiles, equally spaced up to the largest, of the time from
    there to the decision.
    """

    step: Ints
    sent_s: Floats
    way_s: Floats

    def cost(self, at_s: Floats, these: Bools) -> Floats:
        """How unlikely it is, as a logarithm, that all of these were decided after ``at_s``."""
        left = np.linspace(1, 0, self.way_s.shape[1] + 1)
        more = -np.diff(np.log(np.maximum(left, FAILED_BEFORE)))
        total = np.zeros(len(at_s))
        for step, row in enumerate(self.way_s):
            sent_s = np.sort(self.sent_s[these & (self.step == step)])
            if len(sent_s):
                for way_s, unlikelier in zip(row, more, strict=True):
                    total += unlikelier * np.searchsorted(sent_s, at_s - way_s)
        return total


def onset(
    times_s: Floats,
    bad: Bools,
    low_s: float,
    high_s: float,
    *,
    first: bool = False,
    hung: "Hung | None" = None,
    usual: float = 0.0,
) -> Instant:
    """When the one change from good to bad between ``low_s`` and ``high_s`` happened.

    ``first`` says that nothing is known of the time before the first of ``times_s``. The trouble
    may have been there all along then, beforehand as likely as not. Where the data allows that,
    ``low_s`` is None; where it is the likelier, ``at_s`` is the first of ``times_s``. ``hung`` are
    those of the failures whose ``times_s`` are no more than likely. ``usual`` is the share that is
    known to fail before the trouble, 0 if hardly any do.
    """
    prior = _GOOD_PRIOR[0] + usual * _GOOD_PRIOR[1], (1 - usual) * _GOOD_PRIOR[1]
    seen = change(times_s, bad, (low_s, high_s), prior, hung=hung)
    if not first or not len(times_s):
        return seen
    first_s = float(times_s[0])
    any_time = change(times_s, bad, (low_s, high_s), prior, hung=hung, unseen_s=high_s - low_s)
    if any_time.low_s is None or any_time.low_s >= first_s:
        return seen
    # The upper end is the one of a trouble that began later: such a trouble is held as well.
    at_s, high_s = max(any_time.at_s or 0.0, first_s), max(seen.high_s or 0.0, first_s)
    return Instant(at_s, None, high_s, seen.fit)


def change(
    times_s: Floats,
    bad: Bools,
    between: tuple[float, float],
    prior: tuple[float, float] = _ANY_PRIOR,
    *,
    hung: "Hung | None" = None,
    unseen_s: float = 0.0,
) -> Instant:
    """When the share of failures changed ``between`` two instants: the posterior of the one change
    time, ``prior`` being that of the share before it (by default any).

    It may also have happened in ``unseen_s`` seconds before, in which nothing was seen.
    """
    low_s, high_s = between
    inside = (times_s > low_s) & (times_s < high_s)
    times, failures = times_s[inside], bad[inside]
    answered = np.concatenate(([0.0], np.cumsum(~failures)))
    after = np.zeros(len(times), dtype=bool) if hung is None else hung.step[inside] >= 0
    failed = np.concatenate(([0.0], np.cumsum(failures & ~after)))
    total = failed[-1] + after.sum()
    log_likelihood = betaln(prior[0] + failed, prior[1] + answered) + betaln(
        _ANY_PRIOR[0] + total - failed, _ANY_PRIOR[1] + answered[-1] - answered
    )
    edges = np.concatenate(([low_s - unseen_s], times, [high_s]))
    if hung is not None:
        log_likelihood -= hung.cost((edges[1:] + edges[:-1]) / 2, inside)
    gaps = np.maximum(np.diff(edges), 1e-12)  # every instant is as likely as any other beforehand
    log_weight = log_likelihood + np.log(gaps)
    weight = np.exp(log_weight - log_weight.max())
    found = int(log_weight.argmax())
    fit = float(log_likelihood[found]) - _emptiness(gaps[found], len(times), high_s - low_s)
    mass = np.concatenate(([0.0], np.cumsum(weight / weight.sum())))

    def quantile(level: float) -> float:
        index = min(int(np.searchsorted(mass, level, side="right")) - 1, len(gaps) - 1)
        inside_gap = (level - mass[index]) / max(mass[index + 1] - mass[index], 1e-300)
        return float(edges[index] + gaps[index] * min(1.0, inside_gap))

    high, sure = quantile(0.975), failures & ~after
    last = int(np.searchsorted(edges, high)) - 1
    at_once = sure[last : last + 2].all() and last + 1 < len(times)
    if at_once and gaps[last + 1] < AT_ONCE_PART * gaps[last]:
        high = float(edges[last + 1])
    return Instant(quantile(0.5), quantile(0.025), high, fit)


def _emptiness(gap_s: float, count: int, span_s: float) -> float:
    """How unlikely it is, as a logarithm, that none of ``count`` requests met the service in a gap.

    A service that decides later than was assumed seems to meet no one for a while.
    """
    return gap_s * count / max(span_s, 1e-9)


def recovery(times_s: Floats, bad: Bools, below_share: float, *, steady: bool = False) -> Instant:
    """When the share of failures fell below ``below_share`` for good.

    ``times_s`` and ``bad`` run from inside the impairment to the end of the data. ``at_s`` is None
    when the share never fell; ``high_s`` is None when the data ends too early to bound it.
    ``steady`` says that many fail all the time, so that the first one after it may, too.
    """
    count = len(times_s)
    if count == 0:
        return Instant(None, None, None)
    left, free, starts = _scan(bad, below_share)
    right, _, _ = _scan(
        ~bad[::-1], 1 - below_share
    )  # the share of good ones falls towards the begin
    ratio = 2 * (free - left - right[::-1])
    accepted = np.flatnonzero(ratio <= (STEADY_RATIO_MAX if steady else LIKELIHOOD_RATIO_MAX))
    below = next((start for start, share in starts if share < below_share), count)
    first, last = (int(accepted[0]), int(accepted[-1])) if len(accepted) else (below, below)
    low_s = float(times_s[max(first - 1, 0)])
    if below == count:
        return Instant(None, low_s, None, free)
    # The share crossed somewhere between the last operation before and the first one after.
    gap_s = 0.0 if below == 0 else float(times_s[below] - times_s[below - 1])
    at_s = float(times_s[below]) - gap_s / 2
    fit = free - _emptiness(gap_s, count, float(times_s[-1] - times_s[0]))
    high_s = float(times_s[last]) if last < count else None
    return Instant(at_s, min(low_s, at_s), high_s if high_s is None else max(high_s, at_s), fit)


def _log_likelihood(bad: int, count: int, share: float) -> float:
    total = 0.0
    if bad:
        total += bad * math.log(share)
    if count - bad:
        total += (count - bad) * math.log(1 - share)
    return total


class _Block(NamedTuple):
    """Adjoining events of one share: where they begin, and the log-likelihood of all before."""

    start: int
    bad: int
    whole: int
    before: float

    def merges_after(self, other: "_Block") -> float:
        """How many more failures make the share of this block that of the one before it."""
        if other.bad == other.whole:
            return math.inf
        short = other.bad * self.whole - self.bad * other.whole
        return max(1, -(-short // (other.whole - other.bad)))


def _scan(bad: Bools, floor: float) -> tuple[Floats, float, list[tuple[int, float]]]:
    """Fit a falling share to every prefix, by pooling adjacent violators; a run at a time.

    Returns the log-likelihood of each of the n + 1 prefixes if the share stays at ``floor`` or
    above, the one of the whole without bound, and the blocks of the whole fit as (index of the
    first event, share).
    """
    blocks: list[_Block] = []
    before, last_bad, last_count = [0.0], [0], [1]  # of each prefix, around its last block

    def seen(block: _Block, first: int, stop: int, *, fails: bool) -> None:
        """The prefixes that end so many events after this block, ``stop`` not included."""
        before.extend([block.before] * (stop - first))
        last_count.extend(range(block.whole + first, block.whole + stop))
        bads = range(block.bad + first, block.bad + stop)
        last_bad.extend(bads if fails else [block.bad] * (stop - first))

    runs = [0, *(np.flatnonzero(np.diff(bad)) + 1).tolist(), len(bad)]
    for start, stop in itertools.pairwise(runs):
        more, at = stop - start, 1
        last = blocks[-1] if blocks else None
        if not bad[start]:
            past = 0.0
            if last is not None:
                share = max(last.bad / last.whole, floor)
                past = last.before + _log_likelihood(last.bad, last.whole, share)
            blocks.append(_Block(start, 0, more, past))
            seen(_Block(start, 0, 0, past), 1, more + 1, fails=False)
            continue
        own = blocks.pop() if last is not None else _Block(start, 0, 0, 0.0)
        while blocks and (merges := own.merges_after(blocks[-1])) <= more:
            seen(own, at, int(merges), fails=True)
            at, prior = int(merges), blocks.pop()
            own = _Block(prior.start, prior.bad + own.bad, prior.whole + own.whole, prior.before)
        seen(own, at, more + 1, fails=True)
        blocks.append(_Block(own.start, own.bad + more, own.whole + more, own.before))
    k, n = np.array(last_bad, dtype=float), np.array(last_count, dtype=float)
    share = np.maximum(k / n, floor)
    prefixes = np.array(before) + xlogy(k, share) + xlog1py(n - k, -share)
    prefixes[0] = 0.0
    free = sum(_log_likelihood(one.bad, one.whole, one.bad / one.whole) for one in blocks)
    return prefixes, free, [(one.start, one.bad / one.whole) for one in blocks]


def confirmed(bad: Bools, below_share: float) -> bool:
    """Whether the operations after a recovery bound their failures by ``below_share``."""
    return upper_bound(int(bad.sum()), len(bad)) <= below_share


def to_the_end(over: Instant, *, confirmed: bool) -> Instant:
    """A recovery that the end of the data leaves open: how long it surely was not, and no more.

    A share of failures of 10 % ends in good answers nine times of ten. So a recovery counts as seen
    only if its interval has an upper end, or if enough went well after it.
    """
    if over.high_s is not None or confirmed:
        return over
    return Instant(None, over.low_s, None)


def over_by(over: Instant, latest_s: float) -> Instant:
    """A recovery before the next trouble, which began by ``latest_s`` and so bounds it."""
    low_s = min(over.low_s or 0.0, latest_s)
    at_s = (low_s + latest_s) / 2 if over.at_s is None else min(over.at_s, latest_s)
    return replace(over, at_s=at_s, low_s=low_s, high_s=min(over.high_s or np.inf, latest_s))


def in_order(edges: Sequence[Instant]) -> list[Instant]:
    """The same edges of one stretch, none of them before the one that precedes it.

    Where the requests of two stretches overlap, the begin of the second one may bound the end of
    the first one more than its own begin allows.
    """
    found = list(edges[:1])
    for edge in edges[1:]:
        before = found[-1]
        at_s, low_s, high_s = (
            one if one is None or least is None else max(one, least)
            for one, least in (
                (edge.at_s, before.at_s),
                (edge.low_s, before.low_s),
                (edge.high_s, before.at_s),
            )
        )
        found.append(replace(edge, at_s=at_s, low_s=low_s, high_s=high_s))
    return found


def lasts(
    times_s: Floats, bad: Bools, since_s: float, latest_s: float | None, below_share: float
) -> bool:
    """Whether what came after a recovery bounds the share of failures by ``below_share``.

    It was over at ``since_s``, or by ``latest_s`` (None: not known). A failure in between may still
    be part of the impairment, so it is enough if those after the last such failure do.
    """
    starts_s = [since_s]
    if latest_s is not None:
        between_s = times_s[bad & (times_s > since_s) & (times_s <= latest_s)]
        starts_s += between_s[-1:].tolist()
    return any(confirmed(bad[times_s > start_s], below_share) for start_s in starts_s)
