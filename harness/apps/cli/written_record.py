"""What is said of the record of a game day that was just written."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from harness.apps.cli.console import console, say, tell_error
from harness.core.errors import HarnessError, UsageError
from harness.report.words import clean

if TYPE_CHECKING:
    from harness.apps.gameday.recording import Written


def at_the_end(session: Path) -> bool:
    """Write the record of a session that was just closed; whether it could be."""
    from harness.apps.gameday import recording  # noqa: PLC0415

    try:
        tell_written(recording.write(session, say))
    except (UsageError, HarnessError) as error:
        again = f"lendchaos gameday record {shlex.quote(str(session))}"
        tell_error(f"no record was written: {error}; `{again}` tries again")
        return False
    return True


def tell_written(written: "Written") -> None:
    """What was written, and what was not."""
    for path in (written.data, written.page, written.printed):
        if path is not None:
            console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    if written.printed is None:
        say(f"no PDF: {written.why_not}")
    for remark in written.record.remarks:
        say(f"remarked: {clean(remark)}")
