"""`lendchaos try`: one journey of a scenario's borrower, before a run is made of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import scenarios
from harness.apps.cli.console import StateDir, exit_codes, say
from harness.apps.cli.run_help import SCENARIO_HELP, own_option
from harness.core.forwarding import listening
from harness.core.processes import identify
from harness.run.given_options import given
from harness.run.locust_process import dry_run, find_scenario, shared_stack, try_scenario
from harness.run.preview import PreviewDocument, read_preview
from harness.stack import down, load_state
from harness.stack.backends import backend_for
from harness.stack.run_lock import TRY, held_alone
from harness.target.loading import loaded

Host = Annotated[str | None, own_option("host")]
TargetClass = Annotated[str | None, own_option("target")]
AllowTarget = Annotated[list[str] | None, own_option("allow-target")]
TriedScenario = Annotated[str, typer.Argument(help=SCENARIO_HELP, autocompletion=scenarios)]


@app.command("try")
def try_(
    scenario: TriedScenario,
    *,
    host: Host = None,
    target: TargetClass = None,
    allow_target: AllowTarget = None,
    state_dir: StateDir = None,
) -> None:
    """Make one journey of one throw-away borrower, and show every answer.

    Log-in, credit line and borrow, with the steps of the scenario, on the local stack, a host or
    a target: method, path, status, milliseconds, and how the answer was classified. No fault is
    injected. The exit code is 0 if the loan was granted, 1 if it was not, and 2 if the scenario or
    the class of the target is wrong.
    """
    with exit_codes(), listening():
        path, allowed = find_scenario(scenario), allow_target or []
        options = _options(host, target, allowed, state_dir)
        # Before anything is brought up for it; a scenario may name a target of its own.
        shown = read_preview(dry_run(path, ["--json", *options]), path)
        with _brought_up(shown, options, allowed):
            code = try_scenario(path, options)
        raise typer.Exit(code)


def _options(
    host: str | None, target: str | None, allowed: list[str], state_dir: Path | None
) -> list[str]:
    """What Locust is given: no fault, so that the target need not have what faults need."""
    options = ["--only-faults", "none"]
    options += [] if host is None else ["--host", host]
    options += [] if target is None else ["--target", target]
    options += [word for name in allowed for word in ("--allow-target", name)]
    return [*options, *([] if state_dir is None else ["--state-dir", str(state_dir)])]


@contextmanager
def _brought_up(shown: PreviewDocument, options: list[str], allowed: list[str]) -> Iterator[None]:
    """What the journey needs, unless it is up already: the local stack, or the links and processes
    that a target's class declares.
    """
    if shown.host is None:
        with shared_stack(options, say):
            yield
        return
    target = None if shown.target_class is None else loaded(shown.target_class, shown.host)
    if target is None or not (target.parts.links or target.parts.processes):
        yield
        return
    backend = backend_for(
        shown.settings,
        given(options).state_dir,
        shown.host,
        parts=target.parts,
        allow_targets=allowed,
    )
    with held_alone(backend.folder, TRY, shown.scenario):
        running = load_state(backend.folder)
        backend.bring_up(say, identify(os.getpid()))
        try:
            yield
        finally:
            if running is None:
                down(backend.folder, say)
