"""Makes the record of a stored session, and writes it: the only module of the record that writes.

The files go into the session's own folder, as often as anybody likes: notes and actions may come
later. The same session gives the same files.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.apps.gameday import page, printing
from harness.apps.gameday.day_record import PAGE_FILE, PRINT_FILE, RECORD_FILE, Record, to_json
from harness.apps.gameday.plan_format import read_plan
from harness.apps.gameday.retell import retell
from harness.apps.gameday.session import PLAN_FILE, SESSION_FILE, read_session
from harness.apps.gameday.stored_runs import Runs, Tell, hashes, runs_of
from harness.apps.gameday.versions import own_version
from harness.core.errors import HarnessError, UsageError
from harness.core.files import replace_file


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a record; ``printed`` is None where there is no PDF, and ``why_not`` why."""

    record: Record
    data: Path
    page: Path
    printed: Path | None
    why_not: str = ""


def made(session: Path, tell: Tell) -> tuple[Record, Runs]:
    """The record of a stored session, and its runs as they are judged now.

    Raises:
        UsageError: it is no session, or one of another version.
        HarnessError: something of it cannot be read.
    """
    told = read_session(session)
    if not (session / PLAN_FILE).is_file():
        raise UsageError(f"{session} has no {PLAN_FILE} beside its {SESSION_FILE}")
    plan = read_plan(session / PLAN_FILE, scenarios=False)
    files = hashes(session)
    runs = runs_of(session, tell)
    return retell(told, plan, runs, files, own_version()), runs


def write(session: Path, tell: Tell, *, pdf: bool | None = None) -> Written:
    """Write ``record.json``, ``record.html`` and, where there is a Chromium, ``record.pdf``.

    ``pdf`` False leaves the last one out, True insists on it. Page and print that are there already
    are taken away first: none at all is better than one of an older record.

    Raises:
        UsageError: it is no session.
        HarnessError: something of it cannot be read, nothing can be written there, or a PDF was
            insisted on and is not to be had.
    """
    record, runs = made(session, tell)
    written = page.render(record, runs)
    data, shown, printed = (session / name for name in (RECORD_FILE, PAGE_FILE, PRINT_FILE))
    try:
        for path in (shown, printed):
            path.unlink(missing_ok=True)
        replace_file(data, to_json(record))
        replace_file(shown, written)
    except OSError as error:
        raise HarnessError(f"nothing can be written into {session}: {error.strerror}") from error
    if pdf is False:
        return Written(record, data, shown, None, "it was not asked for")
    tell("printing the page")
    try:
        printing.to_pdf(shown, printed)
    except printing.NotPrintedError as error:
        if pdf:
            raise
        return Written(record, data, shown, None, str(error))
    return Written(record, data, shown, printed)
