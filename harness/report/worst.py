"""The worst seconds of a run: one long outage told from many blips."""

from markupsafe import Markup

from harness.report import words
from harness.report.axis import COLOURS
from harness.report.marks import GRID, box, label, number, tag
from harness.report.tables import Table, row
from harness.verdict.figures import WorstWindow
from harness.verdict.types import Verdict

_WIDTH, _LEFT, _RIGHT, _ROW, _FONT = 360.0, 44.0, 60.0, 20.0, 11.5


def windows(verdict: Verdict) -> Table:
    """For each length, the stretch of that length with the largest share of failures."""
    shortest = verdict.worst_windows[0]
    worst = f"{words.share(_share(shortest))} failed within {words.length(shortest.window_s)}"
    return Table(
        headers=("Length", "Begins", "Requests", "Failed", "Share"),
        rows=tuple(
            row(
                words.length(w.window_s),
                words.at(w.start_s),
                words.count(w.operations),
                words.count(w.failed),
                words.share(_share(w)),
            )
            for w in verdict.worst_windows
        ),
        digest=worst,
        lead="The stretch of each length in which the largest share of requests failed. A share"
        " that stays high in long stretches is one long outage; one that falls quickly is a blip.",
    )  # fmt: skip


def chart(verdict: Verdict) -> Markup:
    """The worst-window curve as bars; nothing where there is none."""
    found = verdict.worst_windows
    if not found:
        return Markup("")
    height = _ROW * len(found) + 4
    described = "; ".join(f"{words.length(w.window_s)}: {words.share(_share(w))}" for w in found)
    return tag(
        "svg",
        tag("title", "Worst stretches", id="worst-title"),
        tag("desc", f"Largest share of failures by length of stretch. {described}.",
            id="worst-description"),
        *(_bar(window, index * _ROW) for index, window in enumerate(found)),
        viewBox=f"0 0 {number(_WIDTH)} {number(height)}",
        width=_WIDTH,
        role="img",
        aria_labelledby="worst-title worst-description",
        class_="chart small",
    )  # fmt: skip


def _share(window: WorstWindow) -> float:
    return window.failed / window.operations if window.operations else 0.0


def _bar(window: WorstWindow, y: float) -> Markup:
    inside = _WIDTH - _LEFT - _RIGHT
    share = _share(window)
    name, value = words.length(window.window_s), words.share(share)
    return Markup("").join(
        (
            label(_LEFT - 8, y + 15, name, size=_FONT, anchor="end"),
            box(_LEFT, y + 4, inside, _ROW - 8, fill="none", stroke=GRID, class_="grid"),
            box(_LEFT, y + 4, inside * share, _ROW - 8, fill=COLOURS["failed"]),
            label(_WIDTH - _RIGHT + 8, y + 15, value, size=_FONT),
        )
    )
