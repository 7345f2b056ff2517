"""The frame of the calibration's tables: rows, repeats, limits, and that a row can miss."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import measure
from benchmarks.all_sections import SECTIONS
from benchmarks.section_tables import aims_of, section_tables
from benchmarks.sections import (
    Column,
    Figures,
    Form,
    Joint,
    Row,
    Rule,
    Section,
    Tally,
    Want,
    chosen,
    repeat_rows,
)

HELD = Want("holds the edge", "held", Rule.SHARE_MIN, 0.9, why="too narrow")
NEAR = Want("is near", "error", Rule.MEDIAN_MAX, 0.02)
COLUMNS = (Column("holds", "held"), Column("error", "error", Form.ERROR))


def run(chance: np.random.Generator, share: float) -> Figures:
    """A run in which an interval holds the edge with this chance."""
    held = bool(chance.random() < share)
    return {"held": held, "error": chance.normal(0, 0.01) if held else None}


def section(*shares: float, together: tuple[Want, ...] = ()) -> Section:
    """A row for each share of intervals that hold."""
    rows = [
        Row((f"{share:.0%}",), run, (share,), (HELD, NEAR), quick=share > 0.5) for share in shares
    ]
    return Section("made up", "Made up", "By chance.", ("share",), COLUMNS, tuple(rows), together)


def measured(made: Section, repeats: int, *, processes: int = 1, text: str = "") -> list[Tally]:
    """All rows, or some, repeated."""
    rows = chosen([made], text=text)
    assert list(repeat_rows(rows, repeats, 1, processes))[-1] == 1
    return rows


def test_a_row_alone_sees_the_same_runs() -> None:
    """Alone or among others, in one process or two, fewer or more repeats: the same chance."""
    whole = measured(section(0.95, 0.6), 30, processes=2)
    (alone,) = measured(section(0.95, 0.6), 30, text="60%")
    (fewer,) = measured(section(0.6), 12)

    assert alone.repeats == 30
    assert alone.figures == whole[1].figures
    assert fewer.figures["held"] == alone.figures["held"][:12]
    assert whole[0].figures != whole[1].figures


def test_a_quick_one_says_no_only_beyond_chance() -> None:
    """Forty repeats: 34 that hold may be chance and are a miss of a whole calibration; 26 are none.

    The 99.9 % upper bound of 34 of 40 is 95 %, that of 26 of 40 85 %.
    """
    for held, whole, quick in ((38, True, True), (34, False, True), (26, False, False)):
        values = np.repeat([1.0, 0.0], [held, 40 - held])
        assert HELD.met(values, quick=False) is whole
        assert HELD.met(values, quick=True) is quick
    assert not HELD.met(np.array([]), quick=True)


@pytest.mark.parametrize("rule", [Rule.MEDIAN_MAX, Rule.P95_MAX, Rule.MEAN_MAX, Rule.SHARE_MAX])
def test_every_limit_has_its_allowance(rule: Rule) -> None:
    """Just beyond the limit is met by a quick calibration only, far beyond by none."""
    chance = np.random.default_rng(1)
    values = chance.normal(1, 0.5, 40)
    if rule is Rule.SHARE_MAX:
        values = (values > 1).astype(float)
    found = Want("", "", rule, 0).measured(values)
    assert found is not None

    assert Want("", "", rule, found * 1.01).met(values, quick=False)
    assert not Want("", "", rule, found * 0.95).met(values, quick=False)
    assert Want("", "", rule, found * 0.95).met(values, quick=True)
    assert not Want("", "", rule, found * 0.2).met(values, quick=True)


def test_a_right_estimator_is_seldom_refused_and_a_broken_one_hardly_ever_met() -> None:
    """Of 300 quick calibrations, none refuses 95 % and hardly one accepts 50 %."""
    chance = np.random.default_rng(2)

    def refused(share: float) -> int:
        runs = chance.random((300, 40)) < share
        return sum(not HELD.met(one.astype(float), quick=True) for one in runs)

    assert refused(0.95) == 0
    assert refused(0.5) > 290


def test_rows_become_aims_and_a_table() -> None:
    """An aim for each thing wanted names the rows that miss, and the worst; so does the table."""
    both = Want("hold together", "held", Rule.SHARE_MIN, 0.93)
    rows = measured(section(0.99, 0.6, together=(both,)), 200)
    aims = aims_of(rows, quick=False)
    text = "\n".join(section_tables(rows, quick=False))

    assert [aim.met for aim in aims] == [False, False, True]
    assert "together" in aims[0].what
    assert "1 of 2 miss (1 beyond chance)" in aims[1].got
    assert aims[1].why == "too narrow; 60%"
    assert "| 99%   | 200 |" in text
    assert "**no**: holds the edge" in text
    assert all(aim.met for aim in aims_of(measured(section(0.99), 40), quick=True))


def test_rows_taken_together_have_limits_of_their_own() -> None:
    """The mean of two rows is near nothing though neither row's is; one row alone says nothing."""

    def off(_: np.random.Generator, by: float) -> Figures:
        return {"error": by}

    rows = tuple(Row((str(by),), off, (by,)) for by in (0.1, -0.1, 0.4))
    want = Want("on average", "error", Rule.MEAN_MAX, 0.01)
    joints = tuple(
        Joint(replace(want, limit=limit), (("0.1",), (other,)))
        for limit, other in ((0.01, "-0.1"), (0.2, "0.4"))
    )
    made = Section("s", "S", "", ("by",), (), rows, joint=joints)
    (aim,) = aims_of(measured(made, 3), quick=False)

    assert not aim.met
    assert aim.got == "worst of 2: 250 ms of 200 ms (0.1 + 0.4); 1 of 2 miss (0 beyond chance)"
    assert aims_of(measured(made, 3, text="0.4"), quick=False) == []
    with pytest.raises(ValueError, match="names a row that is none"):
        replace(made, rows=rows[:1])


def test_a_mean_leaves_out_the_extremes() -> None:
    """One of twenty at either end; what more of them are off by counts."""
    want = Want("", "", Rule.MEAN_MAX, 0.1)
    values = np.zeros(40)
    values[:2] = 60.0

    assert want.met(values, quick=False)
    values[:10] = 60.0
    assert want.measured(values) == pytest.approx(8 * 60 / 36)
    assert not want.met(values, quick=False)


def test_a_figure_that_no_run_has_is_a_mistake() -> None:
    """A column or a limit that names a figure of no row is told, and not shown as a dash."""
    (row,) = measured(section(0.9), 2)

    with pytest.raises(KeyError, match="no figure 'helt'"):
        row.values("helt")


def test_rows_that_do_not_fit_are_refused() -> None:
    """Two rows of the same name, or one without a cell for each heading."""
    with pytest.raises(ValueError, match="same cells"):
        section(0.9, 0.9)
    with pytest.raises(ValueError, match="one cell"):
        Section("x", "X", "", ("a", "b"), (), (Row(("1",), run),))


def test_the_sections_of_the_calibration_have_names_of_their_own() -> None:
    """`--only` tells every part from every other."""
    assert len(set(measure.PARTS)) == len(measure.PARTS)
    assert all(section.rows for section in SECTIONS)
