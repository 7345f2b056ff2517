"""The load process's end of the pipe to the conductor, which says `harness.load.load_protocol`."""

import logging
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import gevent
from gevent.queue import Empty, Queue

from harness.core.exit_codes import ExitCode
from harness.core.messages import MessageError
from harness.core.own_python import module_command
from harness.load import load_protocol as protocol

EXIT_SECONDS_MAX = 30.0
"""For a conductor that has said its last word: it still has a stack to take down."""
REAPED_SECONDS_MAX = 1.0
"""From the end of its output to that of the process, where it dies."""
TAIL_LINES = 5

Heard = protocol.FromConductor | protocol.InterruptRun
"""From the conductor, or of this process itself."""


class ConductorLink:
    """Starts the conductor, a module that takes a run directory and options, and talks to it.

    Its session is its own: a Ctrl-C in the terminal reaches the whole group at once, and the faults
    have to be healed after it.
    """

    def __init__(self, module: str, run_dir: Path, options: list[str]) -> None:
        self._run_dir = run_dir
        self._log = run_dir / "conductor.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*module_command(module), str(run_dir), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._incoming: Queue = Queue()
        gevent.spawn(self._read)

    def _read(self) -> None:
        try:
            for line in cast("IO[bytes]", self._process.stdout):
                self._incoming.put(protocol.FROM_CONDUCTOR.decode(line))
        except MessageError as error:
            logging.getLogger(__name__).warning("the conductor cannot be understood: %s", error)
        except (OSError, ValueError):
            pass  # closed
        text = (
            f"the conductor {self._end()} without a verdict{self._log_tail()}; its guardian heals"
            f" what it left broken, and judges what there is: {self._run_dir}"
        )
        self._incoming.put(protocol.RunFailed(ExitCode.INTERNAL, text))

    def interrupt(self) -> None:
        """Let the conductor heal and end the run in order; a waiting `receive` returns."""
        self.send(protocol.InterruptRun())
        self._incoming.put(protocol.InterruptRun())

    def receive(self, timeout_s: float) -> Heard | None:
        """The next message; None when nothing comes in time."""
        try:
            message: Heard = self._incoming.get(timeout=max(0.0, timeout_s))
        except Empty:
            return None
        return message

    def send(self, message: protocol.FromLoad) -> None:
        """Send one message; that the conductor is gone shows when receiving."""
        line = protocol.FROM_LOAD.encode(message)
        with suppress(OSError, ValueError):
            self._stdin.write(line)
            self._stdin.flush()

    def _end(self) -> str:
        """How the process ended, which has closed its output."""
        try:
            code = self._process.wait(REAPED_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _log_tail(self) -> str:
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        text = " | ".join(line.strip() for line in lines[-TAIL_LINES:] if line.strip())
        return f"; the end of its log: {text}" if text else ""

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
