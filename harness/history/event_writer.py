"""Writes what happens in a run down, row by row, as it happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.history.events import Attempt, Operation, Sent
from harness.history.run_directory import RowWriter, RunDirectory
from harness.history.stored_files import EVENTS_SCHEMA


class UnwrittenError(Exception):
    """What has to be written down first could not be: what it announces must not be done."""


class EventWriter(RowWriter):
    """The history of one load process.

    Once the disk refuses a row it writes no more, and calls ``refused`` once with the reason: a
    journey under way ends as it would, and only its record lacks the end.
    """

    def __init__(
        self, run: RunDirectory, worker: str, refused: Callable[[str], None] = lambda _: None
    ) -> None:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in worker)
        self._path = run.path / f"events-{safe}.jsonl"
        self._tell_refused, self._gave_up = refused, False
        super().__init__(self._path, EVENTS_SCHEMA, worker=worker, run_id=run.run_id)

    def sent(self, fact: Sent) -> None:
        """Write down a borrow and flush, before it leaves; UnwrittenError where it cannot be."""
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
