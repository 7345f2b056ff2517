"""`lendchaos run`: scenarios headless, one after the other, each once or as a series of runs."""

import itertools
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.apps.cli.app import app
from harness.apps.cli.ci_outputs import (
    CiOutputs,
    JUnitFile,
    ReplacingCommand,
    SummaryFile,
    SummaryPicture,
    ci_outputs,
)
from harness.apps.cli.completing import faults, scenarios
from harness.apps.cli.console import (
    Json,
    ObjectivesFile,
    console,
    errors,
    exit_codes,
    manner,
    number,
    say,
    tell_error,
    write_result,
)
from harness.apps.cli.outcome_text import locust_output, show_runs
from harness.apps.cli.run_help import HANDS_ON, SCENARIO_HELP, RunCommand, own_option
from harness.apps.cli.shrinking import RUNS_MAX_DEFAULT, shrink_runs
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean
from harness.core.forwarding import listening
from harness.plan.fault_text import UnknownFaultError, parse_fault
from harness.plan.run_options import FAULTS, LOAD
from harness.run.given_options import LOCUST_FILES, first_seed, given, naming_places
from harness.run.locust_process import (
    ALONE_SCENARIO,
    RunOne,
    asks_only,
    combined_exit_code,
    dry_run,
    find_scenario,
    killed_text,
    run_scenario,
    run_series,
    runs_of,
    shared_stack,
)
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.run.scenario_path import name_of, names_target
from harness.verdict import series

_ENDS_ALL = (ExitCode.INTERRUPTED, ExitCode.SAFETY_STOP)
"""Neither what was stopped by hand nor what did too much harm is followed by more of it."""
_SHRINKS_ALONE = (
    "--shrink is for one scenario, chooses its own runs, and is no gate: leave out --runs,"
    " --junitxml and --summary"
)

Scenarios = Annotated[
    list[str] | None,
    typer.Argument(metavar="SCENARIO", help=SCENARIO_HELP, autocompletion=scenarios),
]
GivenFaults = Annotated[
    list[str] | None, own_option("inject", rich_help_panel=FAULTS, autocompletion=faults)
]
Runs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number(),
        help="Runs of each scenario, with different seeds; the worst one decides.",
        show_default="as resilience.yaml says, else 1",
        rich_help_panel=LOAD,
    ),
]
Shrink = Annotated[
    bool,
    typer.Option(
        "--shrink",
        help="Repeat a failing run with fewer faults, until none can go.",
        rich_help_panel=FAULTS,
    ),
]
ShrinkRunsMax = Annotated[
    int,
    typer.Option(
        metavar="N",
        parser=number(1),
        help="At most this many runs of --shrink.",
        rich_help_panel=FAULTS,
    ),
]


class _Run(ReplacingCommand, RunCommand):
    """The command, with what it is by its options."""


@app.command(cls=_Run, context_settings=HANDS_ON)
def run(
    context: typer.Context,
    scenario: Scenarios = None,
    *,
    runs: Runs = None,
    objectives: ObjectivesFile = None,
    inject: GivenFaults = None,
    shrink: Shrink = False,
    shrink_runs_max: ShrinkRunsMax = RUNS_MAX_DEFAULT,
    junitxml: JUnitFile = None,
    summary: SummaryFile = None,
    summary_picture: SummaryPicture = None,
    json: Json = False,
) -> None:
    """Run scenarios headless; the exit code is that of the worst verdict.

    Several run one after the other. All options but --runs, --shrink and those of CI are also those
    of `locust -f SCENARIO`, which cannot list them: Locust reads --help before the file.
    """
    with exit_codes(), listening():
        words = [*(scenario or []), *context.args]
        names = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
        options = _options(words[len(names) :], objectives, inject or [])
        paths = _paths(names, inject or [])
        json, options = _json_of(json, options, paths)
        runs_nothing = bool(asks_only(options))
        # All that a run is refused for, before a dry run has its answer.
        outputs = _outputs(options, junitxml, summary, summary_picture)
        each = runs_of(paths, options, runs)
        jobs = [(path, 1 if runs_nothing else n) for path, n in zip(paths, each, strict=True)]
        if shrink and (len(paths) > 1 or runs is not None or junitxml or summary):
            raise UsageError(_SHRINKS_ALONE)
        if not shrink and shrink_runs_max != RUNS_MAX_DEFAULT:
            raise UsageError("--shrink-runs-max goes with --shrink only")
        first_seed(options)
        if shrink and not runs_nothing:
            raise typer.Exit(_shrink(names, paths[0], options, shrink_runs_max))
        several = sum(times for _, times in jobs) > 1 and not runs_nothing
        shared = several and not all(map(names_target, paths))
        with outputs.published(jobs):
            if several:
                _require_runnable(paths, options)
            with shared_stack(options, say) if shared else nullcontext():
                ends = _run_all(jobs, options, outputs)
        exit_code = _exit_code(ends)
        if json:
            show_runs(exit_code, paths, ends)
        elif (len(jobs) > 1 and not runs_nothing) or _is_out_of_sight(ends[0]):
            _print_ends(paths, ends)
        raise typer.Exit(exit_code)


def _options(words: list[str], objectives: Path | None, inject: list[str]) -> list[str]:
    """What Locust is given: all that was not for us alone."""
    file = [] if objectives is None else ["--objectives", str(objectives)]
    return [*words, *file, *(word for fault in inject for word in ("--inject", fault))]


def _json_of(json: bool, options: list[str], paths: list[Path]) -> tuple[bool, list[str]]:
    """Whether the document is ours; that of a dry run is the plan, printed by the load process."""
    if not json:
        return False, options
    if "--dry-run" not in options:
        manner.json = True
        return True, options
    if len(paths) > 1:
        raise UsageError("--dry-run --json is for one scenario: it prints one document")
    return False, [*options, "--json"]


def _paths(names: list[str], inject: list[str]) -> list[Path]:
    """The scenario files; for ``--inject`` alone, the one of lendchaos that has no fault."""
    for text in inject:
        # The load process knows those of the user's own, by the scenario or a module that is named.
        with suppress(UnknownFaultError):
            parse_fault(text)
    if not names and not inject:
        raise UsageError(
            "no scenario is named: name one before all options of a run, or give a fault with"
            " --inject"
        )
    return [find_scenario(name) for name in names] or [ALONE_SCENARIO]


def _outputs(
    options: list[str], junitxml: Path | None, summary: Path | None, picture: str | None
) -> CiOutputs:
    """What CI wants, beside what Locust is to write; of what runs nothing, nothing."""
    known = vars(given(options))
    others = {option: known[option[2:].replace("-", "_")] for option in LOCUST_FILES}
    with naming_places(options):
        outputs = ci_outputs(junitxml, summary, picture, others=others)
    return CiOutputs() if asks_only(options) else outputs


def _require_runnable(paths: list[Path], options: list[str]) -> None:
    """Try each, before anything is brought up for it; the document has the one that is refused."""
    for path in dict.fromkeys(paths):
        try:
            dry_run(path, options)
        except (UsageError, HarnessError) as error:
            if manner.json:
                others = paths.copy()
                others.remove(path)
                show_runs(error.exit_code, [path, *others], [RunResult(error.exit_code)])
            raise


def _run_all(
    jobs: list[tuple[Path, int]], options: list[str], outputs: CiOutputs
) -> list[RunResult]:
    """One after the other; an interruption or a safety stop ends them all, not only its own run."""
    ends: list[RunResult] = []
    run_one = outputs.noting(_run_locust)
    for path, times in jobs:
        if times > 1:
            ends.append(outputs.note_series(path, _run_series(path, times, options, run_one)))
        else:
            ends.append(run_one(path, options))
        if ends[-1].exit_code in _ENDS_ALL:
            break
    return ends


def _exit_code(ends: list[RunResult]) -> int:
    """The worst; what was interrupted says so, whatever came before it."""
    last = ends[-1].exit_code
    return last if last in _ENDS_ALL else combined_exit_code(end.exit_code for end in ends)


def _is_out_of_sight(end: RunResult) -> bool:
    """Whether the tables of Locust, which it prints last, stand between a verdict and the eye."""
    return console.is_terminal and not manner.quiet and end.path is not None


def _print_ends(paths: list[Path], ends: list[RunResult]) -> None:
    """The verdicts together, where the eye is when they are over."""
    for path in paths[len(ends) :]:
        console.print(f"\nnot run  {name_of(path)}", style="dim", markup=False)
    for path, end in zip(paths, ends, strict=False):
        verdict = end.last.get("verdict") or f"no verdict (exit code {end.exit_code})"
        console.print(f"\n{verdict.upper()}  {name_of(path)}", style="bold", markup=False)
        if end.last.get("verdict"):
            console.print(clean(str(end.last["sentence"])), markup=False, highlight=False)
            if end.last.get("report"):
                console.print(f"report {end.last['report']}", markup=False, soft_wrap=True)


def _run_series(path: Path, runs: int, options: list[str], run_one: RunOne) -> RunResult:
    """All runs of one scenario, and what they say together."""
    end = run_series(path, options, runs, run_one, say, warn=tell_error)
    if end.series is not None:
        write_result("\n" + series.render(end.series))
    if figures := end.last.get("report"):
        write_result(f"figures  {figures}\n")
    return end


def _shrink(names: list[str], path: Path, options: list[str], runs_max: int) -> int:
    """Trials on a stack of their own each, lest one leaves to the next what it broke.

    A stack that is up already serves them all, as it would any run.
    """
    _require_runnable([path], options)
    return shrink_runs(path, ["lendchaos", "run", *names], options, runs_max, _run_locust)


def _run_locust(path: Path, options: list[str]) -> RunResult:
    """One run, with its progress shown here."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[scenario]}", style="bold", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    quiet, plain = manner.quiet, not errors.is_terminal or errors.is_dumb_terminal
    with (
        locust_output(options) as output,
        Progress(*columns, console=errors, transient=True, disable=quiet or plain) as progress,
    ):
        task = progress.add_task("starting", total=None, scenario=name_of(path))

        def show(update: Update) -> None:
            progress.update(task, description=update.text)
            if update.verdict is not None:
                progress.stop()  # the run itself prints its result
            if update.until_s is not None:
                progress.update(task, total=update.until_s, completed=update.at_s)
            # The bar is cut where the terminal ends, and these are to be copied.
            if plain or update.seed is not None:
                say(f"{name_of(path)}: {update.text}")

        end = run_scenario(path, options, show, say, output=output.fileno)
        progress.stop()  # what is told now stands where the bar was
        output.tell(end)
        if end.exit_code == ExitCode.INCONCLUSIVE and "killed_by" in end.last:
            tell_error(killed_text(path, end.last["killed_by"]))
        if end.exit_code == ExitCode.INTERNAL and end.path is None:
            tell_error("the run ended without a verdict")
        return end
