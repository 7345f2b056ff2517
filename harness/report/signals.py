"""What the target said of its own health, how often was tried again, what was decided."""

from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.health_checks import EDGE_LINK
from harness.verdict.rounding import places_beside
from harness.verdict.types import DecisionShare, Verdict

_KINDS = {
    "referred": "referred to manual review",
    "declined_credit": "declined: credit",
    "declined_policy": "declined: policy",
    "declined_behaviour": "declined: behaviour",
}


def health(verdict: Verdict) -> Table:
    """Green while borrowing failed, red while it worked, and how soon it turned red."""
    seen = verdict.health
    if seen is None:
        return Table(empty="Not measured: no health address was asked.")
    injected = [f for f in verdict.faults if f.injected_s is not None]
    # Health is asked around the edge, so that it cannot show a fault there.
    on_edge = any(fault.link_or_target == EDGE_LINK for fault in injected)
    left_out = "without faults on the edge and the time to recover from them" if on_edge else ""
    green_s, detected = seen.green_while_failing_s, ""
    begun_s = min((f.injected_s for f in injected if f.injected_s is not None), default=None)
    if seen.first_red_s is not None and begun_s is not None and seen.first_red_s >= begun_s:
        detected = f"{words.seconds(seen.first_red_s - begun_s)} after the first injection"
    asked, green = words.count(seen.asked), words.count(seen.green)
    address = f"{words.clean(seen.path)}, {seen.asked_per_s:g} times a second"
    green_cell = Cell(words.seconds(green_s), left_out, "inconclusive" if green_s else "")
    first, last = (
        "none" if at_s is None else words.at(at_s) for at_s in (seen.first_red_s, seen.last_red_s)
    )
    rows = (
        row("Address", f"{address}: asked {asked} times, green {green} times"),
        row("Green while borrowing was down or degraded", green_cell),
        row("Red while borrowing worked", words.seconds(seen.red_while_fine_s)),
        row("First red answer", Cell(first, note=detected)),
        row("Last red answer", last),
    )
    digest = f"{green} of {words.plural(seen.asked, 'answer')} green"
    if green_s:
        digest = f"green for {words.seconds(green_s)} while borrowing failed"
    lead = _health_lead(verdict, green_s, left_out)
    return Table(headers=("What", "Seen"), rows=rows, lead=lead, digest=digest)


def _health_lead(verdict: Verdict, green_s: float | None, left_out: str) -> str:
    if green_s is None:
        return "Whether it was green while borrowing failed was not measured."
    if green_s:
        return (
            f"The target called itself healthy for {words.seconds(green_s)} in which borrowing"
            " failed. Monitoring that asks only this address does not see it."
        )
    if left_out:
        return f"It is asked around the edge, so its answers count {left_out}."
    if not impaired(verdict.episodes):
        return "Borrowing was never down or degraded, so no answer of it was wrong in that."
    return "The target never called itself healthy while borrowing was down or degraded."


def retries(verdict: Verdict) -> Table:
    """Attempts for each borrow by phase, and the crowd that comes back after a heal."""
    seen = verdict.retries
    if seen is None:
        return Table(empty="Not measured.")
    had, found = {phase.name for phase in verdict.phases}, seen.attempts_per_operation
    rows = [
        row(f"Attempts for each borrow, {words.spaced(phase)}", _attempts(attempts))
        for phase, attempts in found.items()
        if attempts is not None or phase in had
    ]
    most = max((n for n in found.values() if n is not None), default=None)
    digest = f"up to {_attempts(most)} attempts for each borrow"
    if most is None or most <= 1:
        digest = words.NOT_MEASURED if most is None else "none"
    if seen.herd_peak is not None:
        at = "" if seen.herd_peak_at_s is None else words.at(seen.herd_peak_at_s)
        peak = f"{seen.herd_peak:.2f} times the baseline's"
        rows.append(row("Most requests in a second after the heal", Cell(peak, note=at)))
    return Table(
        headers=("What", "Seen"),
        rows=tuple(rows),
        empty="Not measured.",
        digest=digest,
        lead="One try for each borrow is 1.00. More means that the target meets more load just when"
        " it can bear less; a crowd that returns all at once can push it over again.",
    )


def decisions(verdict: Verdict) -> Table:
    """The mix of decisions before the fault and from it on."""
    moved = [
        _KINDS.get(one.kind, words.spaced(one.kind)) for one in verdict.decisions if _moved(one)
    ]
    seen = any(kind.p is not None for kind in verdict.decisions)
    still = "no significant shift" if seen else words.NOT_MEASURED
    return Table(
        headers=("Decision", "Before", "After", "Shift", "95 % interval", "p-value"),
        rows=tuple(_decision(kind) for kind in verdict.decisions),
        empty="Not measured: too few answers in the baseline or after it.",
        digest=f"shifted: {', '.join(moved)}" if moved else still,
        lead="Shares of all answered borrow requests, before the first injection (or in the"
        " baseline) and from then on. A fallback that declines everybody looks healthy and shows"
        f" only here. pp: percentage points. {words.SMALL_P}",
    )


def _attempts(attempts: float | None) -> str:
    """More than one for each is never written as 1.00."""
    if attempts is None:
        return words.NOT_MEASURED
    return f"{attempts:.{places_beside(1, [attempts], 2)}f}"


def _moved(kind: DecisionShare) -> bool:
    return kind.p is not None and kind.p < words.CHANCE_MAX


def _decision(kind: DecisionShare) -> tuple[Cell, ...]:
    return row(
        _KINDS.get(kind.kind, words.spaced(kind.kind)),
        words.share(kind.before),
        words.share(kind.after),
        Cell(words.points(kind.shift), tone="inconclusive" if _moved(kind) else ""),
        words.interval(kind.shift_low, kind.shift_high, words.points),
        words.chance(kind.p),
    )
