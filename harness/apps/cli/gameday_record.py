"""`lendchaos gameday record · verify`: what is left of a game day, and whether it still holds.

What judges and draws is loaded by the commands themselves: it takes a second or two.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.apps.cli.app import app  # noqa: F401  # found by `lazy_commands.load`
from harness.apps.cli.completing import sessions
from harness.apps.cli.console import console, exit_codes, say
from harness.apps.cli.game_days import SessionPath, gameday_app
from harness.apps.cli.written_record import tell_written
from harness.report.words import clean

if TYPE_CHECKING:
    from harness.apps.gameday.verify import Verification

_STYLE = {"differs": "bold red", "not judged": "yellow", "note": "dim"}
_RESULT = {
    "verified": "the record is what the stored runs say",
    "differs": "the record is not what is stored: see the lines that begin with DIFFERS",
    "not judged": "nothing was changed, but a stored run cannot be judged",
}
"""By what was found, in the words of `harness.apps.gameday.verify.CheckState`."""


@gameday_app.command()
def record(
    session: SessionPath,
    *,
    pdf: Annotated[
        bool | None,
        typer.Option(help="Print it to PDF, by Chromium.", show_default="where there is one"),
    ] = None,
) -> None:
    """Write the record of a session into its folder, anew if it is there already."""
    with exit_codes():
        from harness.apps.gameday import recording  # noqa: PLC0415

        tell_written(recording.write(session, say, pdf=pdf))


@gameday_app.command()
def verify(
    record: Annotated[
        Path,
        typer.Argument(
            metavar="RECORD",
            help="record.json or record.html beside the runs, or their folder.",
            autocompletion=sessions,
        ),
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Compute hashes, verdicts and figures of a record again from the stored runs; writes nothing.

    Exit code 0: all is as recorded; 1: something differs; 3: a stored run cannot be judged.
    """
    with exit_codes():
        from harness.apps.gameday.verify import verify as verified  # noqa: PLC0415

        found = verified(record, say)
        if json:
            sys.stdout.write(found.to_json())
        else:
            _tell(found)
        raise typer.Exit(found.exit_code)


def _tell(found: "Verification") -> None:
    """A line for each thing, and what it comes to."""
    for check in found.checks:
        word = check.found.upper() if check.found == "differs" else str(check.found)
        line = f"{word:<10}  {clean(check.name)}: {clean(check.text)}"
        style = _STYLE.get(check.found)
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    console.print(_RESULT[found.found], markup=False, highlight=False, soft_wrap=True)
