"""A game day without anybody there, for CI: every go is given, and each thing is told in a line.

A plug is pulled by the command that the plan names for it; a step that has none is left out. After
a stop for safety, or an end from outside, nothing more is broken.
"""

import shlex
import subprocess
import threading
import time
from collections.abc import Callable

from harness.apps.gameday import screen_words
from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.session import FULL_DISK, What
from harness.apps.gameday.view import Command, Message, Order, Stage, View, too_soon
from harness.core.exit_codes import ExitCode
from harness.report.words import clean

COMMAND_SECONDS_MAX = 60.0
_ENDS_ALL = (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED)
_NOBODY = "nobody is there to pull the plug, and the plan names no command for it"


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
        self._post, self._tell, self._clock = post, tell, clock
        self._rehearsal = rehearsal
        self._events = 0
        self._asked: tuple[Stage, str] | None = None
        self._pulls: set[tuple[str, int, Order]] = set()
        self._said = ""
        self._told = 0

    def show(self, view: View) -> None:
        """Tell what is new, and answer what is asked."""
        for event in view.session.events[self._events :]:
            self._tell(f"{screen_words.clock_time(event)}  {screen_words.happened(event)}")
        self._events = len(view.session.events)
        if view.said not in ("", self._said):
            self._tell(f"          {clean(view.said)}")
        self._said = view.said
        self._tell_run(view)
        self._pull(view)
        asked = (view.stage, "" if view.step is None else view.step.name)
        if asked != self._asked:
            self._asked = asked
            if (answer := self._answer(view)) is not None:
                self._post(answer)

    def _answer(self, view: View) -> Command | None:
        match view.stage:
            case Stage.BRIEFING | Stage.CLOSING:
                return Command(Order.GO)
            case Stage.ASKING if view.step is not None:
                if (reason := _no_go(view, view.step)) is not None:
                    return Command(Order.NO_GO, f"unattended: {reason}")
                return Command(Order.GO)
            case _:
                return None

    def _tell_run(self, view: View) -> None:
        """What the run under way says of itself."""
        seen = view.under_way
        if seen is None:
            self._told = 0
            return
        # Only the last lines are kept: of a run that said more at once, the first are missed.
        total = seen.lines
        new = seen.said[-(total - self._told) :] if total > self._told else ()
        for line in new:
            self._tell(f"          {clean(seen.step.name)}: {clean(line)}")
        self._told = total

    def _pull(self, view: View) -> None:
        """Pull the plug, and put it back, when it is time to."""
        seen = view.under_way
        if seen is None or seen.zero_s is None or view.stage is not Stage.GOING:
            return
        if too_soon(view, self._clock()):
            return
        began_s = seen.zero_s + view.foreseen[seen.step.name].phases[0].start_s
        for order, command, after_s in (
            (Order.PULLED, seen.step.pull, seen.step.pull_after_s),
            (Order.RESTORED, seen.step.restore, seen.step.restore_after_s),
        ):
            key = (seen.step.name, seen.attempt, order)
            due = bool(command) and after_s is not None and self._clock() >= began_s + after_s
            if due and key not in self._pulls:
                self._pulls.add(key)
                work = (order, command)
                threading.Thread(target=self._do, args=work, daemon=True).start()

    def _do(self, order: Order, command: tuple[str, ...]) -> None:
        said = f"by command: {shlex.join(command)}"
        if self._rehearsal:
            self._post(Command(order, f"{said} (a rehearsal: not called)"))
            return
        # Said first: the harm may show while the command is still about to return.
        self._post(Command(order, said))
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_SECONDS_MAX,
                check=False,
            )
            trouble = f"ended with {done.returncode}" if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = f"failed: {error}"
        if trouble:
            self._post(Command(Order.NOTE, f"{command[0]} {trouble}"))


def _no_go(view: View, step: GameDayStep) -> str | None:
    """Why a step is not begun; None when it is."""
    runs = [event for event in view.session.events if event.what is What.RUN_ENDED]
    if any(event.exit_code in _ENDS_ALL for event in runs):
        return "after what was stopped, nothing more is broken"
    aborts = [event.text for event in view.session.last_try_of(step.name)]
    if view.session.runs_of(step.name) and FULL_DISK not in aborts:
        return "it gave no verdict, and is not tried until it does"
    if step.hand_pulled and not step.pull:
        return _NOBODY
    return None
