"""`lendchaos gate-selftest`: one clean run that must pass, and one that must fail."""

import itertools
import shlex
from dataclasses import dataclass
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.ci_places import from_here
from harness.apps.cli.completing import defects, scenarios
from harness.apps.cli.console import Json, console, exit_codes, manner, say, show, show_json
from harness.apps.cli.run_command import _run_locust
from harness.apps.cli.run_help import HANDS_ON, SCENARIO_HELP, RunCommand
from harness.apps.gate import selftest
from harness.core.errors import UsageError
from harness.core.forwarding import listening
from harness.core.numbers import Exit
from harness.plan.run_options import TARGET
from harness.run.given_options import given, naming_places
from harness.run.locust_process import asks_only, dry_run, find_scenario
from harness.run.scenario_path import name_of
from harness.stack import default_state_dir, load_state
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestRun:
    """One run of a self-test; ``verdict`` and ``report`` are None where it came to none."""

    exit_code: Exit
    verdict: Judgement | None
    failed_by: tuple[str, ...]
    report: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSelftestDocument:
    """What `lendchaos gate-selftest --json` prints.

    ``planted`` is None where the clean run did not let it come to that.
    """

    scenario: str
    defect: str
    exit_code: Exit
    sentence: str
    clean: SelfTestRun
    planted: SelfTestRun | None
    schema: str = "lendchaos.gate_selftest/1"


GateScenario = Annotated[
    str | None,
    typer.Argument(
        help=SCENARIO_HELP,
        autocompletion=scenarios,
        show_default="baseline",
    ),
]
PlantedDefect = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The bug to plant (docs/defects.md).",
        autocompletion=defects,
        show_default="amount_truncated",
        rich_help_panel=TARGET,
    ),
]


@app.command(name="gate-selftest", cls=RunCommand, context_settings=HANDS_ON)
def gate_selftest(
    context: typer.Context,
    scenario: GateScenario = None,
    *,
    defect: PlantedDefect = "",
    json: Json = False,
) -> None:
    """Show that a gate detects a planted defect.

    The same scenario is run twice: clean, where it must pass, and with the defect, where it must
    fail. Both runs are on stacks of their own, which are gone afterwards.
    """
    with exit_codes(), listening():
        manner.json = json
        words = [word for word in (scenario, *context.args) if word is not None]
        names = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
        if len(names) > 1:
            raise UsageError(f"one scenario at a time, not {', '.join(names)}")
        path = find_scenario(names[0] if names else selftest.SCENARIO_DEFAULT)
        defect = defect or selftest.DEFECT_DEFAULT
        selftest.expected(defect)
        options = _own_stack(words[len(names) :])
        if asked := asks_only(options):
            raise UsageError(f"{min(asked)} runs nothing: leave it out, or use `lendchaos run`")
        dry_run(path, options)
        name = name_of(path)

        def trial(planted: str) -> EndedRun:
            say(f"{name}: a run with {planted}" if planted else f"{name}: a clean run")
            defects = ["--defect", planted] if planted else []
            return _run_locust(path, [*options, *defects]).ended

        result = selftest.self_test(name, defect, trial)
        if json:
            show_json(_document(result))
        else:
            _print(result)
        raise typer.Exit(result.exit_code)


def _own_stack(options: list[str]) -> list[str]:
    """The options, with a place for stacks that is no one else's, where none is up."""
    known = given(options)
    with naming_places(options):
        if known.host:
            said = "bugs are planted in the reference service alone; leave it out"
            raise UsageError(f"--host {known.host}: {said}")
        if known.target:
            raise UsageError(f"--target {known.target}: bugs are planted in the reference service")
        if known.defect:
            raise UsageError("--defect is given once")
    folder, default = known.state_dir, default_state_dir()
    if folder == default:
        folder = default.with_name(f"{default.name}-selftest")
    if load_state(folder) is not None:
        raise UsageError(
            f"a stack is up in {folder}: `lendchaos down --state-dir {shlex.quote(str(folder))}`"
            " takes it down"
        )
    return [*options, "--state-dir", str(folder)]


def _print(result: selftest.SelfTest) -> None:
    """Both runs, then what they show."""
    for name, trial in (("clean", result.clean), (result.defect, result.planted)):
        if trial is None:
            continue
        verdict = trial.verdict.verdict.upper() if trial.verdict else "NO VERDICT"
        by = f"  by {', '.join(trial.failures)}" if trial.failures else ""
        console.print(f"{verdict}  {result.scenario}, {name}{by}", style="bold", markup=False)
        if report := _report(trial):
            show(f"report {report}")
    show(result.sentence)


def _document(result: selftest.SelfTest) -> GateSelftestDocument:
    return GateSelftestDocument(
        scenario=result.scenario,
        defect=result.defect,
        exit_code=int(result.exit_code),
        sentence=result.sentence,
        clean=_run(result.clean),
        planted=_run(result.planted) if result.planted else None,
    )


def _run(trial: EndedRun) -> SelfTestRun:
    return SelfTestRun(
        exit_code=trial.exit_code,
        verdict=trial.verdict.verdict if trial.verdict else None,
        failed_by=tuple(trial.failures),
        report=_report(trial),
    )


def _report(trial: EndedRun) -> str | None:
    """Where its page lies, as people of this folder can use it."""
    return None if trial.path is None else from_here(trial.path / "report.html")
