"""What the load processes have written down so far, read as they write it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core.shortage import shortage_by_code
from harness.history.operation_lines import OperationLines

READ_BYTES_MAX = 4_000_000
"""In one go: a second of the largest load is an eighth of it."""


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """What the stop conditions need of one operation; ``ended_ns`` is None for an unfinished one.

    ``failed`` is never true of an arrival that the load process itself did not start, or for which
    our machine lacked something.
    """

    key: str
    intended_ns: int
    ended_ns: int | None
    failed: bool
    acknowledged: bool


class EventTail:
    """New operations of all load processes of a run, each once, in the order written."""

    def __init__(self, folder: Path) -> None:
        self._lines = OperationLines(folder, READ_BYTES_MAX)

    def new(self) -> Iterator[EndedOperation]:
        """What was written since the last call."""
        for lines in self._lines.pieces():
            yield from map(_operation, lines)


def _operation(line: bytes) -> EndedOperation:
    row = json.loads(line)["operation"]
    return EndedOperation(
        key=row["key"],
        intended_ns=row["intended_ns"],
        ended_ns=row["ended_ns"],
        failed=row["outcome"] in ("failed", "indeterminate")
        and row["ending"] != "dropped"
        and shortage_by_code(row.get("code")) is None,
        acknowledged=row["outcome"] in ("approved", "referred"),
    )
