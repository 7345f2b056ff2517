"""The application: what stands before a command on the command line, and `lendchaos help`."""

import sys
from typing import Annotated, Any

import typer

from harness.apps.cli.completing import commands
from harness.apps.cli.console import WIDTH_MAX, is_plain, manner, show
from harness.apps.cli.lazy_commands import Commands

_NO_BOXES = is_plain() or not sys.stdout.isatty()

app = typer.Typer(
    cls=Commands,
    subcommand_metavar="COMMAND [ARGS...]",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None if _NO_BOXES else "rich",
    context_settings={"max_content_width": WIDTH_MAX, "help_option_names": ["-h", "--help"]},
    help="Break a lending service on purpose, and say truthfully what borrowers lost.",
)

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only results and errors; also after the command.")
]


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415  # only where it is asked for

        show(f"lendchaos {version('lendchaos')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        *("--version", "-V"), help="Print the version.", callback=_tell_version, is_eager=True
    ),
]


@app.callback()
def _all(quiet: Quiet = False, version: Version = False) -> None:  # noqa: ARG001  # it has been told
    manner.quiet, manner.json = quiet, False


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
