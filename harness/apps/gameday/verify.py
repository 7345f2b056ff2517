"""Whether a record still is what was stored: the hash of every file, every run judged again, and
all that the record says made again.

``record.json`` has the hashes of all raw files and of the page; the page has that of
``record.json`` without its own. Only reads. What was changed since is named, file by file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.apps.gameday.day_record import (
    PAGE_FILE,
    RECORD_FILE,
    SCHEMA,
    Runs,
    as_written,
    hash_of,
    own_program,
    to_json,
)
from harness.apps.gameday.make_record import file_checksum, hashes, record_of, runs_of
from harness.apps.gameday.render_record import render
from harness.apps.gameday.session_store import PLAN_FILE, RUNS_FOLDER, SESSION_FILE, read_session
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.files import read_regular, text_of
from harness.core.numbers import Exit
from harness.core.rows import reason_of
from harness.history.events import FileChecksum
from harness.report.write_report import figures
from harness.run.locust_process import Tell

BYTES_MAX = 200_000_000
END = "</html>"
"""Of a page that is whole."""
_FILES: TypeAdapter[dict[str, FileChecksum]] = TypeAdapter(dict[str, FileChecksum])
_NAMED = re.compile(r'<meta name="lendchaos-record" content="([0-9a-f]{64})">')
_EVIDENCE = re.compile(
    rf"{PLAN_FILE}|{SESSION_FILE}|{RUNS_FOLDER}/(?:.*/)?(?!verdict|report)[^/]*\.jsonl?"
)
"""Files that could change what is judged, though no one named them."""
_NOT_HASHED = (PAGE_FILE, "record.pdf")
"""What earlier versions made with a record, and did not name in it."""
_WORDS = {
    "statement": ("statement",),
    "remarks": ("remarks",),
    "timeline": ("text",),
    "steps": ("observed", "unseen", "trouble"),
}
"""Of the parts of a record, what a program says in words of its own; no figure and no code."""


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
    """Verify a record by its ``record.json``, its ``record.html`` or the folder of its session;
    UsageError where it is none, is cut off, or of another version, HarnessError where a file beside
    it cannot be read.
    """
    folder = given if given.is_dir() else given.parent
    if not given.exists() or not (given.is_dir() or given.suffix in (".json", ".html")):
        raise UsageError(f"{given} is no record: name {RECORD_FILE}, {PAGE_FILE} or their folder")
    page = given if given.suffix == ".html" else folder / PAGE_FILE
    data = given if given.suffix == ".json" else folder / RECORD_FILE
    # The page first: a page that is cut off is told before anything is said of what it names.
    named = _hash_in(page) if page.exists() else None
    text = _text(data)
    body, files, shown_runs = _claims(data, text)
    tell(f"computing the hashes of {len(files):,} files")
    there = hashes(folder)
    if named is not None:  # the page, whatever it is called
        there.pop(page.name, None)
        there[PAGE_FILE] = file_checksum(page)
    runs = runs_of(folder, tell)
    checks = [*_files(files, there), *_runs(folder, shown_runs, runs)]
    checks += _record(data.name, text, body, named)
    if CheckState.DIFFERS not in {check.found for check in checks}:  # else it is found already
        checks += _made_again(folder, body, files, page if named else None, runs)
    states = {check.found for check in checks}
    found = next((state for state in _EXIT if state in states), CheckState.VERIFIED)
    code = int(_EXIT.get(found, ExitCode.PASS))
    return VerificationDocument(
        record=str(given), found=found, exit_code=code, checks=tuple(checks)
    )


# --- what claims to be a record ------------------------------------------------------------------


def _text(path: Path) -> str:
    if not path.exists():
        raise UsageError(f"there is no {path}: `lendchaos gameday record` writes it")
    return text_of(path, "record", BYTES_MAX, follow=False)


def _claims(
    path: Path, text: str
) -> tuple[dict[str, Any], dict[str, FileChecksum], dict[str, Any]]:
    """What a ``record.json`` says: all of it, the hashes, and the verdict of each of its runs by
    the folder of the run.
    """
    try:
        body = json_of(text)
        if body["schema"] != SCHEMA:
            raise UsageError(f"{path}: schema {body['schema']!r} must be {SCHEMA!r}")
        files = _FILES.validate_python(body["files"])
        runs = [one["run"] for step in body["steps"] for one in step["tries"] if one["run"]]
        return body, files, {str(run["directory"]): run["verdict"] for run in runs}
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{path}, {place}: this is no whole record: {error.msg}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path} is no record by {SCHEMA!r}: {reason_of(error)}") from error


def _hash_in(path: Path) -> str:
    """The SHA-256 of ``record.json`` that a page names."""
    text = _text(path)
    found = _NAMED.search(text)
    if found is None:
        raise UsageError(f"{path} is no page of a record: it names none")
    if not text.rstrip().endswith(END):
        place = f"line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))}"
        raise UsageError(f"{path}, {place}: the page is cut off here, before {END}")
    return found.group(1)


# --- what is stored beside it --------------------------------------------------------------------


def _files(claimed: dict[str, FileChecksum], there: dict[str, FileChecksum]) -> Iterator[Checked]:
    for name, kept in claimed.items():
        now = there.get(name)
        if now == kept:
            yield Checked(name, CheckState.VERIFIED, f"SHA-256 {kept.sha256}")
            continue
        said = "it is missing"
        if now is not None:
            said = f"it was changed: its SHA-256 was {kept.sha256} and is {now.sha256}"
        if name == SESSION_FILE and now is not None:
            said += "; if a note or an action came later, `lendchaos gameday record` writes it anew"
        yield Checked(name, CheckState.DIFFERS, said)
    for name in (name for name in there if name not in claimed):
        found = CheckState.DIFFERS if _EVIDENCE.fullmatch(name) else CheckState.NOTE
        said = "it was added after the record was made"
        if name in _NOT_HASHED and PAGE_FILE not in claimed:
            said = "its hash is not in the record, which an earlier version made"
        yield Checked(name, found, said)


def _runs(folder: Path, claimed: dict[str, Any], runs: Runs) -> Iterator[Checked]:
    """Runs judged again, against what they kept and against what the record shows of them."""
    for name, run in runs.items():
        where = f"{RUNS_FOLDER}/{name}"
        if run.verdict is None:
            yield Checked(where, CheckState.NOT_JUDGED, f"it cannot be judged: {run.trouble}")
            continue
        now, said = json.loads(figures(run.verdict)), f"judged again: {run.verdict.verdict}"
        try:
            kept = json_of(read_regular(folder / where / "verdict.json"))
            wrong = _wrong(kept, now)
            found = CheckState.DIFFERS if wrong else CheckState.VERIFIED
            said += f", and the file has another {wrong}" if wrong else ", as kept"
        except FileNotFoundError:
            found, said = CheckState.NOTE, f"it was never written; {said}"
        except (OSError, ValueError) as error:
            found, said = CheckState.DIFFERS, f"{said}, and the file cannot be read: {error}"
        yield Checked(f"{where}/verdict.json", found, said)
        if wrong := _wrong(claimed.get(name, now), now):
            said = f"of {where} it shows another {wrong} than judging the run again gives"
            yield Checked(RECORD_FILE, CheckState.DIFFERS, said)
    for name in (name for name in claimed if name not in runs):  # nothing can be said of them
        said = f"{RECORD_FILE} lists it, and it is not among the stored runs"
        yield Checked(f"{RUNS_FOLDER}/{name}", CheckState.NOT_JUDGED, said)


def _wrong(verdict: Any, now: dict[str, Any]) -> str:
    """The figures that differ from those of now, or are missing; not who judged."""
    if not isinstance(verdict, dict):
        return "verdict"
    names = (name for name in now if name not in verdict or verdict[name] != now[name])
    return ", ".join(name for name in names if name != "judged_by")


def _record(name: str, text: str, body: dict[str, Any], named: str | None) -> Iterator[Checked]:
    """``record.json`` itself, and the hash of it in its page; that of the page is a file's."""
    made_with, version = str(body.get("recorded_with", "")), own_program()
    if made_with != version:
        said = f"made with lendchaos {made_with}, verified with {version}"
        yield Checked(name, CheckState.NOTE, said)
    if text != as_written(body):
        yield Checked(name, CheckState.DIFFERS, "it is not written as it was made")
    files = {file: one for file, one in body["files"].items() if file != PAGE_FILE}
    if named is None:
        said = f"there is no page: nothing shows that {RECORD_FILE} is as it was made"
        yield Checked(PAGE_FILE, CheckState.NOTE, said)
    elif named != hash_of(as_written({**body, "files": files})):
        said = f"{RECORD_FILE} and {PAGE_FILE} are not of each other"
        yield Checked(name, CheckState.DIFFERS, said)


def _made_again(
    folder: Path,
    body: dict[str, Any],
    files: dict[str, FileChecksum],
    page: Path | None,
    runs: Runs,
) -> Iterator[Checked]:
    """What the record says, and its page, against what is stored. Figures, codes and what people
    said have to agree, whichever program made it; another may say the rest in other words.
    """
    raw = {name: one for name, one in files.items() if name != PAGE_FILE}
    try:
        record = record_of(read_session(folder), runs, raw)
    except (UsageError, HarnessError) as error:
        yield Checked(SESSION_FILE, CheckState.NOT_JUDGED, f"no record can be made of it: {error}")
        return
    made_with = str(body.get("recorded_with", ""))
    record = replace(record, recorded_with=made_with)
    in_our_words = made_with == own_program()
    now = json.loads(to_json(record))
    for name in (name for name in now if name != "files" and body.get(name) != now[name]):
        claimed, stored = ({name: one.get(name)} for one in (body, now))
        words = _WORDS.get(name, ())
        found, said = CheckState.DIFFERS, "it is not what the stored session gives"
        if not in_our_words and _without(words, claimed) == _without(words, stored):
            found, said = CheckState.NOTE, "told in other words by another version"
        yield Checked(RECORD_FILE, found, f"{name}: {said}")
    if page is not None and _text(page) != render(record):
        found, said = CheckState.DIFFERS, "it is not what the stored session gives"
        if not in_our_words:
            found, said = CheckState.NOTE, "another version drew it: its words were not compared"
        yield Checked(PAGE_FILE, found, said)


def _without(names: tuple[str, ...], body: Any) -> Any:
    """JSON with nothing under these names."""
    if isinstance(body, dict):
        return {k: None if k in names else _without(names, one) for k, one in body.items()}
    return [_without(names, one) for one in body] if isinstance(body, list) else body
