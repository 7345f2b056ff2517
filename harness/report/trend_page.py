"""Past runs over time as one HTML page: a chart for each figure of each scenario, and every number.

Pure. The page draws no conclusion.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from harness.report import trend_chart as chart
from harness.report import words
from harness.report.archive import Stored
from harness.report.compare.compared_figures import FIGURES, Figure
from harness.report.compare.comparison import run_of
from harness.report.html import environment, looks, style
from harness.report.shown_run import ShownRun
from harness.report.tables import Cell, Table, row
from harness.report.trend_chart import RUNS_MAX, Trend
from harness.verdict.types import Judgement

_MONEY = "Money wrong"
TABLE_ROWS = 10
"""Runs whose numbers are shown at once; the others are folded away."""
LABELS_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Section:
    """One scenario as the template shows it."""

    name: str
    anchor: str
    lead: str
    charts: list[Markup]
    legend: Markup
    newest: Table
    older: Table


def page(stored: Sequence[Stored], added: Sequence[Stored] = (), label: str = "") -> str:
    """The page of a history, with runs that are about to be kept under a label."""
    kept = [(s, s.label) for s in stored] + [(s, label) for s in added]
    unique = {(s.verdict.scenario, name, s.verdict.run_id): (s, name) for s, name in kept}
    scenarios: dict[str, list[ShownRun]] = {}
    for known, name in unique.values():
        scenarios.setdefault(known.verdict.scenario, []).append(replace(run_of(known), label=name))
    return _render(
        [
            Trend(scenario, FIGURES, tuple(sorted(scenarios[scenario], key=_age)))
            for scenario in sorted(scenarios)
        ]
    )


def _age(run: ShownRun) -> tuple[str, str, str]:
    return run.zero_utc or "", run.run_id, run.label


def _render(trends: list[Trend]) -> str:
    """The whole page. Every string from outside is escaped."""
    labels = _labels(trends)
    return (
        environment()
        .get_template("trend.html.j2")
        .render(
            **looks("Trend of past runs", style("report.css"), style("trend.css")),
            sentence=_sentence(trends),
            period=_period(trends),
            glance=_glance(trends),
            sections=[_section(trend, labels, number) for number, trend in enumerate(trends, 1)],
        )
    )


def _labels(trends: list[Trend]) -> list[str]:
    """All labels, the most used first: a label has one colour on the whole page."""
    counts = Counter(run.label for trend in trends for run in trend.runs)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _sentence(trends: list[Trend]) -> str:
    runs = [run for trend in trends for run in trend.runs]
    if not runs:
        return "No run has been kept yet."
    labels = sorted({run.label for run in runs})
    counted = f"{words.plural(len(runs), 'run')} of {words.plural(len(trends), 'scenario')}"
    named = ", ".join(words.cut(name, 64) for name in labels[:LABELS_NAMED])
    if len(labels) > LABELS_NAMED:
        named += f" and {words.plural(len(labels) - LABELS_NAMED, 'other label')}"
    bad = sum(run.verdict is Judgement.FAIL for run in runs)
    open_ = sum(run.verdict is Judgement.INCONCLUSIVE for run in runs)
    found = f"{words.count(bad)} failed, {words.count(open_)} inconclusive"
    return f"{counted}, kept under {named}: {found}."


def _period(trends: list[Trend]) -> str:
    instants = sorted(run.zero_utc or "" for trend in trends for run in trend.runs)
    if not instants:
        return ""
    return f"{words.date(instants[0])} to {words.date(instants[-1])}"


def _glance(trends: list[Trend]) -> Table:
    """One row for each scenario: how its newest run ended, and how its figures stand."""
    figures = trends[0].figures if trends else ()
    return Table(
        headers=("Scenario", "Runs", "Newest run", *(f.heading for f in figures), _MONEY),
        rows=tuple(_glance_row(trend) for trend in trends if trend.runs),
        empty="The history is empty.",
        lead="The newest run of each scenario. Whether a change is more than chance,"
        " lendchaos compare says: from five runs against five.",
    )


def _glance_row(trend: Trend) -> tuple[Cell, ...]:
    newest = trend.runs[-1]
    wrong = [run for run in trend.runs if run.money]
    money = Cell("none", tone="pass")
    if wrong:
        money = Cell(f"in {words.plural(len(wrong), 'run')}", tone="fail")
    elif not all(run.ledger_read for run in trend.runs):
        money = Cell("not read in full in every run", tone="inconclusive")
    verdict = Cell(
        words.VERDICT[newest.verdict],
        f"{words.date(newest.zero_utc)}, {words.cut(newest.label, 64)}",
        tone=newest.verdict.value,
    )
    values = (_cell(figure, newest) for figure in trend.figures)
    name = words.cut(trend.scenario, 100)
    return row(name, words.count(len(trend.runs)), verdict, *values, money)


def _cell(figure: Figure, run: ShownRun) -> Cell:
    value = run.figures.get(figure.name)
    if value is None:
        return Cell(words.NOT_MEASURED)
    if value.value is None:
        seen = value.low is not None and value.low > 0
        return Cell(f"more than {figure.write(value.low)}" if seen else words.NOT_SEEN)
    if value.low is None and value.high is None:
        return Cell(figure.write(value.value))
    return Cell(figure.write(value.value), words.interval(value.low, value.high, figure.write))


def _section(trend: Trend, labels: Sequence[str], number: int) -> _Section:
    shown = trend.runs[-RUNS_MAX:]
    lead = f"{words.plural(len(trend.runs), 'run')}, the oldest at the left, evenly spaced."
    if len(shown) < len(trend.runs):
        lead = f"The newest {len(shown)} of {words.plural(len(trend.runs), 'run')}, evenly spaced."
    recent = Trend(trend.scenario, trend.figures, shown)
    return _Section(
        name=trend.scenario,
        anchor=f"scenario-{number}",
        lead=f"{lead} Bars are 95 % intervals of the single run; the line joins runs of one label.",
        charts=[
            chart.draw(recent, figure, labels, f"trend-{number}-{place}")
            for place, figure in enumerate(trend.figures, 1)
            if any(run.figures.get(figure.name) is not None for run in shown)
        ],
        legend=chart.legend(recent, labels, f"trend-{number}-legend"),
        newest=_table(recent, shown[: -TABLE_ROWS - 1 : -1]),
        older=_table(recent, shown[:-TABLE_ROWS][::-1]),
    )


def _table(trend: Trend, runs: Sequence[ShownRun]) -> Table:
    """Every number of these runs."""
    return Table(
        headers=("Run", "Label", "Verdict", *(f.heading for f in trend.figures), _MONEY),
        rows=tuple(_run_row(trend, run) for run in runs),
    )


def _run_row(trend: Trend, run: ShownRun) -> tuple[Cell, ...]:
    verdict = Cell(words.VERDICT[run.verdict], run.left_out, tone=run.verdict.value)
    money = Cell("none" if run.ledger_read else "ledger not read in full")
    if run.money:
        money = Cell(run.wrong, tone="fail")
    values = (_cell(figure, run) for figure in trend.figures)
    run_cell = Cell(words.date(run.zero_utc), words.cut(run.run_id, 40))
    return row(run_cell, words.cut(run.label, 64), verdict, *values, money)
