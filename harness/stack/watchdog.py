"""The supervisor's part in healing: someone else is called when no one else is left.

Supervisor and stack outlive a conductor and its guardian. When both are dead, or when a fault is
not healed although its deadline has passed (both stopped), `python -m harness.faults.heal.guardian
--once` is started, which knows how to heal.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from harness.core.errors import HarnessError
from harness.core.own_python import module_command
from harness.core.processes import ProcessRef, is_alive
from harness.history.journal import Journal, OpenFault
from harness.history.journal_row import JournalRow
from harness.stack.state import Stack
from harness.stack.supervised_process import spawn

LOOK_SECONDS = 0.5
GRACE_SECONDS = 1.0
"""Beyond a deadline, which is the guardian's to keep first."""
HEAL_SECONDS_MAX = 240.0
AGAIN_SECONDS = 2.0
AGAIN_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Open:
    """What of a journal is still to be done: its open faults, and the run that is not over."""

    faults: tuple[OpenFault, ...] = ()
    run: JournalRow | None = None

    def reason(self) -> str | None:
        """Why someone has to be called now; None when no one has."""
        if late := [fault.name for fault in self.faults if fault.overdue(GRACE_SECONDS)]:
            return f"the deadline of {', '.join(late)} has passed"
        if self.run is None or not self.run.run:
            return None
        guards = [ProcessRef(*pair) for pair in (self.run.conductor, self.run.guardian) if pair]
        lost = not any(map(is_alive, guards))
        return f"run {self.run.run} has lost its conductor and its guardian" if lost else None


def read_open(journal: Journal) -> Open:
    """What a journal leaves open for its stack; nothing where it cannot be read."""
    try:
        return Open(tuple(journal.open_faults()), journal.run_under_way())
    except HarnessError:
        return Open()


async def watch_orphaned_faults(stack: Stack, record: Callable[..., None]) -> None:
    """Look again and again, as long as the stack is up."""
    journal = Journal(stack.state_dir, stack.stack_id)
    size, found, pause = -1, Open(), AGAIN_SECONDS
    reason_before: str | None = None
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if (now := journal.size()) != size:
            size, found = now, read_open(journal)
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
    """Have someone heal, in bounded time."""
    command = [*module_command("harness.faults.heal.guardian"), "--once"]
    command += ["--state-dir", str(stack.state_dir)]
    with contextlib.suppress(OSError):
        # In a session of its own: it may have to take the stack down, and us with it.
        process = await spawn(command, stack.log_dir / "guardian.log", dict(os.environ))
        try:
            await asyncio.wait_for(process.wait(), HEAL_SECONDS_MAX)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
