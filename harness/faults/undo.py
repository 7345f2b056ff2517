"""The undo file: what has to be healed if everything dies now.

Append-only, one JSON line before each injection and one after each heal, each flushed to the disk
before the step it announces. It lies in the stack's state folder, so that whoever next touches the
stack (a run, `lendchaos up`, `lendchaos down`) finds and heals what a dead process left.
"""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError
from harness.faults.injectors import injector_for
from harness.plan import PlannedFault
from harness.stack.state import Stack

UNDO_FILE = "undo.jsonl"

_PLANNED: TypeAdapter[PlannedFault] = TypeAdapter(PlannedFault)


class UndoFile:
    """The undo file of one stack."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / UNDO_FILE

    def _append(self, row: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def intend(self, stack_id: str, fault: PlannedFault) -> None:
        """Write down, before the injection, how to undo it."""
        body = _PLANNED.dump_python(fault, mode="json")
        self._append({"intend": fault.name, "stack": stack_id, "fault": body})

    def undone(self, stack_id: str, name: str) -> None:
        """Write down that nothing of this fault is left."""
        self._append({"undone": name, "stack": stack_id})

    def left_over(self, stack_id: str) -> list[PlannedFault]:
        """Faults of this stack that were announced and never undone; another stack's are void.

        A last line cut short announced nothing: its injection had not begun.
        """
        found: dict[str, PlannedFault] = {}
        if not self._path.exists():
            return []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                if row["stack"] != stack_id:
                    continue
                if "intend" in row:
                    found[row["intend"]] = _PLANNED.validate_python(row["fault"])
                else:
                    found.pop(row["undone"], None)
            except (ValueError, KeyError, ValidationError):
                continue
        return list(found.values())

    def forget(self) -> None:
        """Remove the file: its stack is gone, and with it all that could be undone."""
        self._path.unlink(missing_ok=True)


def heal_left_over(stack: Stack) -> list[str]:
    """Heal what earlier runs left on this stack; the names of what was healed.

    Raises:
        HarnessError: something could not be healed; everything was tried.
    """
    undo = UndoFile(stack.state_dir)
    healed, failures = [], []
    for fault in undo.left_over(stack.stack_id):
        try:
            injector = injector_for(fault, stack)
            injector.heal()
            injector.clean_up()
        except HarnessError as error:
            failures.append(f"{fault.name}: {error}")
        else:
            undo.undone(stack.stack_id, fault.name)
            healed.append(fault.name)
    if failures:
        raise HarnessError("a fault of an earlier run is not healed: " + "; ".join(failures))
    return healed
