"""The conductor's end of the pipe to the load process, which says `harness.load.load_protocol`.

A reader thread waits on standard input, a writer thread on standard output: neither a silent nor a
stuck load process can hold up a heal.
"""

import logging
import os
import queue
import sys
import threading
from contextlib import suppress

from harness.core.errors import Interrupted
from harness.history.events import SafetyStop
from harness.history.run_facts import RunEndedBy
from harness.load import load_protocol as protocol

CLOSE_SECONDS_MAX = 5.0
Received = protocol.FromLoad | protocol.StopLoad | SafetyStop
"""From the load process, or of this process itself."""


class Channel:
    """Messages to and from the load process; None stands for the end of the file."""

    def __init__(self) -> None:
        # Whatever a library prints must not end up among the messages.
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # Its put may be interrupted by a signal handler that puts, too.
        self._incoming: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        self._outgoing: queue.Queue[protocol.FromConductor | None] = queue.Queue()
        self._stop_asked = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._read, name="channel-in", daemon=True).start()
        self._writer = threading.Thread(target=self._write, name="channel-out", daemon=True)
        self._writer.start()

    def _read(self) -> None:
        try:
            for line in sys.stdin:
                message = protocol.FROM_LOAD.decode(line)
                if isinstance(message, protocol.InterruptRun):
                    self._stop_asked.set()
                self._incoming.put(message)
        except ValueError:
            logging.getLogger(__name__).exception("the load process sent half a message")
        finally:
            self.stop()

    def _write(self) -> None:
        while (message := self._outgoing.get()) is not None:
            line = protocol.FROM_CONDUCTOR.encode(message)
            # A dead reader is noticed on standard input; here it must not matter.
            with suppress(OSError):
                self._out.write(line)
                self._out.flush()

    def progress(self, text: str) -> None:
        """Say what is being done."""
        self.send(protocol.ConductorProgress(text))

    def send(self, message: protocol.FromConductor) -> None:
        """Queue one message; never waits."""
        self._outgoing.put(message)

    def put(self, message: SafetyStop) -> None:
        """Queue a message from this process itself, among those of the load process."""
        self._incoming.put(message)

    def receive(self, timeout_s: float) -> Received | None:
        """The next message; None at the end of the file, or when nothing comes in time."""
        try:
            return self._incoming.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def is_closed(self) -> bool:
        """Whether the load process is gone, so that no one waits for a verdict."""
        return self._closed.is_set()

    def stop(self) -> None:
        """Behave as if the load process had died."""
        self._closed.set()
        self._stop_asked.set()
        self._incoming.put(None)

    def interrupt(self, by: RunEndedBy, reason: str) -> None:
        """Behave as if the load process had asked to stop; for signal handlers and threads."""
        self._stop_asked.set()
        self._incoming.put(protocol.StopLoad(by, reason))

    def check_interrupt(self) -> None:
        """Raise `Interrupted` if the load process asked to stop or is gone."""
        if self._stop_asked.is_set():
            raise Interrupted

    def close(self) -> None:
        """Give the last messages a bounded time to leave."""
        self._outgoing.put(None)
        self._writer.join(CLOSE_SECONDS_MAX)
