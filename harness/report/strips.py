"""The two strips of the chart that show the borrowers: outcomes, and waits for an answer."""

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from harness.report import words
from harness.report.axis import COLOURS, KIND_WORDS, Axis, Layout, Strip, fill
from harness.report.chart_series import KINDS, ChartSeries
from harness.report.marks import INK, MUTED, box, label, line, number, tag
from harness.report.marks import text_width as width_of


def step(data: ChartSeries) -> str:
    """The width of a bin in words."""
    return f"{data.width_s * 1000:g} ms" if data.width_s < 1 else f"{data.width_s:g} s"


def legend(data: ChartSeries, layout: Layout) -> Strip:
    """Heading of the first strip, then the key of its colours, wrapped where it is narrow."""
    size, line_height = layout.font, layout.font + 5
    heading = f"Borrow requests per {step(data)}"
    parts = [label(0, size + 1, heading, size=size, bold=True)]
    x, y = width_of(heading, size) + 24, size + 1
    for kind in KINDS:
        if kind == "not started" and not data.total(kind):
            continue
        name = KIND_WORDS.get(kind, kind)
        needed = width_of(name, size) + 32
        if x + needed > layout.width + 16:
            x, y = 0, y + line_height
        swatch = box(x, y - 9, 11, 11, fill=fill(kind, layout.name), stroke=MUTED, stroke_width=0.5)
        parts += [swatch, label(x + 16, y, name, size=size)]
        x += needed
    return Strip(Markup("").join(parts), y + 4)


def outcomes(data: ChartSeries, axis: Axis, top: float) -> Strip:
    """Borrow requests stacked by what became of them."""
    layout = axis.layout
    bottom = top + layout.outcomes
    highest = data.highest
    parts = []
    for mark in sorted({0, highest // 2, highest}):
        y = bottom - mark / highest * layout.outcomes
        parts.append(line(layout.left, y, axis.end, y))
        parts.append(
            label(layout.left - 6, y + 4, words.count(mark), size=layout.font, anchor="end")
        )
    parts += [_stack(data, axis, kind, bottom) for kind in KINDS]
    return Strip(Markup("").join(parts), bottom)


def _stack(data: ChartSeries, axis: Axis, kind: str, bottom: float) -> Markup:
    """All bins of one kind as a single path: a run of 300 bins stays a few kilobytes."""
    place = KINDS.index(kind)
    row, base = data.counts[place], data.counts[:place].sum(axis=0)
    scale = axis.layout.outcomes / data.highest
    path = []
    for index in np.flatnonzero(row):
        left, right = axis.x(data.edge_s(int(index))), axis.x(data.edge_s(int(index) + 1))
        low = bottom - base[index] * scale
        high = low - row[index] * scale
        # Absolute edges: neighbours round to the same place, so no seam shows between them.
        path.append(f"M{number(left)} {number(low)}V{number(high)}H{number(right)}V{number(low)}z")
    if not path:
        return Markup("")
    return tag(
        "path", d="".join(path), fill=fill(kind, axis.layout.name), shape_rendering="crispEdges"
    )


def waits(data: ChartSeries, axis: Axis, timeout_s: float, top: float) -> Strip:
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
        parts.append(line(layout.left, y(mark), axis.end, y(mark)))
        name = words.milliseconds(mark).replace(".0 ms", " ms").replace(".00 s", " s")
        parts.append(label(layout.left - 6, y(mark) + 4, name, size=layout.font, anchor="end"))
        mark *= 10
    parts += _wait_marks(data, axis, y)
    parts.append(_timeout(axis, y(timeout_s * 1000), timeout_s))
    return Strip(Markup("").join(parts), bottom)


def _wait_marks(data: ChartSeries, axis: Axis, y: Callable[[float], float]) -> list[Markup]:
    ranges, medians = [], []
    for index in np.flatnonzero(~np.isnan(data.median_ms)):
        left, right = axis.x(data.edge_s(int(index))), axis.x(data.edge_s(int(index) + 1))
        middle = y(float(data.median_ms[index]))
        top = y(float(data.longest_ms[index]))
        ranges.append(f"M{number((left + right) / 2)} {number(middle)}V{number(top)}")
        medians.append(f"M{number(left)} {number(middle)}H{number(right)}")
    thin = max(1.0, (axis.end - axis.layout.left) / data.bins * 0.6)
    return [
        tag("path", d="".join(ranges), stroke="#8c959f", stroke_width=thin, fill="none"),
        tag(
            "path",
            d="".join(medians),
            stroke=INK,
            stroke_width=2,
            fill="none",
            class_="stroke-ink",
        ),
    ]


def _timeout(axis: Axis, y: float, timeout_s: float) -> Markup:
    layout = axis.layout
    return Markup("").join(
        (
            line(
                layout.left,
                y,
                axis.end,
                y,
                stroke=COLOURS["failed"],
                stroke_dasharray="6 3",
                stroke_width=1.2,
                class_="timeout",
            ),
            label(
                layout.left + 4,
                y + layout.font + 1,
                f"request timeout {timeout_s:g} s",
                size=layout.font,
            ),
        )
    )
