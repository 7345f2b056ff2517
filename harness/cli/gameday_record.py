"""`lendchaos gameday record · verify`: what is left of a game day, and whether it still holds.

What judges and draws is loaded by the commands themselves: it takes a second or two.
"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.app import console, exit_codes, say, tell_error
from harness.cli.completing import sessions
from harness.cli.gameday import SessionPath, gameday_app
from harness.errors import HarnessError, UsageError
from harness.report.words import clean

if TYPE_CHECKING:
    from harness.gameday.recording import Written
    from harness.gameday.verify import Verification

_STYLE = {"differs": "bold red", "not judged": "yellow", "note": "dim"}
_RESULT = {
    "verified": "the record is what the stored runs say",
    "differs": "the record is not what is stored: see the lines that begin with DIFFERS",
    "not judged": "nothing was changed, but a stored run cannot be judged",
}
"""By what was found, in the words of `harness.gameday.verify.Found`."""


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
        from harness.gameday import recording  # noqa: PLC0415

        _tell_written(recording.write(session, say, pdf=pdf))


def at_the_end(session: Path) -> bool:
    """Write the record of a session that was just closed; whether it could be."""
    from harness.gameday import recording  # noqa: PLC0415

    try:
        _tell_written(recording.write(session, say))
    except (UsageError, HarnessError) as error:
        again = f"lendchaos gameday record {shlex.quote(str(session))}"
        tell_error(f"no record was written: {error}; `{again}` tries again")
        return False
    return True


def _tell_written(written: "Written") -> None:
    """What was written, and what was not."""
    for path in (written.data, written.page, written.printed):
        if path is not None:
            console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    if written.printed is None:
        say(f"no PDF: {written.why_not}")
    for remark in written.record.remarks:
        say(f"remarked: {clean(remark)}")


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
        from harness.gameday.verify import verify as verified  # noqa: PLC0415

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
