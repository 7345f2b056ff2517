"""The tables below the first screen. Pure: facts and verdict in, words in tables out."""

import json
from typing import Any

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import chart_series, required_checks, words
from harness.report.tables import Cell, Table, row
from harness.report.tiles import money, why
from harness.verdict.catalogue import LOANS, RULES
from harness.verdict.reasons import counted
from harness.verdict.types import Fault, Judgement, ObjectiveResult, Reconciliation, Verdict, Weight

_EVIDENCE_MAX = 4000
_ROWS_MAX = 60
_UNKNOWN = {
    "committed_unknown": "outcome unknown, with a loan",
    "not_committed_unknown": "outcome unknown, without a loan",
}
_ORDER = (Weight.FAIL, Weight.INCONCLUSIVE, Weight.NOTE)
_WORST_FIRST = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)


def objectives(verdict: Verdict, *, told: bool = True) -> Table:
    """What had to hold, and whether it did: objectives, and what is required of every run."""
    judged = required_checks.rows(verdict, told=told)
    judged += [(result.verdict, _objective(result, verdict)) for result in verdict.objectives]
    judged.sort(key=lambda one: _WORST_FIRST.index(one[0]))
    held = required_checks.held(verdict)
    none = "The scenario sets no objective of its own."
    return Table(
        headers=("Objective", "Limit", "Observed", "95 % interval", "Verdict"),
        rows=tuple(cells for _, cells in judged),
        empty=f"{none} {held}".rstrip(),
        lead="" if verdict.objectives else f"{none} {held}".rstrip(),
    )


def _objective(result: ObjectiveResult, verdict: Verdict) -> tuple[Cell, ...]:
    write = words.observed_unit(result)
    observed = Cell(words.observed(result), note=counted(result))
    between = words.interval(result.low, result.high, write)
    if result.observed is None and result.verdict.value == "pass":
        observed = Cell("nothing to measure")
    elif result.observed is None:
        observed = Cell(words.observed(result), note=_why_not(result, verdict))
    if result.low is None and result.high is None and result.observed is not None:
        between = "exact count" if _is_count(result) else "none"
    return row(
        Cell(words.objective(result.id), note=_name_and_source(result)),
        f"at most {words.limit(result)}",
        observed,
        between,
        Cell(
            words.OBJECTIVE_VERDICT[result.verdict],
            note="" if result.observed is None else words.clean(result.reason or _decided(result)),
            tone=result.verdict.value,
        ),
    )


def _decided(result: ObjectiveResult) -> str:
    """Why a limit is met although the interval goes beyond it."""
    open_above = result.high is None and result.low is not None
    beyond = open_above or (result.high is not None and result.high > result.limit)
    if result.verdict is Judgement.PASS and beyond:
        return "limit within the interval"
    return ""


def _is_count(result: ObjectiveResult) -> bool:
    return not any(unit in result.id for unit in ("share", "seconds", "_ms"))


def _name_and_source(result: ObjectiveResult) -> str:
    parts = (result.id, result.source)
    return " · ".join(words.clean(part) for part in parts if part)


def _why_not(result: ObjectiveResult, verdict: Verdict) -> str:
    own = (f for f in verdict.findings if f.evidence.get("id") == result.id)
    found = next(own, None)
    if result.reason and (found is None or result.low is not None):
        return words.clean(result.reason)
    return why(verdict) if found is None else words.clean(found.message)


def findings(verdict: Verdict) -> Table:
    """Every finding, failures first, its evidence folded."""
    ordered = sorted(verdict.findings, key=lambda f: _ORDER.index(f.verdict))
    tones = {Weight.FAIL: "fail", Weight.INCONCLUSIVE: "inconclusive", Weight.NOTE: ""}
    return Table(
        headers=("Weight", "What was found", "In this run"),
        rows=tuple(
            row(
                Cell(words.WEIGHT[found.verdict], tone=tones[found.verdict]),
                Cell(words.finding(found.code), note=words.clean(found.code)),
                Cell(words.clean(found.message), folded=_evidence(found.evidence)),
            )
            for found in ordered
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
    described = {planned.name: planned.spec.description for planned in plan.faults}
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
    injected = "never" if fault.injected_s is None else words.seconds(fault.injected_s)
    healed = "not healed" if fault.healed_s is None else words.seconds(fault.healed_s)
    return row(
        Cell(words.clean(fault.name), note=words.clean(description)),
        fault.link_or_target,
        Cell(injected, tone="inconclusive" if fault.injected_s is None else ""),
        Cell(healed, tone="inconclusive" if fault.healed_s is None else ""),
        Cell(bit, tone=tone),
        Cell(
            words.clean("; ".join(fault.proof[:1])) or "none",
            folded=tuple(words.clean(p) for p in (*fault.proof[1:], *_shared(fault))),
        ),
    )


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
    part = words.share(seen.failed / seen.operations) if seen.operations else words.NOT_MEASURED
    return Table(
        headers=("Log-ins", "Failed", "Share", "Wrongly refused", "Borrowers affected"),
        rows=(
            row(
                words.count(seen.operations),
                words.count(seen.failed),
                part,
                Cell(words.count(seen.false_declined), tone="fail" if seen.false_declined else ""),
                words.count(seen.affected_borrowers),
            ),
        ),
        digest=f"{words.count(seen.failed)} of {words.count(seen.operations)} failed"
        if seen.operations
        else "none sent",
        lead="A borrow request behind a failed log-in counts as failed, too (blocked)."
        + (
            f" {words.plural(seen.renewed, 'request')} met a session that was over, by the lifetime"
            " told at log-in or by a later log-in of the same borrower: no refusal, and asked again"
            " in a new one."
            if seen.renewed
            else ""
        ),
    )


def reconciliation(verdict: Verdict) -> Table:
    """What borrowers were told against what the ledger holds."""
    ledger = verdict.reconciliation
    lead = (
        f"{words.plural(ledger.acknowledged, 'loan')} confirmed to borrowers, the warm-up included;"
        f" {words.count(ledger.in_ledger)} of them in the ledger."
        f" Money at risk: {words.yuan(ledger.principal_at_risk_fen)}."
    )
    if ledger.watched_s is not None:
        lead += f" Watched for {words.seconds(ledger.watched_s)} after it had come to rest."
    if not ledger.ledger_read:
        lead = f"The ledger was not read: {why(verdict, 'ledger_unread', 'ledger_incomplete')}"
    return Table(
        headers=("Class", "Loans", "Must be", "Examples (idempotency keys)"),
        rows=(
            *(_class(ledger, name, RULES[name].rule.lower(), zero=True) for name in LOANS),
            _class(ledger, "committed_unknown", "the borrower does not know that there is a loan"),
            _class(
                ledger, "not_committed_unknown", "the borrower does not know that there is none"
            ),
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
        Cell(_UNKNOWN.get(name, words.spaced(name)), note=meaning),
        Cell(words.count(number), tone=tone),
        "0" if zero else "any",
        Cell(words.plural(len(examples), "key") if examples else "", folded=examples),
    )


def over_time(plan: Plan, facts: Facts, verdict: Verdict) -> Table:
    """The numbers behind the chart."""
    clock = facts.status.clock
    if clock is None:
        return Table(headers=(), rows=(), empty="The load never began.")
    data = chart_series.count(
        clock, facts.operations, chart_series.span(plan, facts, verdict), _ROWS_MAX
    )
    rows = []
    for index in range(data.bins):
        waits = (data.median_ms[index], data.longest_ms[index])
        rows.append(
            row(
                f"{data.edge_s(index):g} to {data.edge_s(index + 1):g} s",
                *(words.count(int(number)) for number in data.counts[:, index]),
                *("none" if wait != wait else words.milliseconds(wait) for wait in waits),  # noqa: PLR0124  # NaN
            )
        )
    totals = (words.count(data.total(kind)) for kind in chart_series.KINDS)
    rows.append(row("all", *totals, "", ""))
    return Table(
        headers=("Planned start", *chart_series.KINDS, "median wait", "longest wait"),
        rows=tuple(rows),
        lead="All borrow requests, the warm-up included.",
    )
