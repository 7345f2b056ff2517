"""`lendchaos doctor`: what this machine has of what a stack needs."""

from dataclasses import dataclass
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.console import Json, SlowNotice, StateDir, exit_codes, say, show, show_json
from harness.core.exit_codes import ExitCode
from harness.stack.doctor import Check, diagnose
from harness.stack.folder import default_state_dir
from harness.stack.programs import provision_all


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorDocument:
    """What `lendchaos doctor --json` prints; ``ok`` is False where a stack lacks something."""

    ok: bool
    checks: tuple[Check, ...]
    schema: str = "lendchaos.doctor/1"


@app.command()
def doctor(
    provide: Annotated[
        bool, typer.Option("--provide", help="First find or build PostgreSQL and Toxiproxy.")
    ] = False,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Say what is found, what is missing and how to get it."""
    with exit_codes():
        if provide:
            with SlowNotice("finding or building PostgreSQL and Toxiproxy"):
                provision_all(say)
        with SlowNotice("looking at this machine"):
            checks = diagnose(state_dir or default_state_dir())
        ok = all(check.ok for check in checks)
        if json:
            show_json(DoctorDocument(ok=ok, checks=tuple(checks)))
        else:
            _show(checks)
        raise typer.Exit(ExitCode.PASS if ok else ExitCode.INCONCLUSIVE)


def _show(checks: list[Check]) -> None:
    """A line for each, as long as it is: a terminal may wrap it, a copied path stays whole."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        show(f"{'ok' if check.ok else '--'}  {check.name:<{width}}  {check.found}")
        if check.how_to_get:
            how = check.how_to_get.replace("\n", f"\n{'':<{width + 6}}")
            show(f"{'':<{width + 6}}get it: {how}")
