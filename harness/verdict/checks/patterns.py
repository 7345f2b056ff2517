"""Checks of what the figures show beyond how many failed: whom, unseen by whom, decided how."""

import math
from collections.abc import Iterator
from dataclasses import asdict

from harness.verdict.checks.case import EXAMPLES_MAX, Case, note
from harness.verdict.checks.impairment import cut_off
from harness.verdict.measure.borrowers import AffectedBorrowers
from harness.verdict.measure.health_checks import EDGE_LINK
from harness.verdict.measure.intervals import Share
from harness.verdict.types import Finding, Severity
from harness.verdict.units import plural

GREY_SECONDS_MIN = 1.5
"""A sound health check that waits a second for its database, asked five times a second, is seen to
turn red after 1.2 s: that much is no blame."""
CHANCE_TOLD_MIN = 1e-6
"""What is rarer is reported without a number."""
HERD_PEAK_MIN = 3.0
"""Journeys that were held up and go on all at once at a heal come to twice the usual: no herd."""
HERD_P_MAX = 0.001
DRIFT_P_MAX = 0.001
_DECISION = {
    "approved": "approved",
    "referred": "sent to manual review",
    "declined_credit": "declined for credit",
    "declined_policy": "declined by policy",
    "declined_behaviour": "declined for behaviour",
}


def failures_in_a_row(case: Case) -> Iterator[Finding]:
    """A few failures in a row, each of which may have been a short outage.

    `not_recovered` reports those with which the load ended, and what they leave open.
    """
    tail, last_s = cut_off(case), math.inf
    clock, operations = case.facts.status.clock, case.facts.operations
    sent_ns = operations.intended_ns[~operations.dropped]
    if clock is not None and len(sent_ns):
        last_s = clock.seconds(int(sent_ns.max()))
    rows = [row for row in case.measured.short_rows if tail is None or row.end_s < last_s]
    for row in rows[:EXAMPLES_MAX]:
        seldom = "hardly any run"
        if row.chance > CHANCE_TOLD_MIN:
            seldom = f"fewer than 1 of {math.floor(1 / row.chance):,} runs"
        yield note(
            "failures_in_a_row",
            f"{row.failed} of {row.failed} borrow requests failed from {row.begin_s:.2f} s to"
            f" {row.end_s:.2f} s, too few to call it an outage: so many in a row come by chance in"
            f" {seldom} with such a share of failures",
            **asdict(row),
        )


def borrowers_shut_out(case: Case) -> Iterator[Finding]:
    """Some borrowers fail again and again while the others are served."""
    measured = case.measured
    steps = (
        ("log in", "log-ins", measured.log_in_affected),
        ("borrow", "borrows", measured.borrow_affected),
    )
    came = measured.borrow_affected.affected.borrowers
    for verb, noun, who in steps:
        if not who.shuts_out:
            continue
        severity = Severity.FAIL if who.persists else Severity.NOTE
        if who.persists and case.excuse(_shuts_out_for_good):
            severity = Severity.INCONCLUSIVE
        when = "" if who.persists else ", while a fault was at work"
        yield Finding(
            "borrowers_shut_out",
            severity,
            _shut_out(who, verb, noun, came) + when,
            {
                "step": verb.replace(" ", "_"),
                "borrowers": came,
                "tried": who.affected.borrowers,
                "tried_again": who.tried_again,
                "shut_out": who.affected.shut_out,
                "repeats": who.repeats,
                "repeats_by_chance": who.repeats_by_chance,
                "p": who.affected.shut_out_p,
                "examples": list(who.examples[:EXAMPLES_MAX]),
            },
        )


def _shuts_out_for_good(case: Case) -> bool:
    both = (case.measured.log_in_affected, case.measured.borrow_affected)
    return any(who.shuts_out and who.persists for who in both)


def _shut_out(who: AffectedBorrowers, verb: str, noun: str, came: int) -> str:
    """Of all borrowers, for those who are shut out may try again more often than the others do."""
    if not who.affected.shut_out:
        return (
            f"{who.repeats} {noun} failed when the same borrower's one before had failed, where"
            f" chance gives {who.repeats_by_chance:.1f}: some borrowers could not {verb} for a"
            " while, again and again, while the others could"
        )
    share = Share(who.affected.shut_out, came)
    return (
        f"{share.part:,} of {plural(came, 'borrower')} ({_percent(share.observed)}, 95 % interval"
        f" {_percent(share.low)} to {_percent(share.high)}) could not {verb}, again and again,"
        f" while the others could ({who.tried_again:,} tried more than once)"
    )


def grey_failure(case: Case) -> Iterator[Finding]:
    """The health address was green while borrowing failed; an objective may forbid it.

    It is asked around the edge, so that it can't show a fault there.
    """
    health, failing_s = case.measured.health, case.measured.failing_s
    if health is None or (health.green_while_failing_s or 0.0) <= GREY_SECONDS_MIN:
        return
    faults = (impact.fault for impact in case.measured.impacts)
    left_out = ""
    if any(f.link_or_target == EDGE_LINK and f.injected_s is not None for f in faults):
        left_out = ", not counting faults on the edge and the time allowed to recover from them"
    yield note(
        "grey_failure",
        f"the health address {health.path} answered green for {health.green_while_failing_s:.1f} s"
        f" of the {failing_s:.1f} s in which borrowing was down or degraded{left_out}",
        path=health.path,
        green_while_failing_s=health.green_while_failing_s,
        failing_s=failing_s,
        first_red_s=health.first_red_s,
    )


def herd(case: Case) -> Iterator[Finding]:
    """Borrowers' retries all came back at once after the heal."""
    seen = case.measured.herd
    if seen is None or seen.peak < HERD_PEAK_MIN or seen.p >= HERD_P_MAX:
        return
    yield note(
        "herd",
        f"in the second from {seen.at_s:.1f} s on, after the heal, {seen.attempts:,} requests were"
        f" sent, {seen.peak:.1f} times as many as in a usual second",
        **asdict(seen),
    )


def decision_drift(case: Case) -> Iterator[Finding]:
    """The mix of decisions is not what it was; worth a look, no more.

    The limit on p is shared out evenly among the kinds of decision (Bonferroni).
    """
    decisions = case.measured.decisions
    moved = [d for d in decisions if d.p is not None and d.p * len(decisions) < DRIFT_P_MAX]
    told = [
        f"{_DECISION[one.kind]}: {_percent(one.after)} instead of {_percent(one.before)} (95 %"
        f" interval of the shift {100 * (one.shift_low or 0.0):+.1f} to"
        f" {100 * (one.shift_high or 0.0):+.1f} points)"
        for one in moved
    ]
    if moved:
        yield note(
            "decision_drift",
            "of the requests that were answered, other shares than in the baseline were "
            + "; ".join(told),
            decisions=[asdict(decision) for decision in decisions],
            kinds=[decision.kind for decision in moved],
        )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"
