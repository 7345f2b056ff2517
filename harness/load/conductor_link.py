"""The load process's end of the pipe to the conductor, which says `harness.load.load_protocol`."""

import logging
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import gevent
from gevent.queue import Empty, Queue

from harness.core.messages import MessageError
from harness.core.own_python import module_command
from harness.load.load_protocol import FROM_CONDUCTOR, FROM_LOAD, FromConductor, FromLoad

EXIT_SECONDS_MAX = 30.0
"""For a conductor that has said its last word: it still has a stack to take down."""
TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class ConductorGone:
    """It ended, or what it said could not be read."""


@dataclass(frozen=True, slots=True)
class Woken:
    """This process has something to do beside hearing the conductor."""


Heard = FromConductor | ConductorGone | Woken


class ConductorLink:
    """Starts the conductor and talks to it.

    Its session is its own: a Ctrl-C in the terminal reaches the whole group at once, and the faults
    have to be healed after it.
    """

    def __init__(
        self,
        module: str,
        run_dir: Path,
        state_dir: Path,
        host: str | None,
        allow_targets: list[str],
    ) -> None:
        self.run_dir = run_dir
        self._log = run_dir / "conductor.log"
        command = [*module_command(module), str(run_dir), "--state-dir", str(state_dir)]
        if host is not None:
            command += ["--host", host]
        for target in allow_targets:
            command += ["--allow-target", target]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        self._stdin = cast("IO[bytes]", process.stdin)
        self._stdout = cast("IO[bytes]", process.stdout)
        self._incoming: Queue = Queue()
        gevent.spawn(self._read)

    def _read(self) -> None:
        try:
            for line in self._stdout:
                self._incoming.put(FROM_CONDUCTOR.decode(line))
        except MessageError as error:
            logging.getLogger(__name__).warning("the conductor cannot be understood: %s", error)
        except (OSError, ValueError):
            pass  # closed
        self._incoming.put(ConductorGone())

    def wake(self) -> None:
        """End the wait of whoever receives."""
        self._incoming.put(Woken())

    def receive(self, timeout_s: float) -> Heard | None:
        """The next message; None when nothing comes in time."""
        try:
            message: Heard = self._incoming.get(timeout=max(0.0, timeout_s))
        except Empty:
            return None
        return message

    def send(self, message: FromLoad) -> None:
        """Send one message; that the conductor is gone shows when receiving."""
        line = FROM_LOAD.encode(message)
        with suppress(OSError, ValueError):
            self._stdin.write(line)
            self._stdin.flush()

    def log_tail(self) -> str:
        """The last lines that the conductor logged, in one."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return " | ".join(line.strip() for line in lines[-TAIL_LINES:] if line.strip())

    def close(self) -> None:
        """End of file tells the conductor to heal and end; bounded, and harder when it hangs."""
        with suppress(OSError, ValueError):
            self._stdin.close()
        for end in (None, signal.SIGTERM, signal.SIGKILL):
            if end is not None:
                self._process.send_signal(end)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_SECONDS_MAX)
                return
