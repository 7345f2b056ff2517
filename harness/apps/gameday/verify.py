"""Whether a record still is what the stored runs say: every hash, every verdict, every figure.

Only reads. What was changed after the record was made is named, file by file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from harness.apps.gameday import claims, page
from harness.apps.gameday.claims import RecordClaim
from harness.apps.gameday.day_record import PAGE_FILE, PRINT_FILE, RECORD_FILE, Record, to_json
from harness.apps.gameday.recording import made
from harness.apps.gameday.session import PLAN_FILE, RUNS_FOLDER, SESSION_FILE
from harness.apps.gameday.stored_runs import (
    VERDICT_FILE,
    JudgedStep,
    NotJudged,
    Runs,
    Tell,
    hashes,
    runs_of,
)
from harness.core.documents import json_of, text_of
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.core.numbers import Exit
from harness.history.events import Seal

SCHEMA = "lendchaos.verification/1"


class CheckState(StrEnum):
    """What came of verifying one thing."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    NOT_JUDGED = "not judged"
    """Nothing says that it was changed, and nothing can be said of it."""
    NOTE = "note"


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
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was verified of one record."""

    record: str
    checks: tuple[Checked, ...]

    @property
    def found(self) -> CheckState:
        """A difference beats what cannot be judged, and that beats the rest."""
        all_found = {check.found for check in self.checks}
        for worst in (CheckState.DIFFERS, CheckState.NOT_JUDGED):
            if worst in all_found:
                return worst
        return CheckState.VERIFIED

    @property
    def exit_code(self) -> ExitCode:
        """0 verified, 1 something differs, 3 a run cannot be judged."""
        codes = {CheckState.DIFFERS: ExitCode.FAIL, CheckState.NOT_JUDGED: ExitCode.INCONCLUSIVE}
        return codes.get(self.found, ExitCode.PASS)

    def to_json(self) -> str:
        """For programs."""
        return text_of(
            VerificationDocument(
                record=self.record,
                found=self.found,
                exit_code=int(self.exit_code),
                checks=self.checks,
            )
        )


def verify(given: Path, tell: Tell) -> Verification:
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
    if given.suffix == ".html":
        shown, data = given, folder / RECORD_FILE
    else:
        shown, data = folder / PAGE_FILE, folder / RECORD_FILE if given.is_dir() else given
    # The page first: a page that is cut off is told before anything is said of what it names.
    text = claims.read_text(shown) if shown == given or shown.exists() else None
    named = None if text is None else claims.hash_named_by(shown, text)
    claim = claims.read(data)
    tell(f"computing the hashes of {len(claim.files):,} files")
    checks = list(_files(claim.files, hashes(folder)))
    intact = not any(check.found is CheckState.DIFFERS for check in checks)
    again = _made_again(folder, tell, intact=intact)
    checks += _runs(again[1] if isinstance(again, tuple) else runs_of(folder, tell))
    if isinstance(again, tuple):
        checks += _lost(*again)
        # The files have had their own lines already.
        again = replace(again[0], files=claim.files), again[1]
        checks += _figures(data.name, claim, again[0])
    else:
        checks.append(again)
    checks += _page(shown.name, text, named, claim, again)
    if (folder / PRINT_FILE).exists():
        checks.append(
            Checked(PRINT_FILE, CheckState.NOTE, "a print of the page; it is not verified")
        )
    return Verification(str(given), tuple(checks))


def _made_again(folder: Path, tell: Tell, *, intact: bool) -> tuple[Record, Runs] | Checked:
    try:
        return made(folder, tell)
    except UsageError as error:
        if intact:  # nobody changed it: then it is not for us to read
            raise
        said = f"the session cannot be told again: {str(error).splitlines()[-1].strip()}"
        return Checked(RECORD_FILE, CheckState.DIFFERS, said)


# --- files ---------------------------------------------------------------------------------------


def _files(claimed: dict[str, Seal], there: dict[str, Seal]) -> Iterator[Checked]:
    for name, seal in claimed.items():
        now = there.get(name)
        if now is None:
            yield Checked(name, CheckState.DIFFERS, "it is missing")
        elif now.size != seal.size:
            said = f"it has {now.size:,} bytes, and had {seal.size:,}{_remedy(name)}"
            yield Checked(name, CheckState.DIFFERS, said)
        elif now != seal:
            said = f"it was changed: its SHA-256 was {seal.sha256} and is {now.sha256}"
            yield Checked(name, CheckState.DIFFERS, said + _remedy(name))
        else:
            yield Checked(name, CheckState.VERIFIED, f"SHA-256 {seal.sha256}")
    for name in there:
        if name not in claimed:
            found = CheckState.DIFFERS if _counts(name) else CheckState.NOTE
            yield Checked(name, found, "it was added after the record was made")


def _counts(name: str) -> bool:
    """Whether a file that nobody named could change what is judged."""
    if name in (PLAN_FILE, SESSION_FILE):
        return True
    path = PurePosixPath(name)
    result = path.name.startswith(("verdict", "report"))
    return path.parts[0] == RUNS_FOLDER and path.suffix in (".json", ".jsonl") and not result


def _remedy(name: str) -> str:
    if name != SESSION_FILE:
        return ""
    return "; if a note or an action came later, `lendchaos gameday record` writes it anew"


# --- runs and figures ----------------------------------------------------------------------------


def _runs(runs: Runs) -> Iterator[Checked]:
    for name, run in runs.items():
        where = f"{RUNS_FOLDER}/{name}"
        if isinstance(run, NotJudged):
            yield Checked(where, CheckState.NOT_JUDGED, f"it cannot be judged: {run.reason}")
        elif run.kept is None:
            said = f"it has no {VERDICT_FILE}; judged again, it is: {run.verdict.verdict}"
            yield Checked(where, CheckState.NOTE, said)
        elif run.as_kept:
            said = f"judged again: {run.verdict.verdict}, byte for byte as kept"
            yield Checked(f"{where}/{VERDICT_FILE}", CheckState.VERIFIED, said)
        else:
            yield Checked(f"{where}/{VERDICT_FILE}", CheckState.DIFFERS, _verdict_differs(run))


def _lost(record: Record, runs: Runs) -> Iterator[Checked]:
    """Runs of which the session tells and that nobody has: nothing can be said of them."""
    for _, run in record.runs:
        if run.directory not in runs:
            yield Checked(f"{RUNS_FOLDER}/{run.directory}", CheckState.NOT_JUDGED, run.trouble)


def _verdict_differs(run: JudgedStep) -> str:
    said = f"judged again, the run is: {run.verdict.verdict}, and the file differs"
    try:
        kept = json_of(run.kept or b"")
    except ValueError:
        return f"{said}: it is no JSON"
    now = json.loads(run.figures)
    return "; ".join([said, *islice(claims.differences(kept, now), 3)])


def _figures(name: str, claim: RecordClaim, record: Record) -> Iterator[Checked]:
    written = to_json(record)
    body: dict[str, Any] = json.loads(written)
    same_version = claim.recorded_with == record.recorded_with
    apart = ("recorded_with", "files")
    claimed = {k: v for k, v in claim.body.items() if k not in apart}
    expected = {k: v for k, v in body.items() if k not in apart}
    told = list(claims.differences(claimed, expected))
    for text in told[: claims.SHOWN_MAX]:
        yield Checked(name, CheckState.DIFFERS, text)
    if len(told) > claims.SHOWN_MAX:
        yield Checked(name, CheckState.DIFFERS, f"and {len(told) - claims.SHOWN_MAX:,} more")
    if not same_version:
        said = f"made with lendchaos {claim.recorded_with}, verified with {record.recorded_with}"
        yield Checked(name, CheckState.NOTE, said)
    if told:
        return
    if same_version and claim.text != written:
        place = claims.first_difference(claim.text, written)
        yield Checked(name, CheckState.DIFFERS, f"{place}: it is not written as it was made")
        return
    said = f"{claims.leaves(claimed):,} figures and words are what the stored runs give"
    yield Checked(name, CheckState.VERIFIED, said)


# --- the page ------------------------------------------------------------------------------------


def _page(
    name: str,
    text: str | None,
    named: str | None,
    claim: RecordClaim,
    again: tuple[Record, Runs] | Checked,
) -> Iterator[Checked]:
    if text is None:
        yield Checked(name, CheckState.NOTE, "there is no page beside it")
        return
    if named != page.hash_of(claim.text):
        yield Checked(name, CheckState.DIFFERS, f"it was made of another {RECORD_FILE}")
        return
    if not isinstance(again, tuple) or to_json(again[0]) != claim.text:
        said = f"it names this {RECORD_FILE}; what it shows was not compared"
        yield Checked(name, CheckState.NOTE, said)
        return
    written = page.render(*again)
    if text == written:
        yield Checked(name, CheckState.VERIFIED, f"it shows what {RECORD_FILE} says, byte for byte")
    else:
        place = claims.first_difference(text, written)
        yield Checked(
            name, CheckState.DIFFERS, f"{place}: it does not show what {RECORD_FILE} says"
        )
