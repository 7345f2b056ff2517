"""Whether a record still is what was stored: the hash of every file, and every run judged again.

``record.json`` has the hashes of all raw files and of the page; the page has that of
``record.json`` without its own. Only reads. What was changed since is named, file by file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.apps.gameday.day_record import (
    PAGE_FILE,
    RECORD_FILE,
    SCHEMA,
    Runs,
    as_written,
    hash_of,
    own_version,
)
from harness.apps.gameday.make_record import VERDICT_FILE, Tell, hashes, runs_of, seal
from harness.apps.gameday.session_store import PLAN_FILE, RUNS_FOLDER, SESSION_FILE
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.files import read_regular
from harness.core.numbers import Exit
from harness.core.rows import reason_of
from harness.history.events import Seal
from harness.report.written import figures

BYTES_MAX = 200_000_000
END = "</html>"
"""Of a page that is whole."""
_FILES: TypeAdapter[dict[str, Seal]] = TypeAdapter(dict[str, Seal])
_NAMED = re.compile(r'<meta name="lendchaos-record" content="([0-9a-f]{64})">')


class CheckState(StrEnum):
    """What came of verifying one thing."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    NOT_JUDGED = "not judged"
    """Nothing says that it was changed, and nothing can be said of it."""
    NOTE = "note"


_EXIT = {CheckState.DIFFERS: ExitCode.FAIL, CheckState.NOT_JUDGED: ExitCode.INCONCLUSIVE}
"""Of what a verification comes to, the worst first."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was verified: a file, a run, or a figure."""

    name: str
    found: CheckState
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationDocument:
    """What `lendchaos gameday verify --json` prints; ``found`` is what it comes to."""

    record: str
    found: CheckState
    exit_code: Exit
    checks: tuple[Checked, ...]
    schema: str = "lendchaos.verification/1"


def verify(given: Path, tell: Tell) -> VerificationDocument:
    """Verify a record by its ``record.json``, its ``record.html`` or the folder of its session.

    Raises:
        UsageError: it is no record, is cut off, or is one of another version.
        HarnessError: something cannot be read.
    """
    folder = given if given.is_dir() else given.parent
    if not given.exists():
        raise UsageError(f"there is no {given}: name {RECORD_FILE}, {PAGE_FILE} or their folder")
    if not given.is_dir() and given.suffix not in (".json", ".html"):
        raise UsageError(f"{given} is no record: name {RECORD_FILE}, {PAGE_FILE} or their folder")
    page = given if given.suffix == ".html" else folder / PAGE_FILE
    data = given if given.suffix == ".json" else folder / RECORD_FILE
    # The page first: a page that is cut off is told before anything is said of what it names.
    named = _hash_in(page) if page == given or page.exists() else None
    text = _text(data)
    body, files, shown_runs = _claims(data, text)
    tell(f"computing the hashes of {len(files):,} files")
    there = hashes(folder)
    if named is not None:  # the page, whatever it is called
        there.pop(page.name, None)
        there[PAGE_FILE] = seal(page)
    checks = list(_files(files, there))
    checks += _runs(data.name, shown_runs, runs_of(folder, tell))
    checks += _data(data.name, text, body)
    checks += _page(named, body, checks)
    states = {check.found for check in checks}
    found = next((state for state in _EXIT if state in states), CheckState.VERIFIED)
    code = int(_EXIT.get(found, ExitCode.PASS))
    return VerificationDocument(
        record=str(given), found=found, exit_code=code, checks=tuple(checks)
    )


# --- what claims to be a record ------------------------------------------------------------------


def _text(path: Path) -> str:
    try:
        body = read_regular(path, BYTES_MAX)
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path}: `lendchaos gameday record` writes it") from error
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        text = body[: error.start].decode()
        raise _wrong(path, text, len(text), "it must be text in UTF-8") from error


def _wrong(path: Path, text: str, offset: int, said: str) -> UsageError:
    """What is wrong with a text, at its line and column."""
    column = offset - text.rfind("\n", 0, offset)
    return UsageError(f"{path}, line {text.count(chr(10), 0, offset) + 1}, column {column}: {said}")


def _claims(path: Path, text: str) -> tuple[dict[str, Any], dict[str, Seal], dict[str, Any]]:
    """What a ``record.json`` says: all of it, the hashes, and the verdict of each of its runs by
    the folder of the run.
    """
    try:
        body = json_of(text)
    except json.JSONDecodeError as error:
        raise _wrong(path, text, error.pos, f"this is no whole record: {error.msg}") from error
    except ValueError as error:
        found = re.search(r"-?Infinity|NaN|\d{31}", text)
        raise _wrong(path, text, found.start() if found else 0, reason_of(error)) from error
    if not isinstance(body, dict) or "schema" not in body:
        raise _wrong(path, text, 0, f"a record begins with its schema, {SCHEMA!r}")
    if body["schema"] != SCHEMA:
        said = f"schema {body['schema']!r} must be {SCHEMA!r}"
        raise _wrong(path, text, text.index('"schema"'), said)
    try:
        files = _FILES.validate_python(body.get("files"))
    except ValidationError as error:
        said = f"files must hold the size and SHA-256 of each raw file: {reason_of(error)}"
        raise _wrong(path, text, max(text.rfind('"files"'), 0), said) from error
    try:
        runs = [one["run"] for step in body["steps"] for one in step["tries"] if one["run"]]
        return body, files, {str(run["directory"]): run["verdict"] for run in runs}
    except (LookupError, TypeError) as error:
        said = "steps must hold tries, each with its run"
        raise _wrong(path, text, max(text.find('"steps"'), 0), said) from error


def _hash_in(path: Path) -> str:
    """The SHA-256 of ``record.json`` that a page names."""
    text = _text(path)
    found = _NAMED.search(text)
    if found is None:
        raise _wrong(path, text, 0, "this is no page of a record: it names none")
    if not text.rstrip().endswith(END):
        raise _wrong(path, text, len(text), f"the page is cut off here, before {END}")
    return found.group(1)


# --- what is stored beside it --------------------------------------------------------------------


def _files(claimed: dict[str, Seal], there: dict[str, Seal]) -> Iterator[Checked]:
    for name, kept in claimed.items():
        now = there.get(name)
        if now == kept:
            yield Checked(name, CheckState.VERIFIED, f"SHA-256 {kept.sha256}")
            continue
        if now is None:
            said = "it is missing"
        elif now.size != kept.size:
            said = f"it has {now.size:,} bytes, and had {kept.size:,}"
        else:
            said = f"it was changed: its SHA-256 was {kept.sha256} and is {now.sha256}"
        if name == SESSION_FILE and now is not None:
            said += "; if a note or an action came later, `lendchaos gameday record` writes it anew"
        yield Checked(name, CheckState.DIFFERS, said)
    for name in (name for name in there if name not in claimed):
        found = CheckState.DIFFERS if _counts(name) else CheckState.NOTE
        said = "it was added after the record was made"
        if name == PAGE_FILE:
            said = "its hash is not in the record, which an earlier version made"
        yield Checked(name, found, said)


def _counts(name: str) -> bool:
    """Whether a file that nobody named could change what is judged."""
    path = PurePosixPath(name)
    result = path.name.startswith(("verdict", "report"))
    of_run = path.parts[0] == RUNS_FOLDER and path.suffix in (".json", ".jsonl") and not result
    return of_run or name in (PLAN_FILE, SESSION_FILE)


def _runs(record: str, claimed: dict[str, Any], runs: Runs) -> Iterator[Checked]:
    """Runs judged again, against what they kept and against what the record shows of them."""
    for name, run in runs.items():
        where = f"{RUNS_FOLDER}/{name}"
        if run.verdict is None:
            yield Checked(where, CheckState.NOT_JUDGED, f"it cannot be judged: {run.trouble}")
            continue
        said, kept = f"judged again: {run.verdict.verdict}", f"{where}/{VERDICT_FILE}"
        if run.kept is None:
            yield Checked(where, CheckState.NOTE, f"it has no {VERDICT_FILE}; {said}")
        elif run.as_kept:
            yield Checked(kept, CheckState.VERIFIED, f"{said}, byte for byte as kept")
        else:
            yield Checked(kept, CheckState.DIFFERS, f"{said}, and the file differs")
        now = json.loads(figures(run.verdict))
        seen = claimed.get(name, now)
        known = seen.keys() & now.keys() if isinstance(seen, dict) else ()
        wrong = [key for key in known if seen[key] != now[key] and key != "judged_by"]
        if wrong or len(known) < len(now):
            said = f"of {where} it shows another {', '.join(sorted(wrong)) or 'verdict'}"
            said += " than judging the run again gives"
            yield Checked(RECORD_FILE, CheckState.DIFFERS, said)
    for name in (name for name in claimed if name not in runs):  # nothing can be said of them
        said = f"{record} tells of it, and it is not among the stored runs"
        yield Checked(f"{RUNS_FOLDER}/{name}", CheckState.NOT_JUDGED, said)


# --- the record itself ---------------------------------------------------------------------------


def _data(name: str, text: str, body: dict[str, Any]) -> Iterator[Checked]:
    made_with, version = str(body.get("recorded_with", "")), own_version()
    if made_with != version:
        said = f"made with lendchaos {made_with}, verified with {version}"
        yield Checked(name, CheckState.NOTE, said)
    if text != as_written(body):
        yield Checked(name, CheckState.DIFFERS, "it is not written as it was made")


def _page(named: str | None, body: dict[str, Any], checks: list[Checked]) -> Iterator[Checked]:
    """The hash of ``record.json`` in its page; that of the page is among the ``checks`` already."""
    files = {file: one for file, one in body["files"].items() if file != PAGE_FILE}
    if named is None:
        said = f"there is no page: nothing shows that {RECORD_FILE} is as it was made"
        yield Checked(PAGE_FILE, CheckState.NOTE, said)
    elif named == hash_of(as_written({**body, "files": files})):
        return
    elif any(one.name == PAGE_FILE and one.found is CheckState.VERIFIED for one in checks):
        said = f"it was changed: {PAGE_FILE}, which is as it was made, was made of another one"
        yield Checked(RECORD_FILE, CheckState.DIFFERS, said)
    else:
        yield Checked(PAGE_FILE, CheckState.DIFFERS, f"it was made of another {RECORD_FILE}")
