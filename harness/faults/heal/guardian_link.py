"""The conductor's side of the guardian: starts it, tells it what to guard, starts it again.

Conductor and guardian watch each other through two pipes, which the kernel closes when one of them
dies, however it dies.
"""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from harness.core.errors import HarnessError
from harness.core.messages import MessageError
from harness.core.own_python import module_command
from harness.core.processes import ProcessRef, identify
from harness.core.user_module import UserReference
from harness.faults.heal import guardian_protocol as protocol
from harness.history.journal import CONDUCTOR, Journal
from harness.stack import Stack

READY_SECONDS_MAX = 30.0
END_SECONDS_MAX = 3.0
RESTARTS_MAX = 3
"""A guardian that dies more often than that is being killed by something; then we stop."""

_log = logging.getLogger("lendchaos.conductor")


class Guardian:
    """The guardian of one run; a context that it must not outlive by long.

    ``lost`` is called, from a thread of this object, when there is no guardian any more and none
    can be started: then whatever is broken has to be healed at once.
    """

    def __init__(
        self,
        run_dir: Path,
        run_id: str,
        lost: Callable[[str], None],
        modules: Sequence[UserReference] = (),
    ) -> None:
        """``modules`` have the user's own faults of the run."""
        self._run_dir = run_dir
        own = (("--fault-module", module.module, module.folder) for module in modules)
        self._options = [word for words in own for word in words]
        self._run_id = run_id
        self._lost = lost
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._told: protocol.GuardedRun | None = None
        self._journal: Journal | None = None
        self.restarts = 0
        """How often it died and was started again."""

    def __enter__(self) -> Self:
        """Start it; it gets ready while the stack is brought up."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Tell it that all is in order; it ends by itself."""
        with self._lock:
            self._over.set()
            process = self._process
            if self._journal is not None:
                with suppress(OSError):
                    self._journal.write("over")
            self._send(protocol.RunInOrder())
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        for number in (0, signal.SIGCONT):  # 0 does nothing; somebody may have stopped it
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS_MAX)
                return
        _log.warning("the guardian still heals what could not be healed")

    def _start(self) -> None:
        with (self._run_dir / "guardian.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *module_command("harness.faults.heal.guardian"),
                    str(self._run_dir),
                    *self._options,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Neither the terminal nor whoever ends our group may end it.
                start_new_session=True,
            )
        self._process = process
        if self._told is not None:
            self._send(self._told)
        self._announce()
        threading.Thread(target=self._watch, args=(process,), name="guardian", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until it ends; it says only that it is ready."""
        if process.stdout is not None:
            for line in process.stdout:
                with suppress(MessageError):  # whatever else is there, its end must be seen
                    protocol.FROM_GUARDIAN.decode(line)
                    self._ready.set()
        code = process.wait()
        with self._lock:
            if self._over.is_set():
                return
            _log.error("the guardian died (exit code %s)", code)
            if self.restarts < RESTARTS_MAX:
                self.restarts += 1
                with suppress(OSError):
                    self._start()
                    return
        self._lost("the guardian died and could not be started again")

    def _send(self, message: protocol.ToGuardian) -> None:
        if self._process is not None and self._process.stdin is not None:
            line = protocol.TO_GUARDIAN.encode(message)
            with suppress(OSError):  # that it is gone shows elsewhere
                self._process.stdin.write(line)
                self._process.stdin.flush()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of the report should know of it."""
        if not self.restarts:
            return ()
        return (f"the guardian died and was started again, {self.restarts} times",)

    # --- what it has to know -----------------------------------------------------------------

    def guard(self, state_dir: Path, *, owns_stack: bool, stack: Stack | None = None) -> None:
        """Say which stack is about to be used, and once it is up, that it is."""
        with self._lock:
            self._told = protocol.GuardedRun(
                run_dir=self._run_dir.absolute(),
                run_id=self._run_id,
                state_dir=state_dir,
                stack_id="" if stack is None else stack.stack_id,
                owns_stack=owns_stack,
                load=_parent(),
            )
            self._send(self._told)
            if stack is not None:
                writer = (self._run_id, CONDUCTOR, str(self._run_dir))
                self._journal = Journal(stack.state_dir, stack.stack_id, *writer)
                self._announce()

    def _announce(self) -> None:
        """In the journal, for the supervisor of the stack, which watches over both of us."""
        if self._journal is None or self._told is None or self._process is None:
            return
        with suppress(OSError):
            self._journal.write(
                "run",
                load=_reference(self._told.load),
                conductor=_reference(identify(os.getpid())),
                guardian=_reference(identify(self._process.pid)),
                owns_stack=self._told.owns_stack,
            )

    def await_ready(self) -> None:
        """Wait until it stands guard; `HarnessError` if it does not: break nothing then."""
        if not self._ready.wait(READY_SECONDS_MAX):
            raise HarnessError(
                f"the guardian was not ready within {READY_SECONDS_MAX:g} s:"
                f" see {self._run_dir / 'guardian.log'}"
            )


def _parent() -> ProcessRef | None:
    """The load process, unless it is dead already and another has adopted us."""
    return identify(os.getppid()) if os.getppid() != 1 else None


def _reference(process: ProcessRef | None) -> tuple[int, int] | None:
    return None if process is None else (process.pid, process.started_ticks)
