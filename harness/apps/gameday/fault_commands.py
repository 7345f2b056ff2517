"""Commands that stand in for the hand that injects a manual fault, or restores it.

What they come to is written down. None is waited for while its step goes on, and none outlives it.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from harness.apps.gameday.session_store import Event, What, command
from harness.core.processes import end_all, identify

COMMAND_SECONDS_MAX = 60.0
END_SECONDS_MAX = 2.0
"""For a command that gets SIGTERM."""


@dataclass(frozen=True, slots=True)
class _Called:
    """A command under way, and what is said of it."""

    said: Event
    name: str
    child: "subprocess.Popen[bytes]"
    until_s: float


class FaultCommands:
    """Calls commands, and posts what became of each; ``clock`` is monotonic, in seconds."""

    def __init__(self, post: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._post, self._clock = post, clock
        self._called: list[_Called] = []

    def call(self, what: What, words: tuple[str, ...], *, rehearsal: bool) -> None:
        """Begin one; a fault counts as injected at once, and as restored once that is done."""
        more = " (a rehearsal: not called)" if rehearsal else ""
        said = command(what, f"by command: {shlex.join(words)}{more}")
        # Said first: the harm may show while the command is still about to return.
        if rehearsal or what is What.INJECTED:
            self._post(said)
        if rehearsal:
            return
        nowhere: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        try:
            child = subprocess.Popen(words, start_new_session=True, **nowhere)
        except (OSError, ValueError) as error:
            self._failed(said, f"{words[0]} failed: {error}")
        else:
            until_s = self._clock() + COMMAND_SECONDS_MAX
            self._called.append(_Called(said, words[0], child, until_s))

    def settle(self, *, over: bool) -> None:
        """Write down what returned, and end those that are late, or that their step leaves."""
        called, self._called = self._called, []
        for one in called:
            if over and one.said.what is What.RESTORED:  # half a repair is worse than a late one
                with suppress(subprocess.TimeoutExpired):
                    one.child.wait(max(0.0, one.until_s - self._clock()))
            code, late = one.child.poll(), self._clock() >= one.until_s
            if code is None and (over or late):
                _end(one.child)
                when = f"after {COMMAND_SECONDS_MAX:g} s" if late else "at the end of its step"
                self._failed(one.said, f"{one.name} still ran {when}, and was ended")
            elif code is None:
                self._called.append(one)
            elif code:
                self._failed(one.said, f"{one.name} ended with {code}")
            elif one.said.what is What.RESTORED:
                self._post(one.said)

    def _failed(self, said: Event, why: str) -> None:
        more = ": the manual fault was not restored" if said.what is What.RESTORED else ""
        self._post(command(What.NOTE, f"{why}{more}"))


def _end(child: "subprocess.Popen[bytes]") -> None:
    """With what it began; asked first, as it may have something to take back."""
    leader = identify(child.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(END_SECONDS_MAX)
    end_all([leader] if leader else [])
    child.poll()
