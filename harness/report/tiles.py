"""The six key figures of the first screen, in words. Shared by the page and the terminal."""

from collections.abc import Callable
from textwrap import shorten

from harness.plan import Plan, SteadyState
from harness.report import words
from harness.report.people import wider
from harness.report.tables import Tile
from harness.verdict import Recovery, Verdict, Weight
from harness.verdict.spans import quiet_end, span
from harness.verdict.visible import never_longer, none_stands_out

_IMPAIRED = ("outage", "degraded")
_REASON_MAX = 110  # letters; the findings have it all
_SETTLED_BY_LEDGER = ("ledger_unread", "ledger_incomplete")


def tiles(plan: Plan | None, verdict: Verdict) -> list[Tile]:
    """Failed, time to recover, lost service, lost, lent twice, unknown outcome."""
    return [
        _failed(verdict),
        _recovery(verdict),
        _lost_service(plan, verdict),
        _money(
            verdict,
            "Lost acknowledged loans",
            verdict.reconciliation.lost,
            "told to the borrower, not in the ledger",
        ),
        _money(
            verdict,
            "Lent twice",
            verdict.reconciliation.duplicated,
            "asked for once, paid out more than once",
        ),
        _unknown(verdict),
    ]


def why(verdict: Verdict, *codes: str) -> str:
    """Why something is not measured: the message of the finding that says so, cut to size."""
    own = [f for code in codes for f in verdict.findings if f.code == code]
    others = [f for f in verdict.findings if f.verdict is Weight.INCONCLUSIVE]
    found = next(iter(own + others), None)
    if found is None:
        return "the run gave no evidence for it"
    return shorten(words.clean(found.message), _REASON_MAX, placeholder=" …")


def _failed(verdict: Verdict) -> Tile:
    borrow, window = verdict.borrow, verdict.borrow.window
    if borrow.failed_share is None:
        notes = [f"share {words.NOT_MEASURED}: {why(verdict, 'interrupted')}"]
    else:
        low_to_high = words.interval(*wider(borrow), words.share)
        among = f"{words.count(window.failed)} of {words.count(window.operations)} requests"
        notes = [
            f"{words.share(borrow.failed_share)}: {among} {_since(verdict)}",
            f"95 % interval {low_to_high}",
        ]
        if earlier := borrow.failed - window.failed:
            notes.insert(1, f"{words.count(earlier)} more before that")
    return Tile(
        "Failed borrow requests", words.count(borrow.failed), tuple(notes), _tone(borrow.failed)
    )


def _since(verdict: Verdict) -> str:
    """The same window, where room is short."""
    injected = any(fault.injected_s is not None for fault in verdict.faults)
    return "from the injection on" if injected else "after the baseline"


def window_name(verdict: Verdict) -> str:
    """The window that shares refer to, in words."""
    if any(fault.injected_s is not None for fault in verdict.faults):
        return "from the first injection to the end of load"
    return "after the baseline"


def _recovery(verdict: Verdict) -> Tile:
    """The value with its interval and limit; a recovery before the heal is said in words."""
    name, recovery = "Time to recover", verdict.recovery
    impaired = [e for e in verdict.episodes if e.class_ in _IMPAIRED]
    limit = next((o for o in verdict.objectives if o.id == "recovery_seconds_max"), None)
    notes = [] if limit is None else [_limit(limit.limit, limit.verdict.value)]
    if recovery.from_heal_s is None:
        if not impaired and verdict.borrow.operations:
            return Tile(name, "not needed", (never_seen(verdict), *notes))
        if impaired and not any(fault.injected_s is not None for fault in verdict.faults):
            was = "out" if impaired[-1].class_ == "outage" else "degraded"
            reason = f"no fault of ours to recover from; borrowing was {was} {span(impaired[-1])}"
            return Tile(name, words.NOT_MEASURED, (reason, *notes), "inconclusive")
        if recovery.censored or (impaired and impaired[-1].recovered_s is None):
            when = "the next fault came" if recovery.next_faults else "the run ended"
            waiting = f"nothing shows that borrowing had recovered when {when}"
            if recovery.observed_s is not None:
                waiting += f", {words.seconds(recovery.observed_s)} after the heal"
            surely_s = recovery.from_heal_s_low or 0.0
            surely = [f"it took more than {words.seconds(surely_s)}"] if surely_s > 0 else []
            tone = "fail" if limit is None else limit.verdict.value
            quiet = quiet_end(impaired[-1]) if impaired else ""
            figure = words.NOT_SEEN if quiet else "to the end"
            told = [waiting, *([quiet] if quiet else []), *surely, *notes]
            return Tile(name, figure, tuple(told), tone)
        reason = why(verdict, "not_recovered", "fault_did_not_bite", "not_healed", "interrupted")
        return Tile(name, words.NOT_MEASURED, (reason, *notes), "inconclusive")
    tone = limit.verdict.value if limit and limit.verdict.value != "pass" else ""
    ends = recovery.from_heal_s_low, recovery.from_heal_s_high
    write = words.seconds_beside(
        None if limit is None else limit.limit, recovery.from_heal_s, *ends
    )
    before = recovery.from_heal_s <= 0
    figure = "before the heal" if before else write(recovery.from_heal_s)
    return Tile(name, figure, (*_recovery_notes(recovery, write), *notes), tone)


def never_seen(verdict: Verdict) -> str:
    """That no stretch was seen; of a service that fails all along, from what none stands out."""
    surely = verdict.borrow.failed_share_low or 0.0
    steady = surely > SteadyState().failed_share_max
    return (none_stands_out if steady else never_longer)(verdict.visible)


def after_heal(instant_s: float | None, low: float | None = None, high: float | None = None) -> str:
    """An instant relative to the last heal, to no more than its interval is worth; one before it is
    said in words, not by a sign.
    """
    if instant_s is None:
        return words.NOT_MEASURED if low is None else words.NOT_SEEN
    size = words.seconds_within(abs(instant_s), low, high)
    if instant_s > 0:
        return f"{size} after the last heal"
    return (
        "when the heal was confirmed" if _nought(size) else f"{size} before the heal was confirmed"
    )


def heal_interval(
    low: float | None, high: float | None, write: Callable[[float | None], str] | None = None
) -> str:
    """An interval relative to the last heal; what lies before it is said in words.

    ``write`` writes both ends; without it they are as fine as their distance is worth.
    """
    write = write or words.seconds_beside(None, None, low, high)
    if low is not None and low < 0 and high is None:
        return f"{write(-low)} before the heal, or later"
    if low is None or high is None:
        return words.interval(low, high, write)
    first, last = write(abs(low)), write(abs(high))
    if low >= 0 or (high > 0 and _nought(first)):
        return f"{first} to {last}"
    if _nought(last):
        return f"{first} before to the heal"
    if high > 0:
        return f"{first} before to {last} after"
    return f"{first} to {last} before"


def _nought(duration: str) -> bool:
    return not float(duration.split(maxsplit=1)[0].replace(",", ""))


def _recovery_notes(recovery: Recovery, write: Callable[[float | None], str]) -> list[str]:
    ends = recovery.from_heal_s_low, recovery.from_heal_s_high
    if recovery.from_heal_s is not None and recovery.from_heal_s > 0:
        said = "from heal to normal borrowing"
    else:
        said = f"borrowing had recovered {after_heal(recovery.from_heal_s, *ends)}"
    notes = [said, f"95 % interval {heal_interval(*ends, write)}"]
    if not recovery.confirmed:
        notes.append("not confirmed: too little evidence after it")
    return notes


def _limit(limit_s: float, verdict: str) -> str:
    said = {"pass": "within", "fail": "over", "inconclusive": "not decided against"}[verdict]
    return f"{said} the limit of {words.limit_seconds(limit_s)}"


def _lost_service(plan: Plan | None, verdict: Verdict) -> Tile:
    lost, window = verdict.borrow.lost_service_seconds, verdict.borrow.window
    name = "Lost service"
    if lost is None:
        return Tile(name, words.NOT_MEASURED, (why(verdict, "interrupted"),), "inconclusive")
    rate = plan.settings.rate if plan else verdict.load.rate_asked
    sum_ = f"{words.count(window.failed)} failed ÷ {rate:g} arrivals a second"
    notes = [sum_, "like a full stop of that length"]
    if earlier := verdict.borrow.failed - window.failed:
        notes.insert(1, f"{words.count(earlier)} before that do not count")
    return Tile(name, words.seconds(lost), tuple(notes), _tone(lost))


def _money(verdict: Verdict, name: str, number: int | None, meaning: str) -> Tile:
    if number is None:
        reason = why(verdict, *_SETTLED_BY_LEDGER, "interrupted")
        return Tile(name, words.NOT_MEASURED, (reason,), "inconclusive")
    ledger = verdict.reconciliation
    notes = [meaning, f"of {words.plural(ledger.acknowledged, 'acknowledged loan')}"]
    if ledger.watched_s is not None:
        notes.append(f"the ledger was watched for {words.seconds(ledger.watched_s)} at rest")
    tone = "fail" if number else "pass"
    if any(finding.code == "ledger_incomplete" for finding in verdict.findings):
        notes.append("the ledger's listing is not complete")
        tone = tone if number else "inconclusive"
    return Tile(name, words.count(number), tuple(notes), tone)


def _unknown(verdict: Verdict) -> Tile:
    number, ledger = verdict.borrow.indeterminate, verdict.reconciliation
    meaning = "borrowers who cannot know whether they have a loan"
    if not number:
        return Tile("Unknown outcome", "0", (meaning,))
    if ledger.committed_unknown is None or ledger.not_committed_unknown is None:
        settled = f"not settled: {why(verdict, *_SETTLED_BY_LEDGER)}"
    else:
        known = ledger.committed_unknown + ledger.not_committed_unknown
        whose = "" if known == number else f"of {words.count(known)} with the warm-up's, "
        settled = (
            f"{whose}by the ledger: {words.count(ledger.committed_unknown)} committed,"
            f" {words.count(ledger.not_committed_unknown)} not"
        )
    return Tile("Unknown outcome", words.count(number), (meaning, settled), _tone(number))


def _tone(number: float) -> str:
    return "impact" if number else ""
