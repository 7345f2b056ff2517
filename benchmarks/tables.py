"""The calibration as Markdown, for the terminal and for the page. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.calibration import Aim, Cell, Errors, ms, reference
from benchmarks.simulate import Crossing
from benchmarks.target_log import Count
from benchmarks.truth import RECOVERED_BELOW_SHARE


@dataclass(slots=True)
class Report:
    """Everything that a calibration found out."""

    machine: str
    how: str
    aims: list[Aim] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    counts: list[tuple[str, int, Count]] = field(default_factory=list)
    """What was run, at which rate, and its failures."""
    sections: list[str] = field(default_factory=list)
    """Titles, texts and tables, as they are to be printed."""


def render(report: Report) -> str:
    """All tables, with a headline that says how many aims are met."""
    met = sum(aim.met for aim in report.aims)
    parts = [
        f"{met} of {len(report.aims)} aims met. {report.how}",
        f"Measured on: {report.machine}.",
        "### Aims",
        _aims(report.aims),
    ]
    parts += report.sections
    for source in ("simulated", "real"):
        cells = [cell for cell in report.cells if cell.key.source == source]
        if cells:
            parts += [f"### Errors and intervals, {source}", _errors(cells)]
            parts += [f"### The rules people use, {source}", _naive(cells)]
    if report.crossings:
        parts += ["### Recovery at other shares of failures, simulated", _across(report.crossings)]
    if report.counts:
        parts += ["### Failed requests counted", _counts(report.counts)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up in a terminal."""
    every = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in every
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _aims(aims: Sequence[Aim]) -> str:
    head = ("aim", "wanted", "measured", "met", "why not")
    return table(
        head, [(a.what, a.wanted, a.got, "yes" if a.met else "**no**", a.why) for a in aims]
    )


def _errors(cells: Sequence[Cell]) -> str:
    head = (
        *("shape", "arrivals", "rate", "n", "found", "onset", "holds", "recovery", "holds"),
        *("length", "possible: edge", "possible: length"),
    )
    rows = []
    for cell in cells:
        limits = reference(cell)
        possible = ("-", "-")
        if limits is not None:
            edge, length = limits
            possible = (
                f"{ms(edge.median_s)} / {ms(edge.p95_s)}",
                f"{ms(length.median_s)} / {ms(length.p95_s)}",
            )
        rows.append(
            (
                *(cell.key.shape, cell.key.spacing, f"{cell.key.rate}/s", f"{cell.troubles:,}"),
                f"{cell.found / cell.troubles:.1%}",
                *(_error(cell.onset), _holds(cell.onset)),
                *(_error(cell.recovery), _holds(cell.recovery)),
                *(_error(cell.length), *possible),
            )
        )
    return table(head, rows)


def _error(errors: Errors | None) -> str:
    return "-" if errors is None else f"{ms(errors.median_s)} / {ms(errors.p95_s)}"


def _holds(errors: Errors | None) -> str:
    return "-" if errors is None or errors.coverage is None else f"{errors.coverage:.1%}"


def _naive(cells: Sequence[Cell]) -> str:
    """Median errors of onset and recovery, ours first; jittered arrivals only, as in real runs."""
    shown = [cell for cell in cells if cell.naive and cell.key.spacing == "jittered"]
    rules = list(dict.fromkeys(rule for cell in shown for rule in cell.naive))
    rows = []
    for cell in shown:
        ours = (
            cell.onset.median_s if cell.onset else None,
            cell.recovery.median_s if cell.recovery else None,
        )
        theirs = [cell.naive.get(rule, (None, None)) for rule in rules]
        both = [f"{ms(onset)}, {ms(over)}" for onset, over in (ours, *theirs)]
        rows.append((cell.key.shape, f"{cell.key.rate}/s", *both))
    return table(("shape", "rate", "ours", *rules), rows)


def _across(crossings: Sequence[Crossing]) -> str:
    """Shares other than the one of the main table, where the baseline was long enough for them."""
    cells: dict[tuple[str, str, int, float], list[Crossing]] = {}
    for crossing in crossings:
        if crossing.failed_share != RECOVERED_BELOW_SHARE:
            place = (crossing.shape, crossing.spacing, crossing.rate, crossing.failed_share)
            cells.setdefault(place, []).append(crossing)
    rows = []
    for (shape, spacing, rate, share), every in cells.items():
        errors = np.abs([c.error_s for c in every if c.error_s is not None] or [np.nan])
        held = sum(bool(c.held) for c in every)
        rows.append(
            (
                *(shape, spacing, f"{rate}/s", f"{share:.0%}", f"{len(every):,}"),
                f"{ms(float(np.median(errors)))} / {ms(float(np.quantile(errors, 0.95)))}",
                f"{held / len(every):.1%}",
            )
        )
    return table(("shape", "arrivals", "rate", "share", "n", "error", "holds"), rows)


def _counts(counts: Sequence[tuple[str, int, Count]]) -> str:
    head = (
        *("run", "rate", "by the verdict", "by the target's log", "only verdict", "only log"),
        *("at the last moment", "exact", "by Locust"),
    )
    return table(
        head,
        [
            (
                *(name, f"{rate}/s", f"{c.run:,}", f"{c.target:,}", str(c.only_run)),
                *(str(c.only_target), str(c.last_moment), "yes" if c.exact else "**no**"),
                "-" if c.locust is None else f"{c.locust:,}",
            )
            for name, rate, c in counts
        ],
    )


def put_into(page: str, half: str, text: str) -> str:
    """The page with everything between the markers of this half replaced.

    Raises:
        ValueError: it has no markers, or not one of each.
    """
    begin, end = (f"<!-- {half}:{which} -->" for which in ("begin", "end"))
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page needs one {begin} and, after it, one {end}")
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}"
