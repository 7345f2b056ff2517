"""What the load processes have written down so far, read as they write it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.core.files import open_regular
from harness.core.shortage import shortage_by_code

READ_BYTES_MAX = 4_000_000
"""In one go: a second of the largest load is an eighth of it."""


class OperationLines:
    """The lines of operations in the events files of one run directory, each once, as they appear.

    At most ``piece_bytes`` are read in one go. Nothing is kept open, and half a line waits for its
    other half. The load process flushes at the end of each operation, so nothing is more than that
    behind, and a load process that dies has told what it knew.
    """

    def __init__(self, run_dir: Path, piece_bytes: int = READ_BYTES_MAX) -> None:
        self._run_dir = run_dir
        self._piece_bytes = piece_bytes
        self._read: dict[Path, int] = {}

    def pieces(self) -> Iterator[list[bytes]]:
        """The lines of one piece of one file after the other, until there is nothing new.

        Files take turns, so that a busy one does not hide another.
        """
        while True:
            found_any = False
            for path in sorted(self._run_dir.glob("events-*.jsonl")):
                if piece := self._next_piece(path):
                    found_any = True
                    yield [line for line in piece.splitlines() if line.startswith(b'{"operation"')]
            if not found_any:
                return

    def _next_piece(self, path: Path) -> bytes:
        """Whole lines only."""
        offset = self._read.get(path, 0)
        piece = b""
        with suppress(OSError), open_regular(path) as file:
            file.seek(offset)
            piece = file.read(self._piece_bytes)
        end = piece.rfind(b"\n") + 1
        if not end and len(piece) == self._piece_bytes:
            end = len(piece)  # no row is so long: skipped, rather than stuck for ever
        self._read[path] = offset + end
        return piece[:end]


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """What the stop conditions need of one operation; ``ended_ns`` is None for an unfinished one.

    ``failed`` is never true of an arrival that the load process itself did not start or that the
    scenario's own code ended, or for which our machine lacked something.
    """

    key: str
    intended_ns: int
    ended_ns: int | None
    failed: bool
    acknowledged: bool


class EventTail(OperationLines):
    """New operations of all load processes of a run, each once, in the order written."""

    def new(self) -> Iterator[EndedOperation]:
        """What was written since the last call."""
        for lines in self.pieces():
            yield from map(_operation, lines)


def _operation(line: bytes) -> EndedOperation:
    row = json.loads(line)["operation"]
    return EndedOperation(
        key=row["key"],
        intended_ns=row["intended_ns"],
        ended_ns=row["ended_ns"],
        failed=row["outcome"] in ("failed", "indeterminate")
        and row["ending"] not in ("dropped", "broken")
        and shortage_by_code(row.get("code")) is None,
        acknowledged=row["outcome"] in ("approved", "referred"),
    )
