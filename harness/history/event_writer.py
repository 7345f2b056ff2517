"""Writes what happens in a run down, row by row, as it happens."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from harness.core.files import open_append
from harness.core.rows import plain
from harness.history.events import Attempt, Operation, Sent
from harness.history.stored_rows import EVENTS_SCHEMA


class RowWriter:
    """Appends rows to one file; `flush` gives them to the kernel, where they survive our death."""

    def __init__(self, path: Path, schema: str, **header: Any) -> None:
        self._file = io.TextIOWrapper(open_append(path), encoding="utf-8")
        self._file.write(json.dumps({"schema": schema, **header}) + "\n")
        self._file.flush()

    def write(self, kind: str, fact: Any) -> None:
        """Append one fact as ``{kind: {...}}``."""
        self._file.write(json.dumps({kind: plain(fact)}, default=plain) + "\n")

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close; any number of times."""
        self._file.close()


class UnwrittenError(Exception):
    """What has to be written down first could not be: what it announces must not be done."""


class _Run(Protocol):
    """A run directory."""

    @property
    def path(self) -> Path: ...

    @property
    def run_id(self) -> str: ...


class EventWriter(RowWriter):
    """The history of one load process.

    Once the disk refuses a row it writes no more, and ``refused`` is told so, once, in words: a
    journey under way ends as it would, and only its record lacks the end.
    """

    def __init__(
        self, run: _Run, worker: str, refused: Callable[[str], None] = lambda _: None
    ) -> None:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in worker)
        self._path = run.path / f"events-{safe}.jsonl"
        self._tell_refused, self._gave_up = refused, False
        super().__init__(self._path, EVENTS_SCHEMA, worker=worker, run_id=run.run_id)

    def sent(self, fact: Sent) -> None:
        """Write down a borrow and flush, before it leaves.

        Raises:
            UnwrittenError: it is not written down.
        """
        self.write("sent", fact)
        self.flush()
        if self._gave_up:
            raise UnwrittenError(str(self._path))

    def attempt(self, fact: Attempt) -> None:
        """Write down one finished attempt."""
        self.write("attempt", fact)

    def operation(self, fact: Operation) -> None:
        """Write down one finished operation."""
        self.write("operation", fact)

    def write(self, kind: str, fact: Any) -> None:
        """Append one fact, unless there is no more room for any."""
        if not self._gave_up:
            with self._giving_up():
                super().write(kind, fact)

    def flush(self) -> None:
        """Hand what was written to the kernel, unless it took no more before."""
        if not self._gave_up:
            with self._giving_up():
                super().flush()

    def close(self) -> None:
        """Flush and close; any number of times."""
        with self._giving_up():
            super().close()

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            told, self._gave_up = self._gave_up, True
            if not told:
                self._tell_refused(f"{self._path.name} cannot be written: {error.strerror}")
