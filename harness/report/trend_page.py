"""Past runs over time as one HTML page: a chart for each figure of each scenario, and every number.

Pure. The page draws no conclusion.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.report import trend_chart as chart
from harness.report import words
from harness.report.archive import Stored
from harness.report.compare.compared_figures import FIGURES, ShownRun
from harness.report.compare.comparison import run_of
from harness.report.html import environment, looks, style
from harness.report.tables import Cell, Table, row
from harness.report.trend_chart import RUNS_MAX, Trend
from harness.verdict.types import Judgement

_HEADINGS = (*(figure.heading for figure in FIGURES), "Money wrong")
TABLE_ROWS = 10
"""Runs whose numbers are shown at once; the others are folded away."""
LABELS_NAMED = 5


def page(stored: Sequence[Stored], added: Sequence[Stored] = (), label: str = "") -> str:
    """The page of a history, with runs that are about to be kept under a label."""
    kept = [(s, s.label) for s in stored] + [(s, label) for s in added]
    unique = {(s.verdict.scenario, name, s.verdict.run_id): (s, name) for s, name in kept}
    scenarios: dict[str, list[ShownRun]] = {}
    for known, name in unique.values():
        scenarios.setdefault(known.verdict.scenario, []).append(replace(run_of(known), label=name))
    trends = [
        Trend(name, tuple(sorted(runs, key=lambda r: (r.zero_utc or "", r.run_id, r.label))))
        for name, runs in sorted(scenarios.items())
    ]
    runs = [run for trend in trends for run in trend.runs]
    counts = Counter(run.label for run in runs)
    # The most used first: a label has one colour on the whole page.
    labels = sorted(counts, key=lambda name: (-counts[name], name))
    dates = sorted(run.zero_utc or "" for run in runs)
    template = environment().get_template("trend.html.j2")
    return template.render(
        **looks("Trend of past runs", style("report.css"), style("trend.css")),
        sentence=_sentence(trends, runs),
        period=f"{words.date(dates[0])} to {words.date(dates[-1])}" if dates else "",
        glance=_glance(trends),
        sections=[_section(trend, labels, number) for number, trend in enumerate(trends, 1)],
    )


def _sentence(trends: list[Trend], runs: list[ShownRun]) -> str:
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


def _glance(trends: list[Trend]) -> Table:
    """One row for each scenario: how its newest run ended, and how its figures stand."""
    return Table(
        headers=("Scenario", "Runs", "Newest run", *_HEADINGS),
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
    kept = f"{words.date(newest.zero_utc)}, {words.cut(newest.label, 64)}"
    verdict = Cell(words.VERDICT[newest.verdict], kept, tone=newest.verdict.value)
    name = words.cut(trend.scenario, 100)
    return row(name, words.count(len(trend.runs)), verdict, *_cells(newest), money)


def _cells(run: ShownRun) -> list[Cell]:
    values = [(figure, run.figures.get(figure.name)) for figure in FIGURES]
    return [Cell(*figure.told(v)) if v else Cell(words.NOT_MEASURED) for figure, v in values]


def _section(trend: Trend, labels: Sequence[str], number: int) -> dict[str, Any]:
    """One scenario as the template shows it."""
    shown = trend.runs[-RUNS_MAX:]
    lead = f"{words.plural(len(trend.runs), 'run')}, the oldest at the left, evenly spaced."
    if len(shown) < len(trend.runs):
        lead = f"The newest {len(shown)} of {words.plural(len(trend.runs), 'run')}, evenly spaced."
    recent = Trend(trend.scenario, shown)
    bars = "Bars are 95 % intervals of the single run; the line joins runs of one label."
    return {
        "name": trend.scenario,
        "anchor": f"scenario-{number}",
        "lead": f"{lead} {bars}",
        "charts": [
            chart.draw(recent, figure, labels, f"trend-{number}-{place}")
            for place, figure in enumerate(FIGURES, 1)
            if any(run.figures.get(figure.name) is not None for run in shown)
        ],
        "legend": chart.legend(recent, labels, f"trend-{number}-legend"),
        "newest": _table(shown[: -TABLE_ROWS - 1 : -1]),
        "older": _table(shown[:-TABLE_ROWS][::-1]),
    }


def _table(runs: Sequence[ShownRun]) -> Table:
    """Every number of these runs."""
    rows = []
    for run in runs:
        verdict = Cell(words.VERDICT[run.verdict], run.left_out, tone=run.verdict.value)
        money = Cell("none" if run.ledger_read else "ledger not read in full")
        if run.money:
            money = Cell(run.wrong, tone="fail")
        name = Cell(words.date(run.zero_utc), words.cut(run.run_id, 40))
        rows.append(row(name, words.cut(run.label, 64), verdict, *_cells(run), money))
    return Table(headers=("Run", "Label", "Verdict", *_HEADINGS), rows=tuple(rows))
