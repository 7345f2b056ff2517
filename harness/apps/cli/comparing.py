"""`lendchaos compare`: runs side by side or against a baseline, and past verdicts in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.console import exit_codes, number, say, write_now
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.report.archive import History, Stored, check_label, open_history, write_whole
from harness.report.compare.comparison import Comparison, compare
from harness.report.compare.comparison_text import render, to_json, warnings
from harness.report.compare.sources import AskedRuns, FoundRuns, find_baseline, find_these
from harness.report.trend_page import page

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN", help="A run directory, a series directory, or a label of the history."
    ),
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(metavar="RUN", help="What to compare with, in the same words; repeatable."),
]
HistoryDir = Annotated[
    Path | None, typer.Option("--history", metavar="DIR", help="A folder of past verdicts.")
]
Save = Annotated[
    str | None,
    typer.Option(metavar="LABEL", help="Keep these verdicts in the history under a label."),
]
Trend = Annotated[
    Path | None, typer.Option(metavar="FILE.html", help="Write a page of the whole history.")
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
        help="End with 1 on a regression or on money that is wrong, and with 3 if there are too few"
        " runs, runs under different conditions, or an unread ledger. Otherwise regressions only"
        " warn.",
    ),
]


@app.command("compare")
def compare_runs(
    runs: Runs = None,
    *,
    baseline: Baseline = None,
    history: HistoryDir = None,
    save: Save = None,
    trend: Trend = None,
    scenario: ScenarioName = None,
    last: Last = 10,
    json: Json = False,
    fail_on_regression: FailOnRegression = False,
) -> None:
    """Put RUNs of one scenario side by side, or against others.

    A difference is stated only from 5 runs against 5, by their order (Mann-Whitney)
    and by its size. With fewer runs both lists are shown without a conclusion.

    A regression warns; it fails only with --fail-on-regression.
    """
    with exit_codes():
        named, against = runs or [], baseline or []
        folder = None if history is None else open_history(history, create=save is not None)
        _check(named, against, folder, save, trend, fail=fail_on_regression)
        asked = AskedRuns(folder, scenario, last)
        these = find_these(named, asked) if named else FoundRuns()
        comparison = _compare(against, these, asked) if named else None
        kept, trend_page = list[Stored](), ""
        if folder is not None and save is not None:
            kept = _kept(folder, save, these.runs)
        if folder is not None and trend is not None:
            stored = [one for label in folder.labels() for one in folder.read(label)]
            trend_page = page(stored, kept, save or "")
        if comparison is not None:
            write_now(to_json(comparison) if json else render(comparison))
            for line in warnings(comparison) if json else ():
                say(line)
        if folder is not None:
            _write(folder, save or "", kept, trend, trend_page)
        if comparison is not None and fail_on_regression:
            raise typer.Exit(_exit_code(comparison))


def _check(
    runs: list[str],
    baseline: list[str],
    history: History | None,
    save: str | None,
    trend: Path | None,
    *,
    fail: bool,
) -> None:
    """Whether the options go together; everything is looked at before anything is written."""
    if not runs and trend is None:
        raise UsageError(
            "no runs are named: name run directories, a series or a label of the history"
        )
    if history is None and (save is not None or trend is not None):
        option = "--trend" if save is None else "--save"
        raise UsageError(f"{option} needs the folder of past verdicts: --history DIR")
    if not runs and (baseline or save is not None or fail):
        raise UsageError("--baseline, --save and --fail-on-regression need runs to look at")
    if fail and not baseline:
        raise UsageError("--fail-on-regression needs a --baseline to compare with")
    if save is not None:
        check_label(save)
    if trend is None:
        return
    if trend.suffix != ".html":
        raise UsageError(f"--trend {trend} must name a file that ends in .html")
    if trend.is_dir():
        raise UsageError(f"--trend {trend} is a folder; name a file in it")
    inside = history is not None and trend.parent == history.root
    if not inside and not trend.absolute().parent.is_dir():
        raise UsageError(f"--trend {trend}: there is no folder {trend.parent}")


def _compare(baseline: list[str], these: FoundRuns, asked: AskedRuns) -> Comparison:
    if not baseline:
        return compare(these.runs, notes=these.notes)
    if not these.runs:
        raise UsageError("there are no runs to compare: no run of that scenario was named")
    found = find_baseline(baseline, these.runs, asked)
    name = " and ".join(baseline)
    return compare(these.runs, found.runs, name, [*these.notes, *found.notes])


def _kept(history: History, label: str, runs: list[Stored]) -> list[Stored]:
    """The runs that will be kept; one that never got past its warm-up has nothing to keep."""
    kept = []
    for stored in runs:
        if stored.verdict.zero_utc is None:
            say(f"{stored.verdict.run_id} is not kept: it never got past its warm-up")
            continue
        history.place_of(label, stored)
        kept.append(stored)
    return kept


def _write(
    history: History, label: str, kept: list[Stored], trend: Path | None, trend_page: str
) -> None:
    try:
        for stored in kept:
            history.save(label, stored)
        if kept:
            say(f"kept {len(kept)} under {label}")
        if trend is not None:
            write_whole(trend, trend_page)
            say(f"trend {trend}")
    except OSError as error:
        raise HarnessError(f"{error.filename} cannot be written: {error.strerror}") from error


def _exit_code(comparison: Comparison) -> int:
    """Where a regression is to fail: nothing that could not have been seen passes then."""
    if comparison.regressions or comparison.these.money:
        return ExitCode.FAIL
    return ExitCode.PASS if comparison.decides else ExitCode.INCONCLUSIVE
