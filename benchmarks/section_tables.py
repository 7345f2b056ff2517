"""Sections of the calibration as aims and as Markdown. Pure."""

from collections.abc import Sequence

import numpy as np

from benchmarks.calibration import Aim, ms
from benchmarks.sections import CHANCE, Column, Form, Rule, Section, Tally, Values, Want
from benchmarks.tables import table

SHARES = (Rule.SHARE_MIN, Rule.SHARE_MAX)
MISSES_SHOWN = 5


def aims_of(tallies: Sequence[Tally], *, quick: bool) -> list[Aim]:
    """What the sections of these rows want, an aim for each thing wanted of several rows."""
    found = []
    for section in _sections(tallies):
        rows = [tally for tally in tallies if tally.section is section]
        found += [_together(want, rows, quick=quick) for want in section.together]
        kinds = {(want.what, want.rule): None for row in rows for want in row.row.wants}
        found += [_apart(what, rule, rows, quick=quick or section.few) for what, rule in kinds]
    return found


def section_tables(tallies: Sequence[Tally], *, quick: bool) -> list[str]:
    """Title, text and table of every section with a row."""
    parts = []
    for section in _sections(tallies):
        rows = [tally for tally in tallies if tally.section is section]
        head = (*section.head, "n", *(column.title for column in section.columns), "met")
        parts += [
            f"### {section.title}",
            section.text,
            table(head, [_line(section, row, quick=quick or section.few) for row in rows]),
        ]
    return parts


def _sections(tallies: Sequence[Tally]) -> list[Section]:
    return list({tally.section.name: tally.section for tally in tallies}.values())


def _line(section: Section, tally: Tally, *, quick: bool) -> list[str]:
    shown = [_shown(column, tally.values(column.figure)) for column in section.columns]
    return [*tally.row.cells, f"{tally.repeats:,}", *shown, _met(tally, quick=quick)]


def _met(tally: Tally, *, quick: bool) -> str:
    if not tally.row.wants:
        return "-"
    missed = [w for w in tally.row.wants if not w.met(tally.values(w.figure), quick=quick)]
    return "**no**: " + ", ".join(want.what for want in missed) if missed else "yes"


def _shown(column: Column, values: Values) -> str:
    if not len(values):
        return "-"
    match column.form:
        case Form.SHARE:
            return f"{np.mean(values):.1%}"
        case Form.MEDIAN:
            return ms(float(np.median(values)))
        case Form.MEAN:
            return ms(float(np.mean(values)))
        case Form.NUMBER:
            return f"{np.median(values):,.4g}"
    sizes = np.abs(values)
    return f"{ms(float(np.median(sizes)))} / {ms(float(np.quantile(sizes, 0.95)))}"


# --- aims ----------------------------------------------------------------------------------------


def _together(want: Want, rows: Sequence[Tally], *, quick: bool) -> Aim:
    values = np.concatenate([row.values(want.figure) for row in rows])
    met = want.met(values, quick=quick)
    got = f"{_number(want.rule, want.measured(values))} of {len(values):,}"
    what = f"{rows[0].section.name}, all rows together: {want.what}"
    return Aim(what, _wanted([want], quick=quick), got, met=met, why="" if met else want.why)


def _apart(what: str, rule: Rule, rows: Sequence[Tally], *, quick: bool) -> Aim:
    both = [
        (row, want)
        for row in rows
        for want in row.row.wants
        if (want.what, want.rule) == (what, rule)
    ]
    missed = [
        (row, want) for row, want in both if not want.met(row.values(want.figure), quick=quick)
    ]
    worst, its = max(both, key=lambda one: _badness(*one))
    found = _number(rule, its.measured(worst.values(its.figure)))
    of = "" if _same_limit([want for _, want in both]) else f" of {_number(rule, its.limit)}"
    got = f"worst of {len(both)}: {found}{of} ({_cells(worst)})"
    if missed:
        got += f"; {len(missed)} of {len(both)} rows miss"
    wanted = _wanted([want for _, want in both], quick=quick)
    name = f"{rows[0].section.name}, each row: {what}"
    return Aim(name, wanted, got, met=not missed, why=_why(missed))


def _cells(tally: Tally) -> str:
    return ", ".join(tally.row.cells)


def _why(missed: Sequence[tuple[Tally, Want]]) -> str:
    """The reasons, and the rows that miss."""
    reasons = list(dict.fromkeys(want.why for _, want in missed if want.why))
    rows = [_cells(row) for row, _ in missed]
    more = [f"and {len(rows) - MISSES_SHOWN} more"] if len(rows) > MISSES_SHOWN else []
    return "; ".join([*reasons, *rows[:MISSES_SHOWN], *more])


def _badness(tally: Tally, want: Want) -> float:
    """How near to its limit, or how far beyond it, a row is: more is worse."""
    found = want.measured(tally.values(want.figure))
    if found is None:
        return np.inf
    if want.rule in SHARES:
        return want.limit - found if want.rule is Rule.SHARE_MIN else found - want.limit
    return found / want.limit if want.limit else found


def _same_limit(wants: Sequence[Want]) -> bool:
    return len({want.limit for want in wants}) == 1


def _wanted(wants: Sequence[Want], *, quick: bool) -> str:
    want = wants[0]
    sign = "≥" if want.rule is Rule.SHARE_MIN else "≤"
    limit = _number(want.rule, want.limit) if _same_limit(wants) else "the row's limit"
    kind = "" if want.rule in SHARES else f"{want.rule.split(' at most')[0]} "
    return f"{kind}{sign} {limit}" + (f", beyond chance ({CHANCE:.1%})" if quick else "")


def _number(rule: Rule, value: float | None) -> str:
    if value is None:
        return "nothing measured"
    return f"{value:.1%}" if rule in SHARES else ms(value)
