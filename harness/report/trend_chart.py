"""One figure of past runs as a small chart: every run with its interval, in the order of time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.report import marks, words
from harness.report.compare.compared_figures import Figure, ShownRun, Value
from harness.report.marks import INK, PAPER, box, label, line, tag
from harness.verdict.types import Judgement

RUNS_MAX = 60
"""Runs of a chart; more could not be told apart at the width of a phone."""
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#8C6D00", "#57606a")
"""Told apart by colour-blind people too, on white as on black; the last one is for all others."""
_DASHES = ("none", "7 3", "2 2", "7 2 2 2", "12 3", "1 4")
"""How the lines of each label are drawn, so that labels are told apart without colours, too."""
_WIDTH, _LEFT, _RIGHT, _TOP, _HEIGHT, _FOOT, _FONT = 360.0, 56.0, 12.0, 30.0, 104.0, 20.0, 11.0
_BEYOND = 12.0
"""Room at the top for what is larger than could be watched."""


@dataclass(frozen=True, slots=True)
class Trend:
    """All runs of one scenario, the oldest first."""

    scenario: str
    runs: tuple[ShownRun, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps the place of a run and a value to places in the chart."""

    runs: int
    low: float
    high: float

    def x(self, place: int) -> float:
        """Where a run stands; a lone one in the middle."""
        inside = _WIDTH - _LEFT - _RIGHT - 16
        part = place / (self.runs - 1) if self.runs > 1 else 0.5
        return _LEFT + 8 + inside * part

    def y(self, value: float) -> float:
        """Where a value stands, held inside the chart."""
        part = (value - self.low) / (self.high - self.low)
        return _TOP + _HEIGHT - min(max(part, 0.0), 1.0) * (_HEIGHT - _BEYOND)


def _colour(name: str, labels: Sequence[str]) -> str:
    return _COLOURS[min(labels.index(name), len(_COLOURS) - 1)]


def _line(ends: tuple[float, float, float, float], name: str, labels: Sequence[str]) -> Markup:
    """A thin line in the colour and the dashes of a label."""
    dashes = _DASHES[min(labels.index(name), len(_DASHES) - 1)]
    paint = _colour(name, labels)
    return line(*ends, stroke=paint, stroke_opacity=0.6, stroke_dasharray=dashes, class_="")


def _framed(
    name: str, title: str, told: str, height: float, heading: str, *drawn: Markup
) -> Markup:
    """A chart on its paper, below its heading; ``name`` begins its ids."""
    return marks.chart(
        title,
        told,
        (f"{name}-t", f"{name}-d"),
        (_WIDTH, height),
        box(0, 0, _WIDTH, height, fill=PAPER, class_="paper"),
        label(0, 14, heading, size=12.5, bold=True),
        *drawn,
    )


def draw(trend: Trend, figure: Figure, labels: Sequence[str], name: str) -> Markup:
    """The chart as one ``<svg>`` element as wide as there is room; ``name`` begins its ids."""
    values = [run.figures.get(figure.name) for run in trend.runs]
    ticks = _ticks([value for value in values if value is not None])
    scale = _Scale(len(trend.runs), ticks[0], ticks[-1])
    heading = f"{figure.meaning[:1].upper()}{figure.meaning[1:]}"
    drawn = []
    for y, said in ((scale.y(tick), figure.write(tick)) for tick in ticks):
        drawn.append(line(_LEFT, y, _WIDTH - _RIGHT, y))
        drawn.append(label(_LEFT - 6, y + 4, said, size=_FONT, anchor="end", muted=True))
    return _framed(
        name,
        f"{heading}, {words.cut(trend.scenario, 80)}",
        _described(figure, values),
        _TOP + _HEIGHT + _FOOT,
        heading,
        *drawn,
        *_dates(trend, scale),
        *_joined(trend, figure, labels, scale),
        *(
            _point(run, value, _colour(run.label, labels), scale.x(place), scale)
            for place, (run, value) in enumerate(zip(trend.runs, values, strict=True))
            if value is not None
        ),
    )


def legend(trend: Trend, labels: Sequence[str], name: str) -> Markup:
    """What the marks mean, as a chart of its own."""
    used = [known for known in labels if any(run.label == known for run in trend.runs)]
    shown, others = used[: len(_COLOURS) - 1], used[len(_COLOURS) - 1 :]
    verdicts = (Judgement.PASS, Judgement.FAIL, Judgement.INCONCLUSIVE)
    rows = [(verdict, INK, verdict.value) for verdict in verdicts]
    rows += [(Judgement.PASS, _colour(known, labels), known) for known in shown]
    if others:
        rows.append((Judgement.PASS, _COLOURS[-1], words.plural(len(others), "other label")))
    notes = ("arrow: no recovery was seen", "cross: no evidence, not compared")
    height = _TOP + 18 * ((len(rows) + 1) // 2) + 17 * len(notes)
    places = [(10 + 180 * (place % 2), _TOP + 18 * (place // 2)) for place in range(len(rows))]
    drawn = [
        _line((x - 9, y, x + 9, y), known, labels)
        for known, (x, y) in zip((*shown, *others[-1:]), places[3:], strict=True)
    ]
    drawn += [
        label(4, height - 17 * (len(notes) - place) + 8, said, size=_FONT, muted=True)
        for place, said in enumerate(notes)
    ]
    for (verdict, paint, said), (x, y) in zip(rows, places, strict=True):
        text = label(x + 10, y + 4, marks.shorten(said, _FONT, 155), size=_FONT)
        drawn += [_mark(verdict, x, y, paint), text]
    named = ", ".join(words.cut(name, 64) for name in used)
    told = f"Shape is the verdict, colour and dashes the label: {named}."
    return _framed(name, "What the marks mean", told, height, "Marks", *drawn)


def _described(figure: Figure, values: Sequence[Value | None]) -> str:
    """The chart in sentences, for people who cannot see it."""
    known = [v for v in values if v is not None]
    sizes = [v.value for v in known if v.value is not None]
    said = [f"{words.plural(len(known), 'run')}; the numbers are in the table below."]
    if sizes:
        said.append(f"Smallest {figure.write(min(sizes))}, largest {figure.write(max(sizes))}.")
    if len(sizes) < len(known):
        said.append(f"{words.plural(len(known) - len(sizes), 'run')} did not recover.")
    last = values[-1]
    if last is not None and last.value is not None:
        said.append(f"The newest run: {figure.write(last.value)}.")
    return " ".join(said)


# --- axes ----------------------------------------------------------------------------------------


def _ticks(values: Sequence[Value]) -> list[float]:
    """Three to five round values from nought, or below it, to the largest end of an interval.

    What has no size is drawn above them: its arrow must not press all others flat.
    """
    sized = [v for v in values if v.value is not None]
    ends = [end for v in sized for end in (v.value, v.low, v.high) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    span = high - low or 1.0
    magnitude = 10 ** math.floor(math.log10(span / 3))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if span / (m * magnitude) <= 4)  # noqa: PLR2004
    first, last = math.floor(low / step), max(math.ceil(high / step - 1e-9), 1)
    return [step * place for place in range(first, last + 1)]


def _dates(trend: Trend, scale: _Scale) -> list[Markup]:
    """The day of the first run, and each later day that has room."""
    drawn, free, day = [], -math.inf, ""
    foot = _TOP + _HEIGHT
    for place, run in enumerate(trend.runs):
        this = (run.zero_utc or "")[:10]
        x = scale.x(place)
        # At the right edge the text would leave the chart.
        left = min(x - 8, _WIDTH - marks.text_width(this, _FONT))
        if this == day or left < free:
            continue
        day, free = this, left + 70
        mark = line(x, foot, x, foot + 4, stroke=marks.MUTED)
        drawn.append(mark + label(left, foot + 16, this, size=_FONT, muted=True))
    return drawn


# --- runs ----------------------------------------------------------------------------------------


def _joined(trend: Trend, figure: Figure, labels: Sequence[str], scale: _Scale) -> list[Markup]:
    """A thin line through the runs of each label; it stops where one has no number."""
    drawn = []
    for known in labels:
        before: tuple[float, float] | None = None
        for place, run in enumerate(trend.runs):
            if run.label != known:
                continue
            value = run.figures.get(figure.name)
            here = None
            if value is not None and value.value is not None and not run.left_out:
                here = scale.x(place), scale.y(value.value)
            if before is not None and here is not None:
                drawn.append(_line((*before, *here), known, labels))
            before = here
    return drawn


def _point(run: ShownRun, value: Value, paint: str, x: float, scale: _Scale) -> Markup:
    """A run: its interval as a bar, its value as a mark; what has no size as an arrow upwards."""
    if value.value is None:
        return _arrow(x, paint)
    y, bar = scale.y(value.value), Markup("")
    if value.low is not None and value.high is not None:
        low, high = scale.y(value.low), scale.y(value.high)
        bar = line(x, low, x, high, stroke=paint, stroke_width=2, stroke_opacity=0.45, class_="")
    return bar + (_cross(x, y, paint) if run.left_out else _mark(run.verdict, x, y, paint))


def _mark(verdict: Judgement, x: float, y: float, paint: str) -> Markup:
    """Pass is a disc, fail a square, inconclusive an empty ring."""
    classes = {"class_": "mark ink"} if paint == INK else {}
    match verdict:
        case Judgement.FAIL:
            return box(x - 4, y - 4, 8, 8, fill=paint, **classes)
        case Judgement.INCONCLUSIVE:
            hollow = {"class_": "paper stroke-ink"} if paint == INK else {"class_": "paper"}
            return tag("circle", cx=x, cy=y, r=3.6, fill=PAPER, stroke=paint, stroke_width=1.6,
                       **hollow)  # fmt: skip
        case Judgement.PASS:
            return tag("circle", cx=x, cy=y, r=3.6, fill=paint, **classes)


def _arrow(x: float, paint: str) -> Markup:
    """Upwards, out of the chart."""
    top, wing = _TOP - 6, _TOP + 2
    corners = ((x - 5, wing), (x, top), (x + 5, wing))
    path = "L".join(f"{marks.number(at_x)} {marks.number(at_y)}" for at_x, at_y in corners)
    stem = line(x, wing, x, wing + 8, stroke=paint, stroke_width=2, class_="")
    return stem + tag("path", d=f"M{path}Z", fill=paint)


def _cross(x: float, y: float, paint: str) -> Markup:
    thick: dict[str, str | float] = {"stroke": paint, "stroke_width": 1.6, "class_": ""}
    return line(x - 4, y - 4, x + 4, y + 4, **thick) + line(x - 4, y + 4, x + 4, y - 4, **thick)
