"""What is required of every run, as rows beside its objectives. Pure: verdict in, words out."""

from textwrap import shorten

from harness.core.codes import MONEY, MONEY_STOPS
from harness.report import words
from harness.report.tables import Cell, row
from harness.verdict.required import HELD, NEEDED, NONE, RULES, SPOILS_ALL, RequiredRule
from harness.verdict.types import Finding, Judgement, Verdict, Weight
from harness.verdict.visible import shows_any

_OF_OBJECTIVES = ("objective_missed", "objective_undecided")
_JUDGED = {Weight.FAIL: Judgement.FAIL, Weight.INCONCLUSIVE: Judgement.INCONCLUSIVE}
_STRETCHES = ("outage", "degraded")
_SEEN = {NONE: "found", NEEDED: "not shown"}
"""Of a rule that was broken or not decided and has no figure."""
_NOTE_MAX = 160
"""Letters of a message; the findings have all of it."""


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
    rule = RULES.get(found.code) or RequiredRule(words.finding(found.code), "always checked")
    figure, judged = found.evidence.get(rule.figure), _JUDGED[found.verdict]
    counted = isinstance(figure, int)
    note = _whole_clauses(words.clean(found.message)) if told else ""
    return row(
        Cell(rule.name, note=words.clean(f"{found.code} · required of every run")),
        rule.limit,
        Cell(words.count(figure) if counted else _SEEN.get(rule.limit, "not so"), note=note),
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
