"""The write-ahead journal of a stack: what has to be healed if everything dies now.

Append-only, one JSON line for each step, flushed to the disk before the step that it announces. It
lies in the stack's state folder, so that the next process (guardian, supervisor, the command
`heal`, a run, `up`, `down`) finds and heals what a dead one left.

Several processes write at the same time, one of which may be stopped for good at any moment: there
is no lock, every row is one write to the end of the file, and an incomplete row is ignored.
"""

import json
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.core.errors import HarnessError
from harness.core.files import append_line, read_regular
from harness.core.processes import boot_id
from harness.history.journal_row import JOURNAL_FILE, JOURNAL_SCHEMA, JournalRow
from harness.history.stored_faults import dumped_fault, planned_fault
from harness.plan.fault import PlannedFault

DEADLINE_MARGIN_SECONDS = 5.0
"""Beyond the planned heal: by then a fault is gone, whichever process heals it."""

CONDUCTOR, GUARDIAN, SUPERVISOR = "conductor", "guardian", "supervisor"
DEADLINE, HEAL_COMMAND, NEXT_RUN = "deadline", "heal command", "next run"

_ROW: TypeAdapter[JournalRow] = TypeAdapter(JournalRow)
_DEFAULTS = {field.name: field.default for field in fields(JournalRow)}


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that was announced and of which something may be left.

    ``healed`` is True when it was healed since, and only its cleaning up is open.
    """

    planned: PlannedFault
    intent: JournalRow
    healed: bool

    @property
    def name(self) -> str:
        """The fault's name in its run."""
        return self.planned.name

    def overdue(self, margin_s: float = 0.0) -> bool:
        """Whether its deadline passed ``margin_s`` seconds ago without a heal."""
        if self.healed:
            return False
        if self.intent.boot_id != boot_id() or self.intent.deadline_ns is None:
            return True
        return time.monotonic_ns() > self.intent.deadline_ns + round(margin_s * 1e9)


class Journal:
    """The journal of one stack, for one writer.

    What is written carries ``stack_id``, ``run_id`` and ``by``; an empty ``stack_id`` reads the
    rows of all stacks that were ever up in this folder.
    """

    def __init__(
        self, state_dir: Path, stack_id: str, run_id: str = "", by: str = "", run_dir: str = ""
    ) -> None:
        self._path = state_dir / JOURNAL_FILE
        self._stack_id = stack_id
        self.run_id = run_id
        self.by = by
        self._run_dir = run_dir

    # --- writing -----------------------------------------------------------------------------

    def write(self, event: str, **more: Any) -> JournalRow:
        """Append one row; returns when it is on the disk. OSError where it does not get there."""
        stamped = {"run": self.run_id, "run_dir": self._run_dir, "by": self.by}
        stamped |= {"stack": self._stack_id, "boot_id": boot_id()}
        now = {"at_ns": time.monotonic_ns(), "at_wall_ns": time.time_ns()}
        row = JournalRow(event=event, **{**stamped, **now, **more})
        said = {name: getattr(row, name) for name in _DEFAULTS}
        kept = {name: value for name, value in said.items() if value != _DEFAULTS[name]}
        append_line(self._path, json.dumps({"schema": JOURNAL_SCHEMA, **kept}), 0o600)
        return row

    def intend(
        self, fault: PlannedFault, gone_by_ns: int, module: tuple[str, str] | None = None
    ) -> None:
        """Write down, before the injection, how to undo it and by when it must be gone.

        ``gone_by_ns`` is its planned heal, in monotonic time; ``module`` and its folder are where a
        user's own fault is.
        """
        deadline_ns = gone_by_ns + round(DEADLINE_MARGIN_SECONDS * 1e9)
        self.write(
            "intent",
            fault=fault.name,
            planned=dumped_fault(fault),
            module=module,
            deadline_ns=deadline_ns,
            deadline_wall_ns=time.time_ns() + deadline_ns - time.monotonic_ns(),
        )

    def begin_anew(self) -> None:
        """Begin a new file if nothing is open; the runs before keep a copy of their own rows.

        The caller must hold the stack alone.
        """
        if not self.open_faults():
            self.forget()

    def forget(self) -> None:
        """Remove the file: its stack is gone, and with it all that could be undone."""
        self._path.unlink(missing_ok=True)

    # --- reading -----------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes written so far: a cheap way to see that something was added."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def rows(self, run_id: str | None = None) -> list[JournalRow]:
        """The rows of this stack, or of one run on it, in the order in which they were written.

        A line that cannot be read is ignored: it is the half of a row whose writer died.
        HarnessError where the file cannot be read, or is larger than any journal.
        """
        try:
            lines = read_regular(self._path).splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            said = f"cannot be read: {error.strerror}: `lendchaos down` removes it"
            raise HarnessError(f"{self._path} {said}") from error
        read = [row for line in lines if (row := _row(line)) is not None]
        mine = [row for row in read if self._stack_id in ("", row.stack)]
        return [row for row in mine if run_id in (None, row.run)]

    def open_faults(self, run_id: str | None = None) -> list[OpenFault]:
        """Faults of this stack that were announced and never undone, oldest first."""
        found: dict[tuple[str, str], OpenFault] = {}
        for row in self.rows(run_id):
            key = (row.run, row.fault)
            match row.event:
                case "intent":
                    try:
                        planned = planned_fault(row.planned)
                    except ValueError:
                        continue
                    found[key] = OpenFault(planned, row, healed=False)
                case "injected" | "healed" if key in found:
                    found[key] = replace(found[key], healed=row.event == "healed")
                case "undone":
                    found.pop(key, None)
        return list(found.values())

    def run_under_way(self) -> JournalRow | None:
        """The row with which the latest run began; None when it has ended in order."""
        latest: JournalRow | None = None
        for row in self.rows():
            if row.event == "run":
                latest = row
            elif row.event == "over" and latest is not None and row.run == latest.run:
                latest = None
        return latest


def first_heal(rows: list[JournalRow], fault: str) -> JournalRow | None:
    """The first heal of a fault since its injection, in the rows of one run."""
    found: JournalRow | None = None
    for row in rows:
        if row.fault != fault:
            continue
        if row.event in ("intent", "injected"):
            found = None
        elif row.event == "healed" and found is None:
            found = row
    return found


def _row(line: bytes) -> JournalRow | None:
    try:
        said = json.loads(line)
        if said.pop("schema") != JOURNAL_SCHEMA:
            return None
        return _ROW.validate_python(said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
