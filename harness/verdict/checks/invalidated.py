"""Checks of the evidence itself: load, files, baseline, faults, ledger. All are inconclusive, but
for a stop condition that tripped.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from harness.plan.stop_conditions import STOPS_FOR_FAILURES
from harness.verdict.checks.case import EXAMPLES_MAX, Case, fail, inconclusive, note
from harness.verdict.checks.invalidated_stretches import recorded_errors, stalls_told
from harness.verdict.measure.advice import NoHelp
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.intervals import upper_bound
from harness.verdict.types import Finding, Judgement
from harness.verdict.units import plural

UNREAD = "the ledger could not be read, so nothing is known about lost loans"
STOP_REACH_SECONDS = 10.0
"""A stop condition looks back no further for failures that come close together."""
_OTHERS_SERVED = "with all counted as served that may not have been the target's doing"
STALL_SECONDS_MAX = 1.0
"""A load process that did not run for so long has measured nothing meanwhile, whatever came of what
it caught up on. A shorter pause that lost no arrival is named only where it excuses something."""


def interrupted(case: Case) -> Iterator[Finding]:
    """The run was cut short."""
    if case.facts.status.interrupted and case.facts.status.known:
        sent, planned = case.measured.load.arrivals, len(case.plan.arrivals)
        message = f"the run was interrupted after {sent:,} of {planned:,} planned arrivals"
        yield inconclusive("interrupted", message, arrivals=sent, planned=planned)


def safety_stop(case: Case) -> Iterator[Finding]:
    """A stop condition tripped: more harm was done than the run was allowed to do."""
    status, stop = case.facts.status, case.facts.status.safety_stop
    if stop is None:
        return
    # Without its watch a run ends as well, and that says nothing about the target; nor does what
    # failed when something of ours did.
    at_s = None if status.clock is None else status.clock.seconds(stop.at_ns)
    reach_s = ((at_s or 0.0) - STOP_REACH_SECONDS, at_s or 0.0)
    ours = any(stretch.touches(*reach_s) for stretch in case.stretches)
    excused = stop.condition == "watch_failed" or (ours and stop.condition in STOPS_FOR_FAILURES)
    weigh = inconclusive if excused else fail
    heals = [fact.heal_returned_ns for fact in case.facts.faults if fact.inject_called_ns]
    healed = [at_ns for at_ns in heals if at_ns is not None and at_ns >= stop.at_ns]
    ended_ns = status.load_ended_ns
    yield weigh(
        "safety_stop",
        f"the run was stopped for safety at {at_s or 0.0:.1f} s because {stop.text}",
        condition=stop.condition,
        source=case.plan.stop_sources.get(stop.condition),
        at_s=at_s,
        observed=stop.observed,
        limit=stop.limit,
        healed_after_s=max(((at_ns - stop.at_ns) / 1e9 for at_ns in healed), default=None),
        load_ended_after_s=None if ended_ns is None else (ended_ns - stop.at_ns) / 1e9,
    )


def load_unfaithful(case: Case) -> Iterator[Finding]:
    """Arrivals were not sent, or not on time, or the load generator says so itself.

    A mistake in a step of the scenario is the only reason given, with its file and line first.
    """
    broken = [trouble.text for trouble in case.facts.status.troubles if trouble.of_step]
    if broken:
        told = dict.fromkeys((*broken, *(one.text for one in recorded_errors(case.facts))))
        yield inconclusive("load_unfaithful", "; ".join(told), broken_steps=broken)
        return
    load, stalls = case.measured.load, case.facts.status.stalls
    troubles = [trouble.text for trouble in recorded_errors(case.facts)]
    reasons = list(troubles)
    if load.dropped and not case.facts.damage:  # a line that is gone says nothing of its arrival
        reasons.append(f"{plural(load.dropped, 'planned arrival')} never started")
    if case.sent_late:
        reasons.append(case.sent_late)
    long = any((one.end_ns - one.begin_ns) / 1e9 >= STALL_SECONDS_MAX for one in stalls)
    if stalls and (reasons or long or _excused(case)):
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

    return not case.invalidated_by and missed(case) != missed(case.without_ours)


def evidence_damaged(case: Case) -> Iterator[Finding]:
    """Something of the run directory could not be read."""
    if damage := case.facts.damage:
        message = f"what was written down could not all be read: {damage[0]}"
        yield inconclusive("evidence_damaged", message, damage=list(damage[:20]), count=len(damage))


def no_evidence(case: Case) -> Iterator[Finding]:
    """Nothing was measured at all."""
    borrow = case.measured.borrow
    if not borrow.window.operations:
        message = "no borrow request was measured after the baseline"
        yield inconclusive("no_evidence", message, operations=borrow.operations)


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

    What only a harness error shows is no proof that the fault took effect. What was there in all of
    the baseline, too, makes no difference between it and the fault.
    """
    since = [stretch for stretch in case.stretches if stretch.begin_s > 0]
    fair = case if case.invalidated_by else case.without(since)
    both = zip(case.measured.impacts, fair.measured.impacts, strict=True)
    for own, other in both:
        impact = own if own.missing else other
        lacking = bool(impact.missing) or impact.cut_off or bool(impact.late_s)
        if not lacking or (case.facts.status.cut_short and impact.fault.bit is not False):
            continue
        name, reasons = impact.fault.name, []
        if impact.missing:
            lacks = ("lacks " if impact.injected else "") + " and ".join(impact.missing)
            # The figures are not those of the fault elsewhere in the verdict.
            but = "" if own.missing else f"{_OTHERS_SERVED}, "
            reasons.append(f"{but}nothing shows that fault {name} took effect: {lacks}")
        if impact.cut_off:
            early = f"{impact.early_s:.1f} s before its plan, by no one's order"
            reasons.append(f"fault {name} ended {early} ({impact.how})")
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
    """A fault that is not surely gone invalidates everything measured after it."""
    for impact in case.measured.impacts:
        if impact.injected and not impact.healed:
            why = f": {impact.error}" if impact.error else ""
            message = f"fault {impact.fault.name} was not shown to be healed{why}"
            yield inconclusive("not_healed", message, fault=impact.fault.name, error=impact.error)


def unclean_recovery(case: Case) -> Iterator[Finding]:
    """What a fault left behind would be part of the next run, and of the next release."""
    left_behind = {fact.name for fact in case.facts.faults if fact.clean_up_error is not None}
    for impact in case.measured.impacts:
        name = impact.fault.name
        if name in left_behind:
            message = f"something of fault {name} was left behind: {impact.error}"
            yield inconclusive("unclean_recovery", message, fault=name, error=impact.error)
    if unclean := [proof.text for proof in case.facts.status.audit if not proof.holds]:
        message = f"after everything was healed, the database was not clean: {'; '.join(unclean)}"
        yield inconclusive("unclean_recovery", message, found=unclean)


def healed_otherwise(case: Case) -> Iterator[Finding]:
    """A fault was not healed at the first try by the one whose task it is."""
    for fact in case.facts.faults:
        others = fact.healed_by not in ("", "conductor")
        if fact.heal_returned_ns is None or not (others or fact.heal_tries > 1):
            continue
        who, tries = fact.healed_by or "conductor", fact.heal_tries
        message = f"fault {fact.name} was healed by the {who}"
        message += f", at try {tries}" if tries > 1 else ""
        message += f" ({fact.last_error})" if fact.last_error else ""
        yield note("healed_otherwise", message, fault=fact.name, healed_by=who, tries=tries)


# --- what was not ours ---------------------------------------------------------------------------


def foreign_change(case: Case) -> Iterator[Finding]:
    """Someone else changed the way to the target, or held a lock that it waited for.

    Where the run waits for such a thing, it is a note.
    """
    clock, changes, told = case.facts.status.clock, [], []
    if clock is None:
        return
    for change in case.facts.status.foreign:
        begin_s = clock.seconds(change.begin_ns)
        end_s = None if change.end_ns is None else clock.seconds(change.end_ns)
        changes.append({"text": change.text, "begin_s": begin_s, "end_s": end_s})
        end = "the end" if end_s is None else f"{end_s:.1f} s"
        told.append(f"{change.text} from {begin_s:.1f} s to {end}")
    texts = "; ".join(told)
    if told and case.plan.observe:
        message = f"what someone else broke: {texts}"
        yield note("foreign_change", message, changes=changes)
    elif told:
        message = f"someone else had a hand in the stack during the run: {texts}"
        yield inconclusive("foreign_change", message, changes=changes)


def ended_early(case: Case) -> Iterator[Finding]:
    """A fault whose own work was done, or that the target itself ended, before its plan."""
    for impact in case.measured.impacts:
        if impact.early_s and impact.how and not impact.cut_off:
            fault, early_s = impact.fault, impact.early_s
            when = f"at {fault.healed_s:.1f} s ({impact.how})"
            message = f"fault {fault.name} ended {early_s:.1f} s before its plan, {when}"
            evidence = {"fault": fault.name, "early_s": early_s, "ended_by": fault.ended_by}
            yield note("ended_early", message, **evidence)


def lock_held(case: Case) -> Iterator[Finding]:
    """A session of someone else kept a fault from ending in order; it ended all the same."""
    for fact in case.facts.faults:
        if fact.held_up_by:
            yield note(
                "lock_held",
                f"when fault {fact.name} was healed, what it had to do could not be done and was"
                f" cancelled: {'; '.join(map(str, fact.held_up_by))} held the lock",
                fault=fact.name,
                sessions=[asdict(session) for session in fact.held_up_by],
            )


# --- the ledger: was it read, whole, and do its two views agree? ----------------------------------


def ledger_unread(case: Case) -> Iterator[Finding]:
    """Without the ledger no one knows whether a loan was lost."""
    ledger = case.facts.ledger
    if not ledger.read:
        message = UNREAD + (f": {ledger.error}" if ledger.error else "")
        yield inconclusive("ledger_unread", message, source=ledger.source, error=ledger.error)


def ledger_incomplete(case: Case) -> Iterator[Finding]:
    """The listing was read, but does not hold everything, or two sources disagree."""
    ledger, reconciled = case.facts.ledger, case.reconciled
    reasons = [*_about_the_listing(case), *_about_keys(case)] if ledger.read else []
    if reasons:
        names = ("unlisted", "unclear", "unfiltered", "unlike", "repeated")
        yield inconclusive(
            "ledger_incomplete",
            "the ledger's listing is not complete: " + "; ".join(reasons),
            **{name: list(getattr(reconciled, name)[:EXAMPLES_MAX]) for name in names},
            sql_disagrees=list(ledger.sql_disagrees[:EXAMPLES_MAX]),
        )


def _about_the_listing(case: Case) -> Iterator[str]:
    ledger, reconciled = case.facts.ledger, case.reconciled
    if not ledger.complete:
        yield f"it ended early ({ledger.error})" if ledger.error else "it ended early"
    if reconciled.repeated:
        count = plural(len(reconciled.repeated), "loan")
        yield (
            f"it has {count} more than once, in rows that are alike: one row for each payment"
            " can't be told from a listing that repeats itself"
        )
    if ledger.sql_disagrees:
        yield f"the tables say otherwise about {plural(len(ledger.sql_disagrees), 'key')}"
    if not case.facts.account_ids and case.facts.operations:
        yield "which accounts are ours is not known"


def _about_keys(case: Case) -> Iterator[str]:
    """What the target shows, or does not show, when asked for single requests."""
    reconciled, sample, ledger = case.reconciled, case.reconciled.sample, case.facts.ledger
    why = f" ({ledger.error})" if ledger.complete and ledger.error else ""
    if reconciled.unlisted:
        count = plural(len(reconciled.unlisted), "request")
        yield f"it lacks loans of {count} that the target knows by key"
    if reconciled.unclear:
        count = plural(len(reconciled.unclear), "request")
        yield f"it lacks {count}, and the target gave no clear answer about their keys{why}"
    if sample.unasked and not sample.asked:
        count = plural(sample.unasked, "request")
        yield f"it lacks {count} without a granted loan, and no one asked for their keys"
    if ledger.unsent or reconciled.unfiltered:
        count = plural(len(reconciled.unfiltered), "key")
        yield (
            f"asked for one key, the target shows loans of others ({count}): it ignores the filter"
            " idempotency_key, so that its answers by key show nothing"
        )
    if reconciled.unlike:
        count = plural(len(reconciled.unlike), "request")
        yield f"asked by key, {count} show other data than the listing"
    if reconciled.mute and not reconciled.further.asked:
        count = plural(len(reconciled.mute), "request")
        yield f"the target gave no clear answer, by key, about any of {count} that it lists{why}"


def ledger_sampled(case: Case) -> Iterator[Finding]:
    """Of some requests only a random sample was asked for by key."""
    lacked = "requests without a granted loan that the ledger's listing lacks", "have a loan"
    listed = "requests that the ledger's listing has", "have a loan that it lacks"
    sample, further = case.reconciled.sample, case.reconciled.further
    texts, evidence = [], dict[str, Any]()
    for seen, prefix, (of, hide) in ((sample, "", lacked), (further, "listed_", listed)):
        share = upper_bound(seen.hidden, seen.asked) if seen.asked else None
        most = None if share is None else math.ceil(share * seen.unasked)
        figures = {**asdict(seen), "share_max": share, "loans_max": most}
        evidence |= {prefix + name: value for name, value in figures.items()}
        if seen.unasked and share is not None:
            texts.append(
                f"of {seen.asked + seen.unasked:,} {of}, {seen.asked:,} were asked for by key,"
                f" {seen.hidden:,} of them {hide}: of the others at most {100 * share:.2g} %"
                f" ({most:,}) do, with 95 % confidence"
            )
    if texts:
        yield note("ledger_sampled", "; ".join(texts), **evidence)
