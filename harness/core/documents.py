"""JSON: our own documents as they are written, and those from elsewhere.

The reader refuses what would break the code that uses a document: Python's own reader takes NaN,
numbers without end and any depth.
"""

import json
import uuid
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.core.files import DOCUMENT_BYTES_MAX, replace_file
from harness.core.foreign_text import printable_json

DEPTH_MAX = 100
"""Of objects and lists in each other: ours are a dozen deep."""
NUMBER_MAX = 1e30
"""No run has a larger number, and it would break the code that counts or draws it."""
_DIGITS_MAX = 30
_TOO_DEEP = "it is nested too deeply"


def text_of(document: Any) -> str:
    """The JSON text of a document of lendchaos, a dataclass; its ``schema`` comes first.

    ValueError where it holds NaN or something infinite, which JSON has no word for.
    """
    body = asdict(document)
    ordered = {"schema": body.pop("schema"), **body}
    return printable_json(json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def write_beside(runs_dir: Path, kind: str, scenario: str, text: str) -> Path:
    """Write what several runs came to beside them, into a folder of its own.

    OSError where it cannot be written; no empty folder is left for it.
    """
    path = runs_dir / f"{kind}-{scenario}-{uuid.uuid4().hex[:12]}" / f"{kind}.json"
    path.parent.mkdir(parents=True)
    try:
        replace_file(path, text)
    except OSError:
        with suppress(OSError):
            path.parent.rmdir()
        raise
    return path


def json_of(body: bytes | str) -> Any:
    """What a document, or a line of one, says.

    ValueError where it is no JSON, or has in it what no document of lendchaos has: NaN, Infinity,
    a number beyond `NUMBER_MAX`, more depth than `DEPTH_MAX`.
    """
    if len(body) > DOCUMENT_BYTES_MAX:
        raise ValueError(f"it is longer than {DOCUMENT_BYTES_MAX:,} bytes")
    text = body if isinstance(body, str) else body.decode(json.detect_encoding(body))
    try:
        found = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _require_shallow(found)
    return found


def _require_shallow(found: Any) -> None:
    level = [found]
    for _ in range(DEPTH_MAX + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return
        level = [each for one in level for each in (one.values() if isinstance(one, dict) else one)]
    raise ValueError(_TOO_DEEP)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _number(text: str) -> float:
    number = float(text)
    if not abs(number) < NUMBER_MAX:
        raise ValueError(f"{text[:40]} is no number that anything was measured at")
    return number


def _whole(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise ValueError(f"{text[:40]} is no number that anything was measured at")
    return int(text)


# Made once: `json.loads` makes one for each line that it is given such functions for.
_DECODER = json.JSONDecoder(parse_float=_number, parse_int=_whole, parse_constant=_constant)
