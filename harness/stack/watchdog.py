"""The supervisor's part in healing: somebody else is called when nobody else is left.

Supervisor and stack outlive a conductor and its guardian. When both are dead, or when a fault is
not healed although its deadline has passed (both stopped), `python -m harness.faults.heal.guardian
--once` is started, which knows how to heal. Of the journal only what is needed for that is read
here.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.files import read_regular
from harness.core.own_python import module_command
from harness.core.processes import ProcessRef, is_alive, own_environment
from harness.stack.folder import JOURNAL_FILE
from harness.stack.service import CODE_FOLDER
from harness.stack.state import Stack

LOOK_SECONDS = 0.5
GRACE_SECONDS = 1.0
"""Beyond a deadline, which is the guardian's to keep first."""
HEAL_SECONDS_MAX = 240.0
AGAIN_SECONDS = 2.0
AGAIN_SECONDS_MAX = 60.0
_WHAT_NO_ROW_RAISES = (
    *(ValueError, KeyError, TypeError, AttributeError),
    *(RecursionError, OverflowError),  # nested too deeply, a deadline that never comes
)


@dataclass(slots=True)
class Open:
    """What of a journal is still to be done: deadlines of faults by run and name, and the run.

    ``announced`` has the deadlines of faults that are healed and not undone, too.
    """

    announced: dict[tuple[str, str], int] = field(default_factory=dict)
    deadlines: dict[tuple[str, str], int] = field(default_factory=dict)
    run: str = ""
    guards: tuple[ProcessRef, ...] = ()

    def reason(self) -> str | None:
        """Why somebody has to be called now; None when nobody has."""
        now_ns = time.monotonic_ns() - round(GRACE_SECONDS * 1e9)
        if late := [name for (_, name), by_ns in self.deadlines.items() if by_ns < now_ns]:
            return f"the deadline of {', '.join(late)} has passed"
        if self.run and not any(is_alive(guard) for guard in self.guards):
            return f"run {self.run} has lost its conductor and its guardian"
        return None


def read_open(path: Path, stack_id: str) -> Open:
    """What a journal leaves open for this stack; nothing where it cannot be read."""
    found = Open()
    try:
        lines = read_regular(path).splitlines()
    except OSError:
        return found
    for line in lines:
        with contextlib.suppress(*_WHAT_NO_ROW_RAISES):
            row = json.loads(line)
            if row["stack"] == stack_id:
                _take(found, row)
    return found


def _take(found: Open, row: dict[str, Any]) -> None:
    key = (row.get("run", ""), row.get("fault", ""))
    match row["event"]:
        case "intent":
            found.announced[key] = found.deadlines[key] = int(row["deadline_ns"])
        case "injected" if key in found.announced:  # after a heal, too
            found.deadlines[key] = found.announced[key]
        case "healed":
            found.deadlines.pop(key, None)
        case "undone":
            found.announced.pop(key, None)
            found.deadlines.pop(key, None)
        case "run":
            pairs = [row.get("conductor"), row.get("guardian")]
            found.run = row["run"]
            found.guards = tuple(ProcessRef(*pair) for pair in pairs if pair)
        case "over" if row["run"] == found.run:
            found.run = ""


async def stand_by(stack: Stack, record: Callable[..., None]) -> None:
    """Look again and again, as long as the stack is up."""
    path = stack.state_dir / JOURNAL_FILE
    size, found, pause = -1, Open(), AGAIN_SECONDS
    reason_before: str | None = None
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with contextlib.suppress(OSError):
            if (now := path.stat().st_size) != size:
                size, found = now, read_open(path, stack.stack_id)
        reason = found.reason()
        # Seen twice: who has just been born or has just died may still be writing that down.
        if reason is not None and reason == reason_before:
            record("called_guardian", "stack", reason=reason)
            await _call(stack)
            size, found = -1, Open()
            await asyncio.sleep(pause)
            pause = min(2 * pause, AGAIN_SECONDS_MAX)
        elif reason is None:
            pause = AGAIN_SECONDS
        reason_before = reason


async def _call(stack: Stack) -> None:
    """Have somebody heal, in bounded time."""
    command = [*module_command("harness.faults.heal.guardian"), "--once", "--state-dir"]
    with contextlib.suppress(OSError), (stack.log_dir / "guardian.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(stack.state_dir),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=own_environment(),
            cwd=CODE_FOLDER,
            # It may have to take the stack down, and us with it.
            start_new_session=True,
        )
        try:
            await asyncio.wait_for(process.wait(), HEAL_SECONDS_MAX)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
