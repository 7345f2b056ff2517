"""`lendchaos try`: one journey of a scenario's borrower, before a run is made of it."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import scenarios
from harness.apps.cli.console import StateDir, exit_codes, say
from harness.apps.cli.run_help import SCENARIO_HELP, own_option
from harness.core.forwarding import listening
from harness.run.locust_process import dry_run, find_scenario, shared_stack, try_scenario
from harness.run.preview import read_preview

Host = Annotated[str | None, own_option("host")]
AllowTarget = Annotated[list[str] | None, own_option("allow-target")]
TriedScenario = Annotated[str, typer.Argument(help=SCENARIO_HELP, autocompletion=scenarios)]


@app.command("try")
def try_(
    scenario: TriedScenario,
    *,
    host: Host = None,
    allow_target: AllowTarget = None,
    state_dir: StateDir = None,
) -> None:
    """Make one journey of one throw-away borrower, and show every answer.

    Log-in, credit line and borrow, with the steps of the scenario, on the local stack or a host:
    method, path, status, milliseconds, and how the answer was classified. No fault is injected. The
    exit code is 0 if the loan was granted, 1 if it was not.
    """
    with exit_codes(), listening():
        path = find_scenario(scenario)
        options = _options(host, allow_target or [], state_dir)
        # Before a stack is brought up for it; a scenario may name a host of its own.
        target = read_preview(dry_run(path, ["--json", *options]), path).target
        with nullcontext() if "://" in target else shared_stack(options, say):
            code = try_scenario(path, options)
        raise typer.Exit(code)


def _options(host: str | None, allow_target: list[str], state_dir: Path | None) -> list[str]:
    """What Locust is given: no fault, so that the target need not have what faults need."""
    options = ["--only-faults", "none"]
    options += [] if host is None else ["--host", host]
    options += [word for name in allow_target for word in ("--allow-target", name)]
    return [*options, *([] if state_dir is None else ["--state-dir", str(state_dir)])]
