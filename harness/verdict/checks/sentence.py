"""The verdict in one plain sentence with its numbers."""

import re

from harness.plan.plan import SteadyState
from harness.verdict.catalogue import LOANS
from harness.verdict.checks.borrowing import must_be_declined, over_limit
from harness.verdict.checks.case import Case
from harness.verdict.checks.invalidated import UNREAD
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.took_effect import Impact
from harness.verdict.reasons import why
from harness.verdict.spans import slow_after, span
from harness.verdict.types import Episode, Finding, Recovery
from harness.verdict.units import (
    AT_ONCE,
    from_heal,
    limit,
    more_than,
    plural,
    seconds,
    seconds_beside,
    share,
)
from harness.verdict.visible import never_longer, none_stands_out

_SPANS_MAX = 3
_FAULTS_MAX = 3
_SHARES = ("failed_share_max", "failed_outside_fault_share_max")
CLEAN = 2
"""What is always said of the money: that no loan was lost, and none lent twice."""
TO_THE_END = 0.9
"""Of the time in which a recovery could be seen: what surely failed for so long did to the end."""

_PLACE = re.compile(r"\S+:\d+: ")
_WRONG = {
    "phantom": "lent or reserved though refused",
    "corrupt": "booked with other data than requested or confirmed",
    "orphan": "asked for by no one",
    "unbalanced": "with a wrong balance",
}


def sentence(case: Case, findings: list[Finding]) -> str:
    """Why it failed or is undecided; what was injected, what borrowers lost, how fast it was over,
    and what became of the money.
    """
    reason, told = why(findings, case.objectives)
    codes = {finding.code for finding in told}
    partly = any(finding.code == "ledger_incomplete" for finding in findings)
    # The reason has told already of the only stretch of a run without a fault.
    alone = len(impaired(case.measured.episodes)) == 1 and not case.plan.faults
    stop, clock = case.facts.status.safety_stop, case.facts.status.clock
    stopped = ""
    if stop is not None and clock is not None and "safety_stop" not in codes:
        stopped = f"stopped for safety at {clock.seconds(stop.at_ns):.1f} s because {stop.text}"
    parts = [
        stopped,
        _borrowing(case),
        "" if alone and codes & {"outage", "degraded"} else _recovery(case),
        _elsewhere(case),
        _slow(case),
        _money(case, codes, partly=partly),
    ]
    happened = f"{_cause(case)}: {'; '.join(part for part in parts if part)}"
    said = (reason, happened, "" if reason else _expected(case))
    return " ".join(f"{_capital(text)}." for text in said if text)


def _capital(text: str) -> str:
    """With a capital letter; a file with its line keeps its spelling."""
    return text if _PLACE.match(text) else f"{text[0].upper()}{text[1:]}"


def _cause(case: Case) -> str:
    if case.measured.timeline.load_end_s is None:
        return "the load never began"
    if not case.plan.faults:
        # What somebody else breaks meanwhile is not ours to tell of.
        nothing = "nothing was injected" + (" by lendchaos" if case.plan.observe else "")
        if impaired(case.measured.episodes):
            return f"{nothing}, yet borrowing was impaired"
        if case.measured.episodes:
            return f"{nothing}, yet answers were slow"
        if _fails_throughout(case):
            return f"{nothing}, yet borrow requests failed throughout"
        return nothing
    impacts = case.measured.impacts
    impacts = sorted(impacts, key=lambda i: (i.fault.injected_s is None, i.fault.injected_s or 0))
    told = impacts if len(impacts) <= _FAULTS_MAX + 1 else impacts[:_FAULTS_MAX]
    text, earlier = _clause(told[0]), {told[0].fault.name}
    for impact in told[1:]:
        meets = any(overlap.fault in earlier for overlap in impact.fault.overlaps)
        how = "while" if meets else "and" if impact.fault.injected_s is None else "then"
        text += f", {how} {_clause(impact)}"
        earlier.add(impact.fault.name)
    more = len(impacts) - len(told)
    return f"{text}, and {more:,} more faults" if more else text


def _clause(impact: Impact) -> str:
    fault = impact.fault
    if fault.injected_s is None:
        return f"fault {fault.name} was never injected"
    what = impact.phrase.did.replace("{target}", fault.link_or_target)
    if fault.healed_s is None:
        return f"{what}, and that was not seen to be healed"
    return f"{what} for {seconds(fault.healed_s - fault.injected_s)}"


def _borrowing(case: Case) -> str:
    """How many failed, each count with its base: of the window, and with what failed before it."""
    borrow = case.measured.borrow
    window, earlier = borrow.window, borrow.failed - borrow.window.failed
    if not window.operations:
        return "no borrow request was measured after the baseline"
    unknown = f", {borrow.indeterminate:,} with unknown outcome" if borrow.indeterminate else ""
    part, percent = "none", ""
    if window.failed:
        part, percent = f"{window.failed:,}", f" ({share(window.failed / window.operations)})"
    injected = case.measured.timeline.injected_s is not None
    since, before = ("injection", "before it") if injected else ("baseline", "during it")
    if not earlier:
        among = f"of the {plural(window.operations, 'borrow request')} after the {since}"
        return f"{part} {among} failed{percent}{unknown}"
    return (
        f"{plural(borrow.failed, 'borrow request')} failed{unknown}: {part} of the"
        f" {window.operations:,} after the {since}{percent} and {earlier:,} {before}"
    )


def _expected(case: Case) -> str:
    """Why failures are none of a run that passed: they came with the fault, or a limit allows them.

    Nothing is said of them where none failed.
    """
    measured, window = case.measured, case.measured.borrow.window
    if not window.failed:
        return ""
    if any(one.injected and one.fault.expects_impact for one in measured.impacts):
        which = "the fault is" if len(measured.impacts) == 1 else "a fault is"
        return f"failures while {which} active are expected; {_after(case)}"
    limits = [r for r in case.objectives if r.id in _SHARES and r.observed]
    return f"the failures are within the limit of {limit(limits[0])}" if limits else ""


def _after(case: Case) -> str:
    """How many failed after the heal, or, if any did, beyond the time allowed to recover."""
    calm, several = case.measured.failed_outside, len(case.measured.impacts) > 1
    if not calm.part and not case.measured.borrow.failed_by_phase.get("recovery"):
        return f"after {'the last heal' if several else 'it'} none failed"
    allowed = f"the {case.measured.timeline.allowed_s:g} s allowed to recover"
    where = f"outside {'them' if several else 'it'} and {allowed}"
    if not calm.part:
        return f"{where}, none of {calm.whole:,} failed"
    return f"{where}, {calm.part:,} of {calm.whole:,} failed ({share(calm.observed)})"


def _recovery(case: Case) -> str:
    measured = case.measured
    if measured.timeline.injected_s is None:
        return _stretches(case)
    seen, limit_s = measured.recovery, case.plan.objectives.recovery_seconds_max
    within = "" if limit_s is None else f", limit {limit_s:g} s"
    if seen.from_heal_s is not None:
        ends = seen.from_heal_s_low, seen.from_heal_s_high
        when = from_heal(seconds_beside(limit_s, seen.from_heal_s, *ends))(seen.from_heal_s)
        told = f" ({within.removeprefix(', ')})" if within else ""
        # At once, it may have come long before.
        took = f"{when}, by" if when == AT_ONCE else f"{when} after"
        return f"borrowing recovered {took} {_what_ended(case)}{told}"
    if seen.censored:
        return f"{_not_seen_to_recover(case, seen)}{within}"
    stretches = impaired(measured.episodes)
    if stretches and stretches[-1].recovered_s is None:
        return f"nothing shows that borrowing had recovered when the load ended{within}"
    return _stretches(case)


def _not_seen_to_recover(case: Case, seen: Recovery) -> str:
    """What failed (almost) to the end had not recovered; else that is open, and told so."""
    names, surely_s = " and ".join(seen.next_faults), seen.from_heal_s_low or 0.0
    watched_s = seen.observed_s or 0.0
    when = f"fault {names} came" if names else "the load ended"
    waited = f"{watched_s:.1f} s after" if watched_s > 0 else "before"
    waited = f"{waited} {_which_heal(case)}"
    if surely_s > TO_THE_END * watched_s > 0:
        return f"borrowing had not recovered when {when} {waited}"
    took = f" (it took {more_than(surely_s)})" if surely_s > 0 else ""
    return f"nothing shows that borrowing had recovered when {when} {waited}{took}"


def _what_ended(case: Case) -> str:
    """The same in words that need no name of a fault, where one of its kind was injected."""
    counted, impacts = case.measured.recovery.faults, case.measured.impacts
    kinds = [impact.kind for impact in impacts]
    mine = next((impact for impact in impacts if counted == [impact.fault.name]), None)
    if len(impacts) > 1 and mine is not None and kinds.count(mine.kind) == 1 and mine.phrase.ended:
        return f"the {mine.phrase.ended}"
    return _which_heal(case)


def _which_heal(case: Case) -> str:
    """Named where more than one could be meant."""
    counted = case.measured.recovery.faults
    if len(case.measured.impacts) == 1 or not counted:
        return "the heal"
    if len(counted) == 1:
        return f"the heal of {counted[0]}"
    if len(counted) > _FAULTS_MAX + 1:
        return f"the last heal of {len(counted):,} faults"
    return f"the last heal of {', '.join(counted[:-1])} and {counted[-1]}"


def _stretches(case: Case) -> str:
    """Impairments that are measured from no fault."""
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
    surely = case.measured.failed_elsewhere.low or 0.0
    return surely > SteadyState().failed_share_max and not impaired(case.measured.episodes)


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
    """Answers that came late: no one failed for that, and so it is no impairment."""
    slow = [episode for episode in case.measured.episodes if episode.class_ == "slow"]
    stayed = slow_after(case.measured.recovery)
    if stayed and len(slow) == 1:
        return stayed
    return f"answers were slow {_spans(slow)}" if slow else ""


def _money(case: Case, told: set[str], *, partly: bool) -> str:
    """What became of the money, but for the findings that were ``told`` before.

    Of a ledger that was read ``partly`` only what a part can show is stated.
    """
    result, violated = case.reconciled.result, "invariant_violated" in told
    if not result.ledger_read:
        return "" if "ledger_unread" in told else UNREAD
    lost, twice = result.lost or 0, result.duplicated or 0
    was, none = ("is known to be", "none known to be") if partly else ("was", "none")
    said = {"lost": f"no loan {was} lost", "duplicated": f"{none} lent twice"}
    if lost:
        said["lost"] = f"{plural(lost, 'loan')} {'was' if lost == 1 else 'were'} lost"
    if twice:
        said["duplicated"] = f"{plural(twice, 'loan')} lent twice"
    elif "lost" in told:
        said["duplicated"] = f"no loan {was} lent twice"
    said |= {
        name: f"{plural(count, 'loan')} {meaning}"
        for name, meaning in _WRONG.items()
        if (count := getattr(result, name))
    }
    if declined := len(must_be_declined(case)):
        wrongly = f"{plural(declined, 'loan')} granted to borrowers who must be declined"
        said["invariant_violated"] = wrongly
    texts = [text for name, text in said.items() if name not in told]
    if told.intersection(LOANS) and not lost and not twice and not partly and len(texts) == CLEAN:
        texts = ["no other loan was wrong"]
    others = (
        (len(over_limit(case)), "borrower", "over their credit limit"),
        (len(case.facts.ledger.violations), "violation", "named by the target"),
    )
    texts += [f"{plural(n, noun)} {what}" for n, noun, what in others if n and not violated]
    if partly and "ledger_incomplete" not in told:
        texts.append("but the ledger's listing is not complete")
    return ", ".join(texts)
