"""The lower part of the chart: faults, episodes, phases and the time axis itself."""

import numpy as np
from markupsafe import Markup

from harness.plan.plan import Plan
from harness.report import marks, words
from harness.report.marks import INK, Axis, Layout, box, joined, label, line, number, tag
from harness.verdict.spans import began, ended, quiet_end, span, starts_open
from harness.verdict.types import Episode, Fault, Verdict

_TICKS_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_ROWS_MAX = 6
_ROW = 15.0
_FAULT = "#CC79A7"


def shades(verdict: Verdict, axis: Axis, top: float, bottom: float) -> Markup:
    """Every fault through all strips, its edges dashed; the warm-up, which is not counted."""
    parts, first, height = [], axis.layout.left, bottom - top
    if axis.start_s < 0:
        warm_up = axis.x(0.0) - first
        parts.append(box(first, top, warm_up, height, fill=marks.MUTED, fill_opacity="0.10"))
    for fault in verdict.faults:
        if fault.injected_s is None:
            continue
        left = axis.x(fault.injected_s)
        right = axis.end if fault.healed_s is None else axis.x(fault.healed_s)
        parts.append(box(left, top, right - left, height, fill=_FAULT, fill_opacity="0.22"))
        parts += [
            line(x, top, x, bottom, stroke=INK, stroke_dasharray="3 3", class_="stroke-ink")
            for x in ((left,) if fault.healed_s is None else (left, right))
        ]
    return joined(*parts)


def fault_times(injected_s: float | None, healed_s: float | None) -> str:
    """When a fault began and ended, in words."""
    if injected_s is None:
        return "never injected"
    healed = "not healed" if healed_s is None else f"healed {words.seconds(healed_s)}"
    return f"injected {words.seconds(injected_s)}, {healed}"


def faults(verdict: Verdict, axis: Axis, y: float) -> tuple[Markup, float]:
    """One row for each fault that was injected, and one for the episodes of impaired borrowing."""
    injected = [fault for fault in verdict.faults if fault.injected_s is not None]
    parts = []
    for fault in injected[:_ROWS_MAX]:
        parts.append(_fault(fault, axis, y))
        y += _ROW
    if len(injected) > _ROWS_MAX:
        more = f"and {len(injected) - _ROWS_MAX} more, in the table of faults"
        parts.append(label(axis.layout.left, y + 10, more, size=axis.layout.font))
        y += _ROW
    # Slow stretches surround impaired ones, so that in one row they would hide each other.
    slow = [episode for episode in verdict.episodes if episode.class_ == "slow"]
    impaired = [episode for episode in verdict.episodes if episode.class_ != "slow"]
    for name, found in (("impaired", impaired), ("slow", slow)):
        if found:
            parts.append(_episodes(name, found, axis, y))
            y += _ROW
    return joined(*parts), y


def _fault(fault: Fault, axis: Axis, y: float) -> Markup:
    assert fault.injected_s is not None  # noqa: S101  # the caller left the others out
    left = axis.x(fault.injected_s)
    right = axis.x(axis.end_s if fault.healed_s is None else fault.healed_s)
    said = f"{words.cut(fault.name, 80)}: {fault_times(fault.injected_s, fault.healed_s)}"
    bar = box(left, y, max(right - left, 2), _ROW - 3, fill=_FAULT, stroke=INK)
    return joined(
        label(0, y + 10, "fault", size=axis.layout.font, bold=True),
        tag("g", tag("title", said), bar),
        _beside(axis, left, right, y, fault.name if axis.layout.narrow else said),
    )


def _episodes(name: str, found: list[Episode], axis: Axis, y: float) -> Markup:
    """All in one row; the first is named to its left, the last to its right."""
    layout, size = axis.layout, axis.layout.font
    parts = [label(0, y + 10, name, size=size, bold=True)]
    parts += [_episode(episode, axis, y) for episode in found]
    left, right = _reach(found[0], axis)[0], _reach(found[-1], axis)[1]
    first, last = _shown(found[0], layout), _shown(found[-1], layout)
    if len(found) == 1:
        return joined(*parts, _beside(axis, left, right, y, first))
    room = axis.end - right - 14
    inner, outer = _reach(found[-2], axis)[1], _reach(found[-1], axis)[0]
    if room < marks.text_width(last, size) < outer - inner - 28:
        parts.append(label(outer - 14, y + 10, last, size=size, anchor="end"))
        last = ""
    elif marks.text_width(last, size) > room and not layout.narrow:
        # What lasts to the end leaves no room there.
        kinds = [words.cut(episode.class_, 80) for episode in (found[0], found[-1])]
        first, last = f"{kinds[0]} {began(found[0])}, {kinds[1]} {_ended(found[-1])}", ""
    first = marks.shorten(first, size, left - layout.left - 20)
    return joined(
        *parts,
        label(right + 12, y + 10, marks.shorten(last, size, room), size=size),
        label(left - 14, y + 10, first, size=size, anchor="end"),
    )


def _shown(episode: Episode, layout: Layout) -> str:
    kind = words.cut(episode.class_, 80)
    if layout.narrow:
        return kind
    quiet = f"{began(episode)}, {_ended(episode)}"
    return f"{kind} {quiet if quiet_end(episode) else span(episode)}"


def _ended(episode: Episode) -> str:
    """In few words, as there is little room."""
    return "end not confirmed" if quiet_end(episode) else ended(episode)


def _reach(episode: Episode, axis: Axis) -> tuple[float, float]:
    """How far to the left and right an episode may reach; an open end to that of the chart."""
    low_s, high_s = episode.onset_s_low, episode.recovered_s_high
    over_s = episode.recovered_s if high_s is None else high_s
    begin_s = axis.start_s if starts_open(episode) else episode.onset_s if low_s is None else low_s
    return axis.x(begin_s), axis.x(axis.end_s if over_s is None else over_s)


def _episode(episode: Episode, axis: Axis, y: float) -> Markup:
    """Full where it surely was, light where it may have been, the intervals of its edges on it."""
    sure_s = episode.recovered_s
    if sure_s is None:  # not seen to be over: it may have been since then
        sure_s = axis.end_s if episode.recovered_s_low is None else episode.recovered_s_low
    colour, sure = "#E69F00", "#E69F00"
    if episode.class_ == "outage":
        colour, sure = marks.COLOURS["failed"], marks.fill("failed", axis.layout.name)
    left, right = axis.x(episode.onset_s), axis.x(sure_s)
    first, last = _reach(episode, axis)
    return tag(
        "g",
        tag("title", f"{words.cut(episode.class_, 80)} {span(episode)}"),
        box(first, y + 3, last - first, _ROW - 9, fill=colour, fill_opacity="0.35"),
        box(left, y + 3, max(right - left, 2), _ROW - 9, fill=sure),
        _whisker(axis, y, episode.onset_s_low, episode.onset_s_high),
        _whisker(axis, y, episode.recovered_s_low, episode.recovered_s_high),
    )


def _beside(axis: Axis, left: float, right: float, y: float, said: str) -> Markup:
    """A text to the right of a bar, or to its left where there is more room."""
    layout = axis.layout
    after, before = axis.end - right - 14, left - layout.left - 14
    text = marks.shorten(said, layout.font, max(after, before))
    if after >= before or marks.text_width(said, layout.font) < after:
        return label(right + 12, y + 10, text, size=layout.font)
    return label(left - 12, y + 10, text, size=layout.font, anchor="end")


def _whisker(axis: Axis, y: float, low_s: float | None, high_s: float | None) -> Markup:
    """The interval of an edge; an open end goes to the end of the axis, without a stop there."""
    if low_s is None and high_s is None:
        return Markup("")
    left = axis.x(axis.start_s if low_s is None else low_s)
    right = axis.x(axis.end_s if high_s is None else high_s)
    stops = [x for x, end_s in ((left, low_s), (right, high_s)) if end_s is not None]
    path = "".join(f"M{number(x)} {number(y)}v12" for x in stops)
    path += f"M{number(left)} {number(y + 6)}H{number(right)}"
    return tag("path", d=path, stroke=INK, stroke_width=1.5, fill="none", class_="stroke-ink")


def _phase_name(name: str, left: float, right: float, y: float, layout: Layout) -> Markup:
    """In full or not at all; before the first phase there is room for what does not fit into it."""
    size, needed = layout.font, marks.text_width(name, layout.font)
    if needed <= right - left - 4:
        return label((left + right) / 2, y, name, size=size, anchor="middle")
    heading = 1.25 * marks.text_width("phase", size) + 12  # it is bold
    if left < layout.left + needed and needed <= right - heading - 2:
        return label(right - 2, y, name, size=size, anchor="end")
    return Markup("")


def foot(plan: Plan, verdict: Verdict, axis: Axis, top: float) -> tuple[Markup, float]:
    """Phases by name, and the time axis."""
    layout, size = axis.layout, axis.layout.font
    parts = [label(0, top + 11, "phase", size=size, bold=True)]
    for phase in verdict.phases or plan.phases:
        left, right = axis.x(phase.start_s), axis.x(phase.end_s)
        shown = {"fill": "#eaeef2", "stroke": marks.PAPER, "class_": "phase"}
        parts.append(box(left, top, right - left, 15, **shown))
        parts.append(_phase_name(phase.name, left, right, top + 11, layout))
    y = top + 30
    length_s = axis.end_s - axis.start_s
    step = next((s for s in _TICKS_S if length_s / s <= layout.ticks_max), _TICKS_S[-1])
    tick = np.ceil(axis.start_s / step - 1e-9) * step
    while tick <= axis.end_s + 1e-9:
        x = axis.x(tick)
        parts.append(line(x, top + 15, x, top + 19, stroke=marks.MUTED))
        parts.append(label(x, y, f"{tick + 0.0:g} s", size=size, anchor="middle"))
        tick += step
    said = "seconds after the start of measuring"
    if not layout.narrow:
        said += "; negative is warm-up, which is not counted"
    middle = (layout.left + axis.end) / 2
    parts.append(label(middle, y + 15, said, size=size, anchor="middle", muted=True))
    return joined(*parts), y + 20
