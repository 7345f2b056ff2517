"""The one chart of the report: outcomes, waiting times and faults over one shared time axis.

Pure: facts and verdict in, SVG markup out.
"""

from markupsafe import Markup

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import chart_series, faultbar, strips, words
from harness.report.axis import KIND_WORDS, NARROW, WIDE, Axis, Layout, patterns
from harness.report.chart_series import KINDS, ChartSeries
from harness.report.marks import PAPER, box, number, tag
from harness.verdict.spans import began, quiet_end, starts_open
from harness.verdict.types import Verdict

__all__ = ["NARROW", "WIDE", "caption", "describe", "svg"]


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
    legend = strips.legend(data, layout)
    outcomes = strips.outcomes(data, axis, legend.bottom + 4)
    waits = strips.waits(data, axis, plan.settings.request_timeout_s, outcomes.bottom + 20)
    faults = faultbar.faults(verdict, axis, waits.bottom + 8)
    foot = faultbar.foot(plan, verdict, axis, faults.bottom + 5)
    shades = faultbar.shades(verdict, axis, legend.bottom + 4, faults.bottom)
    title, description = f"{layout.name}-title", f"{layout.name}-description"
    drawn = tag(
        "svg",
        tag("title", "Borrowing over time", id=title),
        tag("desc", describe(data, verdict), id=description),
        patterns(layout.name),
        box(0, 0, layout.width, foot.bottom, fill=PAPER, class_="paper"),
        shades,
        legend.drawn,
        outcomes.drawn,
        waits.drawn,
        faults.drawn,
        foot.drawn,
        viewBox=f"0 0 {number(layout.width)} {number(foot.bottom)}",
        role="img",
        aria_labelledby=f"{title} {description}",
        class_=f"chart {'narrow' if layout.narrow else 'wide'}",
        **({"width": width} if width else {"width": layout.width, "height": foot.bottom}),
    )
    return drawn, foot.bottom


def describe(data: ChartSeries, verdict: Verdict) -> str:
    """The chart in sentences, for people who cannot see it."""
    totals = ", ".join(
        f"{words.count(data.total(kind))} {KIND_WORDS.get(kind, kind)}"
        for kind in KINDS
        if data.total(kind)
    )
    first, last = words.seconds(data.start_s), words.seconds(data.edge_s(data.bins))
    counted = (
        f"Borrow requests by what became of them, in steps of {strips.step(data)}, from {first} to"
        f" {last} relative to {words.START}, the warm-up included: {totals or 'none'}."
    )
    said = [counted]
    said += [
        f"Fault {words.cut(f.name, 80)}: {faultbar.fault_times(f.injected_s, f.healed_s)}."
        for f in verdict.faults
    ]
    for episode in verdict.episodes:
        ended = (
            quiet_end(episode) or "to the end of the run"
            if episode.recovered_s is None
            else f"recovered {words.at(episode.recovered_s)}"
        )
        kind = words.cut(episode.class_, 80).capitalize()
        since = "from " + words.at(episode.onset_s)
        since = began(episode) if starts_open(episode) else since
        said.append(f"{kind} {since}, {ended}.")
    return " ".join(said)


def caption(verdict: Verdict) -> str:
    """How to read what this chart has beside its counts and waits; nothing of what it has not."""
    said, kinds = [], {episode.class_ for episode in verdict.episodes}
    rows = ["“impaired”"] * bool(kinds - {"slow"}) + ["“slow”"] * ("slow" in kinds)
    if rows:
        which = f"Row{'s' if len(rows) > 1 else ''} {', '.join(rows)}"
        said.append(f"{which}: when requests met the service; light ends: 95 % intervals.")
    if any(fault.injected_s is not None for fault in verdict.faults):
        said.append("Between dashed lines: fault active.")
    return " ".join(said)
