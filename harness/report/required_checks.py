"""What is required of every run, as rows beside its objectives. Pure: verdict in, words out."""

from textwrap import shorten

from harness.report import words
from harness.report.tables import Cell, row
from harness.verdict.catalogue import MONEY, MONEY_STOPS, RULES
from harness.verdict.catalogue_row import ALWAYS, NEVER
from harness.verdict.types import Finding, Judgement, Verdict, Weight
from harness.verdict.visible import shows_any

_OF_OBJECTIVES = ("objective_missed", "objective_undecided")
_JUDGED = {Weight.FAIL: Judgement.FAIL, Weight.INCONCLUSIVE: Judgement.INCONCLUSIVE}
_STRETCHES = ("outage", "degraded")
_SEEN = {NEVER: "found", ALWAYS: "not shown"}
"""Of a rule that was broken or not decided and has no figure."""
_NOTE_MAX = 160
"""Letters of a message; the findings have all of it."""
HELD = {
    "no loan lost, lent twice or wrong": (*MONEY, "ledger_unread", "ledger_incomplete"),
    "no outage without a fault": ("outage", "degraded", "not_recovered"),
    "nobody refused wrongly": ("false_decline", "invalid_answer", "borrowers_shut_out"),
    "a steady baseline": ("baseline_not_steady",),
    "a load as planned": ("load_unfaithful",),
}
"""What holds where none of these codes was found, in a run whose evidence is whole."""
SPOILS_ALL = ("interrupted", "no_evidence", "evidence_damaged", "internal_check_error")
"""With one of these nothing is said to hold."""


def rows(verdict: Verdict, *, told: bool = True) -> list[tuple[Judgement, tuple[Cell, ...]]]:
    """Each rule that was broken or not decided, once, with the worst finding of its kind.

    Its message is left out where it is not ``told``, for a page that has it elsewhere.
    """
    found: dict[str, Finding] = {}
    for weight in _JUDGED:
        for one in verdict.findings:
            if one.verdict is weight and one.code not in _OF_OBJECTIVES:
                found.setdefault(one.code, one)
    return [(_JUDGED[one.verdict], _row(one, told=told)) for one in found.values()]


def _row(found: Finding, *, told: bool) -> tuple[Cell, ...]:
    rule, judged = RULES.get(found.code), _JUDGED[found.verdict]
    limit = rule.limit if rule else "always checked"
    figure = found.evidence.get(rule.figure) if rule else None
    counted = isinstance(figure, int)
    note = _whole_clauses(words.clean(found.message)) if told else ""
    return row(
        Cell(
            rule.rule if rule else words.finding(found.code),
            note=words.clean(f"{found.code} · required of every run"),
        ),
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
    weighty = [f for f in verdict.findings if f.verdict is not Weight.NOTE]
    broken = {f.code for f in weighty}
    if any(f.evidence.get("condition") in MONEY_STOPS for f in weighty):
        broken.update(MONEY)
    injected = any(fault.injected_s is not None for fault in verdict.faults)
    # An objective may tolerate a stretch, which does not account for it.
    unaccounted = not injected and any(e.class_ in _STRETCHES for e in verdict.episodes)
    if unaccounted or not shows_any(verdict.visible):
        broken.add("outage")
    if broken.intersection(SPOILS_ALL):
        return ""
    names = [name for name, codes in HELD.items() if not broken.intersection(codes)]
    return f"Required of every run, and held: {'; '.join(names)}." if names else ""
