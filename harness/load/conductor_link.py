"""The pipe to the conductor: newline-delimited JSON, one object a line, in both directions."""

import json
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import gevent
from gevent.queue import Empty, Queue

from harness.core.own_python import module_command

EXIT_SECONDS_MAX = 30.0
"""For a conductor that has said its last word: it still has a stack to take down."""
TAIL_LINES = 5
END_OF_FILE = "end_of_file"


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
        with suppress(OSError, ValueError):
            for line in self._stdout:
                self._incoming.put(json.loads(line))
        self._incoming.put({"type": END_OF_FILE})

    def put(self, kind: str, **fields: Any) -> None:
        """Queue a message from this process itself, among those of the conductor."""
        self._incoming.put({"type": kind, **fields})

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; None when nothing comes in time; `END_OF_FILE` when it is gone."""
        try:
            message: dict[str, Any] = self._incoming.get(timeout=max(0.0, timeout_s))
        except Empty:
            return None
        return message

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; that the conductor is gone shows when receiving."""
        with suppress(OSError, ValueError):
            self._stdin.write(json.dumps({"type": kind, **fields}).encode() + b"\n")
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
