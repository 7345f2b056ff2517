"""What the target said of its own health, how often was tried again, what was decided."""

from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.health_checks import EDGE_LINK
from harness.verdict.rounding import places_beside
from harness.verdict.types import DecisionShare, Verdict

_KINDS = {
    "approved": "approved",
    "referred": "referred to manual review",
    "declined_credit": "declined: credit",
    "declined_policy": "declined: policy",
    "declined_behaviour": "declined: behaviour",
}


def health(verdict: Verdict) -> Table:
    """Green while borrowing failed, red while it worked, and how soon it turned red."""
    seen = verdict.health
    if seen is None:
        return Table(headers=(), rows=(), empty="Not measured: no health address was asked.")
    green_s, left_out = seen.green_while_failing_s, _left_out(verdict)
    rows = (
        row(
            "Address",
            f"{words.clean(seen.path)}, {seen.asked_per_s:g} times a second:"
            f" asked {words.count(seen.asked)} times, green {words.count(seen.green)} times",
        ),
        row(
            "Green while borrowing was down or degraded",
            Cell(words.seconds(green_s), note=left_out, tone="inconclusive" if green_s else ""),
        ),
        row("Red while borrowing worked", words.seconds(seen.red_while_fine_s)),
        row("First red answer", Cell(_instant(seen.first_red_s), note=_detected(verdict))),
        row("Last red answer", _instant(seen.last_red_s)),
    )
    digest = f"{words.count(seen.green)} of {words.plural(seen.asked, 'answer')} green"
    if green_s:
        digest = f"green for {words.seconds(green_s)} while borrowing failed"
    return Table(headers=("What", "Seen"), rows=rows, lead=_health_lead(verdict), digest=digest)


def _instant(at_s: float | None) -> str:
    return "none" if at_s is None else words.at(at_s)


def _left_out(verdict: Verdict) -> str:
    """Health is asked around the edge, so that it cannot show a fault there."""
    known = [f for f in verdict.faults if f.injected_s is not None]
    on_edge = any(fault.link_or_target == EDGE_LINK for fault in known)
    return "without faults on the edge and the time to recover from them" if on_edge else ""


def _health_lead(verdict: Verdict) -> str:
    green_s = None if verdict.health is None else verdict.health.green_while_failing_s
    if green_s is None:
        return "Whether it was green while borrowing failed was not measured."
    if green_s:
        return (
            f"The target called itself healthy for {words.seconds(green_s)} in which borrowing"
            " failed. Monitoring that asks only this address does not see it."
        )
    if left_out := _left_out(verdict):
        return f"It is asked around the edge, so its answers count {left_out}."
    if not impaired(verdict.episodes):
        return "Borrowing was never down or degraded, so no answer of it was wrong in that."
    return "The target never called itself healthy while borrowing was down or degraded."


def _detected(verdict: Verdict) -> str:
    seen = verdict.health
    injected = [f.injected_s for f in verdict.faults if f.injected_s is not None]
    if seen is None or seen.first_red_s is None or not injected:
        return ""
    after_s = seen.first_red_s - min(injected)
    return f"{words.seconds(after_s)} after the first injection" if after_s >= 0 else ""


def retries(verdict: Verdict) -> Table:
    """Attempts for each borrow by phase, and the crowd that comes back after a heal."""
    seen = verdict.retries
    if seen is None:
        return Table(headers=(), rows=(), empty="Not measured.")
    had = {phase.name for phase in verdict.phases}
    most = max((n for n in seen.attempts_per_operation.values() if n is not None), default=None)
    rows = [
        row(
            f"Attempts for each borrow, {words.spaced(phase)}",
            words.NOT_MEASURED if attempts is None else _attempts(attempts),
        )
        for phase, attempts in seen.attempts_per_operation.items()
        if attempts is not None or phase in had
    ]
    if seen.herd_peak is not None:
        at = "" if seen.herd_peak_at_s is None else words.at(seen.herd_peak_at_s)
        peak = f"{seen.herd_peak:.2f} times the baseline's"
        rows.append(row("Most requests in a second after the heal", Cell(peak, note=at)))
    return Table(
        headers=("What", "Seen"),
        rows=tuple(rows),
        empty="Not measured.",
        digest=_most(most),
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


def _most(attempts: float | None) -> str:
    if attempts is None:
        return words.NOT_MEASURED
    return "none" if attempts <= 1 else f"up to {_attempts(attempts)} attempts for each borrow"


def _attempts(attempts: float) -> str:
    """More than one for each is never written as 1.00."""
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
