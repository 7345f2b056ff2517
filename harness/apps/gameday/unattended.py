"""A game day without anybody there, for CI: every go is given, and each thing is told in a line.

A manual fault is injected by the command that the plan names for it; a step that has none is left
out. After a stop for safety, or an end from outside, nothing more is broken.
"""

import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.screen import Teller
from harness.apps.gameday.session_store import FULL_DISK, Event, What, command
from harness.apps.gameday.view import Message, Stage, View, too_soon
from harness.core.exit_codes import ExitCode

COMMAND_SECONDS_MAX = 60.0
_ENDS_ALL = (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED)
_NOBODY = "nobody is there to inject the manual fault, and the plan names no command for it"


class Unattended:
    """Answers what a game day asks, and tells what happens."""

    def __init__(
        self,
        post: Callable[[Message], None],
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        rehearsal: bool = False,
    ) -> None:
        self._post, self._teller, self._clock = post, Teller(tell), clock
        self._rehearsal = rehearsal
        self._asked: tuple[Stage, str] | None = None
        self._called: set[tuple[str, int, What]] = set()

    def show(self, view: View) -> None:
        """Tell what is new, and answer what is asked."""
        self._teller.tell_news(view)
        self._call_commands(view)
        asked = (view.stage, "" if view.step is None else view.step.name)
        if asked != self._asked:
            self._asked = asked
            if (answer := _answer(view)) is not None:
                self._post(answer)

    def _call_commands(self, view: View) -> None:
        """Inject the manual fault, and restore it, when it is time to."""
        seen, now_s = view.under_way, self._clock()
        if seen is None or seen.zero_s is None or view.stage is not Stage.GOING:
            return
        if too_soon(view, now_s):
            return
        step, began_s = seen.step, seen.zero_s + view.previews[seen.step.name].phases[0].start_s
        for what, words, after_s in (
            (What.INJECTED, step.inject, step.inject_after_s),
            (What.RESTORED, step.restore, step.restore_after_s),
        ):
            key = (step.name, seen.attempt, what)
            due = bool(words) and after_s is not None and now_s >= began_s + after_s
            if due and key not in self._called:
                self._called.add(key)
                threading.Thread(target=self._call, args=(what, words), daemon=True).start()

    def _call(self, what: What, words: tuple[str, ...]) -> None:
        said = f"by command: {shlex.join(words)}"
        if self._rehearsal:
            self._post(command(what, f"{said} (a rehearsal: not called)"))
            return
        # Said first: the harm may show while the command is still about to return.
        self._post(command(what, said))
        nowhere: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        try:
            code = subprocess.call(words, timeout=COMMAND_SECONDS_MAX, **nowhere)
            trouble = f"ended with {code}" if code else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = f"failed: {error}"
        if trouble:
            self._post(command(What.NOTE, f"{words[0]} {trouble}"))


def _answer(view: View) -> Event | None:
    if view.stage in (Stage.BRIEFING, Stage.CLOSING):
        return command(What.GO)
    if view.stage is not Stage.ASKING or view.step is None:
        return None
    reason = _no_go(view, view.step)
    return command(What.NO_GO, f"unattended: {reason}") if reason else command(What.GO)


def _no_go(view: View, step: GameDayStep) -> str:
    """Why a step is not begun; empty when it is."""
    runs = [event for event in view.session.events if event.what is What.RUN_ENDED]
    if any(event.exit_code in _ENDS_ALL for event in runs):
        return "after what was stopped, nothing more is broken"
    aborts = [event.text for event in view.session.last_try_of(step.name)]
    if view.session.runs_of(step.name) and FULL_DISK not in aborts:
        return "it gave no verdict, and is not tried until it does"
    return _NOBODY if step.manual_fault and not step.inject else ""
