"""A run directory whose disk may give out: what it refuses is kept in memory, and judged, too."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.history.events import FaultFact, RunStatus
from harness.history.journal_row import JournalRow
from harness.history.ledger_facts import LedgerReading
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import Trouble
from harness.plan.plan import Plan


@dataclass(slots=True)
class _Kept:
    """What was to be written so far, and the trouble with it, once there is one."""

    plan: Plan | None = None
    status: RunStatus | None = None
    ledger: LedgerReading | None = None
    journal: tuple[JournalRow, ...] = ()
    accounts: dict[int, str] = field(default_factory=dict)
    faults: dict[str, FaultFact] = field(default_factory=dict)
    goes_on: bool = False
    is_whole: bool = True
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class KeptRecord(RunDirectory):
    """What the conductor writes and what it judges by.

    Until the load begins, a refusal ends the run: there is nothing to judge yet. From `go_on` on it
    is a trouble of the run, which ``refused`` is told once, in words; without one everything is
    read from the disk, as anyone can read it again.
    """

    refused: Callable[[str], None] = lambda _: None
    _kept: _Kept = field(default_factory=_Kept, init=False, compare=False, repr=False)

    def go_on(self) -> None:
        """From here on nothing raises for want of a disk."""
        self._kept.goes_on = True

    @property
    def is_whole(self) -> bool:
        """Whether the disk took everything."""
        return self._kept.is_whole

    def note(self, error: OSError) -> None:
        """Take a refusal for a trouble of the run; something of its record is not on the disk.

        Raises:
            OSError: it is none, or comes before the load.
        """
        if not refusal(error) or not self._kept.goes_on:
            raise error
        self._kept.is_whole = False
        self.run_short(error, monotonic_ns())

    def run_short(self, error: OSError, since_ns: int) -> None:
        """The same while everything is written down: from then on the stack may lack room, too."""
        if self._kept.trouble is None:
            # By its name alone: a verdict says nothing of the machine that it was made on.
            name = Path(error.filename).name if error.filename else "the run directory"
            text = f"{name} cannot be written: {error.strerror}"
            self._kept.trouble = Trouble(text, since_ns)
            self.refused(text)

    def _attempt(self, write: Callable[..., None], *what: Any) -> None:
        try:
            write(self, *what)
        except OSError as error:
            self.note(error)

    # --- writing -----------------------------------------------------------------------------

    def rewrite_plan(self, plan: Plan) -> None:
        """As `RunDirectory`; before the load, so that it may raise."""
        RunDirectory.rewrite_plan(self, plan)
        self._kept.plan = plan

    def write_accounts(self, accounts: dict[int, str]) -> None:
        """As `RunDirectory`; before the load, so that it may raise."""
        self._kept.accounts = accounts
        RunDirectory.write_accounts(self, accounts)

    def write_status(self, status: RunStatus) -> None:
        """Replace the status of the run; it has our trouble, where there is one."""
        trouble = self._kept.trouble
        if trouble is not None and trouble not in status.troubles:
            status = replace(status, troubles=(*status.troubles, trouble))
        self._kept.status = status
        self._attempt(RunDirectory.write_status, status)

    def append_fault(self, fact: FaultFact) -> None:
        """Append what is known of a fault now."""
        self._kept.faults[fact.name] = fact
        self._attempt(RunDirectory.append_fault, fact)

    def write_journal(self, rows: Iterable[JournalRow]) -> None:
        """Write this run's rows of the journal."""
        self._kept.journal = tuple(replace(row, run_dir="") for row in rows)
        self._attempt(RunDirectory.write_journal, self._kept.journal)

    def write_ledger(self, reading: LedgerReading) -> None:
        """Write the ledger reading."""
        self._kept.ledger = reading
        self._attempt(RunDirectory.write_ledger, reading)

    def seal(self) -> None:
        """Note what every file is like; a record that is not whole gets no seals."""
        if self.is_whole:
            self._attempt(RunDirectory.seal)

    # --- reading -----------------------------------------------------------------------------

    def read_plan(self) -> Plan:
        """The plan, arrivals included.

        Raises:
            HarnessError: it is not there any more, or cannot be read.
        """
        if self.is_whole or self._kept.plan is None:
            try:
                self._kept.plan = RunDirectory.read_plan(self)
            except UsageError as error:  # it was, when we were started on it
                raise HarnessError(str(error)) from error
        return self._kept.plan

    def read_journal(self, damage: list[str]) -> tuple[JournalRow, ...]:
        """This run's rows of the journal."""
        written = RunDirectory.read_journal(self, damage)
        return written if self.is_whole else self._kept.journal or written

    def read_accounts(
        self, plan: Plan, damage: list[str], broken: Collection[str] = ()
    ) -> dict[int, str]:
        """The account of each borrower."""
        written = RunDirectory.read_accounts(self, plan, damage, broken)
        return written if self.is_whole else self._kept.accounts

    def read_status(self, damage: list[str]) -> RunStatus:
        """The status, with our trouble where there is one."""
        kept, trouble = self._kept.status, self._kept.trouble
        if self.is_whole or trouble is None or kept is None:
            return RunDirectory.read_status(self, damage)
        damage.append(trouble.text)
        troubles = kept.troubles if trouble in kept.troubles else (*kept.troubles, trouble)
        return replace(kept, troubles=troubles)

    def read_faults(self, damage: list[str]) -> dict[str, FaultFact]:
        """What is known of each fault, by its name."""
        if self.is_whole:
            return RunDirectory.read_faults(self, damage)
        return dict(self._kept.faults)

    def read_ledger(self, damage: list[str]) -> LedgerReading:
        """The ledger reading."""
        if self.is_whole or self._kept.ledger is None:
            return RunDirectory.read_ledger(self, damage)
        return self._kept.ledger
