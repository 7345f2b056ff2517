"""A ``record.json`` read as what it claims, and held against what it should say.

What is no record is named with its line and column; nothing of it is trusted before that.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.apps.gameday.day_record import SCHEMA
from harness.apps.gameday.page import END
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_regular
from harness.core.rows import reason_of
from harness.history.events import Seal

BYTES_MAX = 200_000_000
SHOWN_MAX = 20
"""Differences told one by one; the rest are counted."""
_FILES: TypeAdapter[dict[str, Seal]] = TypeAdapter(dict[str, Seal])
_NAMED = re.compile(r'<meta name="lendchaos-record" content="([0-9a-f]{64})">')


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """A record as it was read: its text, its figures, and the hashes that it names."""

    text: str
    body: dict[str, Any]
    files: dict[str, Seal]

    @property
    def recorded_with(self) -> str:
        """The version that made it."""
        return str(self.body.get("recorded_with", ""))


def read(path: Path) -> RecordClaim:
    """Read one ``record.json``.

    Raises:
        UsageError: it is no record, is cut off, or is one of another version.
        HarnessError: it cannot be read.
    """
    text = read_text(path)
    try:
        body = json_of(text)
    except json.JSONDecodeError as error:
        said = f"{path}, line {error.lineno}, column {error.colno}: this is no whole record:"
        raise UsageError(f"{said} {error.msg}") from error
    except ValueError as error:
        found = re.search(r"-?Infinity|NaN|\d{31}", text)
        place = _place(text, found.start() if found else 0)
        raise UsageError(f"{path}, {place}: {reason_of(error)}") from error
    if not isinstance(body, dict) or "schema" not in body:
        raise UsageError(f"{path}, line 1, column 1: a record begins with its schema, {SCHEMA!r}")
    if body["schema"] != SCHEMA:
        place = _place(text, text.index('"schema"'))
        raise UsageError(f"{path}, {place}: schema {body['schema']!r} must be {SCHEMA!r}")
    return RecordClaim(text, body, _files(path, text, body))


def read_text(path: Path) -> str:
    """A file of the record as text.

    Raises:
        UsageError: there is none, or it is no text.
        HarnessError: it cannot be read.
    """
    try:
        body = read_regular(path, BYTES_MAX)
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path}: `lendchaos gameday record` writes it") from error
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        before = body[: error.start].decode()
        place = _place(before, len(before))
        raise UsageError(f"{path}, {place}: it must be text in UTF-8") from error


def hash_named_by(path: Path, text: str) -> str:
    """The SHA-256 of ``record.json`` that a page names.

    Raises:
        UsageError: it is no page of a record, or is cut off.
    """
    found = _NAMED.search(text)
    if found is None:
        raise UsageError(f"{path}, {_place(text, 0)}: this is no page of a record: it names none")
    if not text.rstrip().endswith(END):
        place = _place(text, len(text))
        raise UsageError(f"{path}, {place}: the page is cut off here, before {END}")
    return found.group(1)


def differences(claimed: Any, found: Any, at: str = "") -> Iterator[str]:
    """Every figure or word in which two records differ, by its place in ``record.json``."""
    if isinstance(claimed, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*found, *claimed)):
            place = f"{at}.{key}" if at else str(key)
            if key not in claimed:
                yield f"{place} is missing"
            elif key not in found:
                yield f"{place} has no counterpart in what is stored"
            else:
                yield from differences(claimed[key], found[key], place)
    elif isinstance(claimed, list) and isinstance(found, list):
        if len(claimed) != len(found):
            yield f"{at} has {len(claimed)} entries, and what is stored gives {len(found)}"
        for number, (one, other) in enumerate(zip(claimed, found, strict=False)):
            yield from differences(one, other, f"{at}[{number}]")
    elif type(claimed) is not type(found) or claimed != found:
        yield f"{at} says {_short(claimed)}, and what is stored gives {_short(found)}"


def leaves(body: Any) -> int:
    """How many figures and words there are in a record."""
    if isinstance(body, dict):
        return sum(leaves(value) for value in body.values())
    if isinstance(body, list):
        return sum(leaves(value) for value in body)
    return 1


def first_difference(text: str, other: str) -> str:
    """Line and column at which two texts part."""
    same = next(
        (n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b),
        min(len(text), len(other)),
    )
    return _place(text, same)


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"


def _files(path: Path, text: str, body: dict[str, Any]) -> dict[str, Seal]:
    try:
        return _FILES.validate_python(body.get("files"))
    except ValidationError as error:
        place = _place(text, max(text.rfind('"files"'), 0))
        said = "files must hold the size and SHA-256 of each raw file"
        raise UsageError(f"{path}, {place}: {said}: {reason_of(error)}") from error


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:120]} …"  # noqa: PLR2004  # one line
