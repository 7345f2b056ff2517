"""The verdict in one plain sentence with its numbers."""

from harness.judge.case import Case, plural
from harness.judge.limits import must_be_declined, over_limit
from harness.measure import Impact, impaired
from harness.plan import SteadyState
from harness.verdict import Episode, Finding, Recovery, Weight
from harness.verdict.beside import places_beside
from harness.verdict.spans import span
from harness.verdict.visible import never_longer, none_stands_out

_SPANS_MAX = 3
TO_THE_END = 0.9
"""Of the time in which a recovery could be seen: what surely failed for so long did to the end."""

_WHAT = {
    "partition": "bytes vanished on the {target} link",
    "refuse": "the {target} link refused connections",
    "reset": "connections on the {target} link were reset",
    "latency": "the {target} link was slow to answer",
    "throttle": "the {target} link was narrow",
    "flap": "the {target} link came and went",
    "commit_lost": "answers to COMMITs on the {target} link were lost",
    "packet_drop": "packets on the {target} link were dropped",
    "kill": "{target} killed and down",
    "freeze": "{target} frozen",
    "restart": "{target} restarted",
    "blocking_migration": "a migration blocked {target}",
}


def sentence(case: Case, findings: list[Finding]) -> str:
    """What was broken, what borrowers lost, how fast it was over, and what became of the money."""
    parts = [
        _stopped(case),
        _borrowing(case),
        _recovery(case),
        _elsewhere(case),
        _slow(case),
        _money(case),
    ]
    text = f"{_cause(case)}: {'; '.join(part for part in parts if part)}"
    open_points = [f.code for f in findings if f.verdict is Weight.INCONCLUSIVE]
    if open_points and not any(f.verdict is Weight.FAIL for f in findings):
        codes = ", ".join(code.replace("_", " ") for code in dict.fromkeys(open_points))
        text += f"; this decides nothing yet ({codes})"
    return text[0].upper() + text[1:] + "."


def _cause(case: Case) -> str:
    if case.measured.timeline.load_end_s is None:
        return "the load never began"
    if not case.plan.faults:
        if impaired(case.measured.episodes):
            return "nothing was broken by us, yet borrowing was impaired"
        if case.measured.episodes:
            return "nothing was broken by us, yet answers were slow"
        if _fails_throughout(case):
            return "nothing was broken by us, yet borrow requests failed throughout"
        return "nothing was broken"
    impacts = case.measured.impacts
    impacts = sorted(impacts, key=lambda i: (i.fault.injected_s is None, i.fault.injected_s or 0))
    text = _clause(impacts[0])
    earlier = {impacts[0].fault.name}
    for impact in impacts[1:]:
        meets = any(overlap.fault in earlier for overlap in impact.fault.overlaps)
        text += f", {'while' if meets else 'then'} {_clause(impact)}"
        earlier.add(impact.fault.name)
    return text


def _clause(impact: Impact) -> str:
    fault = impact.fault
    if fault.injected_s is None:
        return f"fault {fault.name} was never injected"
    what = _WHAT.get(impact.kind, "{target} was disturbed").format(target=fault.link_or_target)
    if fault.healed_s is None:
        return f"{what} and was never healed"
    return f"{what} for {fault.healed_s - fault.injected_s:.1f} s"


def _stopped(case: Case) -> str:
    """What ended the run at once, and when."""
    status = case.facts.status
    if status.safety_stop is None or status.clock is None:
        return ""
    at_s = status.clock.seconds(status.safety_stop.at_ns)
    return f"stopped for safety at {at_s:.1f} s because {status.safety_stop.text}"


def _borrowing(case: Case) -> str:
    borrow = case.measured.borrow
    window = borrow.window
    if not window.operations:
        return "no borrow request was measured after the baseline"
    if not window.failed:
        text = f"none of {window.operations:,} borrow requests failed"
    else:
        text = (
            f"{window.failed:,} of {window.operations:,} borrow requests failed"
            f" ({_share(window.failed / window.operations)})"
        )
        if unknown := case.measured.unknown_window:
            text += f", {unknown:,} of them with unknown outcome"
    earlier = borrow.failed - window.failed
    return text + (f", and {earlier:,} before the measured window" if earlier else "")


def _recovery(case: Case) -> str:
    measured = case.measured
    if measured.timeline.injected_s is None:
        return _stretches(case)
    seen, limit_s = measured.recovery, case.plan.objectives.recovery_seconds_max
    limit = "" if limit_s is None else f", limit {limit_s:g} s"
    if seen.from_heal_s is not None:
        ends = seen.from_heal_s_low, seen.from_heal_s_high
        places = places_beside(limit_s, (seen.from_heal_s, *ends), 1)
        interval = f"95 % interval {_interval(*ends, places)}{limit}"
        if seen.from_heal_s <= 0:
            before = f"{abs(seen.from_heal_s):.{places}f}"
            when = f"{before} s before" if float(before) else "when"
            return f"borrowing had recovered {when} the heal was confirmed ({interval})"
        which = _which_heal(case)
        return f"borrowing recovered {seen.from_heal_s:.{places}f} s after {which} ({interval})"
    if seen.censored:
        return f"{_not_seen_to_recover(case, seen)}{limit}"
    stretches = impaired(measured.episodes)
    if stretches and stretches[-1].recovered_s is None:
        return f"nothing shows that borrowing had recovered when the load ended{limit}"
    return _stretches(case)


def _not_seen_to_recover(case: Case, seen: Recovery) -> str:
    """What failed (almost) to the end had not recovered; else that is open, and told so."""
    names, surely_s = " and ".join(seen.next_faults), seen.from_heal_s_low or 0.0
    watched_s = seen.observed_s or 0.0
    when = f"fault {names} came" if names else "the load ended"
    waited = f"{watched_s:.1f} s after {_which_heal(case)}"
    if surely_s > TO_THE_END * watched_s:
        return f"borrowing had not recovered when {when} {waited}"
    took = f" (it took more than {surely_s:.1f} s)" if surely_s > 0 else ""
    return f"nothing shows that borrowing had recovered when {when} {waited}{took}"


def _which_heal(case: Case) -> str:
    """Named where more than one could be meant."""
    counted = case.measured.recovery.faults
    if len(case.measured.impacts) == 1 or not counted:
        return "the heal"
    if len(counted) == 1:
        return f"the heal of {counted[0]}"
    return f"the last heal of {', '.join(counted[:-1])} and {counted[-1]}"


def _stretches(case: Case) -> str:
    """Impairments that no fault of ours is the measure of."""
    stretches = impaired(case.measured.episodes)
    if not stretches and _fails_throughout(case):
        return none_stands_out(case.measured.visible)
    if not stretches:
        failed = case.measured.failed_elsewhere.part
        few = f", beside {plural(failed, 'failure')} too few or too scattered for one"
        return never_longer(case.measured.visible) + (few if failed else "")
    count = plural(len(stretches), "impaired stretch", "impaired stretches")
    return f"{count}, {_spans(stretches)}"


def _fails_throughout(case: Case) -> bool:
    """Whether surely more fail, outside every stretch, than of a service that is well."""
    measured = case.measured
    surely = measured.failed_elsewhere.low or 0.0
    return surely > SteadyState().failed_share_max and not impaired(measured.episodes)


def _spans(episodes: list[Episode]) -> str:
    """The first of them."""
    more = ", ..." if len(episodes) > _SPANS_MAX else ""
    return ", ".join(map(span, episodes[:_SPANS_MAX])) + more


def _elsewhere(case: Case) -> str:
    """Failures that are of no stretch, however few."""
    failed = case.measured.failed_elsewhere.part
    if not failed or not impaired(case.measured.episodes):
        return ""  # without a stretch they are told with that
    lie = "lies" if failed == 1 else "lie"
    return f"{plural(failed, 'failure')} {lie} outside every impaired stretch"


def _slow(case: Case) -> str:
    """Answers that came late: nobody failed for that, and so it is no impairment."""
    slow = [episode for episode in case.measured.episodes if episode.class_ == "slow"]
    return f"answers were slow {_spans(slow)}" if slow else ""


def _interval(low: float | None, high: float | None, places: int) -> str:
    if low is not None and round(low, places) < 0:
        return f"{_side(low, places)} to {_side(high, places)}"
    start = "open" if low is None else f"{max(low, 0.0):.{places}f}"
    return f"{start} to {'open' if high is None else f'{max(high, 0.0):.{places}f} s'}"


def _side(end: float | None, places: int) -> str:
    """An end of an interval that begins before the heal, in words rather than signs."""
    if end is None:
        return "open"
    if not round(end, places):
        return "the heal"
    return f"{abs(end):.{places}f} s {'before' if end < 0 else 'after'}"


def _money(case: Case) -> str:
    result = case.reconciled.result
    if not result.ledger_read:
        return "the ledger could not be read, so nothing is known about lost loans"
    lost, twice = result.lost or 0, result.duplicated or 0
    first = f"{plural(lost, 'loan')} {_were(lost)} lost" if lost else "no loan was lost"
    text = f"{first}, {f'{twice:,} lent twice' if twice else 'none lent twice'}"
    others = {
        "lent or reserved though refused": result.phantom,
        "not as asked for and told": result.corrupt,
        "asked for by nobody": result.orphan,
        "with a wrong balance": result.unbalanced,
        "granted to borrowers who must be declined": len(must_be_declined(case)),
    }
    told = [f"{count:,} {meaning}" for meaning, count in others.items() if count]
    if beyond := len(over_limit(case)):
        told.append(f"{plural(beyond, 'borrower')} over their credit limit")
    if violations := len(case.facts.ledger.violations):
        told.append(f"{plural(violations, 'violation')} named by the target")
    return ", ".join((text, *told))


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _share(share: float) -> str:
    small = share < 0.01  # noqa: PLR2004  # below one per cent, one decimal says too little
    return f"{100 * share:.2f} %" if small else f"{100 * share:.1f} %"
