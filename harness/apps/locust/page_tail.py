"""The operations of a run for its live page, a small piece at a time."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.history.event_tail import OperationLines

PIECE_BYTES = 32 * 1024
"""About 80 rows, of which a third is parsed: a fraction of a millisecond."""


class EventsTail:
    """The operations in the events files of one run directory, each once, as they appear."""

    def __init__(self, run_dir: Path) -> None:
        self._lines = OperationLines(run_dir, PIECE_BYTES)

    def pieces(self) -> Iterator[list[dict[str, Any]]]:
        """The operations of one piece of one file after the other, until there is nothing new."""
        for lines in self._lines.pieces():
            yield _operations(lines)


def _operations(lines: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        with suppress(ValueError):  # a broken row costs the page that row alone
            found.append(json.loads(line)["operation"])
    return found
