"""Checks of the evidence itself: load, files, baseline, faults, ledger. All are inconclusive, but
for a stop condition that tripped.
"""

from collections.abc import Iterator

from harness.plan.stop_conditions import STOPS_FOR_FAILURES
from harness.verdict.checks.case import Case, fail, inconclusive, note, plural
from harness.verdict.checks.spoilt import own_troubles, stalls_told
from harness.verdict.measure.advice import NoHelp
from harness.verdict.measure.episodes import impaired
from harness.verdict.types import Finding, Judgement

STOP_REACH_SECONDS = 10.0
"""A stop condition looks back no further for failures that come close together."""
STALL_SECONDS_MAX = 1.0
"""A load process that did not run for so long has measured nothing meanwhile, whatever came of what
it caught up on. A shorter pause that lost no arrival is told only where it excuses something."""


def interrupted(case: Case) -> Iterator[Finding]:
    """The run was cut short."""
    if case.facts.status.interrupted and case.facts.status.known:
        load = case.measured.load
        yield inconclusive(
            "interrupted",
            f"the run was interrupted after {load.arrivals:,} of {len(case.plan.arrivals):,}"
            " planned arrivals",
            arrivals=load.arrivals,
            planned=len(case.plan.arrivals),
        )


def safety_stop(case: Case) -> Iterator[Finding]:
    """A stop condition tripped: more harm was done than the run was allowed to do."""
    status = case.facts.status
    stop = status.safety_stop
    if stop is None:
        return
    # Without its watch a run ends as well, and that says nothing about the target; nor does what
    # failed when something of ours did.
    at_s = 0.0 if status.clock is None else status.clock.seconds(stop.at_ns)
    ours = any(stretch.touches(at_s - STOP_REACH_SECONDS, at_s) for stretch in case.stretches)
    not_its_doing = stop.condition == "watch_failed" or (
        ours and stop.condition in STOPS_FOR_FAILURES
    )
    weigh = inconclusive if not_its_doing else fail
    heals = [fact.heal_returned_ns for fact in case.facts.faults if fact.inject_called_ns]
    healed = [at_ns for at_ns in heals if at_ns is not None and at_ns >= stop.at_ns]
    yield weigh(
        "safety_stop",
        f"the run was stopped for safety at {at_s:.1f} s because {stop.text}",
        condition=stop.condition,
        source=case.plan.stop_sources.get(stop.condition),
        at_s=None if status.clock is None else status.clock.seconds(stop.at_ns),
        observed=stop.observed,
        limit=stop.limit,
        healed_after_s=max(((at_ns - stop.at_ns) / 1e9 for at_ns in healed), default=None),
        load_ended_after_s=None
        if status.load_ended_ns is None
        else (status.load_ended_ns - stop.at_ns) / 1e9,
    )


def load_unfaithful(case: Case) -> Iterator[Finding]:
    """Arrivals were not sent, or not on time, or the load generator says so itself."""
    load, status = case.measured.load, case.facts.status
    troubles = [trouble.text for trouble in own_troubles(case.facts)]
    reasons = list(troubles)
    if load.dropped and not case.facts.damage:  # a line that is gone says nothing of its arrival
        reasons.append(f"{plural(load.dropped, 'planned arrival')} never started")
    if case.sent_late:
        reasons.append(case.sent_late)
    lengths_s = [(stall.end_ns - stall.begin_ns) / 1e9 for stall in status.stalls]
    if lengths_s and (reasons or max(lengths_s) >= STALL_SECONDS_MAX or _excused(case)):
        reasons += stalls_told(case.facts)
    if reasons:
        yield inconclusive(
            "load_unfaithful",
            "the load was not sent as planned: " + "; ".join(reasons),
            dropped=load.dropped,
            send_lag_ms_p99=load.send_lag_ms_p99,
            send_lag_ms_limit=case.send_lag_ms_max,
            troubles=troubles,
            stalls=stalls_told(case.facts),
        )


def _excused(case: Case) -> bool:
    """Whether the run would look better without what was ours."""

    def missed(one: Case) -> tuple[int, int]:
        failed = sum(result.verdict is not Judgement.PASS for result in one.objectives)
        return failed, len(impaired(one.measured.episodes))

    return not case.spoilt and missed(case) != missed(case.without_ours)


def evidence_damaged(case: Case) -> Iterator[Finding]:
    """Something of the run directory could not be read."""
    damage = case.facts.damage
    if damage:
        yield inconclusive(
            "evidence_damaged",
            f"what was written down could not all be read: {damage[0]}",
            damage=list(damage[:20]),
            count=len(damage),
        )


def no_evidence(case: Case) -> Iterator[Finding]:
    """Nothing was measured at all."""
    if not case.measured.borrow.window.operations:
        yield inconclusive(
            "no_evidence",
            "no borrow request was measured after the baseline",
            operations=case.measured.borrow.operations,
        )


def baseline_not_steady(case: Case) -> Iterator[Finding]:
    """Without a steady normal there is nothing to compare with."""
    baseline = case.measured.baseline
    if baseline.reasons:
        state = "is not steady" if baseline.unsteady else "is too short"
        yield inconclusive(
            "baseline_not_steady",
            f"the baseline {state}: " + "; ".join(baseline.reasons),
            needed_s=baseline.needed_s,
            more_helps=not any(isinstance(reason, NoHelp) for reason in baseline.reasons),
            operations=baseline.failed.whole,
            failed=baseline.failed.part,
            failed_share_high=baseline.failed.high,
        )


def fault_did_not_bite(case: Case) -> Iterator[Finding]:
    """A fault without proof of its effect, for as long as it was to last, has tested nothing.

    What only a failing of ours shows is no proof that a fault of ours took effect. What was there
    in all of the baseline, too, makes no difference between it and the fault.
    """
    since = [stretch for stretch in case.stretches if stretch.begin_s > 0]
    fair = case if case.spoilt else case.without(since)
    both = zip(case.measured.impacts, fair.measured.impacts, strict=True)
    for impact in [one if one.missing else other for one, other in both]:
        lacking = bool(impact.missing) or impact.cut_off or bool(impact.late_s)
        if not lacking or (case.interrupted and impact.fault.bit is not False):
            continue
        name, reasons = impact.fault.name, []
        if impact.missing:
            missing = " and ".join(impact.missing)
            lacks = f"lacks {missing}" if impact.injected else missing
            reasons.append(f"nothing shows that fault {name} took effect: {lacks}")
        if impact.cut_off:
            reasons.append(
                f"fault {name} ended {impact.early_s:.1f} s before its plan, by nobody's order"
                f" ({impact.how})"
            )
        if impact.late_s:
            reasons.append(f"fault {name} began {impact.late_s:.1f} s after its plan: too late")
        yield inconclusive(
            "fault_did_not_bite",
            "; ".join(reasons),
            fault=name,
            injected=impact.injected,
            missing=list(impact.missing),
            error=impact.error,
            early_s=impact.early_s,
            late_s=impact.late_s,
            ended_by=impact.fault.ended_by,
        )


def not_healed(case: Case) -> Iterator[Finding]:
    """A fault that is not surely gone spoils everything measured after it."""
    for impact in case.measured.impacts:
        if impact.injected and not impact.healed:
            yield inconclusive(
                "not_healed",
                f"fault {impact.fault.name} was not shown to be healed"
                + (f": {impact.error}" if impact.error else ""),
                fault=impact.fault.name,
                error=impact.error,
            )


def unclean_recovery(case: Case) -> Iterator[Finding]:
    """What a fault left behind would be part of the next run, and of the next release."""
    left_behind = {fact.name for fact in case.facts.faults if fact.clean_up_error is not None}
    for impact in case.measured.impacts:
        if impact.fault.name in left_behind:
            yield inconclusive(
                "unclean_recovery",
                f"something of fault {impact.fault.name} was left behind: {impact.error}",
                fault=impact.fault.name,
                error=impact.error,
            )
    if unclean := [proof.text for proof in case.facts.status.audit if not proof.holds]:
        yield inconclusive(
            "unclean_recovery",
            f"after everything was healed, the database was not clean: {'; '.join(unclean)}",
            found=unclean,
        )


def healed_otherwise(case: Case) -> Iterator[Finding]:
    """A fault was not healed at the first try by the one whose task it is."""
    for fact in case.facts.faults:
        others = fact.healed_by not in ("", "conductor")
        if fact.heal_returned_ns is None or not (others or fact.heal_tries > 1):
            continue
        who = fact.healed_by or "conductor"
        tries = f", at try {fact.heal_tries}" if fact.heal_tries > 1 else ""
        yield note(
            "healed_otherwise",
            f"fault {fact.name} was healed by the {who}{tries}"
            + (f" ({fact.last_error})" if fact.last_error else ""),
            fault=fact.name,
            healed_by=who,
            tries=fact.heal_tries,
        )
