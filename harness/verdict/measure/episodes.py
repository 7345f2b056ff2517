"""Stretches of impaired borrowing, and of slow answers, found from the answers alone."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.history.columns import Bools
from harness.history.events import Step
from harness.verdict.measure.baseline import (
    SLOW_MS_MIN,
    Baseline,
    healthy_share,
    slow_limit_ms,
    usual_max,
)
from harness.verdict.measure.change_point import Instant, in_order
from harness.verdict.measure.evidence import ARRIVED, ENDED, STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.impairments import Impairment, impairments_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.measure.search import RequestCounts, apart, by_share, impaired_stretches
from harness.verdict.measure.standing_out import windows_of
from harness.verdict.types import Episode

SLOW_HEALTHY_SHARE = 0.02
"""Of the answers, late ones that are taken for noise at least: a stretch counts as slow from 5 % of
them on, and from more where more are late all the time."""


def episodes_of(samples: Samples, timeline: Timeline, baseline: Baseline) -> list[Episode]:
    """Outage, degraded and slow episodes in order of their onset.

    Impairments that turn into each other, an outage into a brownout, are episodes of their own:
    the one's end is the other's onset.
    """
    end_s = timeline.load_end_s
    if end_s is None or end_s <= 0 or not len(samples.times_s):
        return []
    times_s = samples.times_s
    windows = windows_of(times_s, baseline.failed.whole, timeline.faults_s)
    failing = RequestCounts(times_s, samples.failed, samples.evidence, windows=windows)
    found = impaired_stretches(failing, end_s, healthy_share(baseline), usual_max(baseline))
    known, theirs = _with_failures(impairments_of(failing, found, end_s), samples)
    impairments, own = _gone_over(known, theirs, samples)
    episodes = [_episode(*one, samples) for one in zip(impairments, own, strict=True)]
    episodes += slow_episodes_of(samples, timeline, baseline, episodes)
    return sorted(episodes, key=lambda e: e.onset_s)


def slow_episodes_of(
    samples: Samples, timeline: Timeline, baseline: Baseline, others: list[Episode]
) -> list[Episode]:
    """Slow episodes in order of their onset; what failed in ``others`` is theirs alone."""
    end_s, limit_ms = timeline.load_end_s, slow_limit_ms(baseline)
    if end_s is None or end_s <= 0 or limit_ms is None:
        return []
    theirs = failing_in(samples, others)
    slow = _slow_impairments(samples, end_s, limit_ms, others)
    own = _failures_of(slow, samples)
    return [_episode(one, bad & ~theirs, samples) for one, bad in zip(slow, own, strict=True)]


def planned_in(samples: Samples, episodes: Sequence[Episode]) -> Bools:
    """Which operations were planned inside one of these episodes, shape (n,)."""
    inside = np.zeros(len(samples.times_s), dtype=bool)
    for one in episodes:
        stop_s = np.inf if one.recovered_s is None else one.recovered_s
        inside |= samples.between(one.onset_s, stop_s)
    return inside


def failing_in(samples: Samples, episodes: Sequence[Episode]) -> Bools:
    """Which operations, if they failed, may have done so in one of them: edges are intervals."""
    inside = np.zeros(len(samples.times_s), dtype=bool)
    for one in episodes:
        reach_s = _reach(one.onset_s_low, one.recovered_s, one.recovered_s_high)
        inside |= samples.evidence.failed_within(samples.times_s, *reach_s)
    return inside


def _reach(low_s: float | None, stop_s: float | None, high_s: float | None) -> tuple[float, float]:
    """From the lower end of an onset to a recovery, and to its upper end where it has one."""
    over_s = np.inf if stop_s is None else stop_s if high_s is None else high_s
    return -np.inf if low_s is None else low_s, over_s


def _failures_of(impairments: list[Impairment], samples: Samples) -> list[Bools]:
    """The failures of each impairment; a failure near two belongs to the nearer one.

    A journey that was under way at the onset of an impairment, and failed then, is a failure of it.
    """
    early_s, late_s = samples.evidence.failed_s(samples.times_s)
    middle_s = (early_s + late_s) / 2
    owner, least_s = np.full(len(middle_s), -1), np.full(len(middle_s), np.inf)
    for number, impairment in enumerate(impairments):
        start_s, stop_s = _span(impairment)
        over = impairment.recovery
        first_s, last_s = _reach(impairment.onset.low_s, over.at_s, over.high_s)
        away_s = np.maximum(np.maximum(start_s - middle_s, middle_s - stop_s), 0.0)
        own = (late_s >= first_s) & (early_s <= last_s) & (away_s < least_s)
        owner[own], least_s[own] = number, away_s[own]
    return [samples.failed & (owner == number) for number in range(len(impairments))]


def _with_failures(
    impairments: list[Impairment], samples: Samples
) -> tuple[list[Impairment], list[Bools]]:
    """The impairments that have failures of their own, and these.

    Where answers take long, an impairment can lie so near to another that all its failures may be
    the other's: the two are one then, from the first begin to the last end.
    """
    while True:
        own = _failures_of(impairments, samples)
        empty = next((number for number, failed in enumerate(own) if not failed.any()), None)
        if empty is None or len(impairments) == 1:
            return impairments, own
        first = max(empty - 1, 0)
        pair = impairments[first : first + 2]
        onset = min((one.onset for one in pair), key=lambda edge: edge.at_s or 0.0)
        last = max(pair, key=lambda one: _span(one)[1])
        kept = pair[1 if empty == first else 0]
        both = replace(kept, onset=onset, recovery=last.recovery, confirmed=last.confirmed)
        impairments = [*impairments[:first], both, *impairments[first + 2 :]]


def _gone_over(
    impairments: list[Impairment], own: list[Bools], samples: Samples
) -> tuple[list[Impairment], list[Bools]]:
    """The impairments and their failures, but two with no one served in between as one.

    Of two classes, the first one turns into the second.
    """
    found, theirs = impairments[:1], own[:1]
    for after, failed in zip(impairments[1:], own[1:], strict=True):
        before = found[-1]
        fine = before.recovery == after.onset or _served_between(theirs[-1], after, failed, samples)
        if not fine and before.class_ == after.class_:
            found[-1], theirs[-1] = replace(after, onset=before.onset), theirs[-1] | failed
            continue
        if not fine:
            found[-1] = replace(before, recovery=after.onset, confirmed=after.confirmed)
        found.append(after)
        theirs.append(failed)
    return found, theirs


def _served_between(earlier: Bools, after: Impairment, failed: Bools, samples: Samples) -> bool:
    """Whether a request was surely served after the failures ``earlier`` and before ``after``.

    It was sent after the last of those was, and answered before the first of ``failed`` was sent.
    One that waited for the end of an outage was sent in it, and says nothing of the time until its
    answer. Only the steps that failed tell anything.
    """
    evidence, well = samples.evidence, ~samples.failed
    sent_s, _ = evidence.failed_s(samples.times_s)
    later = failed & (sent_s >= (after.onset.low_s or 0.0))
    last_s, first_s = sent_s[earlier].max(initial=-np.inf), sent_s[later].min(initial=np.inf)
    steps = np.unique(evidence.last_step[(earlier | failed) & (evidence.last_step >= 0)])
    began_s, ended_s = samples.times_s[well], samples.ended_s[well]
    if len(steps):
        met_s = evidence.up_s[well][:, steps]
        began_s, ended_s = met_s[..., ARRIVED], met_s[..., ENDED]
    return bool(((began_s > last_s) & (ended_s < first_s)).any())


def _span(impairment: Impairment) -> tuple[float, float]:
    at_s, stop_s = impairment.onset.at_s, impairment.recovery.at_s
    assert at_s is not None  # noqa: S101  # for the type checker; an onset is always found
    return at_s, np.inf if stop_s is None else stop_s


def _episode(impairment: Impairment, failed: Bools, samples: Samples) -> Episode:
    """``failed`` are the failures of the impairment, shape (n,)."""
    onset, recovery = impairment.onset, impairment.recovery
    at_s, stop_s = _span(impairment)
    times_s, kept = samples.times_s, samples.operations
    inside = (times_s >= at_s) & (times_s <= stop_s) & ~samples.failed
    # Good answers after an outage that is not seen to be over are none of an outage's.
    open_outage = impairment.class_ == "outage" and recovery.at_s is None
    sure_s = recovery.low_s if open_outage and recovery.low_s is not None else stop_s
    early_s, late_s = samples.evidence.failed_s(times_s)
    last, met_s = np.flatnonzero(failed)[-1:], (early_s + late_s) / 2
    after = inside & (times_s > times_s[last].max(initial=-np.inf))
    return Episode(
        class_=impairment.class_,
        onset_s=at_s,
        onset_s_low=onset.low_s,
        onset_s_high=onset.high_s,
        recovered_s=recovery.at_s,
        recovered_s_low=recovery.low_s,
        recovered_s_high=recovery.high_s,
        confirmed=impairment.confirmed,
        failed=int(failed.sum()),
        operations=int(((inside & (times_s <= sure_s)) | failed).sum()),
        affected_borrowers=len(np.unique(kept.borrower[failed])) if len(kept) else 0,
        in_flight=int(((times_s < at_s) & (samples.ended_s > at_s)).sum()),
        queued=int(queued(samples, at_s, stop_s).sum()) if impairment.class_ == "outage" else 0,
        last_failure_s=float(met_s[last[0]]) if len(last) else None,
        served_after=int(after.sum()) if stop_s == np.inf and len(last) else 0,
    )


def answering_again_s(samples: Samples, stop_s: float) -> float | None:
    """End of the first good answer to an operation planned from ``stop_s`` on; None for none."""
    ends_s = samples.ended_s[samples.answered & (samples.times_s >= stop_s)]
    return float(ends_s.min()) if len(ends_s) else None


def queued(samples: Samples, onset_s: float, stop_s: float) -> Bools:
    """Operations planned while nothing was answered yet that were answered well, if late; (n,).

    They waited in a queue, and make new requests succeed before the service answers again.
    """
    answering_s = answering_again_s(samples, stop_s)
    if answering_s is None:
        return np.zeros(len(samples.times_s), dtype=bool)
    late = answering_s - samples.times_s > SLOW_MS_MIN / 1e3
    waited = (samples.times_s >= onset_s) & late & (samples.ended_s >= answering_s)
    return np.asarray(samples.answered & waited)


def impaired(episodes: list[Episode]) -> list[Episode]:
    """Those in which borrowers failed; a slow episode is none of them."""
    return [episode for episode in episodes if episode.class_ in ("outage", "degraded")]


def open_ended(episode: Episode) -> bool:
    """Whether nothing bounds when it was over: to the end it failed, or too little came after."""
    return episode.recovered_s is None or episode.recovered_s_high is None


def last_stretch(stretches: list[Episode]) -> list[Episode]:
    """Of one or more impaired stretches the last one: episodes of which each turns into the
    next.
    """
    last = [stretches[-1]]
    for before in reversed(stretches[:-1]):
        if before.recovered_s is None or before.recovered_s < last[0].onset_s:
            break
        last.insert(0, before)
    return last


def followed(ours: list[Episode], episodes: list[Episode]) -> list[Episode]:
    """These episodes, and all that the last one of them turns into."""
    found = list(ours)
    for after in impaired(episodes):
        over_s = found[-1].recovered_s if found else None
        if over_s is not None and found[-1].onset_s < after.onset_s <= over_s:
            found.append(after)
    return found


def flaps_of(episodes: list[Episode]) -> int:
    """How often borrowing was impaired again after it had been well in between."""
    return sum(
        before.recovered_s is None or after.onset_s > before.recovered_s
        for before, after in itertools.pairwise(impaired(episodes))
    )


def overlaps(episode: Episode, start_s: float, end_s: float) -> bool:
    """Whether an episode may have begun before ``end_s`` and ended after ``start_s``."""
    first_s, last_s = _reach(episode.onset_s_low, episode.recovered_s, episode.recovered_s_high)
    return first_s <= end_s and last_s >= start_s


# --- slow answers --------------------------------------------------------------------------------


def _slow_impairments(
    samples: Samples, end_s: float, limit_ms: float, others: Sequence[Episode]
) -> list[Impairment]:
    """The slow stretches of a run; ``others`` are its episodes of failures."""
    late = late_answers(samples, limit_ms)
    groups, noise = by_share(late, end_s, SLOW_HEALTHY_SHARE)
    outages = [other for other in others if other.class_ == "outage"]
    return [
        replace(impairment, class_="slow", onset=onset, recovery=recovery)
        for impairment in impairments_of(late, apart(groups, end_s, noise), end_s)
        for began in [_slow_from(impairment, samples, outages)]
        for over in [_quick_from(impairment.onset, impairment.recovery, outages)]
        for onset, recovery in [in_order([began, over])]
    ]


def _slow_from(impairment: Impairment, samples: Samples, outages: Sequence[Episode]) -> Instant:
    """When answers became late.

    In an outage nothing is answered. What is slow after it may be so since the outage began, or
    only since the service answered again: the interval holds both.
    """
    onset, over_s = impairment.onset, impairment.recovery.at_s
    for outage in outages:
        begin_s, stop_s = outage.onset_s, outage.recovered_s
        low_s, at_s, high_s = onset.low_s, onset.at_s, onset.high_s
        if stop_s is None or low_s is None or at_s is None or high_s is None:
            continue
        if stop_s < low_s or high_s < begin_s:
            continue
        if begin_s <= at_s:
            at_s = min(max(at_s, stop_s), np.inf if over_s is None else over_s)
        again_s = answering_again_s(samples, stop_s) or stop_s
        high_s = max(high_s, again_s, outage.recovered_s_high or stop_s)
        return replace(onset, at_s=at_s, low_s=min(low_s, outage.onset_s_low or 0.0), high_s=high_s)
    return onset


def _quick_from(onset: Instant, recovery: Instant, outages: Sequence[Episode]) -> Instant:
    """When answers were quick again, or when there were no more: as an outage began."""
    over_s = np.inf if recovery.at_s is None else recovery.at_s
    for outage in outages:
        stop_s = np.inf if outage.recovered_s is None else outage.recovered_s
        if (onset.at_s or 0.0) < outage.onset_s <= over_s <= stop_s:
            ends_s = recovery.low_s, outage.onset_s_low, outage.onset_s
            lows_s = [at_s for at_s in ends_s if at_s is not None]
            high_s = outage.onset_s_high if recovery.high_s is None else recovery.high_s
            return Instant(outage.onset_s, min(lows_s), high_s)
    return recovery


def late_answers(samples: Samples, limit_ms: float) -> RequestCounts:
    """The answered operations; bad is an answer that took the target longer than ``limit_ms``.

    Lateness is felt from the planned start, so that is what edges are dated by. But what a load
    machine that stutters adds to a wait makes no target slow. A late answer was due when one
    usually comes, so that it is dated like one that never came.
    """
    answered = samples.answered
    times_s, served_s = samples.times_s[answered], samples.served_s[answered]
    count, late = len(times_s), served_s > limit_ms / 1e3
    step = np.full(count, STEPS.index(Step.BORROW))
    fate = np.where(late, Fate.HUNG, Fate.GOOD)
    tries = TryTable(np.arange(count), step, times_s, times_s + served_s, fate)
    return RequestCounts(times_s, late, evidence_from(count, tries), late=True)
