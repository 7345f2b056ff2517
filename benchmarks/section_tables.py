"""Sections of the calibration as aims and as Markdown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration import Aim, ms
from benchmarks.sections import (
    BEYOND_CHANCE,
    Column,
    Form,
    Rule,
    Section,
    Tally,
    Values,
    Want,
    trimmed,
)
from benchmarks.tables import table

SHARES = (Rule.SHARE_MIN, Rule.SHARE_MAX)
MISSES_SHOWN = 5


def aims_of(tallies: Sequence[Tally], *, quick: bool) -> list[Aim]:
    """What the sections of these rows want, an aim for each thing wanted of several rows."""
    found = []
    for section in _sections(tallies):
        rows = [tally for tally in tallies if tally.section is section]
        found += [_together(want, rows, quick=quick) for want in section.together]
        single = [
            _Asked(_cells(row), row.values(want.figure), want)
            for row in rows
            for want in row.row.wants
        ]
        for kind, asked in (("each row", single), ("rows taken together", _joint(section, rows))):
            for what, rule in {(one.want.what, one.want.rule): None for one in asked}:
                same = [a for a in asked if (a.want.what, a.want.rule) == (what, rule)]
                name = f"{section.name}, {kind}: {what}"
                found.append(_apart(name, same, quick=quick or section.few))
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
    known = tally.figures
    shown = [_shown(column, np.array(known.get(column.figure, []))) for column in section.columns]
    return [*tally.row.cells, f"{tally.repeats:,}", *shown, _met(tally, quick=quick)]


def _met(tally: Tally, *, quick: bool) -> str:
    if not tally.row.wants:
        return "-"
    missed = [w for w in tally.row.wants if not w.met(tally.values(w.figure), quick=quick)]
    return "**no**: " + ", ".join(want.what for want in missed) if missed else "yes"


def _shown(column: Column, values: Values) -> str:
    if not len(values):
        return "-"
    if column.form is Form.ERROR:
        sizes = np.abs(values)
        return f"{_time(np.median(sizes))} / {_time(np.quantile(sizes, 0.95))}"
    if column.form is Form.SHARE:
        return f"{np.mean(values):.1%}"
    if column.form is Form.NUMBER:
        return f"{np.median(values):,.4g}"
    return _time(np.mean(trimmed(values)) if column.form is Form.MEAN else np.median(values))


def _time(seconds: np.floating) -> str:
    return "open" if np.isinf(seconds) else ms(float(seconds))


# --- aims ----------------------------------------------------------------------------------------


def _together(want: Want, rows: Sequence[Tally], *, quick: bool) -> Aim:
    values = np.concatenate([row.values(want.figure) for row in rows])
    met = want.met(values, quick=quick)
    got = f"{_number(want.rule, want.measured(values))} of {len(values):,}"
    what = f"{rows[0].section.name}, all rows together: {want.what}"
    return Aim(what, _wanted([want], quick=quick), got, met=met, why="" if met else want.why)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A limit and the values that it is for, those of a row or of several."""

    name: str
    values: Values
    want: Want

    @property
    def badness(self) -> float:
        """How near to its limit, or how far beyond it, this is: more is worse."""
        found, want = self.want.measured(self.values), self.want
        if found is None:
            return np.inf
        if want.rule in SHARES:
            return want.limit - found if want.rule is Rule.SHARE_MIN else found - want.limit
        return found / want.limit if want.limit else found


def _joint(section: Section, rows: Sequence[Tally]) -> list[_Asked]:
    known = {tally.row.cells: tally for tally in rows}
    return [
        _Asked(
            " + ".join(", ".join(cells) for cells in joint.rows),
            np.concatenate([known[cells].values(joint.want.figure) for cells in joint.rows]),
            joint.want,
        )
        for joint in section.joint
        if all(cells in known for cells in joint.rows)
    ]


def _apart(name: str, every: Sequence[_Asked], *, quick: bool) -> Aim:
    missed = [one for one in every if not one.want.met(one.values, quick=quick)]
    worst = max(every, key=lambda one: one.badness)
    rule, wants = worst.want.rule, [one.want for one in every]
    found = _number(rule, worst.want.measured(worst.values))
    of = "" if _same_limit(wants) else f" of {_number(rule, worst.want.limit)}"
    got = f"worst of {len(every)}: {found}{of} ({worst.name})"
    if missed:
        beyond = sum(not one.want.met(one.values, quick=True) for one in missed)
        got += f"; {len(missed)} of {len(every)} miss ({beyond} beyond chance)"
    return Aim(name, _wanted(wants, quick=quick), got, met=not missed, why=_why(missed))


def _cells(tally: Tally) -> str:
    return ", ".join(tally.row.cells)


def _why(missed: Sequence[_Asked]) -> str:
    """The reasons, and what misses."""
    reasons = list(dict.fromkeys(one.want.why for one in missed if one.want.why))
    more = [f"and {len(missed) - MISSES_SHOWN} more"] if len(missed) > MISSES_SHOWN else []
    return "; ".join([*reasons, *(one.name for one in missed[:MISSES_SHOWN]), *more])


def _same_limit(wants: Sequence[Want]) -> bool:
    return len({want.limit for want in wants}) == 1


def _wanted(wants: Sequence[Want], *, quick: bool) -> str:
    want = wants[0]
    sign = "≥" if want.rule is Rule.SHARE_MIN else "≤"
    limit = _number(want.rule, want.limit) if _same_limit(wants) else "the row's limit"
    kind = "" if want.rule in SHARES else f"{want.rule.split(' at most')[0]} "
    return f"{kind}{sign} {limit}" + (BEYOND_CHANCE if quick else "")


def _number(rule: Rule, value: float | None) -> str:
    if value is None:
        return "nothing measured"
    return f"{value:.1%}" if rule in SHARES else ms(value)
