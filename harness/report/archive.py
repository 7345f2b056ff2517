"""Past verdicts as plain files, so that today's runs can be compared with those of yesterday.

    DIR/history.json                                 the version of all the rest
    DIR/<label>/<scenario>/<zero>-<run id>.json      a verdict.json, and the settings of its run

A file is written whole and never changed by another run: the same run saved again lands in the same
place, and two who write at once do no harm. Nothing is ever removed, a bad run least of all.
"""

import dataclasses
import json
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.core.documents import json_of
from harness.core.errors import UsageError
from harness.core.files import read_regular, real, replace_file, text_of
from harness.core.rows import refusal_of
from harness.core.yaml_models import parse
from harness.history.run_directory import RunDirectory
from harness.verdict import types as verdict_types
from harness.verdict.stored_verdict import require_own
from harness.verdict.types import Verdict

SCHEMA = "lendchaos.history/1"
HEAD = "history.json"
BYTES_MAX = 10_000_000
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_ZERO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?Z")


@dataclass(frozen=True, slots=True)
class Stored:
    """A verdict with the settings of its run; None where only the verdict is left."""

    verdict: Verdict
    settings: dict[str, Any] | None = None
    label: str = ""
    """Under which it is kept; empty when it comes from its run directory."""


def by_age(stored: Stored) -> tuple[str, str]:
    """A key that sorts the oldest first."""
    return stored.verdict.zero_utc or "", stored.verdict.run_id


# --- one file ------------------------------------------------------------------------------------


def read_run(path: Path) -> Stored:
    """The verdict of a run directory and the settings of its plan; UsageError if it has none, and
    what `require_own` raises.
    """
    file = path / "verdict.json"
    if not path.is_dir():
        raise UsageError(f"{path} is no run directory")
    if not file.is_file():
        raise UsageError(
            f"{path} has no verdict.json: `lendchaos judge {shlex.quote(str(path))}` makes one"
        )
    stored = read_file(file)
    run = RunDirectory(real(path))
    require_own(run, stored.verdict)
    if not (path / "plan.json").exists():
        return stored
    settings = json.loads(json.dumps(dataclasses.asdict(run.read_plan().settings)))
    return dataclasses.replace(stored, settings=_settings(settings))


def read_file(path: Path) -> Stored:
    """One ``verdict.json``, with the settings of its run where it holds them. UsageError, with line
    and column, if it is none or of another version.
    """
    text, body = read_json(path, verdict_types.SCHEMA)
    try:
        verdict = verdict_types.from_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        names = ["class" if name == "class_" else name for name in first["loc"]]
        said = f"{'.'.join(str(name) for name in names)}: {refusal_of(first)}"
        raise UsageError(f"{place_in(path, text, *names)}: {said}") from error
    except ValueError as error:
        raise UsageError(f"{place_in(path, text, 'exit_code')}: {error}") from error
    except (LookupError, TypeError, AttributeError) as error:
        # What was renamed before it was checked: episodes and their class.
        said = "episodes must be a list of objects with a class, as in a verdict.json"
        raise UsageError(f"{place_in(path, text, 'episodes')}: {said}") from error
    return Stored(verdict, _settings(body.get("settings")))


def _settings(found: Any) -> dict[str, Any] | None:
    """Settings as JSON has them, without the seed, which every run has of its own."""
    if not isinstance(found, dict):
        return None
    return {name: value for name, value in found.items() if name != "seed"}


def read_json(path: Path, schema: str) -> tuple[str, dict[str, Any]]:
    """The text of a file of the version that we read, and what it says. UsageError, with line and
    column, if it cannot be read, is no object of JSON, or of another version.
    """
    text = text_of(path, "verdict of lendchaos", BYTES_MAX, follow=False)
    try:
        found = json_of(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        short = " (the file may be cut)" if error.pos >= len(text.rstrip()) else ""
        raise UsageError(f"{path}, {where}: this is no JSON: {error.msg}{short}") from error
    except ValueError as error:
        raise UsageError(f"{path}: this is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}, line 1, column 1: it must be an object")
    if found.get("schema") != schema:
        said = (
            f"schema {found['schema']!r} is not {schema!r}"
            if "schema" in found
            else "it names no schema"
        )
        what = f"; this version of lendchaos reads {schema!r} only"
        raise UsageError(f"{place_in(path, text, 'schema')}: {said}{what}")
    return text, found


def place_in(path: Path, text: str, *names: str | int) -> str:
    """A file with the line and column of something in it: JSON is read as the YAML it is, too."""
    line, column = parse(text).place(names)
    return f"{path}, line {line}, column {column}"


# --- the folder ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class History:
    """A folder of past verdicts; `open_history` makes sure that it is one."""

    root: Path

    def labels(self) -> list[str]:
        """What verdicts are kept under."""
        return sorted(f.name for f in _folders(self.root) if _LABEL.fullmatch(f.name))

    def read(self, label: str, scenario: str | None = None) -> list[Stored]:
        """All verdicts under a label, or those of one scenario, the oldest first. UsageError, which
        names them all, if files cannot be read.
        """
        check_label(label)
        found, wrong = [], []
        folders = [f for f in _folders(self.root / label) if scenario in (None, f.name)]
        for path in (path for folder in folders for path in sorted(folder.glob("[!.]*.json"))):
            try:
                found.append(dataclasses.replace(read_file(path), label=label))
            except UsageError as error:
                wrong.append(str(error))
        if wrong:
            raise UsageError("\n  ".join(["the history cannot be read:", *wrong]))
        return sorted(found, key=by_age)

    def save(self, label: str, stored: Stored) -> Path:
        """Keep a verdict under a label and return its file; saved twice it is kept once. UsageError
        as `place_of`; OSError if it cannot be written.
        """
        path = self.place_of(label, stored)
        if any(folder.is_symlink() for folder in (path.parent, path.parent.parent)):
            raise UsageError(f"{path.parent} leads elsewhere: a history holds no links")
        body = json.loads(verdict_types.to_json(stored.verdict))
        if stored.settings is not None:
            body["settings"] = stored.settings
        self.root.mkdir(parents=True, exist_ok=True)
        write_whole(self.root / HEAD, json.dumps({"schema": SCHEMA}, indent=2) + "\n")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return path

    def place_of(self, label: str, stored: Stored) -> Path:
        """Where a verdict is kept under a label; UsageError if it or the label can name no file."""
        verdict = stored.verdict
        check_label(label)
        for what, name in (("scenario", verdict.scenario), ("run_id", verdict.run_id)):
            if not is_file_name(name):
                raise UsageError(f"{what} {name!r} of the verdict cannot name a file")
        found = _ZERO.fullmatch(verdict.zero_utc or "")
        if found is None:
            raise UsageError(
                f"run {verdict.run_id} cannot be kept: its zero_utc is {verdict.zero_utc!r},"
                " so it never got past its warm-up"
            )
        # Without colons: not every place that files are carried to allows them.
        began = found.expand(r"\1\2\3T\4\5\6Z")
        return self.root / label / verdict.scenario / f"{began}-{verdict.run_id}.json"


def open_history(root: Path, *, create: bool = False) -> History:
    """The history in a folder; with ``create`` a missing or empty folder becomes one. UsageError if
    it is no history, or one of another version.
    """
    head = root / HEAD
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file: a history is a folder")
    # Looked at in this order, as another may be beginning it: it writes the version first.
    others = root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir())
    if head.exists():
        read_json(head, SCHEMA)
        return History(root)
    if others:
        raise UsageError(
            f"{root} is not a history: it holds other files and no {HEAD}; name an empty folder or"
            " one that is not there yet"
        )
    if not create:
        raise UsageError(f"{root} is not a history yet: `lendchaos compare --save LABEL` makes one")
    return History(root)


def check_label(label: str) -> None:
    """Raise a UsageError, which says what would be one, if it is no label."""
    if not _LABEL.fullmatch(label):
        raise UsageError(
            f"{label!r} is no label: it must be 1 to 64 letters, digits and . _ + -, beginning with"
            " a letter or a digit, like main"
        )


def is_file_name(name: str) -> bool:
    """Whether a name from a file is safe as the name of another: no way out, nothing hidden."""
    plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    return plain and 0 < len(name.encode("utf-8", "replace")) <= 150 and name[0] not in ".- "  # noqa: PLR2004


def _folders(path: Path) -> list[Path]:
    """Real folders only: a link could lead anywhere."""
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink())
    except FileNotFoundError:
        return []


def write_whole(path: Path, text: str) -> None:
    """Write whole or not at all, on the disk, unless it stands there already; or OSError."""
    with suppress(OSError):
        if read_regular(path) == text.encode("utf-8", "replace"):
            return
    replace_file(path, text, durable=True)
