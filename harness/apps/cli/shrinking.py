"""`lendchaos run --shrink`: a failing plan again and again, with fewer and fewer faults."""

from pathlib import Path

from harness.apps.cli.console import manner, say, tell_error, write_result
from harness.apps.cli.outcome_text import show_shrunk
from harness.core.documents import text_of, write_beside
from harness.core.exit_codes import ExitCode
from harness.run.given_options import first_seed, given
from harness.run.locust_process import RunOne
from harness.run.option_words import without
from harness.run.result import RunResult
from harness.run.scenario_path import name_of
from harness.run.shrink import NONE, ShrinkTrial, failure_codes, render, shrink

RUNS_MAX_DEFAULT = 20
"""Enough for any six faults of which one is to blame."""


def shrink_runs(
    path: Path, command: list[str], options: list[str], runs_max: int, run: RunOne
) -> int:
    """Run the trials and tell what came of them; the exit code.

    ``command`` are the words that run the scenario. What the trials came to stands also where its
    figures could not be written.
    """
    name, seed = name_of(path), first_seed(options)
    shared = without(options, ("--seed", "--only-faults"))

    def trial(faults: tuple[str, ...] | None) -> ShrinkTrial:
        wanted = without(options, ("--seed",))
        if faults is not None:
            say(f"{name}: with {', '.join(faults) or 'no fault'}")
            wanted = [*shared, "--only-faults", ",".join(faults) or NONE]
        return _trial(faults, run(path, [*wanted, "--seed", str(seed)]))

    found = shrink(name, seed, trial, runs_max)
    write_result("\n" + render(found, [*command, *shared]))
    figures = ""
    try:
        figures = str(write_beside(given(options).runs_dir, "shrink", name, text_of(found)))
    except OSError as error:
        tell_error(f"{error.filename} was not written: {error.strerror}")
    else:
        write_result(f"figures  {figures}\n")
    code = found.trials[0].exit_code
    code = ExitCode.INTERRUPTED if found.stopped == "interrupted" else code
    if manner.json:
        show_shrunk(code, figures, found)
    return code


def _trial(faults: tuple[str, ...] | None, end: RunResult) -> ShrinkTrial:
    if end.verdict is None or end.path is None:
        return ShrinkTrial(faults or (), end.exit_code)
    verdict = end.details
    planned = tuple(fault.name for fault in verdict.faults)
    codes = failure_codes(verdict) if end.exit_code == ExitCode.FAIL else ()
    return ShrinkTrial(planned, end.exit_code, end.path.name, codes, verdict.sentence)
