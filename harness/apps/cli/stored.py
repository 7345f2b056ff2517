"""Runs that are over: `judge` and `report`.

What reads, judges and draws is loaded by the commands themselves: it takes a second or two, which
is too long for completing a word of theirs.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.ci_outputs import (
    JUnitFile,
    ReplacingCommand,
    SummaryFile,
    SummaryPicture,
    ci_outputs,
    publish_stored,
)
from harness.apps.cli.completing import runs
from harness.apps.cli.console import (
    Json,
    SlowNotice,
    exit_codes,
    show,
    show_json,
    tell_error,
    verdict_text,
)
from harness.apps.cli.run_help import own_option
from harness.core.errors import HarnessError
from harness.core.exit_codes import ExitCode
from harness.core.files import real
from harness.history.run_directory import RunDirectory
from harness.plan import resilience
from harness.plan.plan import Plan, judged_again
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Judgement, Verdict

if TYPE_CHECKING:
    from harness.history.reader import Facts

RunPath = Annotated[
    Path, typer.Argument(help="A run directory, for example runs/latest.", autocompletion=runs)
]
OtherObjectives = Annotated[
    Path | None,
    own_option(
        "objectives",
        help="YAML file with other limits (docs/objectives.md).",
        show_default="those of the run",
    ),
]
VerdictJson = Annotated[
    bool, typer.Option("--json", help="Print the verdict as JSON and write nothing down.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument:
    """What `lendchaos report --json` prints: where the page of a run and its figures are."""

    report: str
    figures: str
    verdict: Judgement
    run_directory: str
    schema: str = "lendchaos.report/1"


@dataclass(frozen=True, slots=True)
class _Stored:
    """A run as it was left."""

    directory: RunDirectory
    plan: Plan
    facts: "Facts"


@app.command()
def judge(run: RunPath, objectives: OtherObjectives = None, json: VerdictJson = False) -> None:
    """Judge a stored run again, by its own limits or others.

    By its own, verdict.json and report.html are written anew. By another FILE.yaml, the run's plan
    and verdict stay as they are, and verdict-FILE.json and report-FILE.html are written beside.
    """
    with exit_codes(), _reading(run) as (doing, as_left):
        name, stored = "", as_left
        if objectives is not None:
            stored = _by_other_objectives(as_left, objectives)
            name = re.sub(r"\W+", "-", objectives.stem)
        doing.step(f"judging {run}")
        from harness.verdict import judge as judging  # noqa: PLC0415

        try:
            verdict = judging.judge(stored.plan, stored.facts)
        except Exception as error:
            if not stored.facts.damage:
                raise
            said = "the record of this run is damaged and cannot be judged"
            raise HarnessError(f"{said}: {stored.facts.damage[0]}") from error
        if json:
            from harness.report import write_report  # noqa: PLC0415

            sys.stdout.write(write_report.figures(verdict))
            raise typer.Exit(verdict.exit_code)
        doing.step(f"writing the report of {run}")
        raise typer.Exit(_written(stored, verdict, name))


def _written(stored: _Stored, verdict: Verdict, name: str) -> int:
    """Write and show the verdict; its exit code, but no 0 for one that is shown alone."""
    path, refused = "", ""
    try:
        path = str(_write(stored, verdict, name))
    except HarnessError as error:
        refused = str(error)
    sys.stdout.write(verdict_text(verdict, path))
    code = verdict.exit_code or (ExitCode.INCONCLUSIVE if refused else ExitCode.PASS)
    if refused:
        why = "" if code == verdict.exit_code else "; a pass that is not stored ends with 3"
        tell_error(refused + why)
    return code


@app.command(cls=ReplacingCommand)
def report(
    run: RunPath,
    junitxml: JUnitFile = None,
    summary: SummaryFile = None,
    summary_picture: SummaryPicture = None,
    json: Json = False,
) -> None:
    """Write the report of a stored run anew and print its path."""
    with exit_codes(), _reading(run) as (doing, stored):
        outputs = ci_outputs(junitxml, summary, summary_picture, unasked=False)
        verdict = read_verdict(stored.directory)
        doing.step(f"writing the report of {run}")
        try:
            path = _write(stored, verdict, "")
        finally:  # a CI wants its files also of a run that nothing can be written into
            publish_stored(outputs, verdict, stored.directory.path)
        if json:
            folder = path.parent
            figures = str(folder / "verdict.json")
            said = {"report": str(path), "figures": figures, "run_directory": str(folder)}
            show_json(ReportDocument(**said, verdict=verdict.verdict))
        else:
            show(str(path))


@contextmanager
def _reading(run: Path) -> Iterator[tuple[SlowNotice, _Stored]]:
    """The run as it was left, and someone who says what takes long."""
    with SlowNotice(f"reading {run}") as doing:
        from harness.history.reader import read_facts  # noqa: PLC0415

        directory = RunDirectory(real(run))
        plan = directory.read_plan()
        yield doing, _Stored(directory, plan, read_facts(directory, plan))


def _by_other_objectives(stored: _Stored, objectives: Path) -> _Stored:
    """The run as if it had been planned with the limits of a file; the verdict will say so."""
    plan, facts = stored.plan, stored.facts
    file = resilience.read(objectives, [plan.scenario])
    changed, changes = judged_again(plan, file)
    remark = f"judged again, by {file.name}" + (
        f": {'; '.join(changes)}" if changes else ", which asks for the same"
    )
    status = replace(facts.status, notes=(*facts.status.notes, remark))
    return replace(stored, plan=changed, facts=replace(facts, status=status))


def _write(stored: _Stored, verdict: Verdict, name: str) -> Path:
    """The path of the page."""
    from harness.report import write_report  # noqa: PLC0415

    directory = stored.directory
    try:
        return write_report.write(directory, stored.plan, stored.facts, verdict, name)
    except OSError as error:
        raise HarnessError(
            f"nothing can be written into {directory.path}: {error.strerror}; `lendchaos judge"
            " --json` prints the verdict and writes nothing"
        ) from error
