"""Pure: turns the facts of a run into every number of its verdict but the reconciliation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.events import Facts
from harness.measure.baseline import THETA, Baseline, baseline_of
from harness.measure.counts import borrow_of, load_of, log_in_of, phases_of, window_bounds
from harness.measure.episodes import episodes_of, impaired, overlaps, recovery_of
from harness.measure.impact import Impact, Run, impacts_of
from harness.measure.intervals import Share, differ, events_to_bound
from harness.measure.samples import Samples, Timeline, samples_of, timeline_of
from harness.plan import Plan
from harness.verdict import Borrow, Episode, Load, LogIn, Phase, Recovery

__all__ = [
    "THETA",
    "Baseline",
    "Impact",
    "Measured",
    "Share",
    "Timeline",
    "differ",
    "events_to_bound",
    "impaired",
    "measure",
    "overlaps",
]


@dataclass(frozen=True, slots=True)
class Measured:
    """Every number of a verdict but the reconciliation, and what the checks need beside them.

    ``failed_outside`` and ``waits_outside_ms`` leave out the fault, what was under way when it came
    and the time allowed for recovery; ``unknown_inside`` are operations of unknown outcome planned
    between first injection and last heal (in the whole window, without a fault).
    """

    load: Load
    borrow: Borrow
    log_in: LogIn
    phases: list[Phase]
    baseline: Baseline
    timeline: Timeline
    impacts: list[Impact]
    episodes: list[Episode]
    recovery: Recovery
    failed_window: Share
    failed_outside: Share
    unknown_inside: Share
    unknown_window: int
    waits_outside_ms: NDArray[np.float64]
    referred_before: Share
    referred_after: Share


def measure(plan: Plan, facts: Facts) -> Measured:
    """Measure one run. Deterministic; asks no clock and uses no chance."""
    samples, timeline = samples_of(facts), timeline_of(plan, facts)
    phases = phases_of(plan, timeline)
    borrow = borrow_of(plan, facts, samples, timeline, phases)
    baseline = baseline_of(plan, facts, samples, timeline)
    episodes = episodes_of(samples, timeline, baseline)
    outside = _outside(samples, timeline)
    before, after = _either_side(plan, samples, timeline)
    return Measured(
        load=load_of(plan, facts),
        borrow=borrow,
        log_in=log_in_of(plan, facts, samples),
        phases=phases,
        baseline=baseline,
        timeline=timeline,
        impacts=impacts_of(Run(plan, facts, samples, timeline)),
        episodes=episodes,
        recovery=recovery_of(samples, timeline, baseline, episodes),
        failed_window=Share(borrow.window.failed, borrow.window.operations),
        failed_outside=Share(int(samples.failed[outside].sum()), int(outside.sum())),
        unknown_inside=_unknown_inside(plan, samples, timeline),
        unknown_window=int(samples.indeterminate[after].sum()),
        waits_outside_ms=samples.wait_s[outside & samples.answered] * 1e3,
        referred_before=_referred(samples, before),
        referred_after=_referred(samples, after),
    )


def _outside(samples: Samples, timeline: Timeline) -> NDArray[np.bool_]:
    """Operations that the fault cannot have touched."""
    if timeline.injected_s is None or timeline.shadow_end_s is None:
        return np.ones(len(samples.times_s), dtype=bool)
    over_before = samples.ended_s < timeline.injected_s
    return (over_before & (samples.times_s < timeline.injected_s)) | (
        samples.times_s > timeline.shadow_end_s
    )


def _unknown_inside(plan: Plan, samples: Samples, timeline: Timeline) -> Share:
    bounds = window_bounds(plan, timeline)
    if bounds is None:
        return Share(0, 0)
    start_s, end_s = bounds
    if timeline.injected_s is not None and timeline.healed_s is not None:
        end_s = timeline.healed_s
    inside = (samples.times_s >= start_s) & (samples.times_s <= end_s)
    return Share(int(samples.indeterminate[inside].sum()), int(inside.sum()))


def _either_side(
    plan: Plan, samples: Samples, timeline: Timeline
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    bounds = window_bounds(plan, timeline)
    start_s = bounds[0] if bounds else np.inf
    return samples.times_s < start_s, samples.times_s >= start_s


def _referred(samples: Samples, inside: NDArray[np.bool_]) -> Share:
    """How many of the granted loans went to manual review."""
    granted = [
        o.outcome
        for o, counts in zip(samples.operations, inside, strict=True)
        if counts and o.outcome in ("approved", "referred")
    ]
    return Share(granted.count("referred"), len(granted))  # type: ignore[arg-type]
