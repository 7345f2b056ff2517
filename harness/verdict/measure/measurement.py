"""Pure: turns the facts of a run into every number of its verdict but the reconciliation."""

from dataclasses import dataclass, replace

import numpy as np

from harness.history.columns import Floats
from harness.history.events import Step
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.figures import (
    Borrow,
    ClosedLoop,
    Health,
    LogIn,
    Phase,
    Retries,
    SentLoad,
    WorstWindow,
)
from harness.verdict.measure.baseline import Baseline, baseline_of, overdue_s
from harness.verdict.measure.borrowers import AffectedBorrowers, affected_borrowers
from harness.verdict.measure.closed_loop import closed_loops
from harness.verdict.measure.counts import (
    borrow_of,
    decisions_of,
    load_of,
    log_in_of,
    phases_of,
    worst_windows,
)
from harness.verdict.measure.episodes import episodes_of, flaps_of, impaired
from harness.verdict.measure.evidence import USUAL
from harness.verdict.measure.health_checks import health_known_s, health_of, telling_stretches
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.outside_faults import Calm, calms_of, step_calms_of
from harness.verdict.measure.outside_stretches import (
    ShortRow,
    Tail,
    elsewhere_of,
    recovered_below,
    tail_of,
)
from harness.verdict.measure.overlapping_faults import planned_near, spans_of
from harness.verdict.measure.recovery_by_fault import (
    GroupRecovery,
    judged_of,
    recoveries_of,
    slowest_of,
    with_recovery,
)
from harness.verdict.measure.retries import Herd, herd_of, retries_of
from harness.verdict.measure.samples import MeasuredRun, Timeline, samples_of, timeline_of
from harness.verdict.measure.took_effect import Impact, impacts_of
from harness.verdict.measure.visibility import visible_in
from harness.verdict.types import DecisionShare, Episode, Recovery
from harness.verdict.visible import Visible


@dataclass(frozen=True, slots=True)
class Measured:
    """Every number of a verdict but the reconciliation, and what the checks need beside them.

    ``recoveries`` are those that are judged, in the order of their heals; ``recovery`` is the one
    of them that decides. ``failed_outside`` and ``waits_outside_ms`` leave out each fault, what was
    under way when it came and the time allowed after its heal; ``calms`` are the stretches that
    this leaves, each by itself, ``step_calms`` those of the steps before the borrow;
    ``unknown_inside`` are operations of unknown outcome planned while a fault was at work (in the
    whole window, without one). ``overdue_s`` is how long a request may be under way and meet a
    fault that comes then, ``usual_s`` how long one is under way as a rule. ``log_in_affected`` and
    ``borrow_affected`` say whom failures hit at either step, ``failing_s`` is the total length of
    outage and degraded episodes without faults on the edge, which health is asked around,
    ``health_known_s`` that of their parts in which the health address had answered.
    ``failed_elsewhere`` are operations that lie outside every outage and degraded episode,
    ``short_rows`` those in a row that are too few to be one, ``visible`` is the least impairment
    that such a run shows. ``recovered_below`` is the share of failures below which borrowing has
    recovered for good.
    """

    load: SentLoad
    borrow: Borrow
    log_in: LogIn
    phases: list[Phase]
    baseline: Baseline
    timeline: Timeline
    impacts: list[Impact]
    episodes: list[Episode]
    flaps: int
    failed_elsewhere: Share
    short_rows: tuple[ShortRow, ...]
    visible: Visible | None
    recovered_below: float
    overdue_s: float
    usual_s: float
    tail: Tail | None
    recovery: Recovery
    recoveries: list[GroupRecovery]
    failed_window: Share
    failed_outside: Share
    calms: list[Calm]
    step_calms: dict[Step, list[Calm]]
    unknown_inside: Share
    unknown_window: int
    waits_outside_ms: Floats
    log_in_affected: AffectedBorrowers
    borrow_affected: AffectedBorrowers
    worst_windows: list[WorstWindow]
    retries: Retries
    herd: Herd | None
    decisions: list[DecisionShare]
    health: Health | None
    failing_s: float
    health_known_s: float
    closed_loop: list[ClosedLoop]


def measure(plan: Plan, facts: Facts, own_s_max: float = np.inf) -> Measured:
    """Measure one run, without chance and without a clock; ``own_s_max`` is for `samples_of`."""
    samples, timeline = samples_of(facts, own_s_max), timeline_of(plan, facts)
    run = MeasuredRun(plan, facts, samples, timeline)
    baseline, herd = baseline_of(run), herd_of(run)
    episodes = episodes_of(samples, timeline, baseline)
    telling = telling_stretches(run, episodes)
    late_s, phases = overdue_s(plan, baseline), phases_of(plan, timeline)
    outside = timeline.outside(samples, late_s)
    log_in_affected, borrow_affected = affected_borrowers(run, episodes)
    borrow = replace(borrow_of(run, phases), affected=borrow_affected.affected)
    recoveries = recoveries_of(run, baseline, episodes)
    elsewhere, window_s = elsewhere_of(samples, impaired(episodes)), run.window_s or (np.inf,)
    return Measured(
        load=load_of(plan, facts),
        borrow=borrow,
        log_in=replace(log_in_of(run), affected=log_in_affected.affected),
        phases=phases,
        baseline=baseline,
        timeline=timeline,
        impacts=[with_recovery(impact, recoveries) for impact in impacts_of(run)],
        episodes=episodes,
        flaps=flaps_of(episodes),
        failed_elsewhere=elsewhere.failed,
        short_rows=elsewhere.short_rows,
        visible=visible_in(plan, len(samples.times_s), elsewhere.failed, baseline.failed.whole),
        recovered_below=recovered_below(samples, impaired(episodes), baseline),
        overdue_s=late_s,
        usual_s=float(samples.evidence.takes_s[:, USUAL].max()),
        tail=tail_of(samples.failed),
        recovery=slowest_of(judged_of(recoveries), timeline.allowed_s),
        recoveries=judged_of(recoveries),
        failed_window=Share(borrow.window.failed, borrow.window.operations),
        failed_outside=Share.of(samples.failed, outside),
        calms=calms_of(run, recoveries, late_s),
        step_calms=step_calms_of(run, recoveries, late_s),
        unknown_inside=_unknown_inside(run),
        unknown_window=int(samples.indeterminate[samples.times_s >= window_s[0]].sum()),
        waits_outside_ms=samples.wait_s[outside & samples.answered] * 1e3,
        log_in_affected=log_in_affected,
        borrow_affected=borrow_affected,
        worst_windows=worst_windows(run),
        retries=retries_of(samples, phases, herd),
        herd=herd,
        decisions=decisions_of(run),
        health=health_of(run, episodes, telling),
        health_known_s=health_known_s(facts, telling),
        closed_loop=closed_loops(run),
        failing_s=sum(end_s - begin_s for begin_s, end_s in telling),
    )


def _unknown_inside(run: MeasuredRun) -> Share:
    """Of what was planned while a fault was at work; without one, of the whole window."""
    spans = spans_of(run)
    inside = np.zeros(len(run.samples.times_s), dtype=bool) if spans else run.in_window
    for span in spans:
        inside |= planned_near(run.samples, span)
    return Share.of(run.samples.indeterminate, inside)
