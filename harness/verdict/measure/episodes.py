"""Stretches of impaired borrowing, found from the answers alone."""

import itertools
from dataclasses import replace

import numpy as np

from harness.history.columns import Bools, Ints
from harness.verdict.measure.baseline import Baseline, healthy_share, slow_limit_ms, usual_max
from harness.verdict.measure.evidence import ARRIVED, ENDED
from harness.verdict.measure.known import windows_of
from harness.verdict.measure.queues import queued
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.measure.search import RequestCounts, impaired_stretches
from harness.verdict.measure.slow import slow_troubles
from harness.verdict.measure.troubles import RowTrouble, troubles_of
from harness.verdict.types import Episode


def episodes_of(samples: Samples, timeline: Timeline, baseline: Baseline) -> list[Episode]:
    """Outage, degraded and slow episodes in order of their onset.

    Troubles that go over into each other, an outage into a brownout, are episodes of their own:
    the one's end is the other's onset.
    """
    end_s = timeline.load_end_s
    if end_s is None or end_s <= 0 or not len(samples.times_s):
        return []
    times_s = samples.times_s
    windows = windows_of(times_s, baseline.failed.whole, timeline.faults_s)
    failing = RequestCounts(times_s, samples.failed, samples.evidence, windows=windows)
    found = impaired_stretches(failing, end_s, healthy_share(baseline), usual_max(baseline))
    known, theirs = _with_failures(troubles_of(failing, found, end_s), samples)
    troubles, own = _gone_over(known, theirs, samples)
    episodes = [_episode(*one, samples) for one in zip(troubles, own, strict=True)]
    episodes += slow_episodes_of(samples, timeline, baseline, episodes)
    return sorted(episodes, key=lambda e: e.onset_s)


def slow_episodes_of(
    samples: Samples, timeline: Timeline, baseline: Baseline, others: list[Episode]
) -> list[Episode]:
    """Slow episodes in order of their onset; what failed in ``others`` is theirs alone."""
    end_s, limit_ms = timeline.load_end_s, slow_limit_ms(baseline)
    if end_s is None or end_s <= 0 or limit_ms is None:
        return []
    theirs = np.zeros(len(samples.times_s), dtype=bool)
    for other in others:
        theirs |= samples.evidence.failed_within(samples.times_s, *failing_between_s(other))
    slow = slow_troubles(samples, end_s, limit_ms, others)
    own = _failures_of(slow, samples)
    return [_episode(one, bad & ~theirs, samples) for one, bad in zip(slow, own, strict=True)]


def failing_between_s(episode: Episode) -> tuple[float, float]:
    """Between these instants a failure may be one of an episode: its edges are intervals."""
    return _reach(episode.onset_s_low, episode.recovered_s, episode.recovered_s_high)


def _reach(low_s: float | None, stop_s: float | None, high_s: float | None) -> tuple[float, float]:
    """From the lower end of an onset to a recovery, and to its upper end where it has one."""
    over_s = np.inf if stop_s is None else stop_s if high_s is None else high_s
    return -np.inf if low_s is None else low_s, over_s


def _failures_of(troubles: list[RowTrouble], samples: Samples) -> list[Bools]:
    """The failures of each trouble; of two that it may belong to, each is of the nearer one.

    A journey that was under way at the onset of a trouble, and failed then, is a failure of it.
    """
    early_s, late_s = samples.evidence.failed_s(samples.times_s)
    middle_s = (early_s + late_s) / 2
    owner, least_s = np.full(len(middle_s), -1), np.full(len(middle_s), np.inf)
    for number, trouble in enumerate(troubles):
        start_s, stop_s = _span(trouble)
        over = trouble.recovery
        first_s, last_s = _reach(trouble.onset.low_s, over.at_s, over.high_s)
        away_s = np.maximum(np.maximum(start_s - middle_s, middle_s - stop_s), 0.0)
        own = (late_s >= first_s) & (early_s <= last_s) & (away_s < least_s)
        owner[own], least_s[own] = number, away_s[own]
    return [samples.failed & (owner == number) for number in range(len(troubles))]


def _with_failures(
    troubles: list[RowTrouble], samples: Samples
) -> tuple[list[RowTrouble], list[Bools]]:
    """The troubles that have failures of their own, and these.

    Where answers take long, one trouble can lie so near to another that all its failures may be the
    other's: the two are one then, from the first begin to the last end.
    """
    while True:
        own = _failures_of(troubles, samples)
        empty = next((number for number, failed in enumerate(own) if not failed.any()), None)
        if empty is None or len(troubles) == 1:
            return troubles, own
        first = max(empty - 1, 0)
        pair = troubles[first : first + 2]
        onset = min((one.onset for one in pair), key=lambda edge: edge.at_s or 0.0)
        last = max(pair, key=lambda one: _span(one)[1])
        kept = pair[1 if empty == first else 0]
        both = replace(kept, onset=onset, recovery=last.recovery, confirmed=last.confirmed)
        troubles = [*troubles[:first], both, *troubles[first + 2 :]]


def _gone_over(
    troubles: list[RowTrouble], own: list[Bools], samples: Samples
) -> tuple[list[RowTrouble], list[Bools]]:
    """The troubles and their failures, but two with nobody served in between as one.

    Of two classes, the first one goes over into the second.
    """
    found, theirs = troubles[:1], own[:1]
    for after, failed in zip(troubles[1:], own[1:], strict=True):
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


def _served_between(earlier: Bools, after: RowTrouble, failed: Bools, samples: Samples) -> bool:
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


def _span(trouble: RowTrouble) -> tuple[float, float]:
    at_s, stop_s = trouble.onset.at_s, trouble.recovery.at_s
    assert at_s is not None  # noqa: S101  # for the type checker; an onset is always found
    return at_s, np.inf if stop_s is None else stop_s


def _episode(trouble: RowTrouble, failed: Bools, samples: Samples) -> Episode:
    """``failed`` are the failures of the trouble, shape (n,)."""
    onset, recovery = trouble.onset, trouble.recovery
    at_s, stop_s = _span(trouble)
    times_s, kept = samples.times_s, samples.operations
    inside = (times_s >= at_s) & (times_s <= stop_s) & ~samples.failed
    # Good answers after an outage that is not seen to be over are none of an outage's.
    open_outage = trouble.class_ == "outage" and recovery.at_s is None
    sure_s = recovery.low_s if open_outage and recovery.low_s is not None else stop_s
    last = np.flatnonzero(failed)[-1:]
    after = inside & (times_s > times_s[last].max(initial=-np.inf))
    return Episode(
        class_=trouble.class_,
        onset_s=at_s,
        onset_s_low=onset.low_s,
        onset_s_high=onset.high_s,
        recovered_s=recovery.at_s,
        recovered_s_low=recovery.low_s,
        recovered_s_high=recovery.high_s,
        confirmed=trouble.confirmed,
        failed=int(failed.sum()),
        operations=int(((inside & (times_s <= sure_s)) | failed).sum()),
        affected_borrowers=len(np.unique(kept.borrower[failed])) if len(kept) else 0,
        in_flight=int(((times_s < at_s) & (samples.ended_s > at_s)).sum()),
        queued=int(queued(samples, at_s, stop_s).sum()) if trouble.class_ == "outage" else 0,
        last_failure_s=_met_s(samples, last),
        served_after=int(after.sum()) if stop_s == np.inf and len(last) else 0,
    )


def _met_s(samples: Samples, places: Ints) -> float | None:
    """When the request at the only one of these places met the service, in s after zero."""
    early_s, late_s = samples.evidence.failed_s(samples.times_s)
    return float((early_s[places[0]] + late_s[places[0]]) / 2) if len(places) else None


def impaired(episodes: list[Episode]) -> list[Episode]:
    """Those in which borrowers failed; a slow episode is none of them."""
    return [episode for episode in episodes if episode.class_ in ("outage", "degraded")]


def open_ended(episode: Episode) -> bool:
    """Whether nothing bounds when it was over: to the end it failed, or too little came after."""
    return episode.recovered_s is None or episode.recovered_s_high is None


def last_stretch(stretches: list[Episode]) -> list[Episode]:
    """Of one or more impaired stretches the last one: episodes of which each goes over into the
    next.
    """
    last = [stretches[-1]]
    for before in reversed(stretches[:-1]):
        if before.recovered_s is None or before.recovered_s < last[0].onset_s:
            break
        last.insert(0, before)
    return last


def followed(ours: list[Episode], episodes: list[Episode]) -> list[Episode]:
    """These episodes, and all that the last one of them goes over into."""
    found = list(ours)
    for after in impaired(episodes):
        over_s = found[-1].recovered_s if found else None
        if over_s is not None and found[-1].onset_s < after.onset_s <= over_s:
            found.append(after)
    return found


def flaps_of(episodes: list[Episode]) -> int:
    """How often borrowing was impaired again after it had been well in between."""
    stretches = impaired(episodes)
    fresh = [
        after
        for before, after in itertools.pairwise(stretches)
        if before.recovered_s is None or after.onset_s > before.recovered_s
    ]
    return len(fresh)


def overlaps(episode: Episode, start_s: float, end_s: float) -> bool:
    """Whether an episode may have begun before ``end_s`` and ended after ``start_s``."""
    begins_s = -np.inf if episode.onset_s_low is None else episode.onset_s_low
    ends_s = episode.recovered_s
    if ends_s is not None and episode.recovered_s_high is not None:
        ends_s = episode.recovered_s_high
    return begins_s <= end_s and (ends_s is None or ends_s >= start_s)
