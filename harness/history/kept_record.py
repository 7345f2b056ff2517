"""A run directory whose disk may give out: what it refuses is kept in memory, and judged, too."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.history.events import FaultFact, RunStatus
from harness.history.journal_row import JournalRow
from harness.history.ledger_facts import LedgerReading
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Plan


class KeptRecord(RunDirectory):
    """What the conductor writes and what it judges by.

    Until the load begins, a refusal ends the run: there is nothing to judge yet. From `go_on` on it
    is a harness error of the run, and ``refused`` is called once with its text; without one
    everything is read from the disk, as anyone can read it again.
    """

    def __init__(self, path: Path, refused: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(path)
        self._refused, self._goes_on = refused, False
        self._is_whole = True
        self._error: ErrorRecord | None = None
        # What was to be written so far:
        self._plan: Plan | None = None
        self._status: RunStatus | None = None
        self._ledger: LedgerReading | None = None
        self._journal: tuple[JournalRow, ...] = ()
        self._accounts: dict[int, str] = {}
        self._faults: dict[str, FaultFact] = {}

    @property
    def is_whole(self) -> bool:
        """Whether the disk took everything; else what was to be written is read from memory."""
        return self._is_whole

    def go_on(self) -> None:
        """From here on nothing raises for lack of a disk."""
        self._goes_on = True

    def note(self, error: OSError) -> None:
        """Take a refusal for a harness error of the run; part of its record is not on the disk.
        An error that is no refusal, or comes before the load, is raised.
        """
        if not refusal(error) or not self._goes_on:
            raise error
        self._is_whole = False
        self.run_short(error, monotonic_ns())

    def run_short(self, error: OSError, since_ns: int) -> None:
        """The same while everything is written down: from then on the stack may lack room, too."""
        if self._error is None:
            # By its name alone: a verdict says nothing of the machine that it was made on.
            name = Path(error.filename).name if error.filename else "the run directory"
            text = f"{name} cannot be written: {error.strerror}"
            self._error = ErrorRecord(text, since_ns)
            self._refused(text)

    def _attempt(self, write: Callable[..., None], *what: Any) -> None:
        try:
            write(*what)
        except OSError as error:
            self.note(error)

    def _with_error(self, status: RunStatus) -> RunStatus:
        if self._error is None or self._error in status.troubles:
            return status
        return replace(status, troubles=(*status.troubles, self._error))

    # --- writing -----------------------------------------------------------------------------

    def rewrite_plan(self, plan: Plan) -> None:
        """As `RunDirectory`; before the load, so that it may raise."""
        super().rewrite_plan(plan)
        self._plan = plan

    def write_accounts(self, accounts: dict[int, str]) -> None:
        """As `RunDirectory`; before the load, so that it may raise."""
        self._accounts = accounts
        super().write_accounts(accounts)

    def write_status(self, status: RunStatus) -> None:
        """Replace the status of the run; with the refusal, where there is one."""
        self._status = self._with_error(status)
        self._attempt(super().write_status, self._status)

    def append_fault(self, fact: FaultFact) -> None:
        """Append what is known of a fault now."""
        self._faults[fact.name] = fact
        self._attempt(super().append_fault, fact)

    def write_journal(self, rows: Iterable[JournalRow]) -> None:
        """Write this run's rows of the journal."""
        self._journal = tuple(replace(row, run_dir="", module=None) for row in rows)
        self._attempt(super().write_journal, self._journal)

    def write_ledger(self, reading: LedgerReading) -> None:
        """Write the ledger reading."""
        self._ledger = reading
        self._attempt(super().write_ledger, reading)

    def write_checksums(self) -> None:
        """Note what every file is like; a record that is not whole gets no seals."""
        if self.is_whole:
            self._attempt(super().write_checksums)

    # --- reading -----------------------------------------------------------------------------

    def read_plan(self) -> Plan:
        """The plan; HarnessError where it is not there any more, or cannot be read."""
        if self.is_whole or self._plan is None:
            try:
                self._plan = super().read_plan()
            except UsageError as error:  # it was, when we were started on it
                raise HarnessError(str(error)) from error
        return self._plan

    def read_journal(self, damage: list[str]) -> tuple[JournalRow, ...]:
        """This run's rows of the journal."""
        written = super().read_journal(damage)
        return written if self.is_whole else self._journal or written

    def read_accounts(self, plan: Plan, damage: list[str]) -> dict[int, str]:
        """The account of each borrower."""
        written = super().read_accounts(plan, damage)
        return written if self.is_whole else self._accounts

    def read_status(self, damage: list[str]) -> RunStatus:
        """The status, with the refusal where there is one."""
        if self.is_whole or self._error is None or self._status is None:
            return super().read_status(damage)
        damage.append(self._error.text)
        return self._with_error(self._status)

    def read_faults(self, damage: list[str]) -> dict[str, FaultFact]:
        """What is known of each fault, by its name."""
        return super().read_faults(damage) if self.is_whole else dict(self._faults)

    def read_ledger(self, damage: list[str]) -> LedgerReading:
        """The ledger reading."""
        if self.is_whole or self._ledger is None:
            return super().read_ledger(damage)
        return self._ledger
