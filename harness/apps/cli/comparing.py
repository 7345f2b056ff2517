"""`lendchaos compare`: runs side by side or against a baseline, and past verdicts in a folder."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.console import exit_codes, number, say
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.report.archive import History, Stored, check_label, open_history, write_whole
from harness.report.compare.comparison import Comparison, compare
from harness.report.compare.comparison_document import to_json
from harness.report.compare.comparison_text import render, warnings
from harness.report.compare.sources import AskedRuns, FoundRuns, find_baseline, find_these
from harness.report.trend_page import page

LAST_DEFAULT = 10

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="A run directory, a series directory, or a label of the history.",
    ),
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RUN",
        help="What to compare with, in the same words; repeatable.",
    ),
]
HistoryDir = Annotated[
    Path | None,
    typer.Option("--history", metavar="DIR", help="A folder of past verdicts."),
]
Save = Annotated[
    str | None,
    typer.Option(
        metavar="LABEL",
        help="Keep these verdicts in the history under a label.",
    ),
]
Trend = Annotated[
    Path | None,
    typer.Option(metavar="FILE.html", help="Write a page of the whole history."),
]
ScenarioName = Annotated[
    str | None, typer.Option("--scenario", metavar="NAME", help="Only runs of this one.")
]
Last = Annotated[
    int,
    typer.Option(
        metavar="N", parser=number(1), help="How many runs of a label to take, the newest."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")]
FailOnRegression = Annotated[
    bool,
    typer.Option(
        "--fail-on-regression",
        help="End with 1 on a regression or on money that is wrong, and with 3 where so few runs,"
        " or different ones, show nothing. Otherwise regressions only warn.",
    ),
]


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for; everything is looked at before anything is written."""

    runs: list[str]
    baseline: list[str]
    history: History | None
    save: str | None
    trend: Path | None
    fail: bool


@app.command("compare")
def compare_runs(
    runs: Runs = None,
    *,
    baseline: Baseline = None,
    history: HistoryDir = None,
    save: Save = None,
    trend: Trend = None,
    scenario: ScenarioName = None,
    last: Last = LAST_DEFAULT,
    json: Json = False,
    fail_on_regression: FailOnRegression = False,
) -> None:
    """Put RUNs of one scenario side by side, or against others.

    A change is claimed only from 5 runs against 5, by their order (Mann-Whitney)
    and by its size; below that both lists are shown and nothing is claimed.

    A regression warns; it fails only with --fail-on-regression.
    """
    with exit_codes():
        folder = None if history is None else open_history(history, create=save is not None)
        order = _Order(runs or [], baseline or [], folder, save, trend, fail_on_regression)
        _check(order)
        asked = AskedRuns(folder, scenario, last)
        these = find_these(order.runs, asked) if order.runs else FoundRuns()
        comparison = _compare(order, these, asked) if order.runs else None
        kept = _check_places(order, these.runs)
        trend_page = _trend_page(order, kept)
        if comparison is not None:
            sys.stdout.write(to_json(comparison) if json else render(comparison))
            sys.stdout.flush()
            for line in warnings(comparison) if json else ():
                say(line)
        _write(order, kept, trend_page)
        if comparison is not None and order.fail:
            raise typer.Exit(_exit_code(comparison))


def _check(order: _Order) -> None:
    """Whether the options go together.

    Raises:
        UsageError: they do not; the message says what would.
    """
    if not order.runs and order.trend is None:
        raise UsageError("which runs? Name run directories, a series or a label of the history")
    if order.history is None and (order.save is not None or order.trend is not None):
        option = "--trend" if order.save is None else "--save"
        raise UsageError(f"{option} needs the folder of past verdicts: --history DIR")
    if not order.runs and (order.baseline or order.save is not None or order.fail):
        raise UsageError("--baseline, --save and --fail-on-regression need runs to look at")
    if order.fail and not order.baseline:
        raise UsageError("--fail-on-regression needs a --baseline to compare with")
    if order.save is not None:
        check_label(order.save)
    if order.trend is not None and order.trend.suffix != ".html":
        raise UsageError(f"--trend {order.trend} must name a file that ends in .html")
    if order.trend is not None and order.trend.is_dir():
        raise UsageError(f"--trend {order.trend} is a folder; name a file in it")
    if order.trend is not None and not order.trend.absolute().parent.is_dir():
        inside = order.history is not None and order.trend.parent == order.history.root
        if not inside:
            raise UsageError(f"--trend {order.trend}: there is no folder {order.trend.parent}")


def _compare(order: _Order, these: FoundRuns, asked: AskedRuns) -> Comparison:
    if not order.baseline:
        return compare(these.runs, notes=these.notes)
    if not these.runs:
        raise UsageError("there are no runs to compare: no run of that scenario was named")
    found = find_baseline(order.baseline, these.runs, asked)
    name = " and ".join(order.baseline)
    return compare(these.runs, found.runs, name, [*these.notes, *found.notes])


def _check_places(order: _Order, runs: list[Stored]) -> list[Stored]:
    """The runs that will be kept; one that never got past its warm-up has nothing to keep."""
    if order.save is None or order.history is None:
        return []
    kept = []
    for stored in runs:
        if stored.verdict.zero_utc is None:
            say(f"{stored.verdict.run_id} is not kept: it never got past its warm-up")
            continue
        order.history.place_of(order.save, stored)
        kept.append(stored)
    return kept


def _trend_page(order: _Order, kept: list[Stored]) -> str | None:
    """The page of the history as it will be."""
    if order.trend is None or order.history is None:
        return None
    stored = [s for label in order.history.labels() for s in order.history.read(label)]
    return page(stored, kept, order.save or "")


def _write(order: _Order, kept: list[Stored], trend_page: str | None) -> None:
    try:
        for stored in kept:
            assert order.history is not None  # noqa: S101  # `_check` made sure of it
            order.history.save(order.save or "", stored)
        if kept:
            say(f"kept {len(kept)} under {order.save}")
        if trend_page is not None and order.trend is not None:
            write_whole(order.trend, trend_page)
            say(f"trend {order.trend}")
    except OSError as error:
        raise HarnessError(f"{error.filename} cannot be written: {error.strerror}") from error


def _exit_code(comparison: Comparison) -> int:
    """Where a regression is to fail: nothing that could not have been seen passes then."""
    if comparison.regressions or comparison.these.money:
        return ExitCode.FAIL
    return ExitCode.PASS if comparison.decides else ExitCode.INCONCLUSIVE
