"""The tables below the first screen. Pure: facts and verdict in, words in tables out."""

import json
from textwrap import shorten
from typing import Any

import numpy as np

from harness.core.money import Currency
from harness.history.reader import Facts
from harness.history.run_facts import BlastRadius
from harness.plan.plan import Plan
from harness.plan.stop_conditions import OFF, STOP_KINDS
from harness.report import chart_series, words
from harness.report.suite import OF_OBJECTIVES
from harness.report.tables import Cell, Table, row
from harness.report.tiles import money, why
from harness.verdict.catalogue import LOANS, MONEY, MONEY_STOPS, RULES
from harness.verdict.catalogue_row import ALWAYS, NEVER
from harness.verdict.reasons import counted
from harness.verdict.types import (
    Fault,
    Finding,
    Judgement,
    ObjectiveResult,
    Reconciliation,
    Severity,
    Verdict,
)
from harness.verdict.visible import shows_any

_EVIDENCE_MAX = 4000
_UNKNOWN = {
    "committed_unknown": (
        "outcome unknown, with a loan",
        "the borrower does not know that there is a loan",
    ),
    "not_committed_unknown": (
        "outcome unknown, without a loan",
        "the borrower does not know that there is none",
    ),
}
"""What the classes of loans that need not be none are called, and what they mean."""
_SEEN = {NEVER: "found", ALWAYS: "not shown"}
"""Of a rule that was broken or not decided and has no figure."""
_NOTE_MAX = 160
"""Letters of a message; the findings have all of it."""
HELD = {
    "no loan lost, lent twice or wrong": (*MONEY, "ledger_unread", "ledger_incomplete"),
    "no outage without a fault": ("outage", "degraded", "not_recovered"),
    "no one refused wrongly": ("false_decline", "invalid_answer", "borrowers_shut_out"),
    "a steady baseline": ("baseline_not_steady",),
    "a load as planned": ("load_unfaithful",),
}
"""What holds where none of these codes was found, in a run whose evidence is whole."""
INVALIDATES_ALL = ("interrupted", "no_evidence", "evidence_damaged", "internal_check_error")
"""With one of these nothing is said to hold."""


def objectives(verdict: Verdict, *, told: bool = True) -> Table:
    """What had to hold, and whether it did: objectives, and what is required of every run. Findings
    are left out of it where they are not ``told``, for a page that has them elsewhere.
    """
    judged = _required(verdict, told=told)
    judged += [(result.verdict, _objective(result, verdict)) for result in verdict.objectives]
    judged.sort(key=lambda one: words.WORST_FIRST.index(one[0]))
    none = f"The scenario sets no objective of its own. {held(verdict)}".rstrip()
    return Table(
        headers=("Objective", "Limit", "Observed", "95 % interval", "Verdict"),
        rows=tuple(cells for _, cells in judged),
        empty=none,
        lead="" if verdict.objectives else none,
    )


def _objective(result: ObjectiveResult, verdict: Verdict) -> tuple[Cell, ...]:
    low, high, passed = result.low, result.high, result.verdict is Judgement.PASS
    observed, note = Cell(words.observed(result), note=counted(result)), ""
    between = words.interval(low, high, words.observed_unit(result))
    if result.observed is None:
        reason = "" if passed else _why_not(result, verdict)
        observed = Cell("nothing to measure" if passed else observed.text, note=reason)
    else:
        beyond = (low is not None) if high is None else high > result.limit
        note = result.reason or ("limit within the interval" if passed and beyond else "")
        if low is None and high is None:
            is_count = not any(unit in result.id for unit in ("share", "seconds", "_ms"))
            between = "exact count" if is_count else "none"
    told = words.OBJECTIVE_VERDICT[result.verdict]
    source = " · ".join(words.clean(part) for part in (result.id, result.source) if part)
    return row(
        Cell(words.objective(result.id), note=source),
        f"at most {words.limit(result)}",
        observed,
        between,
        Cell(told, note=words.clean(note), tone=result.verdict.value),
    )


def _why_not(result: ObjectiveResult, verdict: Verdict) -> str:
    found = next((f for f in verdict.findings if f.evidence.get("id") == result.id), None)
    if result.reason and (found is None or result.low is not None):
        return words.clean(result.reason)
    return why(verdict) if found is None else words.clean(found.message)


def _required(verdict: Verdict, *, told: bool) -> list[tuple[Judgement, tuple[Cell, ...]]]:
    """Each rule that was broken or not decided, once, with the worst finding of its kind."""
    found: dict[str, Finding] = {}
    for severity in (Severity.FAIL, Severity.INCONCLUSIVE):
        for one in verdict.findings:
            if one.verdict is severity and one.code not in OF_OBJECTIVES:
                found.setdefault(one.code, one)
    judged = [(Judgement(one.verdict.value), one) for one in found.values()]
    return [(judgement, _required_row(one, judgement, told=told)) for judgement, one in judged]


def _required_row(found: Finding, judged: Judgement, *, told: bool) -> tuple[Cell, ...]:
    rule = RULES.get(found.code)
    name, limit = (rule.rule, rule.limit) if rule else (words.finding(found.code), "always checked")
    figure = found.evidence.get(rule.figure) if rule else None
    counted = isinstance(figure, int)
    note = _whole_clauses(words.clean(found.message)) if told else ""
    return row(
        Cell(name, note=words.clean(f"{found.code} · required of every run")),
        limit,
        Cell(words.count(figure) if counted else _SEEN.get(limit, "not so"), note=note),
        "exact count" if counted else "none",
        Cell(words.OBJECTIVE_VERDICT[judged], tone=judged.value),
    )


def _whole_clauses(message: str) -> str:
    """As many as there is room for: half a clause says less than none."""
    note, *further = message.split("; ")
    for clause in further:
        if len(note) + len(clause) > _NOTE_MAX:
            return f"{note} (more under Findings)"
        note += f"; {clause}"
    return shorten(note, _NOTE_MAX, placeholder=" …")


def held(verdict: Verdict) -> str:
    """What else is required of every run and held, in one line; empty where nothing is sure."""
    weighty = [f for f in verdict.findings if f.verdict is not Severity.NOTE]
    broken = {f.code for f in weighty}
    if any(f.evidence.get("condition") in MONEY_STOPS for f in weighty):
        broken.update(MONEY)
    # An objective may tolerate a stretch, which does not account for it.
    stretch = any(e.class_ in ("outage", "degraded") for e in verdict.episodes)
    if (stretch and not words.injected(verdict)) or not shows_any(verdict.visible):
        broken.add("outage")
    if broken.intersection(INVALIDATES_ALL):
        return ""
    names = [name for name, codes in HELD.items() if not broken.intersection(codes)]
    return f"Required of every run, and held: {'; '.join(names)}." if names else ""


def findings(verdict: Verdict) -> Table:
    """Every finding, failures first, its evidence folded."""
    tones = {severity: severity.value for severity in Severity} | {Severity.NOTE: ""}
    return Table(
        headers=("Severity", "What was found", "In this run"),
        rows=tuple(
            row(
                Cell(severity.value, tone=tones[severity]),
                Cell(words.finding(found.code), note=words.clean(found.code)),
                Cell(words.clean(found.message), folded=_evidence(found.evidence)),
            )
            for severity in Severity
            for found in verdict.findings
            if found.verdict is severity
        ),
        empty="None.",
        lead="A fail makes the verdict FAIL; an inconclusive one means that the evidence was not"
        " good enough; a note changes nothing.",
    )


def _evidence(evidence: dict[str, Any]) -> tuple[str, ...]:
    lines = []
    for name, value in evidence.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
        if len(text) > _EVIDENCE_MAX:
            text = f"{text[:_EVIDENCE_MAX]} … ({len(text):,} characters; all are in verdict.json)"
        lines.append(words.clean(f"{words.spaced(name)}: {text}"))
    return tuple(lines)


def faults(plan: Plan, verdict: Verdict) -> Table:
    """What was done to the system and what proves that it took effect."""
    described = {planned.name: planned.description for planned in plan.faults}
    return Table(
        headers=("Fault", "Acts on", "Injected", "Healed", "Took effect?", "Proof"),
        rows=tuple(_fault(f, f.description or described.get(f.name, "")) for f in verdict.faults),
        empty="Nothing was injected.",
        lead=f"Times count from {words.START}. A fault counts only with proof that it took effect.",
    )


def _fault(fault: Fault, description: str) -> tuple[Cell, ...]:
    bit = {True: "yes", False: "no", None: "not shown"}[fault.bit]
    tone = "" if fault.bit or not fault.expects_impact else "inconclusive"
    if not fault.expects_impact:
        bit += "; borrowers should not notice it"
    first, further = fault.proof[:1], (*fault.proof[1:], *_shared(fault))
    return row(
        Cell(words.clean(fault.name), note=words.clean(description)),
        fault.link_or_target,
        _at(fault.injected_s, "never"),
        _at(fault.healed_s, "not healed"),
        Cell(bit, tone=tone),
        Cell(words.clean("; ".join(first)) or "none", folded=tuple(map(words.clean, further))),
    )


def _at(instant_s: float | None, none: str) -> Cell:
    known = instant_s is not None
    return Cell(words.seconds(instant_s)) if known else Cell(none, tone="inconclusive")


def _shared(fault: Fault) -> list[str]:
    """With which faults it overlapped, and which requests are its own."""
    said = [
        f"overlaps with {o.fault} from {words.seconds(o.start_s)} to {words.seconds(o.end_s)}:"
        " their effects can't be told apart there"
        for o in fault.overlaps
    ]
    if fault.overlaps and fault.alone is not None:
        said.append(
            f"it alone can have touched {words.count(fault.alone.operations)} requests, of which"
            f" {words.count(fault.alone.failed)} failed"
        )
    return said


def cannot_borrow(verdict: Verdict) -> Table:
    """Technical failure against the three business causes: they must never be mixed up."""
    borrow, total = verdict.borrow, verdict.borrow.operations

    def of(name: str, note: str, number: int) -> tuple[Cell, ...]:
        tone = "fail" if name == "failed" and number else ""
        part = words.share(number / total) if total else words.NOT_MEASURED
        return row(Cell(name, note=note, tone=tone), words.count(number), part)

    declined = borrow.declined
    return Table(
        headers=("Answer to the borrower", "Requests", "Share"),
        rows=(
            of("failed", "technical: no answer that the borrower was entitled to", borrow.failed),
            of("of these: outcome unknown", "the ledger settles them", borrow.indeterminate),
            of("of these: blocked", "an earlier step failed, no borrow was sent", borrow.blocked),
            of("of these: false declines", "refused though entitled", borrow.false_declined),
            of("declined: credit", "rightly: the borrower's score is too low", declined.credit),
            of("declined: policy", "rightly: regulation forbids the loan", declined.policy),
            of("declined: behaviour", "rightly: overdue or in risk isolation", declined.behaviour),
            of("referred", "accepted for manual review", borrow.referred),
            of("approved", "the loan was granted", borrow.approved),
        ),
        lead=f"{words.count(total)} borrow requests after the warm-up. Only “failed” is a failure"
        " of the service; a rightful decline is the service doing its work.",
    )  # fmt: skip


def log_in(verdict: Verdict) -> Table:
    """Log-ins count on their own, too: a borrower who cannot log in cannot borrow."""
    seen = verdict.log_in
    sent, failed = words.count(seen.operations), words.count(seen.failed)
    part, digest = words.NOT_MEASURED, "none sent"
    if seen.operations:
        part, digest = words.share(seen.failed / seen.operations), f"{failed} of {sent} failed"
    lead = "A borrow request behind a failed log-in counts as failed, too (blocked)."
    if seen.renewed:
        lead += (
            f" {words.plural(seen.renewed, 'request')} met a session that was over, by the lifetime"
            " told at log-in or by a later log-in of the same borrower: no refusal, and asked again"
            " in a new one."
        )
    refused = Cell(words.count(seen.false_declined), tone="fail" if seen.false_declined else "")
    return Table(
        headers=("Log-ins", "Failed", "Share", "Wrongly refused", "Borrowers affected"),
        rows=(row(sent, failed, part, refused, words.count(seen.affected_borrowers)),),
        digest=digest,
        lead=lead,
    )


def reconciliation(verdict: Verdict, currency: Currency | None = None) -> Table:
    """What borrowers were told against what the ledger holds."""
    ledger = verdict.reconciliation
    lead = (
        f"{words.plural(ledger.acknowledged, 'loan')} confirmed to borrowers, the warm-up included;"
        f" {words.count(ledger.in_ledger)} of them in the ledger."
        f" Money at risk: {words.money(ledger.principal_at_risk_fen, currency)}."
    )
    if ledger.watched_s is not None:
        lead += f" Watched for {words.seconds(ledger.watched_s)} after it had come to rest."
    if not ledger.ledger_read:
        lead = f"The ledger was not read: {why(verdict, 'ledger_unread', 'ledger_incomplete')}"
    return Table(
        headers=("Class", "Loans", "Must be", "Examples (idempotency keys)"),
        rows=(
            *(_class(ledger, name, RULES[name].rule.lower(), zero=True) for name in LOANS),
            *(_class(ledger, name, meaning) for name, (_, meaning) in _UNKNOWN.items()),
        ),
        lead=lead,
        digest=money(verdict).figure,
    )


def _class(
    ledger: Reconciliation, name: str, meaning: str, *, zero: bool = False
) -> tuple[Cell, ...]:
    number: int | None = getattr(ledger, name)
    tone = "" if not zero else "inconclusive" if number is None else "fail" if number else "pass"
    examples = tuple(words.clean(key) for key in ledger.examples.get(name, ()))
    return row(
        Cell(words.spaced(name) if zero else _UNKNOWN[name][0], note=meaning),
        Cell(words.count(number), tone=tone),
        "0" if zero else "any",
        Cell(words.plural(len(examples), "key") if examples else "", folded=examples),
    )


def over_time(plan: Plan, facts: Facts, verdict: Verdict) -> Table:
    """The numbers behind the chart."""
    clock = facts.status.clock
    if clock is None:
        return Table(empty="The load never began.")
    data = chart_series.count(clock, facts.operations, chart_series.span(plan, facts, verdict), 60)
    totals = (words.count(data.total(kind)) for kind in chart_series.KINDS)
    return Table(
        headers=("Planned start", *chart_series.KINDS, "median wait", "longest wait"),
        rows=(*(_bin(data, index) for index in range(data.bins)), row("all", *totals, "", "")),
        lead="All borrow requests, the warm-up included.",
    )


def _bin(data: chart_series.ChartSeries, index: int) -> tuple[Cell, ...]:
    waits_ms = (data.median_ms[index], data.longest_ms[index])
    return row(
        f"{data.edge_s(index):g} to {data.edge_s(index + 1):g} s",
        *(words.count(int(number)) for number in data.counts[:, index]),
        *("none" if np.isnan(wait) else words.milliseconds(wait) for wait in waits_ms),
    )


# --- safety ---------------------------------------------------------------------------------------


def radius(facts: Facts) -> Table:
    """The blast radius, a row for each fault."""
    known = facts.status.blast_radius or BlastRadius()
    untouched = ", ".join(words.clean(part) for part in known.untouched)
    return Table(
        headers=("Fault", "May touch"),
        rows=tuple(
            row(words.clean(name), "; ".join(words.clean(part) for part in what))
            for name, what in known.touched.items()
        ),
        empty="No fault was planned.",
        lead=f"No fault touches: {untouched}." if untouched else "",
    )


def stops(plan: Plan, facts: Facts) -> Table:
    """The stop conditions that were watched, and which of them tripped."""
    tripped = facts.status.safety_stop
    rows = []
    for name in STOP_KINDS:
        value = getattr(plan.stop, name)
        if value is None or value is False or value == OFF:
            continue
        hit = tripped is not None and tripped.condition == name
        state = Cell(words.clean(tripped.text), tone="fail") if hit and tripped else "never"
        source = words.clean(plan.stop_sources.get(name, ""))
        rows.append(row(Cell(words.spaced(name), note=source), _allowed(plan, name, value), state))
    if tripped is not None and tripped.condition not in STOP_KINDS:
        cell = Cell(words.clean(tripped.text), tone="inconclusive")
        rows.append(row(words.spaced(tripped.condition), "none", cell))
    return Table(
        headers=("Stop condition", "Allowed", "Tripped"),
        rows=tuple(rows),
        empty="No stop condition was watched.",
        lead="When one trips, everything heals at once, the load ends and the exit code is 4.",
    )


def _allowed(plan: Plan, name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return "none"
    is_money = STOP_KINDS.get(name) == "fen"
    return words.money(value, plan.lender.currency) if is_money else words.count(value)
