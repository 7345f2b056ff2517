"""`lendchaos help`: for those who ask by word; the same as `--help`."""

from typing import Annotated, Any

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import commands


@app.command("help")
def help_of(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="A command, as in `help gameday verify`.", autocompletion=commands),
    ] = None,
) -> None:
    """Show the help of a command, or this list."""
    top: Any = context.find_root()
    words = [*(command or []), "--help"]
    raise typer.Exit(top.command.main(words, top.info_name, standalone_mode=False) or 0)
