"""Who attends a game day: people at a terminal, or no one.

Events are printed in lines that stay. For people, a few lines live below them. Keys are read one
by one, without a line to be sent off; a note is typed in the last line. Where no one is there, in
CI, every go is given; a manual fault is injected by the command that the plan names for it, and a
step that has none is left out. After a stop for safety, or an end from outside, nothing more is
broken. Signals become commands: closing the terminal pauses the day.
"""

import codecs
import math
import os
import queue
import select
import signal
import sys
import termios
import threading
import time
import tty
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from harness.apps.gameday import screen
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan
from harness.apps.gameday.fault_commands import FaultCommands
from harness.apps.gameday.session_store import FULL_DISK, LOST, SessionStore, What, command
from harness.apps.gameday.view import Message, Post, Previews, Runner, Stage, View, too_soon
from harness.core.exit_codes import ExitCode
from harness.core.standard_streams import detach_terminal
from harness.run.locust_process import Tell

Clock = Callable[[], float]
WORD_SECONDS_MAX = 2.0
"""Longer between two letters, and they are no longer one word."""
NOTE_LETTERS_MAX = 500
_ESCAPE, _ENTER, _BACK = "\x1b", ("\r", "\n"), ("\x7f", "\b")
KEYS = {
    "g": command(What.GO),
    "n": command(What.NO_GO),
    "a": command(What.ABORT, "key"),
    "p": command(What.PAUSED),
    "q": command(What.PAUSED),
    "x": command(What.INJECTED),
    "r": command(What.RESTORED),
}
_ENDS_ALL = (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED)
_NOBODY = "no one is there to inject the manual fault, and the plan names no command for it"


class _Attendance(ABC):
    """Prints what is new in a view, in lines; calls ``asked`` when it asks for something new."""

    def __init__(self, post: Post, tell: Tell, clock: Clock = time.monotonic) -> None:
        self._post, self._tell, self._clock = post, tell, clock
        self._events, self._lines = 0, ("", "")
        self._view: View | None = None
        self._asked: tuple[Stage, str] | None = None

    def show(self, view: View) -> None:
        """Events, what the game day says, what the run under way says of itself; then answer."""
        self._view = view
        for event in view.session.events[self._events :]:
            self._tell(screen.happened(event))
        self._events = len(view.session.events)
        seen = view.under_way
        lines = (view.said, f"{seen.step.name}: {seen.said}" if seen and seen.said else "")
        for line, before in zip(lines, self._lines, strict=True):
            if line not in ("", before):
                self._tell(screen.aside(line))
        self._lines = lines
        asked = (view.stage, "" if view.step is None else view.step.name)
        if asked != self._asked:
            self._asked = asked
            self.asked(view)

    @abstractmethod
    def asked(self, view: View) -> None:
        """Something new is asked, or begins."""


# --- no one --------------------------------------------------------------------------------------


class Unattended(_Attendance):
    """Answers what a game day asks; in a rehearsal no command is called."""

    def __init__(self, post: Post, tell: Tell, clock: Clock = time.monotonic) -> None:
        super().__init__(post, tell, clock)
        self._injected: tuple[str, int] | None = None
        """Step and attempt of the last manual fault."""
        self._restore: tuple[str, ...] = ()
        """What is still to be called to take it back."""
        self._commands = FaultCommands(post, clock)

    def asked(self, view: View) -> None:
        """Every go is given, but to a step that is not to be begun."""
        reason = _no_go(view)
        if view.stage in (Stage.BRIEFING, Stage.ASKING, Stage.CLOSING):
            said = command(What.NO_GO, f"unattended: {reason}") if reason else command(What.GO)
            self._post(said)

    def show(self, view: View) -> None:
        """And inject the manual fault, and restore it, when it is time to or the run ends."""
        super().show(view)
        seen, now_s = view.under_way, self._clock()
        if seen is None:
            return
        step, ends = seen.step, seen.over or view.stage is not Stage.GOING
        load_s = -math.inf
        if seen.zero_s is not None:
            load_s = now_s - seen.zero_s - view.previews[step.name].phases[0].start_s
        this = step.name, seen.attempt
        due = this != self._injected and not ends and not too_soon(view, now_s)
        if step.inject and due and load_s >= (step.inject_after_s or 0.0):
            self._injected, self._restore = this, step.restore
            self._commands.call(What.INJECTED, step.inject, rehearsal=view.rehearsal)
        if ends or load_s >= (step.restore_after_s or 0.0):
            self._call_restore()
        self._commands.settle(over=seen.over)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts, signals are commands; nothing that was begun here outlasts it."""
        with signals_as_commands(self._post, attended=False):
            try:
                yield
            finally:
                self.leave()

    def leave(self) -> None:
        """Restore what is injected, and end what was called for it."""
        self._call_restore()
        self._commands.settle(over=True)

    def _call_restore(self) -> None:
        words, self._restore = self._restore, ()
        if words and self._view is not None:
            self._commands.call(What.RESTORED, words, rehearsal=self._view.rehearsal)


def _no_go(view: View) -> str:
    """Why the step that is asked for is not begun; empty when it is, or none is asked for."""
    session, step = view.session, view.step
    if step is None:
        return ""
    if any(event.exit_code in _ENDS_ALL for event in session.all(What.RUN_ENDED)):
        return "after what was stopped, nothing more is broken"
    aborts = [event.text for event in session.last_try_of(step.name)]
    if session.runs_of(step.name) and FULL_DISK not in aborts:
        return "it gave no verdict, and is not tried until it does"
    return _NOBODY if step.manual_fault and not step.inject else ""


# --- people --------------------------------------------------------------------------------------


def _alike(text: str) -> str:
    """The same for all ways to write a word: capitals, and accents that stand for themselves."""
    return unicodedata.normalize("NFC", text.casefold())


class Keyboard:
    """Makes commands of what is typed; ``typing`` is the note that is being written."""

    def __init__(self, abort_word: str, post: Post, clock: Clock = time.monotonic) -> None:
        self.typing: str | None = None
        self._word, self._post, self._clock = _alike(abort_word), post, clock
        self._letters, self._last_s = "", 0.0

    def press(self, keys: str) -> None:
        """What was read at once: one key, or a pasted text; arrows and the like do nothing."""
        if not keys.startswith(_ESCAPE) or keys == _ESCAPE:
            for key in keys:
                self._press(key)

    def _press(self, key: str) -> None:
        if self._completes_abort_word(key):
            self.typing = None
            self._post(command(What.ABORT, "word"))
        elif self.typing is not None:
            self._type(key, self.typing)
        elif key in ("t", ":"):
            self.typing = ""
        elif key in KEYS:
            self._post(KEYS[key])

    def _completes_abort_word(self, key: str) -> bool:
        """Whether the abort word was typed, alone and in one go, whatever its letters mean."""
        late = self._clock() - self._last_s > WORD_SECONDS_MAX
        self._last_s = self._clock()
        before = "" if late and self.typing is None else self._letters
        ends = key in (*_ENTER, _ESCAPE) or (key == " " and self.typing is None)
        self._letters = "" if ends else _alike(before + key)
        found = self._letters in (self._word, f"t{self._word}", f":{self._word}")
        self._letters = "" if found else self._letters
        return found

    def _type(self, key: str, text: str) -> None:
        self.typing = None
        if key in _ENTER:
            self._keep(" ".join(text.split()))
        elif key in _BACK:
            self.typing = text[:-1]
        elif key != _ESCAPE:
            fits = key.isprintable() and len(text) < NOTE_LETTERS_MAX
            self.typing = text + key if fits else text

    def _keep(self, text: str) -> None:
        who, _, what = text.removeprefix("@").partition(" ")
        if text.startswith("@") and who and what:
            self._post(command(What.ACTION, what, who))
        elif _alike(text) == self._word:
            self._post(command(What.ABORT, "word"))
        elif text:
            self._post(command(What.NOTE, text))


class Attended(_Attendance):
    """Shows views on a terminal and reads keys, until it is left."""

    def __init__(self, console: Console, abort_word: str, post: Post, clock: Clock) -> None:
        super().__init__(post, self._print, clock)
        self._console, self._keyboard = console, Keyboard(abort_word, post)
        self._live = Live(get_renderable=self._lines_now, console=console, transient=True)
        self._left = threading.Event()

    def asked(self, view: View) -> None:
        """Print what a person has to know to answer."""
        for text in screen.texts(view):
            self._print(text)

    def _print(self, text: RenderableType) -> None:
        with suppress(OSError):  # a terminal that has just been closed must not end a run
            self._console.print(text, markup=False, highlight=False)

    def _lines_now(self) -> RenderableType:
        if self._view is None:
            return ""
        return screen.live(self._view, self._keyboard.typing, self._clock())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts, the terminal is ours."""
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        reader = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        with signals_as_commands(self._post):
            tty.setcbreak(descriptor)
            # No Ctrl-S: whoever stops the output would stop the conductor that writes it.
            quiet = termios.tcgetattr(descriptor)
            quiet[0] &= ~termios.IXON
            termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
            # What was typed before there was a question is no answer to it.
            termios.tcflush(descriptor, termios.TCIFLUSH)
            reader.start()
            try:
                with self._live:
                    yield
            finally:
                self._left.set()
                with suppress(termios.error):  # the terminal may be gone
                    termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _read(self, descriptor: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not self._left.is_set():
            try:
                if not select.select([descriptor], [], [], 0.2)[0]:
                    continue
                body = os.read(descriptor, 1024)
            except OSError:
                body = b""
            if not body:
                _end(self._post, LOST)
                return
            self._keyboard.press(decoder.decode(body))


# --- both ----------------------------------------------------------------------------------------


def attend(
    plan: GameDayPlan,
    previews: Previews,
    store: SessionStore,
    runner: Runner,
    *,
    console: Console | None,
    tell: Tell,
    **how: Any,
) -> int:
    """Conduct a day with people at a ``console``, or with no one: then it prints lines; its exit
    code. ``how`` goes to `GameDay`.
    """
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    front: Attended | Unattended
    if console is None:
        front = Unattended(inbox.put, tell, runner.clock)
    else:
        front = Attended(console, plan.abort_word, inbox.put, runner.clock)
    with front.shown():
        game = GameDay(plan, previews, store, runner, inbox=inbox, show=front.show, **how)
        return game.conduct()


def _end(post: Post, why: str) -> None:
    """What is under way ends, and the day is paused: no one says anything any more."""
    post(command(What.ABORT, why))
    post(command(What.PAUSED, LOST))


@contextmanager
def signals_as_commands(post: Post, *, attended: bool = True) -> Iterator[None]:
    """Signals that end a program become commands; stopping it would leave a run without anybody.

    A Ctrl-C ends what is under way; where no one is asked afterwards, it ends the day, too.
    """

    def heard(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            detach_terminal()
            _end(post, LOST)
        elif number == signal.SIGINT and attended:
            post(command(What.ABORT, "key"))
        else:
            _end(post, "signal")

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
        numbers.append(signal.SIGHUP)
    before: dict[int, Any] = {number: signal.signal(number, heard) for number in numbers}
    if attended:
        before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
