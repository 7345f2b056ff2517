"""`lendchaos run --shrink`: a failing plan again and again, with fewer and fewer faults."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.apps.cli.console import say, tell_error, write_result
from harness.core.documents import write_beside
from harness.core.exit_codes import ExitCode
from harness.run.result import RunResult
from harness.run.shrink import NONE, ShrinkTrial, Shrunk, failure_codes, render, shrink, to_json

RUNS_MAX_DEFAULT = 20
"""Enough for any six faults of which one is to blame."""
_SET_HERE = ("--seed", "--only-faults")


@dataclass(frozen=True, slots=True)
class ShrinkOrder:
    """What is to be shrunk: a scenario, the words that run it, and the options of its runs."""

    name: str
    command: list[str]
    options: list[str]
    seed: int
    runs_dir: Path
    runs_max: int


def shrink_runs(
    order: ShrinkOrder, run: Callable[[list[str]], RunResult]
) -> tuple[int, str, Shrunk]:
    """Run the trials, tell what came of them; the exit code, where the figures are, and they.

    Without a path they could not be written: what the trials came to stands all the same. ``run``
    is called with the options of one run.
    """
    shared = without(order.options, _SET_HERE)

    def trial(faults: tuple[str, ...] | None) -> ShrinkTrial:
        options = order.options
        if faults is not None:
            say(f"{order.name}: with {', '.join(faults) or 'no fault'}")
            options = [*shared, "--only-faults", ",".join(faults) or NONE]
        end = run([*without(options, ("--seed",)), "--seed", str(order.seed)])
        return _trial(faults, end)

    found = shrink(order.name, order.seed, trial, order.runs_max)
    write_result("\n" + render(found, [*order.command, *shared]))
    path = _write(found, order.runs_dir)
    if path:
        write_result(f"figures  {path}\n")
    interrupted = found.stopped == "interrupted"
    return ExitCode.INTERRUPTED if interrupted else found.trials[0].exit_code, path, found


def _trial(faults: tuple[str, ...] | None, end: RunResult) -> ShrinkTrial:
    verdict = end.verdict
    if verdict is None or end.path is None:
        return ShrinkTrial(faults or (), end.exit_code)
    planned = tuple(fault.name for fault in verdict.faults)
    codes = failure_codes(verdict) if end.exit_code == ExitCode.FAIL else ()
    return ShrinkTrial(planned, end.exit_code, end.path.name, codes, verdict.sentence)


def without(options: list[str], names: tuple[str, ...]) -> list[str]:
    """The options but for these, which each have a value."""
    kept, skip = [], False
    for word in options:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif not word.startswith(tuple(f"{name}=" for name in names)):
            kept.append(word)
    return kept


def _write(found: Shrunk, runs_dir: Path) -> str:
    """Beside the runs, which it names."""
    try:
        return str(write_beside(runs_dir, "shrink", found.scenario, to_json(found)))
    except OSError as error:
        tell_error(f"{error.filename} was not written: {error.strerror}")
        return ""
