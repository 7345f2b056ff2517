"""The one chart of the report: outcomes, waiting times and faults over one shared time axis.

Pure: facts and verdict in, SVG markup out. A strip is what is drawn, and where it ends below.
"""

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import chart_series, faultbar, marks, words
from harness.report.chart_series import KINDS, ChartSeries
from harness.report.marks import WIDE, Axis, Layout, box, joined, label, line, number, tag
from harness.verdict.spans import began, quiet_end, starts_open
from harness.verdict.types import Verdict

_KIND_WORDS = {
    "referred": "referred (manual review)",
    "declined": "declined for a business reason",
    "indeterminate": "failed, outcome unknown",
    "not started": "not started by the load generator",
}


def svg(plan: Plan, facts: Facts, verdict: Verdict, layout: Layout = WIDE) -> Markup:
    """The chart as one ``<svg>`` element as wide as there is room, or a sentence where the load
    never began.
    """
    if facts.status.clock is None:
        return tag("p", "The load never began, so there is nothing to draw.")
    # Without a height the browser keeps the proportions, even where it drops every style.
    return draw(plan, facts, verdict, layout, width="100%")[0]


def draw(
    plan: Plan, facts: Facts, verdict: Verdict, layout: Layout = WIDE, *, width: str = ""
) -> tuple[Markup, float]:
    """The chart and its height in its own units, of a load that did begin."""
    clock = facts.status.clock
    assert clock is not None  # noqa: S101  # for the type checker; the callers asked
    bounds_s = chart_series.span(plan, facts, verdict)
    data = chart_series.count(clock, facts.operations, bounds_s, layout.bins_max)
    axis = Axis(layout, data.start_s, data.edge_s(data.bins))
    legend, legend_end = _legend(data, layout)
    outcomes, end = _outcomes(data, axis, legend_end + 4)
    waits, end = _waits(data, axis, plan.settings.request_timeout_s, end + 20)
    faults, faults_end = faultbar.faults(verdict, axis, end + 8)
    foot, height = faultbar.foot(plan, verdict, axis, faults_end + 5)
    sizes: dict[str, str | float] = {"width": width}
    if not width:
        sizes = {"width": layout.width, "height": height}
    drawn = marks.chart(
        "Borrowing over time",
        _described(data, verdict),
        (f"{layout.name}-title", f"{layout.name}-description"),
        (layout.width, height),
        marks.patterns(layout.name),
        box(0, 0, layout.width, height, fill=marks.PAPER, class_="paper"),
        faultbar.shades(verdict, axis, legend_end + 4, faults_end),
        *(legend, outcomes, waits, faults, foot),
        class_=f"chart {'narrow' if layout.narrow else 'wide'}",
        **sizes,
    )
    return drawn, height


def _step(data: ChartSeries) -> str:
    """The width of a bin in words."""
    return f"{data.width_s * 1000:g} ms" if data.width_s < 1 else f"{data.width_s:g} s"


def _described(data: ChartSeries, verdict: Verdict) -> str:
    """The chart in sentences."""
    totals = ", ".join(
        f"{words.count(data.total(kind))} {_KIND_WORDS.get(kind, kind)}"
        for kind in KINDS
        if data.total(kind)
    )
    first, last = words.seconds(data.start_s), words.seconds(data.edge_s(data.bins))
    counted = (
        f"Borrow requests by what became of them, in steps of {_step(data)}, from {first} to"
        f" {last} relative to {words.START}, the warm-up included: {totals or 'none'}."
    )
    named = [(words.cut(f.name, 80), f) for f in verdict.faults]
    times = ((name, faultbar.fault_times(f.injected_s, f.healed_s)) for name, f in named)
    said = [counted, *(f"Fault {name}: {when}." for name, when in times)]
    for episode in verdict.episodes:
        ended = quiet_end(episode) or "to the end of the run"
        if episode.recovered_s is not None:
            ended = f"recovered {words.at(episode.recovered_s)}"
        since = f"from {words.at(episode.onset_s)}"
        since = began(episode) if starts_open(episode) else since
        said.append(f"{words.cut(episode.class_, 80).capitalize()} {since}, {ended}.")
    return " ".join(said)


def caption(verdict: Verdict) -> str:
    """How to read what this chart has beside its counts and waits; nothing of what it has not."""
    said, kinds = [], {episode.class_ for episode in verdict.episodes}
    rows = ["“impaired”"] * bool(kinds - {"slow"}) + ["“slow”"] * ("slow" in kinds)
    if rows:
        which = f"Row{'s' if len(rows) > 1 else ''} {', '.join(rows)}"
        said.append(f"{which}: when requests met the service; light ends: 95 % intervals.")
    if words.injected(verdict):
        said.append("Between dashed lines: fault active.")
    return " ".join(said)


# --- the strips of the borrowers -----------------------------------------------------------------


def _legend(data: ChartSeries, layout: Layout) -> tuple[Markup, float]:
    """Heading of the first strip, then the key of its colours, wrapped where it is narrow."""
    size, line_height = layout.font, layout.font + 5
    heading = f"Borrow requests per {_step(data)}"
    parts = [label(0, size + 1, heading, size=size, bold=True)]
    x, y = marks.text_width(heading, size) + 24, size + 1
    for kind in KINDS:
        if kind == "not started" and not data.total(kind):
            continue
        name = _KIND_WORDS.get(kind, kind)
        needed = marks.text_width(name, size) + 32
        if x + needed > layout.width + 16:
            x, y = 0, y + line_height
        paint = marks.fill(kind, layout.name)
        swatch = box(x, y - 9, 11, 11, fill=paint, stroke=marks.MUTED, stroke_width=0.5)
        parts += [swatch, label(x + 16, y, name, size=size)]
        x += needed
    return joined(*parts), y + 4


def _mark(axis: Axis, y: float, name: str) -> Markup:
    """A line of the grid with its name at the left."""
    layout = axis.layout
    named = label(layout.left - 6, y + 4, name, size=layout.font, anchor="end")
    return joined(line(layout.left, y, axis.end, y), named)


def _outcomes(data: ChartSeries, axis: Axis, top: float) -> tuple[Markup, float]:
    """Borrow requests stacked by what became of them."""
    height = axis.layout.outcomes
    bottom = top + height
    parts = [
        _mark(axis, bottom - mark / data.highest * height, words.count(mark))
        for mark in sorted({0, data.highest // 2, data.highest})
    ]
    parts += [_stack(data, axis, kind, bottom) for kind in KINDS]
    return joined(*parts), bottom


def _stack(data: ChartSeries, axis: Axis, kind: str, bottom: float) -> Markup:
    """All bins of one kind as a single path: a run of 300 bins stays a few kilobytes."""
    place = KINDS.index(kind)
    row, base = data.counts[place], data.counts[:place].sum(axis=0)
    scale = axis.layout.outcomes / data.highest
    path = []
    for index in np.flatnonzero(row):
        left, right = _edges(data, axis, index)
        low = bottom - base[index] * scale
        high = low - row[index] * scale
        # Absolute edges: neighbours round to the same place, so no seam shows between them.
        path.append(f"M{number(left)} {number(low)}V{number(high)}H{number(right)}V{number(low)}z")
    if not path:
        return Markup("")
    paint = marks.fill(kind, axis.layout.name)
    return tag("path", d="".join(path), fill=paint, shape_rendering="crispEdges")


def _edges(data: ChartSeries, axis: Axis, index: np.intp) -> tuple[float, float]:
    """Where a bin begins and ends."""
    return axis.x(data.edge_s(int(index))), axis.x(data.edge_s(int(index) + 1))


def _waits(data: ChartSeries, axis: Axis, timeout_s: float, top: float) -> tuple[Markup, float]:
    """Median and longest wait of each bin, on a logarithmic scale."""
    layout = axis.layout
    heading = "Wait for an answer, from the planned start: line = median, bar = up to the longest"
    if layout.narrow:
        heading = "Wait: line = median, bar = up to the longest"
    bottom = top + layout.waits
    seen = data.longest_ms[~np.isnan(data.longest_ms)]
    medians = data.median_ms[~np.isnan(data.median_ms)]
    low = 10 ** np.floor(np.log10(max(float(medians.min(initial=10.0)), 1.0)))
    high = max(float(seen.max(initial=0.0)), timeout_s * 1000) * 1.25

    def y(value_ms: float) -> float:
        part = np.log(max(value_ms, low) / low) / np.log(high / low)
        return float(bottom - part * layout.waits)

    parts = [label(0, top - 6, heading, size=layout.font, bold=True)]
    mark = low
    while mark <= high:
        name = words.milliseconds(mark).replace(".0 ms", " ms").replace(".00 s", " s")
        parts.append(_mark(axis, y(mark), name))
        mark *= 10
    parts += _wait_marks(data, axis, y)
    at, said = y(timeout_s * 1000), f"request timeout {timeout_s:g} s"
    parts += [
        line(layout.left, at, axis.end, at, stroke=marks.COLOURS["failed"], stroke_dasharray="6 3",
             stroke_width=1.2, class_="timeout"),
        label(layout.left + 4, at + layout.font + 1, said, size=layout.font),
    ]  # fmt: skip
    return joined(*parts), bottom


def _wait_marks(data: ChartSeries, axis: Axis, y: Callable[[float], float]) -> list[Markup]:
    ranges, medians = "", ""
    for index in np.flatnonzero(~np.isnan(data.median_ms)):
        left, right = _edges(data, axis, index)
        middle, top = y(float(data.median_ms[index])), y(float(data.longest_ms[index]))
        ranges += f"M{number((left + right) / 2)} {number(middle)}V{number(top)}"
        medians += f"M{number(left)} {number(middle)}H{number(right)}"
    thin = max(1.0, (axis.end - axis.layout.left) / data.bins * 0.6)
    return [
        tag("path", d=ranges, stroke="#8c959f", stroke_width=thin, fill="none"),
        tag("path", d=medians, stroke=marks.INK, stroke_width=2, fill="none", class_="stroke-ink"),
    ]
