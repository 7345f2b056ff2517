"""Stretches in which no fault of lendchaos can have touched a request, each by itself.

A long baseline makes the share of what failed outside the faults as small as one likes; what was
wrong after a heal is seen only against what was there before.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.history.columns import Bools, Floats
from harness.history.events import Step
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE
from harness.verdict.measure.borrowers import tries_at
from harness.verdict.measure.intervals import Share, events_to_bound
from harness.verdict.measure.overlapping_faults import FaultGroup, FaultSpan, spans_of
from harness.verdict.measure.recovery_by_fault import GroupRecovery
from harness.verdict.measure.samples import MeasuredRun

REQUESTS_MIN = events_to_bound(RECOVERED_BELOW_SHARE)
"""Fewer show nothing of a stretch."""
STEP_TRIES_MIN = 3
"""The same of a step that few take: so many that fail, one after the other, are no accident."""


@dataclass(frozen=True, slots=True)
class Calm:
    """Requests of one stretch without a fault: how many failed, and the waits for an answer in ms.

    ``where`` says in words which stretch, ``healed_s`` after which heal. ``early`` holds where so
    few were planned once the time to recover was over that the last ones within it were taken
    instead: they prove no failure.
    """

    where: str
    failed: Share
    waits_ms: Floats
    healed_s: float | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class _Tries:
    """Which operations count, which of those failed, shape (n,) each, and how many show anything.

    Where ``once`` holds, only the last one of every borrower counts in a stretch.
    """

    tried: Bools
    failed: Bools
    least: int
    once: bool


@dataclass(frozen=True, slots=True)
class _Gap:
    """From a heal (or the begin of the run) to the next injection (or its end), in s."""

    begin_s: float
    end_s: float
    where: str
    after: GroupRecovery | None = None


def calms_of(run: MeasuredRun, recoveries: list[GroupRecovery], late_s: float) -> list[Calm]:
    """The stretches before, between and after the faults that borrowers may notice, in order.

    They are cut where a fault began or ended that no one is to notice, and hold what
    `Timeline.outside` tells; one without a request is left out. ``late_s``: see there.
    """
    failed = run.samples.failed
    tries = _Tries(np.ones(len(failed), dtype=bool), failed, REQUESTS_MIN, once=False)
    return _calms(run, recoveries, late_s, tries)


def step_calms_of(
    run: MeasuredRun, recoveries: list[GroupRecovery], late_s: float
) -> dict[Step, list[Calm]]:
    """The same of the borrowers who tried a step before the borrow; who tried it again and again
    in one stretch counts once.
    """
    found = {}
    for step in (Step.LOG_IN, Step.CREDIT_LINE):
        tried, failed = tries_at(step, run)
        tries = _Tries(tried, failed, STEP_TRIES_MIN, once=True)
        found[step] = _calms(run, recoveries, late_s, tries)
    return found


def _calms(
    run: MeasuredRun, recoveries: list[GroupRecovery], late_s: float, tries: _Tries
) -> list[Calm]:
    samples, timeline = run.samples, run.timeline
    outside = timeline.outside(samples, late_s)
    without = timeline.outside(samples, late_s, allowed_s=0.0)
    unnoticed = [span for span in spans_of(run) if not span.expects_impact]
    found = []
    for gap in _gaps([one for one in recoveries if one.group.has_deadline]):
        inside = (samples.times_s >= gap.begin_s) & (samples.times_s < gap.end_s)
        since_s = _settled_s(gap, timeline.load_end_s)
        if since_s is not None and (outside & inside & tries.tried).sum() < tries.least:
            late = without & inside & (samples.times_s > since_s)
            found.append(replace(_calm(run, gap, gap.where, late, tries), early=True))
            continue
        for where, part in _parts(gap, unnoticed, samples.times_s):
            found.append(_calm(run, gap, where, outside & inside & part, tries))
    return [calm for calm in found if calm.failed.whole]


def _gaps(recoveries: list[GroupRecovery]) -> Iterator[_Gap]:
    groups = [one.group for one in recoveries]
    if not groups:
        yield _Gap(-np.inf, np.inf, "the whole run")
        return
    yield _Gap(-np.inf, groups[0].injected_s, f"before {_named(groups[0])}")
    for one, after in itertools.zip_longest(recoveries, groups[1:]):
        if one.group.healed_s is not None:
            where = f"after the heal at {one.group.healed_s:.1f} s"
            where += f" and before {_named(after)}" if after else ""
            end_s = after.injected_s if after else np.inf
            yield _Gap(one.group.healed_s, end_s, where, one)


def _named(group: FaultGroup) -> str:
    return f"the fault at {group.injected_s:.1f} s"


def _settled_s(gap: _Gap, load_end_s: float | None) -> float | None:
    """From when on borrowing had recovered for sure, in the latter half of the stretch; None where
    no one saw it recover, which the limit on recovery tells.
    """
    if gap.after is None or load_end_s is None:
        return None
    seen, middle_s = gap.after.recovery, (gap.begin_s + min(gap.end_s, load_end_s)) / 2
    if seen.censored or (seen.from_heal_s is not None and seen.from_heal_s_high is None):
        return None
    return max(middle_s, gap.begin_s + (seen.from_heal_s_high or 0.0))


def _parts(gap: _Gap, unnoticed: list[FaultSpan], times_s: Floats) -> Iterator[tuple[str, Bools]]:
    """The stretch, cut at both ends of each fault that no one is to notice."""
    ends_s = {end for span in unnoticed for end in (span.start_s, span.until_s)}
    cuts_s = sorted(end for end in ends_s if gap.begin_s < end < gap.end_s)
    for begin_s, end_s in itertools.pairwise([gap.begin_s, *cuts_s, gap.end_s]):
        names = [s.name for s in unnoticed if s.start_s <= begin_s and end_s <= s.until_s]
        where = f"{gap.where}, with {' and '.join(names)} at work" if names else gap.where
        yield where, (times_s >= begin_s) & (times_s < end_s)


def _calm(run: MeasuredRun, gap: _Gap, where: str, kept: Bools, tries: _Tries) -> Calm:
    samples, healed_s = run.samples, None if gap.after is None else gap.begin_s
    waits_ms = samples.wait_s[kept & samples.answered] * 1e3
    chosen = np.flatnonzero(kept & tries.tried)
    if tries.once:
        borrower = samples.operations.borrower[chosen[::-1]]
        chosen = chosen[::-1][np.unique(borrower, return_index=True)[1]]
    failed = Share(int(tries.failed[chosen].sum()), len(chosen))
    return Calm(where, failed, waits_ms, healed_s)
