"""Checks of what the figures show beyond how many failed: whom, unseen by whom, decided how."""

import math
from collections.abc import Iterator
from dataclasses import asdict

from harness.verdict.checks.case import EXAMPLES_MAX, Case, note, plural
from harness.verdict.checks.impairment import cut_off
from harness.verdict.measure.borrowers import Who
from harness.verdict.measure.health_checks import EDGE_LINK
from harness.verdict.measure.intervals import Share
from harness.verdict.types import DecisionShare, Finding, Weight

GREY_SECONDS_MIN = 1.5
"""A sound health check that waits a second for its database, asked five times a second, is seen to
turn red after 1.2 s: that much is no blame."""
HERD_PEAK_MIN = 3.0
"""Journeys that were held up and go on all at once at a heal come to twice the usual: no herd."""
HERD_P_MAX = 0.001
DRIFT_P_MAX = 0.001


def failures_in_a_row(case: Case) -> Iterator[Finding]:
    """A few failures in a row, each of which may have been a short outage.

    Those with which the load ended are told with what they leave open.
    """
    tail, last_s = cut_off(case), _last_planned_s(case)
    rows = [row for row in case.measured.short_rows if tail is None or row.end_s < last_s]
    for row in rows[:EXAMPLES_MAX]:
        yield note(
            "failures_in_a_row",
            f"{row.failed} of {row.failed} borrow requests failed from {row.begin_s:.2f} s to"
            f" {row.end_s:.2f} s, too few to call it an outage: so many in a row come by chance in"
            f" {_seldom(row.chance)} with such a share of failures",
            **asdict(row),
        )


def _last_planned_s(case: Case) -> float:
    """When the last of the requests was planned that were sent."""
    clock, operations = case.facts.status.clock, case.facts.operations
    sent_ns = operations.intended_ns[~operations.dropped]
    return clock.seconds(int(sent_ns.max())) if clock is not None and len(sent_ns) else math.inf


def _seldom(chance: float) -> str:
    """How often, in words that fit any run."""
    runs = math.floor(1 / max(chance, 1e-6))
    return f"fewer than 1 of {runs:,} runs" if chance > 1e-6 else "hardly any run"  # noqa: PLR2004


def borrowers_shut_out(case: Case) -> Iterator[Finding]:
    """Some borrowers fail again and again while the others are served."""
    measured = case.measured
    steps = (("log in", "log-ins", measured.log_in_who), ("borrow", "borrows", measured.borrow_who))
    came = measured.borrow_who.affected.borrowers
    for verb, noun, who in steps:
        if not who.shuts_out:
            continue
        weight = Weight.FAIL if who.persists else Weight.NOTE
        if who.persists and case.excuse(_shuts_out_for_good):
            weight = Weight.INCONCLUSIVE
        yield Finding(
            "borrowers_shut_out",
            weight,
            _shut_out(who, verb, noun, came)
            + ("" if who.persists else ", while a fault was at work"),
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
    both = (case.measured.log_in_who, case.measured.borrow_who)
    return any(who.shuts_out and who.persists for who in both)


def _shut_out(who: Who, verb: str, noun: str, came: int) -> str:
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
    """The health address was green while borrowing failed; an objective may forbid it."""
    health, failing_s = case.measured.health, case.measured.failing_s
    if health is None or (health.green_while_failing_s or 0.0) <= GREY_SECONDS_MIN:
        return
    yield note(
        "grey_failure",
        f"the health address {health.path} answered green for {health.green_while_failing_s:.1f} s"
        f" of the {failing_s:.1f} s in which borrowing was down or degraded" + _left_out(case),
        path=health.path,
        green_while_failing_s=health.green_while_failing_s,
        failing_s=failing_s,
        first_red_s=health.first_red_s,
    )


def _left_out(case: Case) -> str:
    """Health is asked around the edge, so that it can't show a fault there."""
    faults = (impact.fault for impact in case.measured.impacts)
    if not any(f.link_or_target == EDGE_LINK and f.injected_s is not None for f in faults):
        return ""
    return ", not counting faults on the edge and the time allowed to recover from them"


def herd(case: Case) -> Iterator[Finding]:
    """Borrowers' retries all came back at once after the heal."""
    seen = case.measured.herd
    if seen is None or seen.peak < HERD_PEAK_MIN or seen.p >= HERD_P_MAX:
        return
    yield note(
        "herd",
        f"in the second from {seen.at_s:.1f} s on, after the heal, {seen.attempts:,} requests were"
        f" sent, {seen.peak:.1f} times as many as in a usual second",
        attempts=seen.attempts,
        usual=seen.usual,
        at_s=seen.at_s,
        p=seen.p,
    )


def decision_drift(case: Case) -> Iterator[Finding]:
    """The mix of decisions is not what it was; worth a look, no more.

    The limit on p is shared out evenly among the kinds of decision (Bonferroni).
    """
    decisions = case.measured.decisions
    moved = [d for d in decisions if d.p is not None and d.p * len(decisions) < DRIFT_P_MAX]
    if moved:
        yield note(
            "decision_drift",
            "of the requests that were answered, other shares than in the baseline were "
            + "; ".join(_moved(decision) for decision in moved),
            decisions=[asdict(decision) for decision in decisions],
            kinds=[decision.kind for decision in moved],
        )


def _moved(decision: DecisionShare) -> str:
    name = _DECISION[decision.kind]
    low, high = decision.shift_low or 0.0, decision.shift_high or 0.0
    return (
        f"{name}: {_percent(decision.after)} instead of {_percent(decision.before)} (95 % interval"
        f" of the shift {100 * low:+.1f} to {100 * high:+.1f} points)"
    )


_DECISION = {
    "approved": "approved",
    "referred": "sent to manual review",
    "declined_credit": "declined for credit",
    "declined_policy": "declined by policy",
    "declined_behaviour": "declined for behaviour",
}


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"
