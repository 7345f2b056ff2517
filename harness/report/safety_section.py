"""What a run was allowed to touch, and what would have ended it at once. Pure."""

from harness.history.reader import Facts
from harness.history.run_facts import BlastRadius
from harness.plan.plan import Plan
from harness.plan.stop_conditions import OFF, STOP_KINDS
from harness.report import words
from harness.report.tables import Cell, Table, row


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
        rows.append(row(Cell(words.spaced(name), note=source), _allowed(name, value), state))
    if tripped is not None and tripped.condition not in STOP_KINDS:
        cell = Cell(words.clean(tripped.text), tone="inconclusive")
        rows.append(row(words.spaced(tripped.condition), "none", cell))
    return Table(
        headers=("Stop condition", "Allowed", "Tripped"),
        rows=tuple(rows),
        empty="No stop condition was watched.",
        lead="When one trips, everything heals at once, the load ends and the exit code is 4.",
    )


def _allowed(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return "none"
    return words.yuan(value) if STOP_KINDS.get(name) == "fen" else words.count(value)
