"""Episodes of a verdict beside the truth, and beside the rules that people use on the same data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth import Truth
from harness.verdict.types import Episode

BUCKET_GOOD_MIN = 0.5
"""A 1 s bucket with fewer good answers than this begins an outage, by that rule."""
BUCKET_BAD_MAX = 0.05
"""The first 1 s bucket with fewer bad answers than this ends it."""
LOCUST = "Locust's statistics"

Edges = tuple[float | None, float | None]
"""Onset and recovery as a rule sees them; None for what it does not see."""


@dataclass(frozen=True, slots=True)
class Span:
    """One impairment as measured: adjoining episodes together, in seconds."""

    onset_s: float
    onset: tuple[float | None, float | None]
    recovered_s: float | None
    recovered: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Score:
    """How one trouble was measured; errors are measured minus true, in seconds.

    ``found`` says that exactly one impairment was reported for it, and that one for nothing else;
    without it there are no errors. ``held`` says whether an interval holds the truth, a width is
    that of the interval (None: it has an open end).
    """

    shape: str
    found: bool
    onset_error_s: float | None = None
    onset_held: bool | None = None
    recovery_error_s: float | None = None
    recovery_held: bool | None = None
    length_error_s: float | None = None
    onset_width_s: float | None = None
    recovery_width_s: float | None = None
    naive: dict[str, Edges] = field(default_factory=dict)
    """By rule: errors of onset and recovery."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The operations of a run as the rules that people use see them; failed ones included.

    Planned starts and ends in seconds; ``locust`` are times at which Locust's count of failures was
    larger than the time before, None to derive them from the ends.
    """

    times_s: NDArray[np.float64]
    ended_s: NDArray[np.float64]
    failed: NDArray[np.bool_]
    locust: NDArray[np.float64] | None = None


def spans_of(episodes: Sequence[Episode], *, slow: bool) -> list[Span]:
    """Impairments (or, with ``slow``, slow stretches), adjoining ones as one."""
    kept = [e for e in episodes if (e.class_ == "slow") is slow]
    spans: list[Span] = []
    for episode in kept:
        onset_s, onset = episode.onset_s, (episode.onset_s_low, episode.onset_s_high)
        if spans and spans[-1].recovered_s is not None and onset_s <= spans[-1].recovered_s:
            before = spans.pop()
            onset_s, onset = before.onset_s, before.onset
        over = (episode.recovered_s_low, episode.recovered_s_high)
        spans.append(Span(onset_s, onset, episode.recovered_s, over))
    return spans


def score(truths: Sequence[Truth], spans: Sequence[Span], answers: Answers | None) -> list[Score]:
    """Every true trouble with what was measured of it; ``truths`` in order of onset.

    Without ``answers`` the rules that people use are left out: they see no slowness.
    """
    touching = [[span for span in spans if _touch(truth, span)] for truth in truths]
    scores = []
    for index, (truth, found) in enumerate(zip(truths, touching, strict=True)):
        next_s = truths[index + 1].onset_s if index + 1 < len(truths) else math.inf
        naive = {} if answers is None else naive_errors(truth, next_s, answers)
        alone = len(found) == 1 and sum(found[0] in others for others in touching) == 1
        if not alone or found[0].recovered_s is None:
            scores.append(Score(truth.shape, found=False, naive=naive))
            continue
        span, recovered_s = found[0], found[0].recovered_s
        scores.append(
            Score(
                shape=truth.shape,
                found=True,
                onset_error_s=span.onset_s - truth.onset_s,
                onset_held=holds(span.onset, truth.onset_s),
                recovery_error_s=recovered_s - truth.recovered_s,
                recovery_held=holds(span.recovered, truth.recovered_s),
                length_error_s=recovered_s - span.onset_s - truth.length_s,
                onset_width_s=width_s(span.onset),
                recovery_width_s=width_s(span.recovered),
                naive=naive,
            )
        )
    return scores


def extra(truths: Sequence[Truth], spans: Sequence[Span]) -> int:
    """Impairments that were reported although there was none, wherever in their intervals."""
    return sum(not any(_may_touch(truth, span) for truth in truths) for span in spans)


def holds(interval: tuple[float | None, float | None], true_s: float) -> bool:
    """Whether an interval holds the truth; an end that is None is open."""
    low, high = interval
    return (low is None or low <= true_s) and (high is None or true_s <= high)


def width_s(interval: tuple[float | None, float | None]) -> float | None:
    """How long an interval is; None with an open end."""
    low, high = interval
    return None if low is None or high is None else high - low


def _may_touch(truth: Truth, span: Span) -> bool:
    low_s = -math.inf if span.onset[0] is None else span.onset[0]
    high_s = math.inf if span.recovered[1] is None else span.recovered[1]
    return low_s < truth.recovered_s and high_s > truth.onset_s


def _touch(truth: Truth, span: Span) -> bool:
    stop_s = math.inf if span.recovered_s is None else span.recovered_s
    return span.onset_s < truth.recovered_s and stop_s > truth.onset_s


# --- the rules that people use -------------------------------------------------------------------


def naive_errors(truth: Truth, next_s: float, answers: Answers) -> dict[str, Edges]:
    """Errors of each rule. They are told when the fault began and when the next one comes.

    That flatters them: over a whole run, "last failure" means the last stray one.
    """
    from_s, to_s = truth.onset_s - 1, min(next_s, truth.recovered_s + 10) - 0.1
    mask = (answers.times_s >= from_s) & (answers.times_s < to_s)
    times_s, ended_s, failed = answers.times_s[mask], answers.ended_s[mask], answers.failed[mask]
    after = failed & (ended_s >= truth.onset_s)
    seen = {
        "first failure, first success after it": _first_success(times_s, failed, truth.onset_s),
        "first and last failure, by end": _bounds(ended_s[after]),
        "first and last failure, by start": _bounds(times_s[after]),
        "1 s buckets": _buckets(times_s, failed, from_s),
        LOCUST: _locust(answers, ended_s[after], (truth.onset_s, to_s)),
    }
    return {
        rule: (
            None if onset_s is None else onset_s - truth.onset_s,
            None if recovered_s is None else recovered_s - truth.recovered_s,
        )
        for rule, (onset_s, recovered_s) in seen.items()
    }


def _bounds(at_s: NDArray[np.float64]) -> Edges:
    return (float(at_s.min()), float(at_s.max())) if len(at_s) else (None, None)


def _first_success(
    times_s: NDArray[np.float64], failed: NDArray[np.bool_], fault_s: float
) -> Edges:
    """By start: by end, an answer under way when the fault came would pass for a success."""
    bad_s = times_s[failed & (times_s >= fault_s)]
    if not len(bad_s):
        return None, None
    onset_s = float(bad_s.min())
    good_s = times_s[~failed & (times_s > onset_s)]
    return onset_s, float(good_s.min()) if len(good_s) else None


def _buckets(times_s: NDArray[np.float64], failed: NDArray[np.bool_], from_s: float) -> Edges:
    """Begins of the first bucket that is mostly bad and of the first one after it that is good."""
    if not len(times_s):
        return None, None
    first = math.floor(from_s)
    place = np.floor(times_s).astype(int) - first
    whole, bad = np.bincount(place), np.bincount(place, weights=failed)
    share = np.where(whole > 0, bad / np.maximum(whole, 1), 0.0)
    down = np.flatnonzero(share > 1 - BUCKET_GOOD_MIN)
    if not len(down):
        return None, None
    up = np.flatnonzero((share < BUCKET_BAD_MAX) & (np.arange(len(share)) > down[0]))
    return float(first + down[0]), float(first + up[0]) if len(up) else None


def _locust(answers: Answers, failed_end_s: NDArray[np.float64], between: Edges) -> Edges:
    """First and last time at which the count of failures had grown.

    Locust counts an answer in the whole second in which it came.
    """
    if answers.locust is None:
        return _bounds(np.ceil(failed_end_s))
    low, high = between
    inside = (answers.locust >= (low or 0.0)) & (answers.locust < (high or math.inf))
    return _bounds(answers.locust[inside])
