"""The key figures of the first screen, in words. Shared by the page and the terminal."""

from dataclasses import replace
from textwrap import shorten

from harness.core.money import Currency
from harness.plan.plan import Plan, SteadyState
from harness.report import words
from harness.report.people import wider
from harness.report.tables import Tile
from harness.verdict.catalogue import LOANS, MONEY, MONEY_STOPS, RULES
from harness.verdict.reasons import brief, counted
from harness.verdict.spans import quiet_end, slow_after, span
from harness.verdict.types import (
    Episode,
    Finding,
    Judgement,
    ObjectiveResult,
    Reconciliation,
    Recovery,
    Severity,
    Verdict,
)
from harness.verdict.visible import never_longer, none_stands_out

_STOPS = ("failed_budget", "failed_surge")
"""Stop conditions of requests that failed."""
_FAILURES = ("outage", "degraded", "borrowers_shut_out", "false_decline", "invalid_answer")
"""Findings of requests that failed."""
_RECOVERY = 1
_PLACES = {
    "failed_share_max": 0,
    "failed_outside_fault_share_max": 0,
    "recovery_seconds_max": _RECOVERY,
    "lost_service_seconds_max": 2,
    "indeterminate_share_max": 4,
}
"""The tile that shows what each of these objectives is about."""
_OF_OTHERS = {
    "failed_outside_fault_share_max": "outside faults and recovery",
    "indeterminate_share_max": "while a fault was active",
}
"""Limits on the share of a part of the requests that the tile counts."""
RULE_BROKEN = "rule broken"
"""Where nothing was counted that is as bad as the rule that was broken."""
_WAYS = (("lost", "phantom", "corrupt"), ("duplicated", "unbalanced"))
_SETTLED_BY_LEDGER = ("ledger_unread", "ledger_incomplete")


def tiles(plan: Plan | None, verdict: Verdict, currency: Currency | None = None) -> list[Tile]:
    """Failed, time to recover, lost service, money, unknown outcome; then each other objective
    that was missed.

    The ``currency`` is that of the plan, where there is one.
    """
    currency = currency if plan is None else plan.lender.currency
    found = [_failed(verdict), _recovery(verdict), _lost_service(plan, verdict)]
    found += [money(verdict, currency), _unknown(verdict)]
    for result in verdict.objectives:
        if result.verdict is not Judgement.FAIL:
            continue
        place, over = _PLACES.get(result.id), (f"over the limit of {words.limit(result)}",)
        if place is None:
            found.append(Tile(words.objective(result.id), words.observed(result), over, "fail"))
        elif result.id in _OF_OTHERS:
            found[place] = _part_of_others(found[place], result)
        else:
            notes = (*(over if place != _RECOVERY else ()), *found[place].notes)
            found[place] = replace(found[place], notes=notes, tone="fail")
    return found


def _part_of_others(tile: Tile, result: ObjectiveResult) -> Tile:
    """The figure of the window that the limit is of; the notes give what the tile counted before.

    A tile that is red already keeps the figure of its first reason.
    """
    figure = words.observed(result) if result.part is None else words.count(result.part)
    said = [brief(result)]
    if result.part is not None:
        among = f"{counted(result)} requests {_OF_OTHERS[result.id]}"
        said = [f"{words.observed(result)}: {among}", f"over the limit of {words.limit(result)}"]
    if tile.tone == "fail":
        return replace(tile, notes=(*tile.notes, *said))
    base, *others = tile.notes
    base = f"in all {tile.figure} {base}" if base.startswith("of ") else base
    return replace(tile, figure=figure, notes=(*said, base, *others), tone="fail")


def why(verdict: Verdict, *codes: str) -> str:
    """Why something is not measured: the message of the finding that says so, cut to size."""
    own = [f for code in codes for f in verdict.findings if f.code == code]
    others = [f for f in verdict.findings if f.verdict is Severity.INCONCLUSIVE]
    said = [*(found.message for found in own + others), "the run gave no evidence for it"]
    return shorten(words.clean(said[0]), 110, placeholder=" …")


def _failed(verdict: Verdict) -> Tile:
    """Those of the window that the share is of; a note gives what failed before it. Where a
    rule was broken, the figure is of what broke it.
    """
    borrow, window, name = verdict.borrow, verdict.borrow.window, "Failed borrow requests"
    earlier = borrow.failed - window.failed
    total = f"{words.count(borrow.failed)} in all"
    notes = [f"{words.count(earlier)} more {_before(verdict)}: {total}"] if earlier else []
    if borrow.failed_share is None:
        unseen = f"share {words.NOT_MEASURED}: {why(verdict, 'interrupted', 'no_evidence')}"
        notes = [unseen, *notes]
    else:
        low_to_high = f"95 % interval {words.interval(*wider(borrow), words.share)}"
        among = f"{words.count(window.failed)} of {words.count(window.operations)} requests"
        share = f"{words.share(borrow.failed_share)}: {among} {_since(verdict)}"
        notes = [share, low_to_high, *notes]
    tile = Tile(name, words.count(window.failed), tuple(notes), "impact" if borrow.failed else "")
    failing = [f for f in verdict.findings if f.verdict is Severity.FAIL]
    broken = [f for f in failing if f.code in _FAILURES or f.evidence.get("condition") in _STOPS]
    return _of_the_broken_rule(tile, verdict, broken[0]) if broken else tile


def _of_the_broken_rule(tile: Tile, verdict: Verdict, found: Finding) -> Tile:
    """The same in red. A stretch that began before the window is no part of it, so that its own
    failures are the figure.
    """
    borrow, window = verdict.borrow, verdict.borrow.window
    onset_s, count = found.evidence.get("onset_s"), found.evidence.get("count")
    stretch = next(
        (e for e in verdict.episodes if e.class_ == found.code and e.onset_s == onset_s), None
    )
    if stretch is not None:
        inside = window.start_s is not None and stretch.onset_s >= window.start_s
        if inside and window.failed:
            return replace(tile, tone="fail")
        figure = words.count(stretch.failed)
        note = f"of {words.count(stretch.operations)} requests {span(stretch)}"
        # What it counts in the baseline is not told a second time.
        return replace(tile, figure=figure, notes=(note, *tile.notes[:1]), tone="fail")
    figure = RULE_BROKEN
    if window.failed or borrow.failed:
        figure = words.count(window.failed or borrow.failed)
    elif isinstance(count, int) and count:
        figure = words.count(count)
    return replace(tile, figure=figure, notes=(words.finding(found.code), *tile.notes), tone="fail")


def _before(verdict: Verdict) -> str:
    return "before the injection" if words.injected(verdict) else "in the baseline"


def _since(verdict: Verdict) -> str:
    return "from the injection on" if words.injected(verdict) else "after the baseline"


def _recovery(verdict: Verdict) -> Tile:
    """The value with its interval and limit; a recovery before the heal is said in words."""
    name, recovery = "Time to recover", verdict.recovery
    limit = next((o for o in verdict.objectives if o.id == "recovery_seconds_max"), None)
    judged, limit_s = ("", None) if limit is None else (limit.verdict.value, limit.limit)
    notes = []
    if limit_s is not None:
        held = {"pass": "within", "fail": "over", "inconclusive": "not decided against"}[judged]
        notes.append(f"{held} the limit of {words.limit_seconds(limit_s)}")
    if recovery.from_heal_s is None:
        figure, told, tone = _no_recovery(verdict, judged)
        return Tile(name, figure, (*told, *notes), tone)
    ends = recovery.from_heal_s_low, recovery.from_heal_s_high
    write = words.from_heal(words.seconds_beside(limit_s, recovery.from_heal_s, *ends))
    figure, between = write(recovery.from_heal_s), words.interval(*ends, write)
    at_once = figure == words.AT_ONCE
    told = ["failures had ended by the heal" if at_once else "from the heal to the end of failures"]
    if slow := slow_after(recovery):
        told.append(slow)
    if between != words.AT_ONCE:
        told.append(f"95 % interval {between}")
    if not recovery.confirmed:
        told.append("not confirmed: too little evidence after it")
    return Tile(name, figure, (*told, *notes), "" if judged == "pass" else judged)


def _no_recovery(verdict: Verdict, judged: str) -> tuple[str, list[str], str]:
    """Figure, notes and tone where no time to recover was measured; ``judged`` is what the limit
    came to, empty without one.
    """
    recovery = verdict.recovery
    impaired = [e for e in verdict.episodes if e.class_ in ("outage", "degraded")]
    if needless := _needless(verdict, impaired):
        if judged == Judgement.INCONCLUSIVE.value:
            return words.NOT_MEASURED, [needless], judged
        return "not needed", [needless], ""
    if impaired and not words.injected(verdict):
        was = "down" if impaired[-1].class_ == "outage" else "degraded"
        reason = f"no injected fault to recover from; borrowing was {was} {span(impaired[-1])}"
        codes = [found.code for found in verdict.findings if found.verdict is Severity.FAIL]
        if "not_recovered" in codes:
            return "to the end", [reason], "fail"
        return words.NOT_MEASURED, [reason], judged
    if recovery.censored or (impaired and impaired[-1].recovered_s is None):
        quiet = quiet_end(impaired[-1]) if impaired else ""
        told = _not_seen(recovery, quiet)
        return words.NOT_SEEN if quiet else "to the end", told, judged or "fail"
    reason = why(verdict, "not_recovered", "fault_did_not_bite", "not_healed", "interrupted")
    return words.NOT_MEASURED, [reason], "inconclusive"


def _not_seen(recovery: Recovery, quiet: str) -> list[str]:
    """Until when no one saw a recovery, and how long it surely took."""
    when = "the next fault came" if recovery.next_faults else "the run ended"
    waiting = f"nothing shows that borrowing had recovered when {when}"
    if recovery.observed_s is not None:
        after = recovery.observed_s > 0
        when = f"{words.seconds(recovery.observed_s)} after" if after else "before"
        waiting += f", {when} the heal"
    surely_s = recovery.from_heal_s_low or 0.0
    surely = f"it took {words.more_than(surely_s)}" if surely_s > 0 else ""
    return [text for text in (waiting, quiet, surely) if text]


def _needless(verdict: Verdict, impaired: list[Episode]) -> str:
    """Why nothing had to recover, as far as was seen; empty where something had."""
    if not impaired:
        return never_seen(verdict) if verdict.borrow.operations else ""
    first_s = min((f.injected_s for f in verdict.faults if f.injected_s is not None), default=None)
    ends_s = [episode.recovered_s for episode in impaired]
    over = first_s is not None and all(end_s is not None and end_s <= first_s for end_s in ends_s)
    return "nothing was impaired from the injection on" if over else ""


def never_seen(verdict: Verdict) -> str:
    """That no stretch was seen; of a service that fails all along, from what none stands out."""
    surely = verdict.borrow.failed_share_low or 0.0
    steady = surely > SteadyState().failed_share_max
    return (none_stands_out if steady else never_longer)(verdict.visible)


def beside_heal(
    instant_s: float | None, low: float | None = None, high: float | None = None
) -> str:
    """An instant relative to the last heal, to no more than its interval is worth; one before it is
    said in words, not by a sign.
    """
    if instant_s is None:
        return words.NOT_MEASURED if low is None else words.NOT_SEEN
    size = words.seconds_within(abs(instant_s), low, high)
    if instant_s > 0:
        return f"{size} after the last heal"
    none = not float(size.split(maxsplit=1)[0].replace(",", ""))
    return f"{'when' if none else f'{size} before'} the heal was confirmed"


def after_heal(instant_s: float | None, low: float | None = None, high: float | None = None) -> str:
    """When something had recovered: ``at once`` if that was no later than the last heal."""
    early = instant_s is not None and instant_s <= 0
    told = beside_heal(instant_s, low, high)
    return words.AT_ONCE if early or told.startswith("0.0 s") else told


def heal_interval(low: float | None, high: float | None) -> str:
    """The interval of a time to recover."""
    return words.interval(low, high, words.from_heal(words.seconds_beside(None, None, low, high)))


def _lost_service(plan: Plan | None, verdict: Verdict) -> Tile:
    lost, window = verdict.borrow.lost_service_seconds, verdict.borrow.window
    name = "Lost service"
    if lost is None or not window.operations:
        reason = why(verdict, "interrupted", "no_evidence")
        return Tile(name, words.NOT_MEASURED, (reason,), "inconclusive")
    rate = plan.settings.rate if plan else verdict.load.rate_asked
    each = f"{rate:,g} {'arrival' if rate == 1 else 'arrivals'} a second"
    notes = [f"{words.count(window.failed)} failed {_since(verdict)} ÷ {each}"]
    if lost:
        notes.append("as much as a total outage of that length")
    if earlier := verdict.borrow.failed - window.failed:
        worth = words.seconds(earlier / rate)
        notes.append(f"{worth} more {_before(verdict)}: {words.count(earlier)} failed")
    figure = words.seconds(lost)
    figure = "under 0.01 s" if lost and figure == words.seconds(0.0) else figure
    return Tile(name, figure, tuple(notes), "impact" if lost else "")


def money(verdict: Verdict, currency: Currency | None = None) -> Tile:
    """All that must hold of the money in one: red if any of it does not."""
    ledger, name = verdict.reconciliation, "Money"
    failing = [f for f in verdict.findings if f.verdict is Severity.FAIL]
    broken = [f for f in failing if f.code in MONEY or f.evidence.get("condition") in MONEY_STOPS]
    notes = [f"of {words.count(ledger.acknowledged)} confirmed in the whole run"]
    if ledger.watched_s is not None:
        notes.append(f"ledger then watched for {words.seconds(ledger.watched_s)}")
    unread = any(finding.code == "ledger_incomplete" for finding in verdict.findings)
    if unread:
        read = words.plural(ledger.in_ledger or 0, "of them was", "of them were")
        notes.append(f"{read} in the ledger; its listing is not complete")
    if broken:
        figure = f"{wrong} wrong" if (wrong := _loans_wrong(ledger)) else RULE_BROKEN
        told = [
            f"{words.count(number)} {RULES[kind].rule.removeprefix('Loans ')}"
            for kind in LOANS
            if (number := getattr(ledger, kind))
        ]
        told += [words.finding(f.code) for f in broken if not getattr(ledger, f.code, 0)]
        if ledger.principal_at_risk_fen:
            at_risk = words.money(ledger.principal_at_risk_fen, currency)
            told.append(f"{at_risk} at risk, their whole amount")
        return Tile(name, figure, (*told, *notes), "fail")
    if not ledger.ledger_read:
        reason = why(verdict, *_SETTLED_BY_LEDGER, "interrupted")
        return Tile(name, words.NOT_MEASURED, (reason,), "inconclusive")
    if unread:
        return Tile(name, "not decided", ("none wrong in what was read", *notes), "inconclusive")
    return Tile(name, "0 wrong", ("no loan lost, none lent twice, none wrong", *notes))


def _loans_wrong(ledger: Reconciliation) -> str:
    """How many, each counted once; empty of none.

    A loan can be wrong in one way by what was told, and in one by what was paid. One that is
    wrong in both has the same key in the examples, which hold as many keys as there is room for.
    """
    counts = {kind: getattr(ledger, kind) or 0 for kind in LOANS}
    told, paid = (sum(counts[kind] for kind in kinds) for kinds in _WAYS)
    keys = [ledger.examples.get(kind, [])[: counts[kind]] for kinds in _WAYS for kind in kinds]
    known = len({key for some in keys for key in some})
    all_known = sum(map(len, keys)) == told + paid
    least = max(told, paid, known) + counts["orphan"]
    unsure = told and paid and not all_known
    return f"{'at least ' if unsure else ''}{words.count(least)}" if least else ""


def _unknown(verdict: Verdict) -> Tile:
    name, number, ledger = "Unknown outcome", verdict.borrow.indeterminate, verdict.reconciliation
    base = f"of {words.count(verdict.borrow.failed)} failed after the warm-up"
    meaning = "the borrower cannot know if there is a loan"
    if not number:
        return Tile(name, "0", ("no request ended with its outcome unknown",))
    if ledger.committed_unknown is None or ledger.not_committed_unknown is None:
        settled = f"not settled: {why(verdict, *_SETTLED_BY_LEDGER)}"
    else:
        known = ledger.committed_unknown + ledger.not_committed_unknown
        whose = "" if known == number else f" has {words.count(known)} with the warm-up's"
        unread = any(finding.code == "ledger_incomplete" for finding in verdict.findings)
        without = "not in what was read" if unread else "did not"
        settled = (
            f"ledger{whose}: {words.count(ledger.committed_unknown)} got the loan,"
            f" {words.count(ledger.not_committed_unknown)} {without}"
        )
    return Tile(name, words.count(number), (base, meaning, settled), "impact")
