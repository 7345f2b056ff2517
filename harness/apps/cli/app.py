"""The application: what stands before a command on the command line."""

import sys
from typing import Annotated

import typer

from harness.apps.cli.console import WIDTH_MAX, begin, is_plain, show
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
    begin(quiet=quiet)
